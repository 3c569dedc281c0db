//! What PostgreSQL is asked, and what grouping commits is worth there.

use std::path::Path;
use std::process::Command;

use hallpass_load::{Counted, Meter, Plan, counted};
use hallpass_testpg::Cluster;
use serde::{Deserialize, Serialize};

use super::Result;
use super::measure::Contender;
use super::target::cluster;
use super::work::Row;

/// How many statements a piece of work is, with nothing else going on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Statements {
    /// The row's name.
    pub(crate) of: String,
    /// Statements of each piece, transactions not among them.
    pub(crate) each: u64,
    /// As many are allowed.
    pub(crate) most: u64,
}

/// Durable commits of 64 at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommitRate {
    /// How they are made.
    pub(crate) way: String,
    /// Commits each second, the best of several rounds.
    pub(crate) per_second: f64,
    /// Commits of each statement.
    pub(crate) per_statement: f64,
    /// Bytes that the database writes to its log for each.
    pub(crate) log_bytes: f64,
}

/// How many statements work may be, where that has a bound.
const fn most(row: Row) -> Option<u64> {
    match row {
        Row::ClientCredentialsEs256
        | Row::ClientCredentialsRs256
        | Row::ClientCredentialsSealed => Some(0),
        Row::Refresh => Some(2),
        Row::Code => Some(4),
        Row::Discovery
        | Row::Jwks
        | Row::Introspection
        | Row::Userinfo
        | Row::CodeParDpopPrivateKeyJwt
        | Row::CodeParDpopPs256
        | Row::CodeParDpopJkt
        | Row::CodeParDpopJktPs256 => None,
    }
}

/// Counts the statements of every row that has a bound.
///
/// # Errors
/// The work fails.
pub(crate) fn statements(contender: &mut Contender, rows: &[Row]) -> Result<Vec<Statements>> {
    let Some(cluster) = cluster() else {
        return Ok(Vec::new());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for row in rows {
        let Some(most) = most(*row) else { continue };
        let job = contender.job(*row);
        let mut meter = Calls(cluster);
        let Counted {
            each_time,
            browsers,
            ..
        } = runtime
            .block_on(counted(&job, PLAN, &mut meter))
            .map_err(|error| format!("{}: {error}", row.name()))?;
        contender.keep(&browsers);
        // The least, since the server's jobs ask now and then.
        let least = each_time.into_iter().min().unwrap_or_default();
        found.push(Statements {
            of: row.name().to_owned(),
            each: least.div_euclid(u64::from(PLAN.together)),
            most,
        });
    }
    Ok(found)
}

/// What the database says it was asked.
struct Calls<'a>(&'a Cluster);

impl Meter for Calls<'_> {
    fn begin(&mut self) -> std::result::Result<(), String> {
        self.0.sql("SELECT pg_stat_statements_reset()");
        Ok(())
    }

    fn end(&mut self) -> std::result::Result<u64, String> {
        let calls = self.0.sql(CALLS);
        calls.parse().map_err(|_| format!("calls: {calls}"))
    }
}

/// How many durable commits the store makes, grouped and each by itself on sixteen connections, on a database of its own.
///
/// # Errors
/// The program says nothing of the kind.
pub(crate) fn commit_rates(program: &Path, seconds: u32) -> Result<Vec<CommitRate>> {
    let output = Command::new(program)
        .args([seconds.to_string().as_str(), "json"])
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    rates(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The best of each way.
fn rates(lines: &str) -> Option<Vec<CommitRate>> {
    let mut best: Vec<CommitRate> = Vec::new();
    for line in lines.lines() {
        let found: CommitRate = serde_json::from_str(line).ok()?;
        match best.iter_mut().find(|known| known.way == found.way) {
            None => best.push(found),
            Some(known) if known.per_second < found.per_second => *known = found,
            Some(_) => {}
        }
    }
    (!best.is_empty()).then_some(best)
}

const PLAN: Plan = Plan {
    first: 20,
    together: 20,
    times: 5,
};
/// Statements, without those that open and close transactions and connections.
const CALLS: &str = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s
    JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = 'hallpass'
    AND query !~ 'pg_stat_statements|set_config|transaction_read_only|^(BEGIN|COMMIT)'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_round_of_each_way_is_kept_and_anything_else_is_an_error() {
        let line = |way: &str, rate: u32| {
            format!(r#"{{"way":"{way}","per_second":{rate},"per_statement":1,"log_bytes":600}}"#)
        };
        let lines = [line("a", 5), line("b", 9), line("a", 7), line("b", 2)].join("\n");
        let found = rates(&lines).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|r| (r.way.as_str(), r.per_second))
            .collect();
        assert_eq!(found, [("a", 7.0), ("b", 9.0)]);
        assert_eq!(rates(""), None);
        assert_eq!(rates("round 1"), None);
    }
}
