//! The figures, as they are written.

use std::collections::BTreeMap;
use std::path::Path;

use hallpass_load::{Outcome, StepOutcome};
use serde::{Deserialize, Serialize};

use super::Result;
use super::budget::Verdict;
use super::postgres::{CommitRate, Statements};
use super::target::Target;
use super::work::{Row, is_floor};

/// Everything that was measured.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// Where the figures are from.
    #[serde(default)]
    pub(crate) taken: Taken,
    /// One for each work and server.
    pub(crate) rows: Vec<Figures>,
    /// By server.
    pub(crate) memory: BTreeMap<String, Memory>,
    /// By server.
    pub(crate) start_ms: BTreeMap<String, Start>,
    /// Size of the release binary.
    pub(crate) binary_mb: Option<f64>,
    /// What must be reached beside what was.
    pub(crate) budgets: Vec<Verdict>,
    /// The versions of what was measured, and of what it ran on.
    #[serde(default)]
    pub(crate) versions: BTreeMap<String, String>,
    /// Which cells are empty, and why.
    #[serde(default)]
    pub(crate) left_out: Vec<LeftOut>,
    /// Of rows whose statements at PostgreSQL have a bound.
    #[serde(default)]
    pub(crate) statements: Vec<Statements>,
    /// Durable commits of the store at PostgreSQL: as it makes them, and each by itself.
    #[serde(default)]
    pub(crate) commits: Vec<CommitRate>,
    /// How near each row comes to what the work needs at least, budget or not.
    #[serde(default)]
    pub(crate) shares: Vec<Share>,
    /// What a reader must know of the machine and the run.
    pub(crate) notes: Vec<String>,
}

/// One run of the whole measurement.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Taken {
    /// The day, in UTC.
    pub(crate) date: String,
    /// The commit of the source that measured.
    pub(crate) commit: String,
    /// The command that was given.
    pub(crate) command: String,
    /// The processors.
    pub(crate) machine: String,
    /// Open connections.
    pub(crate) concurrency: usize,
    /// Of each run.
    pub(crate) seconds: f64,
    /// Runs of each row and server.
    pub(crate) rounds: u32,
}

/// A cell that is empty.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LeftOut {
    /// The row's name.
    pub(crate) work: String,
    /// The server's name.
    pub(crate) target: String,
    /// Why.
    pub(crate) reason: String,
}

/// One work at one server: the best of several runs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Figures {
    /// The row's name.
    pub(crate) work: String,
    /// The server's name.
    pub(crate) target: String,
    /// Open connections.
    pub(crate) concurrency: usize,
    /// Of the best run.
    pub(crate) per_second: f64,
    /// Of the best run.
    pub(crate) p50_ms: f64,
    /// Of the best run.
    pub(crate) p99_ms: f64,
    /// Of all runs.
    pub(crate) errors: u64,
    /// The first error of all runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first_error: Option<String>,
    /// The median of all runs.
    pub(crate) median_per_second: f64,
    /// Of the worst run.
    #[serde(default)]
    pub(crate) least_per_second: f64,
    /// For each second of the server's own processor time, in the best run: what disturbances of
    /// the machine change least.
    pub(crate) per_server_cpu_second: Option<f64>,
    /// Share of its core that the generator used in the best run.
    pub(crate) generator_busy: Option<f64>,
    /// Each step of the best run.
    pub(crate) steps: Vec<StepOutcome>,
}

/// What a row reaches of the least that does the same.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Share {
    /// The row's name.
    pub(crate) of: String,
    /// The name of what it is compared with.
    pub(crate) floor: String,
    /// The share of its rate.
    pub(crate) reached: f64,
    /// The same by processor time.
    pub(crate) reached_per_cpu: Option<f64>,
}

/// Memory of a server (`VmRSS`), in MiB.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Memory {
    /// After the first answer, before any load.
    pub(crate) rest_mb: Option<f64>,
    /// The most that was seen during all rows.
    pub(crate) load_mb: Option<f64>,
}

/// From the start of the process to its first answer, best of several, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Start {
    /// Where there is nothing yet.
    pub(crate) first: f64,
    /// On what an earlier start has left.
    pub(crate) next: f64,
}

