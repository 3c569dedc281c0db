//! Asking the authorization server, [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hallpass_jose::Claims;
use hallpass_types::{Timestamp, sha256};
use tokio::sync::Semaphore;

use crate::{
    Http, Outgoing,
    token::{AccessToken, Confirmation},
};

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;
/// So many questions are on their way at once.
const MOST_AT_ONCE: usize = 64;
/// So many wait for their turn; further ones are told that no answer is to be had.
const MOST_WAITING: usize = 512;

/// How this resource asks.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// The `Authorization` header.
    pub(crate) authorization: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

/// What the authorization server said: the token and its binding, or that it is not active.
pub(crate) type Said = Option<Arc<(AccessToken, Confirmation)>>;

/// Answers that are held for a short while, in bounded number, by the digest of the token.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Of tokens that are active.
    active: Mutex<Generations>,
    /// Of all others, which anybody can make up: these do not take the room of those.
    inactive: Mutex<Generations>,
    flights: Mutex<HashMap<[u8; 32], Arc<Flight>>>,
    /// So many questions are on their way at once; further ones wait for their turn.
    slots: Semaphore,
    waiting: AtomicUsize,
    /// An answer is held for so long (seconds). A token that is revoked works for no longer than that.
    age: i64,
}

/// Two generations of answers: what is used moves to the newer one, the older one is thrown away as a whole.
#[derive(Debug)]
struct Generations {
    newer: HashMap<[u8; 32], (Said, Timestamp)>,
    older: HashMap<[u8; 32], (Said, Timestamp)>,
    /// Of each generation.
    capacity: usize,
}

impl Generations {
    fn new(capacity: usize) -> Self {
        Self {
            newer: HashMap::new(),
            older: HashMap::new(),
            capacity: capacity.div_ceil(2),
        }
    }

    fn get(&mut self, key: &[u8; 32], now: Timestamp) -> Option<Said> {
        if let Some((said, until)) = self.newer.get(key) {
            return (!until.is_over(now)).then(|| said.clone());
        }
        let (said, until) = self.older.remove(key)?;
        if until.is_over(now) {
            return None;
        }
        self.put(*key, said.clone(), until);
        Some(said)
    }

    fn put(&mut self, key: [u8; 32], said: Said, until: Timestamp) {
        if self.newer.len() >= self.capacity && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, (said, until));
    }
}

/// One question, and those who wait for its answer.
#[derive(Debug, Default)]
struct Flight(tokio::sync::Mutex<Option<Result<Said, ()>>>);

/// A place among those who wait for one answer. The last one to leave clears it away.
struct Place<'a> {
    all: &'a Answers,
    key: [u8; 32],
    flight: Arc<Flight>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut flights = lock(&self.all.flights);
        let listed = flights.get(&self.key);
        let ours = listed.is_some_and(|listed| Arc::ptr_eq(listed, &self.flight));
        // One is in the table, one is ours.
        if ours && Arc::strong_count(&self.flight) <= 2 {
            flights.remove(&self.key);
        }
    }
}

