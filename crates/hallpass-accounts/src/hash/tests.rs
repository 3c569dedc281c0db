use std::{collections::HashSet, future::Future, pin::pin, task::Poll};

use super::*;

/// Cheap enough to compute hundreds.
const CHEAP: Cost = Cost {
    memory_kib: 8,
    iterations: 1,
    lanes: 1,
};
const LANE: Lane = Lane::anonymous(1);
const SALT: [u8; SALT_LEN] = *b"0123456789abcdef";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn cheap() -> HashPool {
    HashPool::start(Options {
        cost: CHEAP,
        ..Options::default()
    })
    .unwrap()
}

/// A pool without threads.
pub(crate) fn stopped(queue: usize, patience: Duration) -> HashPool {
    HashPool {
        shared: Arc::new(Shared::default()),
        patience,
        queue: Some(queue),
        threads: 1,
        jitter: AtomicU64::new(0),
    }
}

/// Lets a stopped pool work until its queue is empty, on this thread.
fn work_off(pool: &HashPool) {
    let mut memory = Memory::default();
    while pool.shared.lock().queue.len() > 0 {
        let job = pool.shared.next(&mut memory).unwrap();
        pool.shared.serve(job, &mut memory, CHEAP);
    }
}

/// Runs a future until it waits.
pub(crate) async fn start<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| match pin!(&mut *future).poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_password_matches_its_own_hash_and_no_other() {
    let pool = cheap();
    let phc = pool
        .hash(LANE, &secret("correct horse"), SALT)
        .await
        .unwrap();
    let yes = pool
        .verify(LANE, &secret("correct horse"), Some(&phc))
        .await
        .unwrap();
    assert_eq!(
        yes,
        Verdict {
            matched: true,
            needs_rehash: false
        }
    );
    for wrong in [
        "",
        "correct hors",
        "correct horse ",
        " correct horse",
        "Correct horse",
        "correct horse\0",
    ] {
        let no = pool.verify(LANE, &secret(wrong), Some(&phc)).await.unwrap();
        assert_eq!(
            no,
            Verdict {
                matched: false,
                needs_rehash: false
            },
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn passwords_are_used_exactly_as_sent() {
    let pool = cheap();
    let long = "x".repeat(72);
    let twins = [
        ("a\0b".to_owned(), "a\0c".to_owned()),
        (format!("{long}1"), format!("{long}2")),
        ("\u{00E9}".to_owned(), "e\u{0301}".to_owned()),
        ("y".repeat(1024), "y".repeat(1023)),
        (" x ".to_owned(), "x".to_owned()),
    ];
    for (one, other) in twins {
        let phc = pool.hash(LANE, &secret(&one), SALT).await.unwrap();
        assert!(
            pool.verify(LANE, &secret(&one), Some(&phc))
                .await
                .unwrap()
                .matched
        );
        assert!(
            !pool
                .verify(LANE, &secret(&other), Some(&phc))
                .await
                .unwrap()
                .matched
        );
    }
}

#[tokio::test]
async fn a_password_beyond_the_limit_is_refused_before_it_is_queued() {
    let pool = stopped(10, Duration::from_secs(5));
    let long = secret(&"x".repeat(MAX_PASSWORD_LEN + 1));
    assert_eq!(
        pool.verify(LANE, &long, None).await,
        Err(HashError::TooLong)
    );
    assert_eq!(pool.hash(LANE, &long, SALT).await, Err(HashError::TooLong));
    assert_eq!(pool.stats(), Stats::default());
}

#[tokio::test]
async fn nobody_has_a_matching_password() {
    let pool = cheap();
    let verdict = pool.verify(LANE, &secret(""), None).await.unwrap();
    assert_eq!(
        verdict,
        Verdict {
            matched: false,
            needs_rehash: false
        }
    );
    assert_eq!(pool.stats().computed, 1);
}

#[tokio::test]
async fn a_hash_of_other_parameters_matches_and_asks_to_be_renewed() {
    let dear = Cost {
        memory_kib: 16,
        iterations: 2,
        lanes: 1,
    };
    let old = HashPool::start(Options {
        cost: dear,
        ..Options::default()
    })
    .unwrap();
    let phc = old.hash(LANE, &secret("pass"), SALT).await.unwrap();
    let verdict = cheap()
        .verify(LANE, &secret("pass"), Some(&phc))
        .await
        .unwrap();
    assert_eq!(
        verdict,
        Verdict {
            matched: true,
            needs_rehash: true
        }
    );
    let wrong = cheap()
        .verify(LANE, &secret("other"), Some(&phc))
        .await
        .unwrap();
    assert_eq!(
        wrong,
        Verdict {
            matched: false,
            needs_rehash: false
        }
    );
}

#[tokio::test]
async fn a_hash_survives_its_text() {
    let pool = cheap();
    let phc = pool.hash(LANE, &secret("pass"), SALT).await.unwrap();
    let text = phc.expose().unwrap();
    assert!(text.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{text}");
    assert_eq!(Phc::parse(&text), Ok(phc));
}

/// From the tests of the reference implementation in C: 64 MiB, two passes, one lane, salt "somesalt".
#[tokio::test]
async fn hashes_of_the_reference_implementation_verify() {
    let text =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let phc = Phc::parse(text).unwrap();
    assert!(
        cheap()
            .verify(LANE, &secret("password"), Some(&phc))
            .await
            .unwrap()
            .matched
    );
    assert!(
        !cheap()
            .verify(LANE, &secret("Password"), Some(&phc))
            .await
            .unwrap()
            .matched
    );
}

#[test]
fn hashes_that_are_too_dear_too_short_or_of_another_kind_are_unusable() {
    let salt = "MDEyMzQ1Njc4OWFiY2RlZg";
    let hash = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert!(Phc::parse(&format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${hash}")).is_ok());
    for bad in [
        String::new(),
        "plain".to_owned(),
        format!("$argon2id$v=19$m=1048577,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=4294967295,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=19456,t=101,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=19456,t=2,p=65${salt}${hash}"),
        format!("$argon2id$v=19$m=0,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=19456,t=0,p=1${salt}${hash}"),
        format!("$argon2i$v=19$m=19456,t=2,p=1${salt}${hash}"),
        format!("$argon2d$v=19$m=19456,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=18$m=19456,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1,data=c29tZQ${salt}${hash}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1${salt}$CTFhFdXPJO1aFQ"),
        format!("$argon2id$v=19$m=19456,t=2,p=1${salt}"),
        "$argon2id$v=19$m=19456,t=2,p=1".to_owned(),
        format!("$2b$12${hash}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${hash}$more"),
    ] {
        assert_eq!(Phc::parse(&bad), Err(UnusableHash), "{bad}");
    }
}

#[test]
fn a_pool_does_not_start_with_a_cost_that_it_would_refuse_to_verify() {
    for cost in [
        Cost {
            memory_kib: 7,
            ..CHEAP
        },
        Cost {
            memory_kib: 2_000_000,
            ..CHEAP
        },
        Cost {
            iterations: 0,
            ..CHEAP
        },
        Cost { lanes: 0, ..CHEAP },
        Cost { lanes: 2, ..CHEAP },
    ] {
        assert!(
            HashPool::start(Options {
                cost,
                ..Options::default()
            })
            .is_err(),
            "{cost:?}"
        );
    }
}

#[test]
fn a_hash_is_not_printed() {
    let text =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let printed = format!("{:?}", Phc::parse(text).unwrap());
    assert!(
        !printed.contains("c29tZXNhbHQ") && !printed.contains("CTFh"),
        "{printed}"
    );
}

#[tokio::test]
async fn a_full_queue_answers_busy_at_once_with_a_spread_of_one_to_five_seconds() {
    let pool = stopped(2, Duration::from_secs(5));
    let password = secret("x");
    let mut first = Box::pin(pool.verify(LANE, &password, None));
    let mut second = Box::pin(pool.verify(LANE, &password, None));
    assert!(start(&mut first).await.is_none() && start(&mut second).await.is_none());
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let Err(HashError::Busy { retry_after }) = pool.verify(LANE, &password, None).await else {
            panic!("not busy");
        };
        assert!((1..=5).contains(&retry_after));
        seen.insert(retry_after);
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert_eq!((pool.stats().depth, pool.stats().rejected), (2, 100));
    work_off(&pool);
    assert!(first.await.is_ok() && second.await.is_ok());
}

#[tokio::test]
async fn one_network_cannot_keep_another_out() {
    let pool = stopped(3, Duration::from_secs(5));
    let password = secret("x");
    let mut flood: Vec<_> = (0..3)
        .map(|_| Box::pin(pool.verify(LANE, &password, None)))
        .collect();
    for job in &mut flood {
        assert!(start(job).await.is_none());
    }
    let mut other = Box::pin(pool.verify(Lane::anonymous(2), &password, None));
    assert!(start(&mut other).await.is_none());
    assert!(matches!(
        start(&mut flood[2]).await,
        Some(Err(HashError::Busy { .. }))
    ));
    work_off(&pool);
    assert!(other.await.is_ok());
}

#[tokio::test]
async fn callers_that_went_away_cost_nothing_and_make_room() {
    let pool = stopped(2, Duration::from_secs(5));
    let password = secret("x");
    for _ in 0..2 {
        let mut gone = Box::pin(pool.verify(LANE, &password, None));
        assert!(start(&mut gone).await.is_none());
    }
    assert_eq!(pool.stats().depth, 2);
    let mut waits = Box::pin(pool.verify(LANE, &password, None));
    assert!(start(&mut waits).await.is_none());
    let mut gone = Box::pin(pool.verify(LANE, &password, None));
    assert!(start(&mut gone).await.is_none());
    drop(gone);
    work_off(&pool);
    assert!(waits.await.is_ok());
    let stats = pool.stats();
    assert_eq!(
        (stats.computed, stats.abandoned, stats.rejected, stats.depth),
        (1, 3, 0, 0)
    );
}

#[tokio::test]
async fn a_job_past_its_deadline_is_answered_as_busy_without_being_computed() {
    let pool = stopped(2, Duration::ZERO);
    let password = secret("x");
    let mut late = Box::pin(pool.verify(LANE, &password, None));
    assert!(start(&mut late).await.is_none());
    work_off(&pool);
    assert!(matches!(
        late.await,
        Err(HashError::Busy { retry_after: 1..=5 })
    ));
    assert_eq!((pool.stats().computed, pool.stats().expired), (0, 1));
}

#[tokio::test]
async fn ending_the_pool_answers_everybody() {
    let pool = stopped(2, Duration::from_secs(5));
    let (reply, answer) = oneshot::channel();
    pool.submit(
        LANE,
        &secret("x"),
        Task::Verify {
            stored: None,
            reply,
        },
    )
    .unwrap();
    drop(pool);
    assert!(answer.await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_all_answered() {
    let pool = Arc::new(
        HashPool::start(Options {
            cost: CHEAP,
            queue: Some(1000),
            ..Options::default()
        })
        .unwrap(),
    );
    let tasks: Vec<_> = (0..500)
        .map(|number| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move {
                pool.verify(Lane::anonymous(number % 7), &secret("x"), None)
                    .await
            })
        })
        .collect();
    for task in tasks {
        assert!(!task.await.unwrap().unwrap().matched);
    }
    let stats = pool.stats();
    assert_eq!((stats.computed, stats.depth, stats.rejected), (500, 0, 0));
    assert_eq!(stats.wait_buckets.iter().sum::<u64>(), 500);
    assert!(stats.hash_seconds > 0.0);
}

#[tokio::test]
async fn the_queue_holds_what_can_be_computed_in_two_seconds() {
    let pool = HashPool::start(Options {
        threads: NonZeroUsize::new(1),
        ..Options::default()
    })
    .unwrap();
    assert_eq!(pool.capacity(), 134);
    pool.shared.counters.computed(Duration::from_millis(100));
    assert_eq!(pool.capacity(), 20);
    let slow = HashPool::start(Options {
        threads: NonZeroUsize::new(2),
        ..Options::default()
    })
    .unwrap();
    slow.shared.counters.computed(Duration::from_secs(60));
    assert_eq!(slow.capacity(), 8);
}

#[tokio::test]
async fn the_cost_of_an_unknown_account_is_that_of_a_known_one() {
    let pool = HashPool::start(Options::default()).unwrap();
    let password = secret("correct horse");
    let phc = pool.hash(LANE, &password, SALT).await.unwrap();
    assert_eq!(phc.cost(), Cost::default());
    let mut times = [Duration::MAX; 2];
    for _ in 0..12 {
        for (best, stored) in times.iter_mut().zip([Some(&phc), None]) {
            let begin = Instant::now();
            pool.verify(LANE, &secret("wrong"), stored).await.unwrap();
            *best = (*best).min(begin.elapsed());
        }
    }
    let [known, unknown] = times.map(|time| time.as_secs_f64());
    assert!((0.5..2.0).contains(&(known / unknown)), "{known} {unknown}");
}
