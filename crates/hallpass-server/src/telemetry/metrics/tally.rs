//! Counters by one label whose values are fixed texts of the program, but not listed anywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

/// A counter for each value that occurred. Only for what happens rarely: it takes a lock.
pub struct Tally {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    counts: RwLock<BTreeMap<&'static str, AtomicU64>>,
}

impl Tally {
    /// Nothing has happened. The name comes without the suffix `_total`.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str, label: &'static str) -> Self {
        Self {
            name,
            help,
            label,
            counts: RwLock::default(),
        }
    }

    /// Counts one.
    pub fn count(&self, value: &'static str) {
        let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get(value) {
            count.fetch_add(1, Ordering::Relaxed);
            return;
        }
        drop(counts);
        let mut counts = self.counts.write().unwrap_or_else(PoisonError::into_inner);
        counts
            .entry(value)
            .or_default()
            .fetch_add(1, Ordering::Relaxed);
    }
}

impl Collector for Tally {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut metric =
            encoder.encode_descriptor(self.name, self.help, None, MetricType::Counter)?;
        for (value, count) in &*self.counts.read().unwrap_or_else(PoisonError::into_inner) {
            let count = count.load(Ordering::Relaxed);
            metric
                .encode_family(&[(self.label, *value)])?
                .encode_counter(&count, None::<&Exemplar<[(&str, &str); 0], u64>>)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
