//! Listings in pages.

use std::{collections::BTreeMap, ops::Bound};

use crate::{MAX_PAGE, Page};

pub(super) fn page<V, T>(
    rows: &BTreeMap<String, V>,
    after: Option<&str>,
    limit: usize,
    item: impl Fn(&str, &V) -> Option<T>,
) -> Page<T> {
    let limit = limit.clamp(1, MAX_PAGE);
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut items = Vec::new();
    let mut last = None;
    for (key, row) in rows.range::<str, _>((start, Bound::Unbounded)) {
        if items.len() >= limit {
            return Page { items, next: last };
        }
        items.extend(item(key, row));
        last = Some(key.clone());
    }
    Page { items, next: None }
}
