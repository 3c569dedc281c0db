//! Which deliveries are under way: no client, and no crowd of clients whose servers do not answer, holds up the others.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hallpass_types::ClientId;

/// So many deliveries of one client are under way at once.
const MOST_OF_CLIENT: u32 = 4;
/// So many are under way that failed before: half of what a server sends at once. A first attempt always finds a place
/// beside them.
const MOST_AGAIN: u32 = 24;

#[derive(Debug, Default)]
pub(crate) struct Sending(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    clients: HashMap<ClientId, u32>,
    again: u32,
}

/// A delivery under way; ends when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    all: &'a Sending,
    client: &'a ClientId,
    again: bool,
}

impl Sending {
    /// None when too many are under way. `again` says whether it failed before.
    pub(crate) fn enter<'a>(&'a self, client: &'a ClientId, again: bool) -> Option<Turn<'a>> {
        let mut state = self.state();
        let of_client = state.clients.get(client).copied().unwrap_or_default();
        if of_client >= MOST_OF_CLIENT || (again && state.again >= MOST_AGAIN) {
            return None;
        }
        state
            .clients
            .insert(client.clone(), of_client.saturating_add(1));
        if again {
            state.again = state.again.saturating_add(1);
        }
        Some(Turn {
            all: self,
            client,
            again,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.all.state();
        if self.again {
            state.again = state.again.saturating_sub(1);
        }
        if let Some(count) = state.clients.get_mut(self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.clients.remove(self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ClientId {
        ClientId::parse(&format!("client-{number}")).unwrap()
    }

    #[test]
    fn a_client_has_few_deliveries_under_way_and_no_other_feels_it() {
        let sending = Sending::default();
        let [slow, other] = [id(1), id(2)];
        let turns: Vec<_> = (0..9).filter_map(|_| sending.enter(&slow, false)).collect();
        assert_eq!(turns.len(), 4);
        assert!(sending.enter(&other, false).is_some());
        drop(turns);
        assert!(sending.enter(&slow, false).is_some());
        assert!(sending.state().clients.is_empty());
    }

    #[test]
    fn those_that_failed_before_leave_room_for_first_attempts() {
        let sending = Sending::default();
        let ids: Vec<_> = (0..100).map(id).collect();
        let turns: Vec<_> = ids
            .iter()
            .filter_map(|id| sending.enter(id, true))
            .collect();
        assert_eq!(turns.len(), 24);
        assert!(sending.enter(&ids[99], false).is_some());
        drop(turns);
        assert!(sending.enter(&ids[99], true).is_some());
    }
}
