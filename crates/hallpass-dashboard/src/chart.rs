//! Charts, drawn by the server.

use std::fmt::Write as _;

use serde::Serialize;

/// Width of a chart in units of its own.
pub(crate) const WIDTH: u64 = 720;
/// Height of the bars.
pub(crate) const HEIGHT: u64 = 160;

/// A bar of one or two parts, the second above the first.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) width: u64,
    pub(crate) y: u64,
    pub(crate) height: u64,
    pub(crate) y_above: u64,
    pub(crate) height_above: u64,
    pub(crate) label: String,
    pub(crate) value: u64,
    pub(crate) value_above: u64,
}

/// Bars, and the value at the top.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Chart {
    pub(crate) bars: Vec<Bar>,
    pub(crate) top: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
}

/// The next of 1, 2, 5, 10, 20, … that is not below.
fn top_of(most: u64) -> u64 {
    let mut step: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let top = step.saturating_mul(factor);
            if top >= most {
                return top;
            }
        }
        step = step.saturating_mul(10);
        if step == u64::MAX {
            return step;
        }
    }
}

/// A chart of labelled pairs of numbers.
pub(crate) fn chart(values: &[(String, u64, u64)]) -> Chart {
    let most = values.iter().map(|(_, a, b)| a.saturating_add(*b)).max();
    let top = top_of(most.unwrap_or(0).max(4));
    let count = u64::try_from(values.len()).unwrap_or(1).max(1);
    let slot = WIDTH.checked_div(count).unwrap_or(1).max(2);
    let gap = (slot / 4).max(1);
    let scaled = |n: u64| {
        let exact = u128::from(n)
            .saturating_mul(u128::from(HEIGHT))
            .checked_div(u128::from(top));
        let height = exact.and_then(|h| u64::try_from(h).ok()).unwrap_or(0);
        // What there is is seen.
        if n > 0 { height.max(2) } else { 0 }
    };
    let mut x = 0_u64;
    let bars = values
        .iter()
        .map(|(label, below, above)| {
            let (height, height_above) = (scaled(*below), scaled(*above));
            let y = HEIGHT.saturating_sub(height);
            let bar = Bar {
                x: x.saturating_add(gap / 2),
                width: slot.saturating_sub(gap),
                y,
                height,
                y_above: y.saturating_sub(height_above),
                height_above,
                label: label.clone(),
                value: *below,
                value_above: *above,
            };
            x = x.saturating_add(slot);
            bar
        })
        .collect();
    Chart {
        bars,
        top,
        width: slot.saturating_mul(count),
        height: HEIGHT,
    }
}

/// What the chart says, for those who do not see it.
pub(crate) fn summary(what: &str, spans: &str, values: &[(String, u64, u64)]) -> String {
    let total = values
        .iter()
        .fold(0_u64, |sum, (_, a, _)| sum.saturating_add(*a));
    let mut text = format!("{what}: {total} in {} {spans}", values.len());
    if let Some((day, most, _)) = values.iter().max_by_key(|(_, a, _)| *a)
        && *most > 0
    {
        let _: std::fmt::Result = write!(text, ", most of them, {most}, on {day}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(u64, u64)]) -> Chart {
        let named: Vec<_> = values
            .iter()
            .map(|(a, b)| ("d".to_owned(), *a, *b))
            .collect();
        chart(&named)
    }

    #[test]
    fn bars_fit_into_the_chart_and_stand_on_its_ground() {
        let chart = of(&[(3, 1), (90, 10), (0, 0), (1, 0)]);
        assert_eq!(chart.top, 100);
        for bar in &chart.bars {
            assert_eq!(bar.y + bar.height, HEIGHT);
            assert_eq!(bar.y_above + bar.height_above, bar.y);
        }
        assert_eq!(chart.bars[1].height, 144);
        assert_eq!(chart.bars[2].height, 0);
        assert!(chart.bars[3].height > 0);
    }

    #[test]
    fn no_number_breaks_a_chart() {
        let chart = of(&[(u64::MAX, u64::MAX)]);
        assert!(chart.bars[0].height <= HEIGHT * 2);
        assert_eq!(of(&[]).bars, []);
    }

    #[test]
    fn the_summary_names_the_greatest_day() {
        let values = [("Monday".to_owned(), 2, 0), ("Tuesday".to_owned(), 5, 0)];
        let text = summary("Sign-ins", "days", &values);
        assert_eq!(text, "Sign-ins: 7 in 2 days, most of them, 5, on Tuesday");
    }
}
