//! Asking the server, after a fault, what became of everything.

use std::collections::BTreeSet;

use crate::Failed;
use crate::caller::{Caller, Place};
use crate::check::Found;
use crate::history::{Deed, Entry, History, Outcome};

/// Introspects the access tokens that answers gave. Before the [`codes`]: one that is sent again ends what it gave.
///
/// # Errors
/// The server does not answer.
pub(crate) async fn tokens(
    place: &Place,
    history: &History,
    most_tokens: usize,
    found: &mut Found,
) -> Result<(), Failed> {
    let entries = history.snapshot();
    let mut caller = Caller::new(place, place.confidential()?)?;
    let mut tokens: Vec<&str> = entries
        .iter()
        .filter_map(|entry| match &entry.deed {
            Deed::Exchange { tokens, .. } | Deed::Refresh { tokens, .. } => {
                tokens.as_ref().map(|tokens| tokens.access.as_str())
            }
            Deed::Authorize { .. } | Deed::Revoke { .. } | Deed::Introspect { .. } => None,
        })
        .collect();
    // The last ones are those that the fault may have touched.
    tokens.reverse();
    tokens.truncate(most_tokens);
    for token in tokens {
        let mut answer = caller.introspect(token).await;
        // A server that has just lost its database may say so for a few seconds.
        for _ in 0..HEALING {
            if answer.0 != Outcome::Unavailable {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            answer = caller.introspect(token).await;
        }
        match answer {
            (Outcome::Ok, Some(active)) => found.active.push((token.to_owned(), active)),
            (outcome, _) => return Err(Failed::new(format!("introspection: {outcome:?}"))),
        }
    }
    Ok(())
}

/// Sends every code again whose use is in question.
///
/// # Errors
/// The server does not answer.
pub(crate) async fn codes(
    place: &Place,
    history: &History,
    found: &mut Found,
) -> Result<(), Failed> {
    let entries = history.snapshot();
    let mut caller = Caller::new(place, place.confidential()?)?;
    for code in questionable_codes(&entries) {
        let asked = history.now_us();
        let (mut outcome, mut tokens) = caller.exchange(code).await;
        for _ in 0..HEALING {
            if outcome != Outcome::Unavailable {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            (outcome, tokens) = caller.exchange(code).await;
        }
        let deed = Deed::Exchange {
            code: code.to_owned(),
            tokens: tokens.clone(),
        };
        // A later audit has to know of it: what the code gave before may be over now.
        history.add(AUDITOR, asked, deed, outcome);
        match outcome {
            Outcome::Ok | Outcome::Refused => {
                found.redeemed.push((code.to_owned(), tokens.is_some()));
            }
            Outcome::Unavailable | Outcome::Unknown => {
                return Err(Failed::new(format!("exchange: {outcome:?}")));
            }
        }
    }
    Ok(())
}

/// The last codes that gave tokens, and all whose exchange had no answer. Those of the public client are left out:
/// sent by another client they are refused for that alone.
fn questionable_codes(history: &[Entry]) -> BTreeSet<&str> {
    let mut codes = BTreeSet::new();
    let mut spent = 0_u32;
    for entry in history.iter().rev() {
        let Deed::Exchange { code, tokens } = &entry.deed else {
            continue;
        };
        let public = tokens
            .as_ref()
            .is_some_and(|tokens| tokens.refresh.is_some());
        match entry.outcome {
            Outcome::Ok if public => {}
            Outcome::Ok if spent < MOST_SPENT => {
                spent = spent.saturating_add(1);
                codes.insert(code.as_str());
            }
            Outcome::Unknown => {
                codes.insert(code.as_str());
            }
            Outcome::Ok | Outcome::Refused | Outcome::Unavailable => {}
        }
    }
    codes
}

const AUDITOR: u32 = u32::MAX;
const MOST_SPENT: u32 = 200;
const HEALING: u32 = 50;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
