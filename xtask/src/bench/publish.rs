//! The figures in the documentation.

use std::fmt::{Result as Written, Write as _};

use super::Result;
use super::chart::{self, title};
use super::report::{FAILED, Figures, Report, Start};
use super::table::{short, whole};
use super::target::Target;
use super::work::Row;
use crate::workspace;

/// Writes the picture, the figures and the section of the page that shows them.
///
/// # Errors
/// The page has no place for them, or something cannot be written.
pub(crate) fn publish(report: &Report) -> Result<()> {
    for (name, section) in [(PAGE, section(report)), (FRONT, front(report))] {
        let page = replaced(name, &workspace::read(name)?, &section)?;
        workspace::write(name, &page, false)?;
    }
    workspace::write(PICTURE, &chart::chart(report), false)?;
    let json = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
    workspace::write(FIGURES, &format!("{json}\n"), false)?;
    Ok(())
}

/// The page with another section between its two markers.
fn replaced(name: &str, page: &str, section: &str) -> Result<String> {
    let missing = || format!("{name} has no markers for the figures");
    let (before, rest) = page.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{section}\n{END}{after}"))
}

fn section(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _infallible = write(&mut text, report);
    text.trim_end().to_owned()
}

/// What the first page shows of it.
fn front(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _infallible = write_front(&mut text, report);
    text.trim_end().to_owned()
}

fn write_front(text: &mut String, report: &Report) -> Written {
    writeln!(
        text,
        "One core for the server, the same work for each, requests or flows a second; {}. The median of {} runs:\n",
        report.taken.machine, report.taken.rounds
    )?;
    let measured = |target: &Target| report.rows.iter().any(|row| row.target == target.name());
    let targets = Target::ALL.into_iter().filter(measured);
    let targets: Vec<Target> = targets.filter(|t| *t != Target::Limit).collect();
    head(text, "", &targets)?;
    for row in IN_FRONT {
        line(text, row.title(), &targets, |target| {
            let row = sound(report, row, target)?;
            Some(whole(row.median_per_second))
        })?;
    }
    line(text, "memory under load, MB", &targets, |target| {
        report.memory.get(target.name())?.load_mb.map(short)
    })?;
    writeln!(
        text,
        "\nAn empty cell was not measured, failed, or does not exist there. [All rows, spread, versions and method](docs/reference/benchmarks.md); \
         [as bars](docs/reference/benchmarks.svg)."
    )
}

/// The work that the first page shows.
const IN_FRONT: [Row; 5] = [
    Row::ClientCredentialsEs256,
    Row::Introspection,
    Row::Userinfo,
    Row::Refresh,
    Row::Code,
];

fn write(text: &mut String, report: &Report) -> Written {
    let taken = &report.taken;
    writeln!(
        text,
        "Taken on {} at {} by `{}`: {}, {} open connections, {} runs of {} s for each cell. The median run, and in brackets the slowest and the fastest; \
         requests or flows a second.\n",
        taken.date,
        taken.commit,
        taken.command,
        taken.machine,
        taken.concurrency,
        taken.rounds,
        taken.seconds
    )?;
    let versions = report.versions.iter();
    let versions: Vec<_> = versions
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    writeln!(text, "Versions: {}.\n", versions.join("; "))?;
    writeln!(
        text,
        "![The figures of the tables below as bars](benchmarks.svg)\n"
    )?;
    let measured = |target: &Target| report.rows.iter().any(|row| row.target == target.name());
    let targets: Vec<Target> = Target::ALL.into_iter().filter(measured).collect();
    head(text, "work", &targets)?;
    for row in &Row::ALL {
        if targets
            .iter()
            .all(|target| report.row(row.name(), *target).is_none())
        {
            continue;
        }
        line(text, row.title(), &targets, |target| {
            let row = sound(report, *row, target)?;
            let (median, least, best) =
                (row.median_per_second, row.least_per_second, row.per_second);
            Some(format!(
                "{} ({}–{})",
                whole(median),
                whole(least),
                whole(best)
            ))
        })?;
    }
    writeln!(
        text,
        "\nLatency at that rate, half of all and all but one in a hundred, in ms:\n"
    )?;
    head(text, "work", &targets)?;
    for row in &Row::ALL {
        if targets
            .iter()
            .all(|target| report.row(row.name(), *target).is_none())
        {
            continue;
        }
        line(text, row.title(), &targets, |target| {
            let row = sound(report, *row, target)?;
            Some(format!("{}, {}", short(row.p50_ms), short(row.p99_ms)))
        })?;
    }
    writeln!(
        text,
        "\nMemory in MB, and ms from the start of the process to its first answer:\n"
    )?;
    head(text, "", &targets)?;
    let memory = |target: Target| report.memory.get(target.name());
    line(text, "memory at rest", &targets, |target| {
        memory(target)?.rest_mb.map(short)
    })?;
    line(text, "memory under load", &targets, |target| {
        memory(target)?.load_mb.map(short)
    })?;
    let start = |target: Target, of: fn(&Start) -> f64| {
        report
            .start_ms
            .get(target.name())
            .map(|start| short(of(start)))
    };
    line(
        text,
        "first answer, where there is nothing yet",
        &targets,
        |target| start(target, |start| start.first),
    )?;
    line(text, "first answer on later starts", &targets, |target| {
        start(target, |start| start.next)
    })?;
    writeln!(text)?;
    for empty in &report.left_out {
        writeln!(
            text,
            "- `{}` of {}: {}.",
            empty.work, empty.target, empty.reason
        )?;
    }
    for failed in report.rows.iter().filter(|row| !row.is_sound()) {
        writeln!(text, "- `{}` of {}: {FAILED}.", failed.work, failed.target)?;
    }
    for note in &report.notes {
        writeln!(text, "- {note}.")?;
    }
    if !report.budgets.is_empty() {
        writeln!(text, "\n| budget | must be | was | |\n|---|---|---|---|")?;
    }
    for verdict in &report.budgets {
        let word = if verdict.hit { "" } else { "missed" };
        let (of, demand) = (&verdict.of, &verdict.demand);
        let reached = short(verdict.reached);
        writeln!(text, "| {of} | {demand} | {reached} | {word} |")?;
    }
    write_beneath(text, report)
}

