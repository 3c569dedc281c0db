//! What happens in a project, in numbers.

use std::collections::BTreeMap;

use hallpass_admin::v1::{clients, statistics};
use minijinja::{Value, context};

use super::typed;
use crate::{
    chart::{chart, summary},
    gate::Visit,
    render::{Answer, Stop, ser},
    text,
};

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let days: u32 = match typed(&visit.query, "days").as_deref() {
        Some("7") => 7,
        Some("90") => 90,
        Some(_) | None => 30,
    };
    let found = visit
        .call::<statistics::Show>(statistics::show::Input {
            days: Some(days),
            months: None,
        })
        .await?;
    let of = |counts: &BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or(0);
    let tokens_of = |counts: &BTreeMap<String, u64>| {
        let tokens = counts
            .iter()
            .filter(|(name, _)| name.starts_with("tokens."));
        tokens.fold(0_u64, |sum, (_, n)| sum.saturating_add(*n))
    };
    let sign_ins: Vec<(String, u64, u64)> = found
        .days
        .iter()
        .map(|day| {
            let label = text::day_of(day.begins_at);
            (
                label,
                of(&day.counts, "sign_in.success"),
                of(&day.counts, "sign_in.refused"),
            )
        })
        .collect();
    let tokens: Vec<(String, u64, u64)> = found
        .days
        .iter()
        .map(|day| (text::day_of(day.begins_at), tokens_of(&day.counts), 0))
        .collect();
    let applications = if visit.may(hallpass_core::admin::Permission::ReadClients) {
        let input = clients::list::Input {
            limit: Some(5),
            ..Default::default()
        };
        Some(visit.call::<clients::List>(input).await?)
    } else {
        None
    };
    let grants: Vec<Value> = found
        .total
        .iter()
        .filter_map(|(name, n)| Some(context! { name => name.strip_prefix("tokens.")?, n }))
        .collect();
    let mut authenticators: Vec<(&String, &u64)> = found.authenticators.iter().collect();
    authenticators.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let most = authenticators.first().map_or(1, |(_, n)| **n).max(1);
    let authenticators: Vec<Value> = authenticators
        .into_iter()
        .map(|(name, n)| {
            let share = n.saturating_mul(100).checked_div(most).unwrap_or(0);
            context! { name, n, share }
        })
        .collect();
    let months: Vec<(String, u64, u64)> = found
        .months
        .iter()
        .map(|month| {
            let day = text::day_of(month.begins_at);
            // The day of a month is of no interest here.
            let label = day.rsplit_once('-').map_or(&*day, |(month, _)| month);
            (label.to_owned(), month.active, 0)
        })
        .collect();
    let view = context! {
        sessions => found.sessions,
        month_chart => ser(chart(&months)),
        month_summary => summary("Active people", "months", &months),
        days,
        sign_ins => of(&found.total, "sign_in.success"),
        refused => of(&found.total, "sign_in.refused"),
        signed_up => of(&found.total, "account.signed_up"),
        tokens => tokens_of(&found.total),
        active_this_month => found.active_this_month,
        active_last_month => found.active_last_month,
        sign_in_chart => ser(chart(&sign_ins)),
        sign_in_summary => summary("Sign-ins", "days", &sign_ins),
        token_chart => ser(chart(&tokens)),
        token_summary => summary("Tokens", "days", &tokens),
        days_table => ser(sign_ins.iter().zip(&tokens).rev().take(14).map(|((day, ok, refused), (_, tokens, _))| {
            BTreeMap::from([("day", day.clone()), ("ok", ok.to_string()), ("refused", refused.to_string()), ("tokens", tokens.to_string())])
        }).collect::<Vec<_>>()),
        grants,
        authenticators,
        empty => applications.as_ref().is_some_and(|list| list.items.is_empty()),
        may_create => visit.may(hallpass_core::admin::Permission::ChangeClients),
    };
    Ok(Answer::shown("overview.html", "Overview", view))
}
