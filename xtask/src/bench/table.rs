//! The figures, as they are printed.

use std::fmt::Write as _;

use super::report::{Figures, Report};

/// The whole report as text.
pub(crate) fn table(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _infallible = write(&mut text, report);
    text
}

fn write(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        text,
        "{:<30} {:<19} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7} {:>9}",
        "work",
        "target",
        "best/s",
        "median/s",
        "per CPU s",
        "p50 ms",
        "p99 ms",
        "errors",
        "generator"
    )?;
    for row in &report.rows {
        figures(text, row)?;
    }
    writeln!(text)?;
    if !report.budgets.is_empty() {
        let (reached, per_cpu) = ("reached", "per CPU s");
        writeln!(text, "{:<77} {reached:>10} {per_cpu:>10}", "budget")?;
    }
    for verdict in &report.budgets {
        let word = if verdict.hit { "hit" } else { "MISSED" };
        let per_cpu = verdict.reached_per_cpu.map(short);
        writeln!(
            text,
            "{:<30} {:<46} {:>10} {:>10} {word}",
            verdict.of,
            verdict.demand,
            short(verdict.reached),
            per_cpu.unwrap_or_default(),
        )?;
    }
    writeln!(text)?;
    if !report.shares.is_empty() {
        let (reached, per_cpu) = ("reached", "per CPU s");
        let head = "share of the least that does the same";
        writeln!(text, "{head:<77} {reached:>10} {per_cpu:>10}")?;
    }
    for share in &report.shares {
        let per_cpu = share.reached_per_cpu.map(short).unwrap_or_default();
        let (of, floor, reached) = (&share.of, &share.floor, short(share.reached));
        writeln!(text, "{of:<30} {floor:<46} {reached:>10} {per_cpu:>10}")?;
    }
    writeln!(text)?;
    for rate in &report.commits {
        let (commits, each) = (whole(rate.per_second), short(rate.per_statement));
        let bytes = whole(rate.log_bytes);
        writeln!(
            text,
            "{:<30} {commits} durable commits/s, {each} to a statement, {bytes} bytes of log each",
            rate.way
        )?;
    }
    for (target, memory) in &report.memory {
        let rest = memory.rest_mb.map_or_else(|| "-".to_owned(), short);
        let load = memory.load_mb.map_or_else(|| "-".to_owned(), short);
        writeln!(text, "{target:<30} {rest} MB at rest, {load} MB under load")?;
    }
    for (target, start) in &report.start_ms {
        let (first, next) = (short(start.first), short(start.next));
        writeln!(
            text,
            "{target:<30} first answer after {first} ms, {next} ms on later starts"
        )?;
    }
    for (name, version) in &report.versions {
        writeln!(text, "{name:<30} {version}")?;
    }
    for empty in &report.left_out {
        writeln!(
            text,
            "{:<30} {:<19} {}",
            empty.work, empty.target, empty.reason
        )?;
    }
    for note in &report.notes {
        writeln!(text, "note: {note}")?;
    }
    Ok(())
}

fn figures(text: &mut String, row: &Figures) -> std::fmt::Result {
    let per_cpu = row.per_server_cpu_second;
    let busy = row.generator_busy.map(|busy| busy * 100.0);
    writeln!(
        text,
        "{:<30} {:<19} {:>9} {:>9} {:>9} {:>8.2} {:>8.2} {:>7} {:>9}",
        row.work,
        row.target,
        whole(row.per_second),
        whole(row.median_per_second),
        per_cpu.map_or_else(|| "-".to_owned(), whole),
        row.p50_ms,
        row.p99_ms,
        row.errors,
        busy.map_or_else(|| "-".to_owned(), |busy| format!("{busy:.0} %")),
    )?;
    if row.steps.len() > 1 {
        for step in &row.steps {
            let (p50, p99) = (step.p50_ms, step.p99_ms);
            writeln!(text, "  {:<74} {p50:>8.2} {p99:>8.2}", step.name)?;
        }
    }
    if let Some(error) = &row.first_error {
        writeln!(text, "  {error}")?;
    }
    Ok(())
}

/// A rate with its thousands set apart.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// With as many digits as say something.
pub(crate) fn short(value: f64) -> String {
    if value >= 1000.0 {
        whole(value)
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(whole(0.4), "0");
        assert_eq!(whole(999.0), "999");
        assert_eq!(whole(1_234_567.0), "1,234,567");
    }

    #[test]
    fn an_error_is_printed_below_its_row() {
        let report = Report {
            rows: vec![Figures {
                work: "code".to_owned(),
                first_error: Some("authorize: 400".to_owned()),
                ..Figures::default()
            }],
            ..Report::default()
        };
        assert!(table(&report).contains("\n  authorize: 400\n"));
    }
}
