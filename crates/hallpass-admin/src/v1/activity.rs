//! What happened with all accounts.

use std::collections::BTreeMap;

use hallpass_core::{admin::Permission, record::ActivityRecord};
use hallpass_store::{ActivityPlace, Day, MAX_PAGE};
use hallpass_types::{Bucket, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Context, Info, Kind, Operation, Problem,
    v1::page::{self, Listed},
};

/// Searches what happened with accounts.
#[derive(Debug)]
pub struct Search;

/// Counts what happened with accounts.
#[derive(Debug)]
pub struct Count;

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Only with this account: a subject.
    pub user: Option<String>,
    /// Only this, such as `signed_in`.
    pub what: Option<String>,
    /// Only what was about this application.
    pub client_id: Option<String>,
    /// Only from this network address.
    pub address: Option<String>,
    /// Only since then, in seconds since 1970.
    pub since: Option<u64>,
    /// Only before then.
    pub until: Option<u64>,
    /// The page that follows another one.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, usually 50.
    pub limit: Option<u32>,
}

/// What is counted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CountInput {
    /// Only with this account: a subject.
    pub user: Option<String>,
    /// Only this, such as `signed_in`.
    pub what: Option<String>,
    /// Only what was about this application.
    pub client_id: Option<String>,
    /// Only from this network address.
    pub address: Option<String>,
    /// Only since then, in seconds since 1970.
    pub since: Option<u64>,
    /// Only before then.
    pub until: Option<u64>,
}

/// One thing that happened with an account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventView {
    /// Whose account: its subject.
    pub user: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// What, such as `signed_in`.
    pub what: String,
    /// Browser and system.
    pub device: Option<String>,
    /// The network address.
    pub address: Option<String>,
    /// The application that it was about.
    pub client_id: Option<String>,
}

/// What was counted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Counted {
    /// All of it.
    pub total: u64,
    /// By what it was.
    pub by_what: BTreeMap<String, u64>,
    /// By the day on which it was, in seconds since 1970 at its beginning (UTC).
    pub by_day: Vec<DayCount>,
    /// How many accounts it was with.
    pub accounts: u64,
    /// Whether everything was looked at; false: there was more than is looked at for one answer, and the oldest are missing.
    pub complete: bool,
}

/// How much was on a day.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DayCount {
    /// When it begins, in seconds since 1970.
    pub begins_at: i64,
    /// How much.
    pub count: u64,
}

impl CountInput {
    fn wants(&self, record: &ActivityRecord) -> bool {
        let at = u64::try_from(record.at.0).unwrap_or_default();
        let visit = record.visit.as_ref();
        let address = visit.and_then(|visit| visit.address.as_deref());
        let fits = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == is)
        };
        fits(&self.user, Some(record.subject.as_str()))
            && fits(&self.what, Some(record.what.as_str()))
            && fits(
                &self.client_id,
                record.client.as_ref().map(hallpass_types::ClientId::as_str),
            )
            && fits(&self.address, address)
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
    }
}

impl From<ActivityRecord> for EventView {
    fn from(record: ActivityRecord) -> Self {
        let visit = record.visit.as_ref();
        Self {
            at: record.at.0,
            what: record.what.as_str().to_owned(),
            device: visit.map(|visit| visit.device.clone()),
            address: visit.and_then(|visit| visit.address.clone()),
            client_id: record.client.as_ref().map(|c| c.as_str().to_owned()),
            user: record.subject.as_str().to_owned(),
        }
    }
}

/// What is read: all accounts page by page, or one account at once.
async fn read(
    cx: &Context,
    user: Option<&Subject>,
    before: Option<ActivityPlace>,
) -> Result<Vec<(Option<ActivityPlace>, ActivityRecord)>, Problem> {
    let (store, issuer) = (cx.store(), cx.issuer());
    if let Some(user) = user {
        let all = store.activity_of(issuer, user, MAX_PAGE).await?;
        return Ok(all.into_iter().map(|record| (None, record)).collect());
    }
    let found = store.activity_before(issuer, before, MAX_PAGE).await?;
    Ok(found
        .into_iter()
        .map(|(place, r)| (Some(place), r))
        .collect())
}

