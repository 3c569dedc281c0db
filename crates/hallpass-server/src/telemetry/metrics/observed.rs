//! Values that others count, asked for when the metrics are read.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

/// Labels with their values, and the number.
pub type Reading<T> = (Vec<(&'static str, String)>, T);

/// What a function answers.
pub enum Observe {
    /// Numbers that go up and down.
    Gauge(Box<dyn Fn() -> Vec<Reading<f64>> + Send + Sync>),
    /// Numbers that only grow.
    Counter(Box<dyn Fn() -> Vec<Reading<u64>> + Send + Sync>),
    /// Time that only grows, in seconds.
    Seconds(Box<dyn Fn() -> Option<f64> + Send + Sync>),
    /// A distribution.
    Histogram(Box<dyn Fn() -> Distribution + Send + Sync>),
}

impl fmt::Debug for Observe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gauge(_) => "Gauge",
            Self::Counter(_) => "Counter",
            Self::Seconds(_) => "Seconds",
            Self::Histogram(_) => "Histogram",
        })
    }
}

/// A distribution: the sum of all values, and how many fell below each upper bound and above the one before. The last
/// bound is infinity.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Sum of all values.
    pub sum: f64,
    /// Upper bounds with counts, not cumulative.
    pub buckets: Vec<(f64, u64)>,
}

impl Distribution {
    /// From a sum, upper bounds and counts; there is one count more than bounds.
    #[must_use]
    pub fn new(sum: f64, bounds: impl IntoIterator<Item = f64>, counts: &[u64]) -> Self {
        let bounds = bounds.into_iter().chain([f64::INFINITY]);
        Self {
            sum,
            buckets: bounds.zip(counts.iter().copied()).collect(),
        }
    }
}

/// A metric whose values come from a function. The name comes without the suffix `_total` of counters.
pub struct Observed {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) observe: Observe,
}

impl Collector for Observed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let kind = match &self.observe {
            Observe::Gauge(_) => MetricType::Gauge,
            Observe::Counter(_) | Observe::Seconds(_) => MetricType::Counter,
            Observe::Histogram(_) => MetricType::Histogram,
        };
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        match &self.observe {
            Observe::Gauge(read) => {
                for (labels, value) in read() {
                    if labels.is_empty() {
                        metric.encode_gauge(&value)?;
                    } else {
                        metric.encode_family(&labels)?.encode_gauge(&value)?;
                    }
                }
            }
            Observe::Counter(read) => {
                for (labels, value) in read() {
                    if labels.is_empty() {
                        metric.encode_counter(&value, NO_EXEMPLAR)?;
                    } else {
                        metric
                            .encode_family(&labels)?
                            .encode_counter(&value, NO_EXEMPLAR)?;
                    }
                }
            }
            Observe::Seconds(read) => {
                if let Some(value) = read() {
                    metric.encode_counter(&value, NO_EXEMPLAR_OF_SECONDS)?;
                }
            }
            Observe::Histogram(read) => {
                let Distribution { sum, buckets } = read();
                let count = buckets
                    .iter()
                    .fold(0_u64, |sum, (_, count)| sum.wrapping_add(*count));
                metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

const NO_EXEMPLAR_OF_SECONDS: Option<&Exemplar<[(&str, &str); 0], f64>> = None;
const NO_EXEMPLAR: Option<&Exemplar<[(&str, &str); 0], u64>> = None;
