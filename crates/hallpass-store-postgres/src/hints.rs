//! Hints at changes, passed from process to process through the database. Nothing depends on them: they are lost with the
//! connection, do not pass a pool of transactions, and some engines have none. Whoever changes something that others hold in
//! memory tells so when it is committed, in a statement of its own; whoever listens has a connection for it.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use hallpass_store::Hint;
use hallpass_types::{ClientId, IssuerId};
use tokio::{
    sync::{Mutex, mpsc},
    time::{sleep, timeout},
};

use crate::{
    failure::Failure,
    link::{Dialer, jittered},
    read::{Params, Readers},
};

/// The hints of one store.
#[derive(Debug)]
pub(crate) struct Hints {
    dialer: Arc<Dialer>,
    /// Who listens begins when somebody asks for the first time; commands never do.
    heard: Mutex<Option<mpsc::Receiver<Hint>>>,
    /// The database has none.
    lacking: AtomicBool,
}

impl Hints {
    pub(crate) fn new(dialer: &Arc<Dialer>) -> Self {
        Self {
            dialer: Arc::clone(dialer),
            heard: Mutex::default(),
            lacking: AtomicBool::new(false),
        }
    }

    /// The next one.
    pub(crate) async fn next(&self) -> Hint {
        let mut heard = self.heard.lock().await;
        let heard = heard.get_or_insert_with(|| {
            let (hear, heard) = mpsc::channel(MOST);
            tokio::spawn(listen(Arc::clone(&self.dialer), hear));
            heard
        });
        match heard.recv().await {
            Some(hint) => hint,
            None => std::future::pending().await,
        }
    }

    /// Tells everybody. Whether that succeeds changes nothing: what is told is committed already.
    pub(crate) async fn tell(&self, readers: &Readers, hints: &[Hint]) {
        for hint in hints {
            if self.lacking.load(Relaxed) {
                return;
            }
            let text = written(&self.dialer.options.schema, hint);
            let params: Params<'_> = &[&text];
            let told = timeout(PATIENCE, readers.ask(TELL, params)).await;
            if let Ok(Err(error)) = told {
                tracing::debug!(?error, "store.hint_lost: PostgreSQL");
                self.lacking.store(
                    matches!(error, Failure::Refused(_) | Failure::Stale),
                    Relaxed,
                );
            }
        }
    }
}

/// Listens until nobody wants to know any more.
async fn listen(dialer: Arc<Dialer>, hear: mpsc::Sender<Hint>) {
    let mut failures = 0;
    while !hear.is_closed() {
        let (told, mut news) = mpsc::channel(MOST);
        let mut pause = jittered(PAUSE, failures);
        failures = LONGEST.min(failures.saturating_add(1));
        if let Ok(link) = dialer.dial_for(Some(told)).await {
            match link.client.batch_execute(LISTEN).await {
                Ok(()) => {
                    failures = 0;
                    pause = PAUSE;
                    // Whatever was told before this moment.
                    drop(hear.try_send(Hint::Lost));
                    tokio::select! {
                        () = pass_on(&dialer.options.schema, &mut news, &hear) => {}
                        () = hear.closed() => {}
                    }
                }
                Err(error) if error.code().is_some() => {
                    tracing::debug!("store.hints_lacking: the database tells of no changes");
                    pause = LACKING;
                }
                Err(_) => {}
            }
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = hear.closed() => {}
        }
    }
}

/// Until the connection ends.
async fn pass_on(
    schema: &str,
    news: &mut mpsc::Receiver<tokio_postgres::Notification>,
    hear: &mpsc::Sender<Hint>,
) {
    while let Some(said) = news.recv().await {
        if let Some(hint) = read(schema, said.payload()) {
            // Who has so many unheard is told often enough; the last of them may be lost.
            drop(hear.try_send(hint));
        }
    }
}

/// The notifications of a database are for all schemas.
fn written(schema: &str, hint: &Hint) -> String {
    let (kind, issuer, client) = match hint {
        Hint::Client(IssuerId(issuer), client) => ("client", *issuer, client.as_str()),
        Hint::Keys(IssuerId(issuer)) => ("keys", *issuer, ""),
        Hint::Issuers => ("issuers", 0, ""),
        Hint::Lost => ("lost", 0, ""),
    };
    format!("{kind} {issuer} {client}\n{schema}")
}

/// None for what is for others, or nothing that this program understands.
fn read(own: &str, text: &str) -> Option<Hint> {
    let (said, schema) = text.split_once('\n')?;
    if schema != own {
        return None;
    }
    let mut words = said.splitn(3, ' ');
    let kind = words.next()?;
    let issuer = words.next()?.parse().ok().map(IssuerId)?;
    match kind {
        "client" => Some(Hint::Client(issuer, ClientId::parse(words.next()?).ok()?)),
        "keys" => Some(Hint::Keys(issuer)),
        "issuers" => Some(Hint::Issuers),
        "lost" => Some(Hint::Lost),
        _ => None,
    }
}

const LISTEN: &str = "LISTEN hallpass";
const TELL: &str = "SELECT pg_notify('hallpass', $1)";
/// So many may be unheard.
const MOST: usize = 256;
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(100);
/// After so many failures the pause grows no longer: 3.2 to 6.4 seconds.
const LONGEST: u32 = 6;
/// A database that has no notifications is asked again after so long: it may be another one by then.
const LACKING: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    /// A notification is shorter than 8000 bytes.
    const LONGEST_CLIENT: usize = 7000;

    #[test]
    fn a_hint_is_read_as_it_was_written_and_only_by_those_of_its_schema() {
        let client = |text: &str| Hint::Client(IssuerId(7), ClientId::parse(text).unwrap());
        let hints = [
            client("app"),
            client("https://rp.example/a b"),
            Hint::Keys(IssuerId(3)),
            Hint::Issuers,
            Hint::Lost,
        ];
        for hint in hints {
            let text = written("one", &hint);
            assert_eq!(read("one", &text), Some(hint));
            assert_eq!(read("two", &text), None);
        }
        // The longest that there is fits.
        let longest = (1..).take_while(|n| ClientId::parse(&"a".repeat(*n)).is_ok());
        assert!(longest.count() < LONGEST_CLIENT);
    }

    #[test]
    fn what_others_say_there_is_no_hint() {
        for text in [
            "",
            "keys 1",
            "keys 1 \ntwo",
            "keys x \none",
            "keys -1 \none",
            "client 1\none",
            "client 1 \none",
            "other 1 \none",
            "one",
        ] {
            assert_eq!(read("one", text), None, "{text}");
        }
    }
}
