//! Counters with labels whose values are known at the start.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

/// A label and all the values that it can have. What is not among them counts as `other`.
#[derive(Clone, Debug)]
pub struct Label {
    name: &'static str,
    values: Vec<&'static str>,
}

impl Label {
    /// A label with these values, and `other`.
    #[must_use]
    pub fn new(name: &'static str, values: &[&'static str]) -> Self {
        let mut values = values.to_vec();
        values.retain(|value| *value != OTHER);
        values.push(OTHER);
        Self { name, values }
    }

    /// The place of a value.
    fn place(&self, value: &str) -> usize {
        let other = self.values.len().saturating_sub(1);
        self.values
            .iter()
            .position(|known| *known == value)
            .unwrap_or(other)
    }
}

/// A counter for each combination of label values: to count is one atomic addition. Those of a value of the first label lie
/// together, and take no memory before one of them counts.
///
/// Combinations that were never counted are not shown.
pub struct Grid {
    name: &'static str,
    help: &'static str,
    labels: Vec<Label>,
    rows: Box<[OnceLock<Box<[AtomicU64]>>]>,
    /// Counters in a row.
    width: usize,
}

impl Grid {
    /// Counters that all stand at zero. The name comes without the suffix `_total`.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str, labels: Vec<Label>) -> Self {
        let width = labels.iter().skip(1).fold(1_usize, |size, label| {
            size.saturating_mul(label.values.len())
        });
        let rows = labels.first().map_or(1, |label| label.values.len());
        let rows = std::iter::repeat_with(OnceLock::new).take(rows).collect();
        Self {
            name,
            help,
            labels,
            rows,
            width,
        }
    }

    /// Counts one, under the values of the labels in their order.
    pub fn count(&self, values: &[&str]) {
        let place = self
            .labels
            .iter()
            .zip(values)
            .fold(0_usize, |place, (label, value)| {
                place
                    .saturating_mul(label.values.len())
                    .saturating_add(label.place(value))
            });
        let (row, at) = (place.checked_div(self.width), place.checked_rem(self.width));
        let Some((row, at)) = row.and_then(|row| self.rows.get(row)).zip(at) else {
            return;
        };
        let row = row.get_or_init(|| {
            std::iter::repeat_with(AtomicU64::default)
                .take(self.width)
                .collect()
        });
        if let Some(cell) = row.get(at) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The values of the labels for a place in the array.
    fn values(&self, place: usize) -> Vec<(&'static str, &'static str)> {
        let mut rest = place;
        let mut pairs: Vec<_> = self
            .labels
            .iter()
            .rev()
            .map(|label| {
                let length = label.values.len();
                let at = rest.checked_rem(length).unwrap_or(0);
                rest = rest.checked_div(length).unwrap_or(0);
                (label.name, label.values.get(at).copied().unwrap_or(OTHER))
            })
            .collect();
        pairs.reverse();
        pairs
    }
}

impl Collector for Grid {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut metric =
            encoder.encode_descriptor(self.name, self.help, None, MetricType::Counter)?;
        for (row, cells) in self.rows.iter().enumerate() {
            let begin = row.saturating_mul(self.width);
            for (at, cell) in cells.get().into_iter().flatten().enumerate() {
                let count = cell.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = self.values(begin.saturating_add(at));
                    metric
                        .encode_family(&labels)?
                        .encode_counter(&count, None::<&Exemplar<[(&str, &str); 0], u64>>)?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grid")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

const OTHER: &str = "other";
