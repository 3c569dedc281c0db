//! What must be reached, and whether it was.

use serde::{Deserialize, Serialize};

use super::report::Report;
use super::target::Target;
use super::work::Row;

/// A demand on one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Budget {
    /// At least this share of what the bare handler reaches at that work.
    OfLimit(&'static str, f64),
    /// At least this many times what node-oidc-provider reaches at the same work.
    TimesPeer(f64),
    /// At least this often in each second; the figure of one machine, for the size.
    PerSecond(f64),
}

/// A demand beside what was measured.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Verdict {
    /// The row, or the kind of figure.
    pub(crate) of: String,
    /// The demand, in words.
    pub(crate) demand: String,
    /// What was reached, in the demand's unit.
    pub(crate) reached: f64,
    /// The same with rates for each second of the servers' own processor time, which shows what
    /// the machine would give undisturbed, and hides waiting for the disk.
    pub(crate) reached_per_cpu: Option<f64>,
    /// What had to be reached.
    pub(crate) wanted: f64,
    /// Whether it was reached.
    pub(crate) hit: bool,
}

/// Everything that can be judged with what was measured.
pub(crate) fn judge(report: &Report) -> Vec<Verdict> {
    let mut verdicts: Vec<_> = Row::ALL
        .into_iter()
        .flat_map(|row| row.budgets().into_iter().map(move |budget| (row, budget)))
        .filter_map(|(row, budget)| at_least(report, row, budget))
        .collect();
    let memory = report.memory.get(Target::Hallpass.name());
    let start = report.start_ms.get(Target::Hallpass.name());
    let at_most = [
        ("memory", "MB at rest", memory.and_then(|m| m.rest_mb), 15.0),
        (
            "memory",
            "MB under load",
            memory.and_then(|m| m.load_mb),
            40.0,
        ),
        (
            "start",
            "ms to the first answer",
            start.map(|s| s.next),
            20.0,
        ),
        (
            "start",
            "ms on the very first start",
            start.map(|s| s.first),
            150.0,
        ),
        ("binary", "MB of release binary", report.binary_mb, 30.0),
    ];
    for (of, unit, reached, wanted) in at_most {
        if let Some(reached) = reached {
            verdicts.push(Verdict {
                of: of.to_owned(),
                demand: format!("at most {wanted} {unit}"),
                reached,
                reached_per_cpu: None,
                wanted,
                hit: reached <= wanted,
            });
        }
    }
    verdicts.extend(report.statements.iter().map(|statements| {
        #[expect(clippy::cast_precision_loss, reason = "a handful of statements")]
        let (reached, wanted) = (statements.each as f64, statements.most as f64);
        Verdict {
            of: statements.of.clone(),
            demand: format!("at most {wanted} statements at PostgreSQL"),
            reached,
            reached_per_cpu: None,
            wanted,
            hit: reached <= wanted,
        }
    }));
    if let [grouped, plain] = report.commits.as_slice() {
        let reached = grouped.per_second / plain.per_second;
        verdicts.push(Verdict {
            of: "commits at PostgreSQL".to_owned(),
            demand: format!("{} beat {}", grouped.way, plain.way),
            reached,
            reached_per_cpu: None,
            wanted: 1.0,
            hit: reached > 1.0,
        });
    }
    verdicts
}

fn at_least(report: &Report, row: Row, budget: Budget) -> Option<Verdict> {
    let (demand, other, wanted) = match budget {
        Budget::OfLimit(work, share) => {
            let percent = share * 100.0;
            let demand = format!("{percent:.0} % of limit at {work}");
            (demand, Some((work, Target::Limit)), share)
        }
        Budget::TimesPeer(times) => {
            let peer = Target::NodeOidcProvider;
            let demand = format!("{times} × {}", peer.name());
            (demand, Some((row.name(), peer)), times)
        }
        Budget::PerSecond(rate) => (format!("{rate}/s"), None, rate),
    };
    let compare = |rate: &dyn Fn(&str, Target) -> Option<f64>| {
        let mine = rate(row.name(), Target::Hallpass)?;
        match other {
            Some((work, target)) => Some(mine / rate(work, target)?),
            None => Some(mine),
        }
    };
    let reached = compare(&|work, target| report.per_second(work, target))?;
    Some(Verdict {
        of: row.name().to_owned(),
        demand,
        reached,
        reached_per_cpu: compare(&|work, target| report.per_cpu_second(work, target)),
        wanted,
        hit: reached >= wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::{Figures, Memory};

    fn figures(work: &str, target: Target, per_second: f64) -> Figures {
        Figures {
            work: work.to_owned(),
            target: target.name().to_owned(),
            per_second,
            ..Figures::default()
        }
    }

    #[test]
    fn a_share_of_the_limit_and_a_multiple_of_the_peer_are_judged_by_themselves() {
        let row = Row::ClientCredentialsEs256.name();
        let report = Report {
            rows: vec![
                figures(row, Target::Hallpass, 300.0),
                figures(row, Target::Limit, 400.0),
                figures(row, Target::NodeOidcProvider, 100.0),
            ],
            ..Report::default()
        };
        let hits: Vec<_> = judge(&report).into_iter().map(|v| v.hit).collect();
        assert_eq!(hits, [true, false]);
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let row = Row::Code.name();
        let report = Report {
            rows: vec![figures(row, Target::NodeOidcProvider, 100.0)],
            ..Report::default()
        };
        assert!(judge(&report).is_empty());
    }

    #[test]
    fn memory_above_its_budget_is_missed() {
        let mut report = Report::default();
        let memory = Memory {
            rest_mb: Some(14.0),
            load_mb: Some(41.0),
        };
        report
            .memory
            .insert(Target::Hallpass.name().to_owned(), memory);
        let hits: Vec<_> = judge(&report).into_iter().map(|v| v.hit).collect();
        assert_eq!(hits, [true, false]);
    }
}
