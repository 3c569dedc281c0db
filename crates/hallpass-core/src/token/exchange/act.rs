//! Who acts for whom: `act` and `may_act`, [RFC 8693 §4](https://www.rfc-editor.org/rfc/rfc8693#section-4).

use serde_json::{Map, Value};

use super::{Shown, itself};
use crate::{
    client::Client, issue::access_token::extra, policy::ExchangeRule, record::AccessToken,
    token::Reason,
};

const ACT: &str = "act";
const MAY_ACT: &str = "may_act";

/// A chain of more actors than this is refused, since it would make tokens that only grow.
const LONGEST: usize = 8;

/// The claims beside those that every token has: who acts, in front of who acted before, and who may act next.
///
/// Without an actor token the client itself is the actor, unless the rule lets it impersonate.
pub(super) fn claims(
    client: &Client,
    rule: &ExchangeRule,
    subject: &AccessToken,
    actor: Option<&Shown>,
) -> Result<Option<String>, Reason> {
    let mut had = extra(subject);
    let (acts_as, acting_client) = actor.map_or_else(
        || (itself(client), client.id.as_str()),
        |shown| (shown.token.subject.clone(), shown.token.client_id.as_str()),
    );
    if let Some(named) = had.get(MAY_ACT) {
        let named = named.as_object().ok_or(Reason::MayNotAct)?;
        if !fits(named, &acts_as, acting_client) {
            return Err(Reason::MayNotAct);
        }
    }
    let before = had.remove(ACT);
    let act = if actor.is_none() && rule.impersonation {
        before
    } else {
        let mut act = Map::new();
        act.insert("sub".to_owned(), Value::from(acts_as));
        //= RFC8693#4.1 MUST: who acted before stands in the act of who acts now
        if let Some(before) = before {
            act.insert(ACT.to_owned(), before);
        }
        Some(Value::Object(act))
    };
    if act.as_ref().is_some_and(|act| length(act) > LONGEST) {
        return Err(Reason::ActorsTooMany);
    }
    let mut out = Map::new();
    if let Some(act) = act {
        out.insert(ACT.to_owned(), act);
    }
    // Whoever was kept from acting by the first token is kept from it by the second one, too.
    if let Some(may_act) = had.remove(MAY_ACT) {
        out.insert(MAY_ACT.to_owned(), may_act);
    }
    Ok((!out.is_empty()).then(|| Value::Object(out).to_string()))
}

/// Whether all that `may_act` says of the actor is so. What it says in words that are not understood here is not.
//= RFC8693#4.4 MUST: only who is named by may_act acts for the subject
fn fits(named: &Map<String, Value>, sub: &str, client_id: &str) -> bool {
    let known = |(name, value): (&String, &Value)| match name.as_str() {
        "sub" => value == sub,
        "client_id" => value == client_id,
        _ => false,
    };
    !named.is_empty() && named.iter().all(known)
}

fn length(act: &Value) -> usize {
    std::iter::successors(Some(act), |act| act.get(ACT)).count()
}
