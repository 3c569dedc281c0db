//! The figures as a picture: one group of bars for each row, each group with a scale of its own.

use std::fmt::{Result as Written, Write as _};

use super::report::{FAILED, Report};
use super::table::{short, whole};
use super::target::Target;
use super::work::Row;

/// The picture, as SVG that stands by itself: it has a ground of its own, follows the dark, and says in words what it shows.
pub(crate) fn chart(report: &Report) -> String {
    let groups = groups(report);
    let mut text = String::new();
    // Writing to a string does not fail.
    let _infallible = draw(&mut text, report, &groups);
    text
}

/// The same in words, a sentence for each group.
pub(crate) fn words(report: &Report) -> Vec<String> {
    let said = |group: &Group| {
        let bars = group.bars.iter().map(|bar| match &bar.length {
            Ok(length) => format!("{} {}", bar.name, length.label),
            Err(reason) => format!("{} no figure, since {reason}", bar.name),
        });
        let bars: Vec<_> = bars.collect();
        format!("{}: {}.", group.title, bars.join(", "))
    };
    groups(report).iter().map(said).collect()
}

/// Bars that are measured by the same scale.
struct Group {
    title: String,
    bars: Vec<Bar>,
}

struct Bar {
    target: Target,
    name: String,
    /// How long it is, or why there is none.
    length: Result<Length, String>,
}

struct Length {
    value: f64,
    /// From the worst to the best run.
    spread: Option<(f64, f64)>,
    label: String,
}

/// Everybody but the handler that is no provider.
fn shown(report: &Report) -> impl Iterator<Item = Target> {
    let measured = |target: &Target| report.rows.iter().any(|row| row.target == target.name());
    Target::ALL
        .into_iter()
        .filter(|target| *target != Target::Limit)
        .filter(measured)
}

/// How a server is named in the picture and in the tables.
pub(crate) const fn title(target: Target) -> &'static str {
    match target {
        Target::Hallpass => "Hallpass",
        Target::HallpassPostgres => "Hallpass, PostgreSQL",
        Target::Limit => "limit",
        Target::NodeOidcProvider => "node-oidc-provider",
        Target::Hydra => "Ory Hydra",
        Target::Keycloak => "Keycloak",
    }
}

fn groups(report: &Report) -> Vec<Group> {
    let rows = Row::ALL.into_iter().map(|row| Group {
        title: format!("{}, a second", row.title()),
        bars: shown(report)
            .filter_map(|target| {
                let reason = row.cannot(target).map(|reason| Err(reason.to_owned()));
                let length = report.row(row.name(), target).map(|row| {
                    if !row.is_sound() {
                        return Err(FAILED.to_owned());
                    }
                    Ok(Length {
                        value: row.median_per_second,
                        spread: Some((row.least_per_second, row.per_second)),
                        label: whole(row.median_per_second),
                    })
                });
                bar(target, length.or(reason))
            })
            .collect(),
    });
    let memory = |title: &str, megabytes: &dyn Fn(&super::report::Memory) -> Option<f64>| Group {
        title: title.to_owned(),
        bars: shown(report)
            .filter_map(|target| {
                let value = megabytes(report.memory.get(target.name())?)?;
                bar(target, Some(Ok(plain(value, "MB"))))
            })
            .collect(),
    };
    let start = Group {
        title: "First answer on later starts (shorter is better)".to_owned(),
        bars: shown(report)
            .filter_map(|target| {
                let start = report.start_ms.get(target.name())?;
                bar(target, Some(Ok(plain(start.next, "ms"))))
            })
            .collect(),
    };
    rows.chain([
        memory("Memory at rest (shorter is better)", &|memory| {
            memory.rest_mb
        }),
        memory("Memory under load (shorter is better)", &|memory| {
            memory.load_mb
        }),
        start,
    ])
    .filter(|group| group.bars.iter().any(|bar| bar.length.is_ok()))
    .collect()
}

fn bar(target: Target, length: Option<Result<Length, String>>) -> Option<Bar> {
    Some(Bar {
        target,
        name: title(target).to_owned(),
        length: length?,
    })
}

fn plain(value: f64, unit: &str) -> Length {
    Length {
        value,
        spread: None,
        label: format!("{} {unit}", short(value)),
    }
}