/// What the work needs at least, and what the database says of it.
fn write_beneath(text: &mut String, report: &Report) -> Written {
    if !report.shares.is_empty() {
        writeln!(
            text,
            "\n| work | the least that does the same | reached of it | for each second of processor time |\n|---|---|---|---|"
        )?;
    }
    for share in &report.shares {
        let per_cpu = share.reached_per_cpu.map(short).unwrap_or_default();
        let (of, floor, reached) = (&share.of, &share.floor, short(share.reached));
        writeln!(text, "| {of} | {floor} | {reached} | {per_cpu} |")?;
    }
    if !report.statements.is_empty() {
        writeln!(
            text,
            "\n| work at PostgreSQL | statements for each | at most |\n|---|---|---|"
        )?;
    }
    for counted in &report.statements {
        writeln!(
            text,
            "| {} | {} | {} |",
            counted.of, counted.each, counted.most
        )?;
    }
    if !report.commits.is_empty() {
        writeln!(
            text,
            "\n| durable commits at PostgreSQL, 64 at a time | a second | commits to a statement | bytes of log each |\n|---|---|---|---|"
        )?;
    }
    for rate in &report.commits {
        writeln!(
            text,
            "| {} | {} | {} | {} |",
            rate.way,
            whole(rate.per_second),
            short(rate.per_statement),
            whole(rate.log_bytes)
        )?;
    }
    Ok(())
}

/// The figures of work that went well.
fn sound(report: &Report, row: Row, target: Target) -> Option<&Figures> {
    report.row(row.name(), target).filter(|row| row.is_sound())
}

fn head(text: &mut String, first: &str, targets: &[Target]) -> Written {
    let names: Vec<_> = targets.iter().map(|target| title(*target)).collect();
    writeln!(text, "| {first} | {} |", names.join(" | "))?;
    writeln!(text, "|---|{}", "---|".repeat(targets.len()))
}

fn line(
    text: &mut String,
    first: &str,
    targets: &[Target],
    cell: impl Fn(Target) -> Option<String>,
) -> Written {
    let cells = targets
        .iter()
        .map(|target| cell(*target).unwrap_or_default());
    let cells: Vec<_> = cells.collect();
    writeln!(text, "| {first} | {} |", cells.join(" | "))
}

const PAGE: &str = "docs/reference/benchmarks.md";
const FRONT: &str = "README.md";
const PICTURE: &str = "docs/reference/benchmarks.svg";
const FIGURES: &str = "docs/reference/benchmarks.json";
const BEGIN: &str = "<!-- figures: written by cargo xtask bench --publish -->";
const END: &str = "<!-- end of figures -->";

#[cfg(test)]
mod tests {
    use super::super::postgres::{CommitRate, Statements};
    use super::*;

    #[test]
    fn both_pages_have_a_place_for_the_figures_and_keep_the_rest() {
        for name in [PAGE, FRONT] {
            let page = workspace::read(name).unwrap();
            let renewed = replaced(name, &page, "new").unwrap();
            assert!(renewed.contains(&format!("{BEGIN}\nnew\n{END}")));
            assert!(renewed.ends_with(page.split_once(END).unwrap().1));
            assert!(replaced(name, "nothing", "new").is_err());
        }
    }

    #[test]
    fn a_cell_has_the_median_and_the_spread_and_an_empty_one_stays_empty() {
        let figures = |target: Target| Figures {
            work: Row::Jwks.name().to_owned(),
            target: target.name().to_owned(),
            per_second: 3000.0,
            median_per_second: 2000.0,
            least_per_second: 1000.0,
            ..Figures::default()
        };
        let report = Report {
            rows: vec![
                figures(Target::Hallpass),
                Figures {
                    work: Row::Code.name().to_owned(),
                    ..figures(Target::Hydra)
                },
            ],
            ..Report::default()
        };
        let first = front(&report);
        assert!(first.contains("| code flow |  | 2,000 |"), "{first}");
        assert!(!first.contains("key set"), "{first}");
        let mut failed = report.rows.clone();
        failed.iter_mut().for_each(|row| row.errors = 1);
        let failed = Report {
            rows: failed,
            ..Report::default()
        };
        assert!(!front(&failed).contains("2,000"));
        let failed = section(&failed);
        assert!(failed.contains("| key set |  |  |"), "{failed}");
        assert!(
            failed.contains(&format!("- `code` of hydra: {FAILED}.")),
            "{failed}"
        );
        let of_database = section(&Report {
            statements: vec![Statements {
                of: Row::Refresh.name().to_owned(),
                each: 1,
                most: 2,
            }],
            commits: vec![CommitRate {
                way: "grouped".to_owned(),
                per_second: 20_000.0,
                per_statement: 32.0,
                log_bytes: 400.0,
            }],
            ..Report::default()
        });
        assert!(of_database.contains("| refresh | 1 | 2 |"), "{of_database}");
        assert!(
            of_database.contains("| grouped | 20,000 | 32"),
            "{of_database}"
        );
        let text = section(&report);
        assert!(
            text.contains("| key set | 2,000 (1,000–3,000) |  |"),
            "{text}"
        );
        assert!(
            text.contains("| code flow |  | 2,000 (1,000–3,000) |"),
            "{text}"
        );
    }
}
