//! Numbers of days and months.

use std::collections::BTreeMap;

use hallpass_core::admin::Permission;
use hallpass_store::Day;
use hallpass_types::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Context, Info, Kind, Operation, Problem};

/// Answers numbers of days.
#[derive(Debug)]
pub struct Show;

/// Of which days.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// So many days, today among them: 1 to 800, usually 30.
    pub days: Option<u32>,
    /// So many months, this one among them: 1 to 24, usually 12.
    pub months: Option<u32>,
}

/// What was counted. Days and months are those of UTC; numbers are up to half a minute old.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Statistics {
    /// The days, the oldest first; those on which nothing happened too.
    pub days: Vec<DayView>,
    /// What happened on all of these days together.
    pub total: BTreeMap<String, u64>,
    /// People who signed in during this month.
    pub active_this_month: u64,
    /// People who signed in during the month before.
    pub active_last_month: u64,
    /// Sessions of people that have neither ended nor expired, as it was at most a minute ago; nobody counts further than a million.
    pub sessions: u64,
    /// People who signed in, by month, the oldest first.
    pub months: Vec<MonthView>,
    /// Passkeys that were registered on these days, by the kind of their authenticators.
    pub authenticators: BTreeMap<String, u64>,
}

/// A day.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DayView {
    /// When it begins, in seconds since 1970.
    pub begins_at: i64,
    /// People who signed in on that day; null for days that are more than three months ago.
    pub active: Option<u64>,
    /// What happened, by name: `sign_in.success`, `sign_in.refused`, `account.signed_up`, `tokens.authorization_code`, …
    pub counts: BTreeMap<String, u64>,
}

/// A month.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MonthView {
    /// When it begins, in seconds since 1970.
    pub begins_at: i64,
    /// People who signed in during it.
    pub active: u64,
}

impl Operation for Show {
    const INFO: Info = Info::get(
        "statistics.show",
        "/projects/{project}/statistics",
        Permission::ReadStatistics,
    )
    .does("Answers how often people signed in and clients got tokens, by day, and how many people were there.");
    type Input = Input;
    type Output = Statistics;

    async fn run(cx: &Context, input: Input) -> Result<Statistics, Problem> {
        let days = input.days.unwrap_or(30);
        if !(1..=800).contains(&days) {
            let problem = Problem::new(Kind::InvalidParameter);
            return Err(problem.about("days", "is 1 to 800"));
        }
        let months = input.months.unwrap_or(12);
        if !(1..=24).contains(&months) {
            let problem = Problem::new(Kind::InvalidParameter);
            return Err(problem.about("months", "is 1 to 24"));
        }
        let provider = cx.provider();
        // What this process has counted belongs to it, too.
        provider.keep_tallies().await?;
        let now = cx.now();
        let to = Day::of(now);
        let from = to.minus(days.saturating_sub(1));
        let mut by_day: BTreeMap<Day, BTreeMap<String, u64>> = (from.0..=to.0)
            .map(|day| (Day(day), BTreeMap::new()))
            .collect();
        let mut total: BTreeMap<String, u64> = BTreeMap::new();
        let mut authenticators: BTreeMap<String, u64> = BTreeMap::new();
        for (day, name, n) in cx.store().tallies(cx.issuer(), from, to).await? {
            let sum = match name.strip_prefix("passkey.") {
                Some(kind) => authenticators.entry(kind.to_owned()).or_default(),
                None => total.entry(name.clone()).or_default(),
            };
            *sum = sum.saturating_add(n);
            by_day.entry(day).or_default().insert(name, n);
        }
        let mut days = Vec::new();
        let counted = to.minus(ACTIVE_DAYS);
        for (day, counts) in by_day {
            let begins_at = i64::from(day.0).saturating_mul(DAY);
            let active = if day > counted {
                Some(provider.active_on(Timestamp(begins_at)).await?)
            } else {
                None
            };
            days.push(DayView {
                begins_at,
                active,
                counts,
            });
        }
        let mut by_month = Vec::new();
        let mut first = provider.first_of_month(now);
        for _ in 0..months {
            by_month.push(MonthView {
                begins_at: first.0,
                active: provider.active_people(first).await?,
            });
            first = provider.first_of_month(last_month(first));
        }
        by_month.reverse();
        Ok(Statistics {
            days,
            months: by_month,
            sessions: provider.count_sessions().await?,
            total,
            active_this_month: provider.active_people(now).await?,
            active_last_month: provider
                .active_people(last_month(provider.first_of_month(now)))
                .await?,
            authenticators,
        })
    }
}

/// A moment of the month before the one that begins then.
fn last_month(first: Timestamp) -> Timestamp {
    Timestamp(first.0.saturating_sub(1))
}

const DAY: i64 = 86_400;
/// For so many days people are counted day by day.
const ACTIVE_DAYS: u32 = 93;