fn draw(text: &mut String, report: &Report, groups: &[Group]) -> Written {
    let height = groups.iter().fold(TOP, |height, group| {
        (0..group.bars.len()).fold(height + HEAD + GAP, |height, _| height + STEP)
    });
    writeln!(
        text,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title words" font-family="system-ui, sans-serif">"#
    )?;
    let versions = ["hallpass", "node-oidc-provider", "hydra", "keycloak"];
    let versions = versions
        .into_iter()
        .filter(|name| report.versions.contains_key(*name))
        .count();
    writeln!(
        text,
        r#"<title id="title">What {versions} providers do in a second on one core</title>"#
    )?;
    let words = words(report).join(" ");
    writeln!(text, r#"<desc id="words">{}</desc>"#, escaped(&words))?;
    text.push_str(STYLE);
    writeln!(text, r#"<rect class="ground" width="100%" height="100%"/>"#)?;
    let mut y = TOP;
    for group in groups {
        y += HEAD;
        writeln!(
            text,
            r#"<text class="head" x="{LEFT}" y="{:.0}">{}</text>"#,
            y - 8.0,
            escaped(&group.title)
        )?;
        let longest = group.bars.iter().filter_map(|bar| bar.length.as_ref().ok());
        let longest = longest
            .map(|length| length.spread.map_or(length.value, |(_, best)| best))
            .fold(f64::MIN_POSITIVE, f64::max);
        for bar in &group.bars {
            one(text, bar, y, longest)?;
            y += STEP;
        }
        y += GAP;
    }
    text.push_str("</svg>\n");
    Ok(())
}

fn one(text: &mut String, bar: &Bar, y: f64, longest: f64) -> Written {
    let line = y + 12.0;
    writeln!(
        text,
        r#"<text x="{:.0}" y="{line:.0}" text-anchor="end">{}</text>"#,
        BARS - 10.0,
        escaped(&bar.name)
    )?;
    let length = match &bar.length {
        Ok(length) => length,
        Err(reason) => {
            let reason = escaped(reason);
            return writeln!(
                text,
                r#"<text class="none" x="{BARS}" y="{line:.0}">{reason}</text>"#
            );
        }
    };
    let scaled = |value: f64| value / longest * LONGEST;
    let width = scaled(length.value).max(1.5);
    let class = match bar.target {
        Target::Hallpass | Target::HallpassPostgres => "ours",
        Target::Limit | Target::NodeOidcProvider | Target::Hydra | Target::Keycloak => "peer",
    };
    writeln!(
        text,
        r#"<rect class="{class}" x="{BARS}" y="{:.0}" width="{width:.1}" height="14" rx="2"/>"#,
        y + 1.0
    )?;
    let mut end = width;
    if let Some((least, best)) = length.spread
        && scaled(best - least) > 2.0
    {
        end = end.max(scaled(best));
        writeln!(
            text,
            r#"<path class="spread" d="M{:.1} {line2}H{:.1}M{:.1} {top}v6M{:.1} {top}v6"/>"#,
            BARS + scaled(least),
            BARS + scaled(best),
            BARS + scaled(least),
            BARS + scaled(best),
            line2 = y + 8.0,
            top = y + 5.0,
        )?;
    }
    writeln!(
        text,
        r#"<text class="value" x="{:.1}" y="{line:.0}">{}</text>"#,
        BARS + end + 8.0,
        escaped(&length.label)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

const STYLE: &str = "<style>
text { font-size: 13px; fill: #24292f }
.head { font-weight: 600; font-size: 14px }
.value { font-variant-numeric: tabular-nums }
.none { fill: #59636e; font-style: italic }
.ground { fill: #ffffff }
.ours { fill: #0b6e4f }
.peer { fill: #8c959f }
.spread { stroke: #24292f; stroke-width: 1.2; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .none { fill: #9da7b3 }
  .ground { fill: #0d1117 }
  .ours { fill: #3fb68b }
  .peer { fill: #6e7681 }
  .spread { stroke: #e6edf3 }
}
</style>
";
const WIDTH: f64 = 760.0;
const TOP: f64 = 8.0;
const LEFT: f64 = 16.0;
/// Where bars begin.
const BARS: f64 = 180.0;
const LONGEST: f64 = 480.0;
const HEAD: f64 = 30.0;
const STEP: f64 = 19.0;
const GAP: f64 = 8.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::{Figures, LeftOut};

    fn report() -> Report {
        let figures = |work: Row, target: Target, median: f64| Figures {
            work: work.name().to_owned(),
            target: target.name().to_owned(),
            median_per_second: median,
            per_second: median * 1.2,
            least_per_second: median * 0.9,
            ..Figures::default()
        };
        Report {
            rows: vec![
                figures(Row::ClientCredentialsSealed, Target::Hallpass, 1000.0),
                figures(Row::ClientCredentialsSealed, Target::Limit, 9000.0),
                figures(Row::Jwks, Target::Keycloak, 250.0),
            ],
            left_out: vec![LeftOut {
                work: Row::ClientCredentialsSealed.name().to_owned(),
                target: Target::Keycloak.name().to_owned(),
                reason: "no".to_owned(),
            }],
            ..Report::default()
        }
    }

    #[test]
    fn the_picture_says_in_words_what_it_shows() {
        let text = chart(&report());
        let words = words(&report());
        assert_eq!(words.len(), 2, "{words:?}");
        for sentence in words {
            assert!(text.contains(&escaped(&sentence)), "{sentence}");
        }
        assert!(text.contains("Hallpass 1,000"), "{text}");
    }

    #[test]
    fn a_cell_without_a_figure_has_its_reason_and_no_bar() {
        let text = chart(&report());
        let reason = Row::ClientCredentialsSealed
            .cannot(Target::Keycloak)
            .unwrap();
        assert!(text.contains("class=\"none\" x=\"180\""), "{text}");
        assert!(text.contains(reason), "{text}");
        assert_eq!(text.matches("<rect class=\"peer\"").count(), 1, "{text}");
    }

    #[test]
    fn work_that_failed_is_no_bar_of_nothing() {
        let mut report = report();
        for row in &mut report.rows {
            row.errors = u64::from(row.target == Target::Keycloak.name());
        }
        let text = chart(&report);
        assert!(!text.contains(">250<"), "{text}");
        // A group of which nobody has a figure is not drawn.
        assert_eq!(words(&report).len(), 1, "{text}");
    }

    #[test]
    fn the_handler_that_is_no_provider_is_not_beside_them() {
        assert!(!chart(&report()).contains("10,800") && !chart(&report()).contains("limit"));
    }

    #[test]
    fn nothing_of_a_picture_is_outside_of_it() {
        let text = chart(&report());
        let widths = text.split("width=\"").skip(1);
        let widths = widths.filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok());
        assert!(widths.into_iter().all(|width| width <= WIDTH), "{text}");
    }
}
