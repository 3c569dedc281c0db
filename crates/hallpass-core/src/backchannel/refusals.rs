//! Clients that a person does not want to be asked by any more.

use std::collections::BTreeMap;

use hallpass_types::{ClientId, Timestamp};
use serde::{Deserialize, Serialize};

/// The clients that may not ask a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    #[serde(default)]
    clients: BTreeMap<ClientId, Refused>,
}

/// Since when and until when a client may not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When the person said so.
    pub since: Timestamp,
    /// Until when; none for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Refused {
    fn counts(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| !until.is_over(now))
    }
}

impl Refusals {
    /// Whether the client may not ask now.
    #[must_use]
    pub fn holds(&self, client: &ClientId, now: Timestamp) -> bool {
        self.clients
            .get(client)
            .is_some_and(|refused| refused.counts(now))
    }

    /// With one more, or another time for one that is there; without those that are over. Of very many the oldest goes.
    #[must_use]
    pub fn with(&self, client: ClientId, refused: Refused, now: Timestamp) -> Self {
        let mut next = self.without(&client, now);
        while next.clients.len() >= MOST {
            let oldest = next.clients.iter().min_by_key(|(_, refused)| refused.since);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
                break;
            };
            next.clients.remove(&oldest);
        }
        next.clients.insert(client, refused);
        next
    }

    /// Without one, and without those that are over.
    #[must_use]
    pub fn without(&self, client: &ClientId, now: Timestamp) -> Self {
        let kept = self.clients.iter();
        let kept = kept.filter(|(id, refused)| *id != client && refused.counts(now));
        Self {
            clients: kept.map(|(id, refused)| (id.clone(), *refused)).collect(),
        }
    }

    /// Those that may not ask now.
    pub fn iter(&self, now: Timestamp) -> impl Iterator<Item = (&ClientId, &Refused)> {
        self.clients
            .iter()
            .filter(move |(_, refused)| refused.counts(now))
    }

    /// Whether nothing is worth keeping.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

/// Clients that one person can refuse at a time. Only those that asked can be.
const MOST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn id(name: &str) -> ClientId {
        ClientId::parse(name).unwrap()
    }

    fn refused(since: i64, lasts: Option<i64>) -> Refused {
        Refused {
            since: NOW.plus(since),
            until: lasts.map(|lasts| NOW.plus(since).plus(lasts)),
        }
    }

    // CB-09
    #[test]
    fn a_refusal_holds_for_its_client_and_its_time() {
        let (bank, shop) = (id("bank"), id("shop"));
        let day = Refusals::default().with(bank.clone(), refused(0, Some(60)), NOW);
        assert!(day.holds(&bank, NOW) && day.holds(&bank, NOW.plus(59)));
        assert!(!day.holds(&bank, NOW.plus(60)));
        assert!(!day.holds(&shop, NOW));
        let good = day.with(bank.clone(), refused(1, None), NOW.plus(1));
        assert!(good.holds(&bank, NOW.plus(1_000_000_000)));
        assert!(!good.without(&bank, NOW).holds(&bank, NOW));
        assert!(good.without(&shop, NOW).holds(&bank, NOW));
    }

    #[test]
    fn what_is_over_is_not_kept() {
        let later = NOW.plus(60);
        let both = Refusals::default()
            .with(id("bank"), refused(0, Some(60)), NOW)
            .with(id("shop"), refused(0, None), NOW);
        assert_eq!(both.iter(NOW).count(), 2);
        assert_eq!(both.iter(later).count(), 1);
        assert!(!both.without(&id("other"), later).is_empty());
        assert!(both.without(&id("shop"), later).is_empty());
    }

    #[test]
    fn of_too_many_the_oldest_goes() {
        let mut all = Refusals::default();
        for number in 0..=100 {
            all = all.with(id(&format!("c{number}")), refused(number, None), NOW);
        }
        assert_eq!(all.iter(NOW).count(), 100);
        assert!(!all.holds(&id("c0"), NOW) && all.holds(&id("c1"), NOW));
        assert!(all.holds(&id("c100"), NOW));
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let all = Refusals::default()
            .with(id("bank"), refused(0, Some(60)), NOW)
            .with(id("shop"), refused(0, None), NOW);
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Refusals>(&text).unwrap(), all);
        assert!(serde_json::from_str::<Refusals>("{}").unwrap().is_empty());
    }
}
