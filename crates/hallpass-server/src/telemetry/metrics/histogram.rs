//! Histograms without a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// How long something took, for each value of one label or without one.
pub struct Histogram {
    /// The name without its unit.
    name: &'static str,
    help: &'static str,
    label: Option<&'static str>,
    rows: Vec<(&'static str, Row)>,
}

/// The times of one label value.
#[derive(Default)]
struct Row {
    buckets: [AtomicU64; BOUNDS.len()],
    above: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Histogram {
    /// A histogram without labels. The name comes without the suffix `_seconds`.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            label: None,
            rows: vec![("", Row::default())],
        }
    }

    /// A histogram for each value of a label, and `other`.
    #[must_use]
    pub fn by(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: &[&'static str],
    ) -> Self {
        let rows = values
            .iter()
            .copied()
            .chain(["other"])
            .map(|value| (value, Row::default()));
        Self {
            name,
            help,
            label: Some(label),
            rows: rows.collect(),
        }
    }

    /// Notes a time, under the label's value or `""`.
    pub fn observe(&self, value: &str, time: Duration) {
        let row = self
            .rows
            .iter()
            .find(|(known, _)| *known == value)
            .or_else(|| self.rows.last());
        let Some((_, row)) = row else { return };
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanoseconds <= *bound);
        bucket
            .and_then(|bucket| row.buckets.get(bucket))
            .unwrap_or(&row.above)
            .fetch_add(1, Ordering::Relaxed);
        row.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl Row {
    /// Sum in seconds, count, and the buckets with their upper bounds in seconds.
    fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let counts = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed));
        let mut buckets: Vec<(f64, u64)> = BOUNDS
            .iter()
            .zip(counts)
            .map(|(bound, count)| (seconds(*bound), count))
            .collect();
        buckets.push((f64::INFINITY, self.above.load(Ordering::Relaxed)));
        let count = buckets
            .iter()
            .fold(0_u64, |sum, (_, count)| sum.wrapping_add(*count));
        (
            seconds(self.nanoseconds.load(Ordering::Relaxed)),
            count,
            buckets,
        )
    }
}

impl Collector for Histogram {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let unit = Some(&Unit::Seconds);
        let mut metric =
            encoder.encode_descriptor(self.name, self.help, unit, MetricType::Histogram)?;
        for (value, row) in &self.rows {
            let (sum, count, buckets) = row.read();
            match self.label {
                None => metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?,
                Some(_) if count == 0 => {}
                Some(label) => metric
                    .encode_family(&[(label, *value)])?
                    .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a sum of times needs no more than 52 bits"
)]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// Upper bounds in nanoseconds: 50 µs to 10 s.
const BOUNDS: [u64; 17] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];