impl Operation for Search {
    const INFO: Info = Info::get(
        "activity.search",
        "/projects/{project}/activity",
        Permission::ReadUsers,
    )
    .does("Searches what happened with accounts, the newest first; of one account the last five hundred.");
    type Input = Input;
    type Output = Listed<EventView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<EventView>, Problem> {
        let limit = page::limit(input.limit)?;
        let mut before = place(input.cursor.as_deref())?;
        let wanted = CountInput {
            user: input.user,
            what: input.what,
            client_id: input.client_id,
            address: input.address,
            since: input.since,
            until: input.until,
        };
        let Some(user) = user(wanted.user.as_deref()) else {
            return Ok(nothing());
        };
        let mut items = Vec::new();
        let mut looked = 0_usize;
        loop {
            let found = read(cx, user.as_ref(), before).await?;
            let end = found.len() < MAX_PAGE || user.is_some();
            let most = if user.is_some() { MAX_PAGE } else { limit };
            for (place, record) in found {
                if items.len() >= most {
                    let next = before.map(cursor);
                    return Ok(Listed { items, next });
                }
                looked = looked.saturating_add(1);
                before = place;
                if wanted.wants(&record) {
                    items.push(EventView::from(record));
                }
            }
            if end {
                return Ok(Listed { items, next: None });
            }
            if looked >= page::SEARCHED {
                let next = before.map(cursor);
                return Ok(Listed { items, next });
            }
        }
    }
}

impl Operation for Count {
    const INFO: Info = Info::get(
        "activity.count",
        "/projects/{project}/activity/count",
        Permission::ReadStatistics,
    )
    .does("Counts what happened with accounts, by what and by day; of the last fifty thousand things.");
    type Input = CountInput;
    type Output = Counted;

    async fn run(cx: &Context, input: CountInput) -> Result<Counted, Problem> {
        let mut by_what: BTreeMap<String, u64> = BTreeMap::new();
        let mut by_day: BTreeMap<i64, u64> = BTreeMap::new();
        let mut accounts = std::collections::BTreeSet::new();
        let (mut total, mut looked) = (0_u64, 0_usize);
        let mut before = None;
        let mut complete = true;
        let user = user(input.user.as_deref());
        while let Some(user) = &user {
            let found = read(cx, user.as_ref(), before).await?;
            looked = looked.saturating_add(found.len());
            let end = found.len() < MAX_PAGE || user.is_some();
            for (place, record) in found {
                before = place;
                if !input.wants(&record) {
                    continue;
                }
                total = total.saturating_add(1);
                let what = by_what.entry(record.what.as_str().to_owned()).or_default();
                *what = what.saturating_add(1);
                let begins = i64::from(Day::of(record.at).0).saturating_mul(86_400);
                let day = by_day.entry(begins).or_default();
                *day = day.saturating_add(1);
                accounts.insert(record.subject);
            }
            if end {
                break;
            }
            if looked >= MOST {
                complete = false;
                break;
            }
        }
        let by_day = by_day.into_iter();
        Ok(Counted {
            total,
            by_what,
            by_day: by_day
                .map(|(begins_at, count)| DayCount { begins_at, count })
                .collect(),
            accounts: accounts.len() as u64,
            complete,
        })
    }
}

fn nothing() -> Listed<EventView> {
    Listed {
        items: Vec::new(),
        next: None,
    }
}

/// The account that is meant, if one is. Outer none: there can be no such account.
fn user(text: Option<&str>) -> Option<Option<Subject>> {
    match text {
        None => Some(None),
        Some(text) => Subject::parse(text).ok().map(Some),
    }
}

fn cursor((bucket, id): ActivityPlace) -> String {
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    page::cursor(&format!("{:08x}{id}", bucket.0))
}

fn place(text: Option<&str>) -> Result<Option<ActivityPlace>, Problem> {
    let Some(text) = page::after(text)? else {
        return Ok(None);
    };
    let wrong =
        || Problem::new(Kind::InvalidParameter).about("cursor", "is none that was given out");
    if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let (bucket, id) = text.split_at_checked(8).ok_or_else(wrong)?;
    let bucket = u32::from_str_radix(bucket, 16).map_err(|_| wrong())?;
    let id = u128::from_str_radix(id, 16).map_err(|_| wrong())?;
    Ok(Some((Bucket(bucket), id.to_be_bytes())))
}

const MOST: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_others_are_refused() {
        let at = (Bucket(77), [9; 16]);
        assert_eq!(place(Some(&cursor(at))).unwrap(), Some(at));
        for text in [
            "",
            "zz",
            &page::cursor("77"),
            &page::cursor(&"g".repeat(40)),
            &page::cursor(&"+".repeat(40)),
        ] {
            assert!(place(Some(text)).is_err(), "{text}");
        }
    }
}