/// Counts one that waits for a slot.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Answers {
    pub(crate) fn new(age: i64, capacity: usize) -> Self {
        let age = if capacity == 0 { 0 } else { age };
        Self {
            active: Mutex::new(Generations::new(capacity)),
            inactive: Mutex::new(Generations::new(capacity.div_ceil(4))),
            flights: Mutex::default(),
            slots: Semaphore::new(MOST_AT_ONCE),
            waiting: AtomicUsize::new(0),
            age,
        }
    }

    fn get(&self, key: &[u8; 32], now: Timestamp) -> Option<Said> {
        let active = lock(&self.active).get(key, now);
        active.or_else(|| lock(&self.inactive).get(key, now))
    }

    //= RFC7662#4 MUST: an answer is not held beyond the end of the token
    fn put(&self, key: [u8; 32], said: &Said, now: Timestamp) {
        let until = now.plus(self.age);
        match said {
            Some(known) => {
                let until = until.min(known.0.expires_at);
                lock(&self.active).put(key, said.clone(), until);
            }
            None => lock(&self.inactive).put(key, None, until),
        }
    }

    /// # Errors
    /// The authorization server gave no usable answer, or too many wait for one.
    pub(crate) async fn ask(
        &self,
        http: &dyn Http,
        endpoint: &str,
        credentials: &Credentials,
        token: &str,
        now: Timestamp,
    ) -> Result<Said, ()> {
        // Nobody takes an answer that was asked for before they came.
        if self.age == 0 {
            return self.question(http, endpoint, credentials, token).await;
        }
        let key = sha256(token.as_bytes());
        if let Some(said) = self.get(&key, now) {
            return Ok(said);
        }
        let place = Place {
            all: self,
            key,
            flight: lock(&self.flights).entry(key).or_default().clone(),
        };
        let mut answer = place.flight.0.lock().await;
        if let Some(said) = &*answer {
            return said.clone();
        }
        let said = self.question(http, endpoint, credentials, token).await;
        if let Ok(said) = &said {
            self.put(key, said, now);
        }
        *answer = Some(said.clone());
        // Who comes now asks anew, or takes what is held.
        lock(&self.flights).remove(&key);
        said
    }

    async fn question(
        &self,
        http: &dyn Http,
        endpoint: &str,
        credentials: &Credentials,
        token: &str,
    ) -> Result<Said, ()> {
        let form = form(token);
        let request = Outgoing {
            url: endpoint,
            accept: "application/json",
            form: Some(&form),
            authorization: Some(&credentials.authorization),
            max_bytes: MAX_BYTES,
            timeout: TIMEOUT,
        };
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        if before >= MOST_WAITING {
            return Err(());
        }
        let slot = self.slots.acquire().await.map_err(|_| ())?;
        drop(waiting);
        let received = http.send(request).await.map_err(|_| ())?;
        drop(slot);
        let claims = Claims::parse(&received.body).map_err(|_| ())?;
        // Its own refresh token is as active to a client that is a resource server, too.
        let kind = claims.str("token_type").ok().flatten();
        let access = kind.is_some_and(|kind| {
            kind.eq_ignore_ascii_case("Bearer") || kind.eq_ignore_ascii_case("DPoP")
        });
        if claims.bool("active").map_err(|_| ())?.ok_or(())? && access {
            let token = AccessToken::of(claims).map_err(|_| ())?;
            Ok(Some(Arc::new(token)))
        } else {
            Ok(None)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn form(token: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token);
    form.append_pair("token_type_hint", "access_token");
    form.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoxFuture, HttpError, Received};

    const NOW: Timestamp = Timestamp(1_800_000_000);

    /// Says that tokens which begin with an `a` are active, when it is let go.
    struct Server {
        asked: AtomicUsize,
        open: Semaphore,
    }

    impl Server {
        fn new(open: usize) -> Arc<Self> {
            Arc::new(Self {
                asked: AtomicUsize::new(0),
                open: Semaphore::new(open),
            })
        }
    }

    impl Http for Server {
        fn send<'a>(&'a self, request: Outgoing<'a>) -> BoxFuture<'a, Result<Received, HttpError>> {
            Box::pin(async move {
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.open.acquire().await.unwrap().forget();
                let active = request.form.unwrap().starts_with("token=a");
                let body = if active {
                    format!(
                        r#"{{"active":true,"token_type":"Bearer","sub":"s","client_id":"c","aud":"r","exp":{}}}"#,
                        NOW.0 + 600
                    )
                } else {
                    r#"{"active":false}"#.to_owned()
                };
                Ok(Received {
                    body: body.into_bytes(),
                    max_age: None,
                })
            })
        }
    }

    async fn ask(answers: &Answers, server: &Server, token: &str) -> Result<bool, ()> {
        let credentials = Credentials {
            authorization: String::new(),
        };
        let said = answers.ask(server, "https://op.test/", &credentials, token, NOW);
        said.await.map(|said| said.is_some())
    }

    #[tokio::test]
    async fn many_who_show_one_token_at_once_are_one_question() {
        let (answers, server) = (Arc::new(Answers::new(10, 100)), Server::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (answers, server) = (answers.clone(), server.clone());
            tasks.spawn(async move { ask(&answers, &server, "a").await });
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        server.open.add_permits(1);
        assert_eq!(tasks.join_all().await, [Ok(true); 50]);
        assert_eq!(server.asked.load(Ordering::SeqCst), 1);
        assert!(lock(&answers.flights).is_empty());
    }

    #[tokio::test]
    async fn who_goes_away_takes_no_answer_from_those_who_wait() {
        let (answers, server) = (Arc::new(Answers::new(10, 100)), Server::new(0));
        let first = {
            let (answers, server) = (answers.clone(), server.clone());
            tokio::spawn(async move { ask(&answers, &server, "a").await })
        };
        tokio::task::yield_now().await;
        let second = {
            let (answers, server) = (answers.clone(), server.clone());
            tokio::spawn(async move { ask(&answers, &server, "a").await })
        };
        tokio::task::yield_now().await;
        first.abort();
        server.open.add_permits(1);
        assert_eq!(second.await.unwrap(), Ok(true));
        assert_eq!(server.asked.load(Ordering::SeqCst), 2);
        assert!(lock(&answers.flights).is_empty());
    }

    #[tokio::test]
    async fn tokens_that_somebody_made_up_do_not_push_out_those_that_are_good() {
        let (answers, server) = (Answers::new(10, 100), Server::new(10_000));
        for number in 0..40 {
            assert_eq!(
                ask(&answers, &server, &format!("a{number}")).await,
                Ok(true)
            );
        }
        for number in 0..1000 {
            let made_up = ask(&answers, &server, &format!("x{number}")).await;
            assert_eq!(made_up, Ok(false));
        }
        assert_eq!(server.asked.load(Ordering::SeqCst), 1040);
        for number in 0..40 {
            assert_eq!(
                ask(&answers, &server, &format!("a{number}")).await,
                Ok(true)
            );
        }
        assert_eq!(server.asked.load(Ordering::SeqCst), 1040);
        let held = |pool: &Mutex<Generations>| {
            let pool = lock(pool);
            pool.newer.len() + pool.older.len()
        };
        assert!(held(&answers.inactive) <= 26 && held(&answers.active) <= 100);
    }

    #[tokio::test]
    async fn an_answer_is_not_held_beyond_the_end_of_its_token() {
        //= test RFC7662#4 an answer is not held beyond the end of the token
        let (answers, server) = (Answers::new(3600, 20), Server::new(10));
        let credentials = Credentials {
            authorization: String::new(),
        };
        // The token ends 600 seconds from now.
        for (after, asked) in [(0, 1), (599, 1), (600, 2), (601, 3)] {
            let now = NOW.plus(after);
            let said = answers.ask(&*server, "https://op.test/", &credentials, "a", now);
            assert!(said.await.unwrap().is_some());
            assert_eq!(server.asked.load(Ordering::SeqCst), asked, "{after}");
        }
    }

    #[tokio::test]
    async fn what_is_used_is_held_longer_than_what_is_not() {
        let (answers, server) = (Answers::new(10, 20), Server::new(10_000));
        for number in 0..200 {
            ask(&answers, &server, "a-often").await.unwrap();
            ask(&answers, &server, &format!("a{number}")).await.unwrap();
        }
        assert_eq!(server.asked.load(Ordering::SeqCst), 201);
    }

    #[tokio::test]
    async fn a_bounded_number_asks_and_a_bounded_number_waits() {
        let (answers, server) = (Arc::new(Answers::new(10, 100)), Server::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..1000 {
            let (answers, server) = (answers.clone(), server.clone());
            tasks.spawn(async move { ask(&answers, &server, &format!("a{number}")).await });
        }
        for _ in 0..2000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.asked.load(Ordering::SeqCst), MOST_AT_ONCE);
        server.open.add_permits(1000);
        let all = tasks.join_all().await;
        let good = all.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(good, MOST_AT_ONCE + MOST_WAITING);
        assert_eq!(answers.waiting.load(Ordering::SeqCst), 0);
    }
}