impl Report {
    /// Figures that were written earlier.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))
    }

    /// What a server reached at that work.
    pub(crate) fn per_second(&self, work: &str, target: Target) -> Option<f64> {
        let rate = self.row(work, target)?.per_second;
        (rate > 0.0).then_some(rate)
    }

    /// The same for each second of its processor time; signing alone does nothing but use it.
    pub(crate) fn per_cpu_second(&self, work: &str, target: Target) -> Option<f64> {
        let row = self.row(work, target)?;
        if is_floor(work) {
            Some(row.per_second)
        } else {
            row.per_server_cpu_second
        }
    }

    /// What each row of ours reaches of the least.
    pub(crate) fn shares_of_limits(&self) -> Vec<Share> {
        let rows = Row::ALL.into_iter();
        let pairs = rows.flat_map(|row| row.compared_with().into_iter().map(move |f| (row, f)));
        pairs
            .filter_map(|(row, floor)| {
                let (mine, limit) = (Target::Hallpass, Target::Limit);
                let reached = self.per_second(row.name(), mine)? / self.per_second(floor, limit)?;
                let per_cpu = self.per_cpu_second(row.name(), mine);
                let per_cpu = per_cpu.zip(self.per_cpu_second(floor, limit));
                Some(Share {
                    of: row.name().to_owned(),
                    floor: floor.to_owned(),
                    reached,
                    reached_per_cpu: per_cpu.map(|(mine, limit)| mine / limit),
                })
            })
            .collect()
    }

    /// The figures of a server at that work.
    pub(crate) fn row(&self, work: &str, target: Target) -> Option<&Figures> {
        let wanted = |row: &&Figures| row.work == work && row.target == target.name();
        self.rows.iter().find(wanted)
    }

    /// How often something went wrong.
    pub(crate) fn errors(&self) -> u64 {
        self.rows.iter().map(|row| row.errors).sum()
    }
}

/// What is said of work that did not go well, in the place of a figure.
pub(crate) const FAILED: &str = "a run of it failed, or none was done in time";

impl Figures {
    /// Whether the work went well, so that its figures say something about the server.
    pub(crate) fn is_sound(&self) -> bool {
        self.errors == 0 && self.median_per_second > 0.0
    }

    /// The figures of several runs of the same work; `None` without a run.
    pub(crate) fn of(work: &str, target: Target, runs: &[Outcome]) -> Option<Self> {
        let mut sorted: Vec<&Outcome> = runs.iter().collect();
        sorted.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let best = *sorted.last()?;
        let median = sorted.get(sorted.len() / 2)?;
        let busy = best.server.as_ref().map(|server| server.busy);
        Some(Self {
            work: work.to_owned(),
            target: target.name().to_owned(),
            concurrency: 1,
            per_second: best.per_second,
            p50_ms: best.p50_ms,
            p99_ms: best.p99_ms,
            errors: runs.iter().map(|run| run.errors).sum(),
            first_error: runs.iter().find_map(|run| run.first_error.clone()),
            median_per_second: median.per_second,
            least_per_second: sorted.first()?.per_second,
            per_server_cpu_second: busy
                .filter(|busy| *busy > 0.01)
                .map(|busy| best.per_second / busy),
            generator_busy: best.generator_busy,
            steps: best.steps.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_run_is_shown_and_the_errors_of_all_are_counted() {
        let run = |per_second, errors| Outcome {
            per_second,
            errors,
            ..Outcome::default()
        };
        let runs = [run(10.0, 0), run(30.0, 1), run(20.0, 2)];
        let figures = Figures::of("code", Target::Hallpass, &runs).unwrap();
        assert!((figures.per_second - 30.0).abs() < 1e-9);
        assert!((figures.median_per_second - 20.0).abs() < 1e-9);
        assert_eq!(figures.errors, 3);
    }

    #[test]
    fn a_row_is_compared_with_the_least_that_was_measured_beside_it() {
        let figures = |work: &str, target: Target, per_second| Figures {
            work: work.to_owned(),
            target: target.name().to_owned(),
            per_second,
            ..Figures::default()
        };
        let report = Report {
            rows: vec![
                figures("discovery", Target::Hallpass, 30.0),
                figures("discovery", Target::Limit, 80.0),
                figures("discovery_same_bytes", Target::Limit, 40.0),
                figures("jwks_same_bytes", Target::Limit, 40.0),
            ],
            ..Report::default()
        };
        let shares = report.shares_of_limits();
        let shares: Vec<_> = shares
            .iter()
            .map(|s| (s.floor.as_str(), s.reached))
            .collect();
        assert_eq!(shares, [("discovery_same_bytes", 0.75)]);
    }

    #[test]
    fn a_work_that_never_succeeded_has_no_rate_to_compare_with() {
        let figures = Figures::of("code", Target::Limit, &[Outcome::default()]).unwrap();
        let report = Report {
            rows: vec![figures],
            ..Report::default()
        };
        assert_eq!(report.per_second("code", Target::Limit), None);
    }
}
