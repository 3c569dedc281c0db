//! Looks whether the audit log is what was written.

use hallpass_core::admin::Permission;
use hallpass_jose::base64url;
use hallpass_store::{AuditRecord, MAX_PAGE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Context, Info, Kind, Operation, Problem, v1::page};

/// Looks whether the audit log is what was written.
#[derive(Debug)]
pub struct Verify;

/// Where to go on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Goes on behind the lines that were looked at before; without it, from the first line.
    pub cursor: Option<String>,
    /// How many lines are looked at: 1 to 5000, usually 5000.
    pub limit: Option<u32>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verified {
    /// Whether every line that was looked at follows from the one before.
    pub intact: bool,
    /// How many lines there are from the first to the last that was looked at.
    pub lines: u64,
    /// The first line that does not follow, or is not what it was when the lines before were looked at.
    pub broken_at: Option<u64>,
    /// The chain of the last line that was looked at. Who notes that of the last one of all elsewhere sees later whether lines at
    /// the end are gone.
    pub head: Option<String>,
    /// The `cursor` with which to go on; null at the end of the log, and behind what does not follow.
    pub next: Option<String>,
}

impl Operation for Verify {
    const INFO: Info = Info::get(
        "audit.verify",
        "/projects/{project}/audit/verify",
        Permission::ReadAudit,
    )
    .does("Looks whether every line of the audit log follows from the one before, some thousands at a time.");
    type Input = Input;
    type Output = Verified;

    async fn run(cx: &Context, input: Input) -> Result<Verified, Problem> {
        let limit = limit(input.limit)?;
        let mut before = match page::after(input.cursor.as_deref())? {
            Some(text) => {
                let place = Place::parse(&text)?;
                match place.line(cx).await? {
                    Some(line) => Some(line),
                    // It was as it says when it was looked at.
                    None => return Ok(broken(place.seq)),
                }
            }
            None => None,
        };
        let mut looked = 0;
        while looked < limit {
            let after = seq(before.as_ref());
            let most = MAX_PAGE.min(limit.saturating_sub(looked));
            let found = cx.store().audit_after(cx.issuer(), after, most).await?;
            if found.is_empty() {
                return Ok(intact(before.as_ref(), None));
            }
            looked = looked.saturating_add(found.len());
            for line in found {
                if !cx.provider().follows(before.as_ref(), &line) {
                    return Ok(broken(line.seq));
                }
                before = Some(line);
            }
        }
        let next = before.as_ref().map(Place::of);
        Ok(intact(before.as_ref(), next))
    }
}

/// A line that was looked at, with its chain: what is behind it follows from that.
struct Place {
    seq: u64,
    chain: [u8; 32],
}

impl Place {
    fn of(line: &AuditRecord) -> String {
        let chain = base64url::encode(line.chain);
        page::cursor(&format!("{}/{chain}", line.seq))
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let place = || {
            let (seq, chain) = text.split_once('/')?;
            let seq: u64 = seq.parse().ok().filter(|seq| *seq > 0)?;
            let chain = base64url::decode(chain)?.try_into().ok()?;
            Some(Self { seq, chain })
        };
        let wrong = Problem::new(Kind::InvalidParameter);
        place().ok_or_else(|| wrong.about("cursor", "is none that was given out"))
    }

    /// The line there, if it is what it was.
    async fn line(&self, cx: &Context) -> Result<Option<AuditRecord>, Problem> {
        let before = self.seq.saturating_sub(1);
        let found = cx.store().audit_after(cx.issuer(), before, 1).await?;
        let mut found = found.into_iter();
        Ok(found.find(|line| line.seq == self.seq && line.chain == self.chain))
    }
}

fn seq(line: Option<&AuditRecord>) -> u64 {
    line.map_or(0, |line| line.seq)
}

fn intact(last: Option<&AuditRecord>, next: Option<String>) -> Verified {
    Verified {
        intact: true,
        lines: seq(last),
        broken_at: None,
        head: last.map(|line| base64url::encode(line.chain)),
        next,
    }
}

fn broken(at: u64) -> Verified {
    Verified {
        intact: false,
        lines: at,
        broken_at: Some(at),
        head: None,
        next: None,
    }
}

fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    let limit = asked.map_or(page::SEARCHED, |asked| {
        usize::try_from(asked).unwrap_or(usize::MAX)
    });
    if limit == 0 || limit > page::SEARCHED {
        let problem = Problem::new(Kind::InvalidParameter);
        return Err(problem.about("limit", "is 1 to 5000"));
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_its_chain_and_nothing_else() {
        let chain = base64url::encode([7; 32]);
        let place = Place::parse(&format!("12/{chain}")).unwrap();
        assert_eq!((place.seq, place.chain), (12, [7; 32]));
        for text in [
            "",
            "12",
            "12/",
            "/",
            &format!("0/{chain}"),
            &format!("-1/{chain}"),
            &format!("12/{chain}/"),
            "12/AAAA",
        ] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_looks_at_one_line_at_least_and_at_five_thousand_at_most() {
        assert_eq!(limit(None).unwrap(), 5_000);
        assert_eq!(limit(Some(1)).unwrap(), 1);
        for asked in [0, 5_001, u32::MAX] {
            assert!(limit(Some(asked)).is_err(), "{asked}");
        }
    }
}
