use std::{net::IpAddr, sync::Arc, sync::atomic::Ordering};

use hallpass_provider::ports::{KnownBrowser, PasswordSignIn as _, SignInAttempt, SignInOutcome};

use super::super::tests::{CHEAP, ISSUER, World, built_on, create, secret, world};
use hallpass_store::{UserRecord, attempts::FREE};
use hallpass_types::Bucket;

use super::*;

/// Two processes over one store.
fn two(world: &World) -> [Arc<BuiltinAccounts>; 2] {
    [0, 1].map(|_| Arc::new(built_on(&world.around, CHEAP).with_attempts_everywhere([3; 32])))
}

async fn sign_in(
    accounts: &BuiltinAccounts,
    name: &str,
    password: &str,
    last: u8,
) -> SignInOutcome {
    sign_in_by(accounts, name, password, last, &[]).await
}

async fn sign_in_by(
    accounts: &BuiltinAccounts,
    name: &str,
    password: &str,
    last: u8,
    known: &[KnownBrowser],
) -> SignInOutcome {
    let attempt = SignInAttempt {
        issuer: ISSUER,
        username: name,
        password: &secret(password),
        peer: Some(IpAddr::from([192, 0, 2, last])),
        known,
    };
    accounts.sign_in(attempt).await.unwrap()
}

fn is_throttled(outcome: &SignInOutcome) -> bool {
    matches!(outcome, SignInOutcome::Throttled { .. })
}

/// How many rows there are that expire.
async fn rows(world: &World) -> u64 {
    world
        .around
        .store
        .purge(Bucket(u32::MAX), 1000)
        .await
        .unwrap()
}

// LG-05: the same for a name of nobody
#[tokio::test]
async fn a_lock_holds_in_every_process_and_ends_in_every_process() {
    let world = world();
    create(&world.accounts, "ada", "correct horse").await;
    for name in ["ada", "nobody"] {
        let nodes = two(&world);
        let mut evaluated = 0;
        for attempt in 0..40_usize {
            let outcome = sign_in(&nodes[attempt % 2], name, "wrong", 1).await;
            if is_throttled(&outcome) {
                break;
            }
            assert!(matches!(outcome, SignInOutcome::Refused));
            evaluated += 1;
        }
        assert!((10..=10 + FREE).contains(&evaluated), "{name}: {evaluated}");
        for node in &nodes {
            let outcome = sign_in(node, name, "correct horse", 2).await;
            let SignInOutcome::Throttled { retry_after } = outcome else {
                panic!("{name}: {outcome:?}");
            };
            assert!((1..=900).contains(&retry_after));
        }
        // Nor does a restart end it.
        let [fresh, _] = two(&world);
        assert!(is_throttled(
            &sign_in(&fresh, name, "correct horse", 3).await
        ));
        world.clock.0.fetch_add(900, Ordering::SeqCst);
        for node in &nodes {
            let outcome = sign_in(node, name, "correct horse", 4).await;
            assert!(!is_throttled(&outcome), "{name}");
        }
    }
}

// LG-04, LG-32
#[tokio::test]
async fn a_known_browser_has_tries_of_its_own_in_every_process_and_strangers_do_not_use_them_up() {
    let world = world();
    let ada = create(&world.accounts, "ada", "correct horse").await;
    let eve = create(&world.accounts, "eve", "battery staple").await;
    let of = |user: &UserRecord, since, name| KnownBrowser {
        subject: user.subject.clone(),
        epoch: user.epoch + since,
        name: [name; 16],
    };
    let own = [of(&eve, 0, 1), of(&ada, 0, 1)];
    let nodes = two(&world);
    for attempt in 0..40_u8 {
        sign_in(&nodes[usize::from(attempt % 2)], "ada", "wrong", attempt).await;
    }
    for node in &nodes {
        assert!(is_throttled(
            &sign_in(node, "ada", "correct horse", 90).await
        ));
        let outcome = sign_in_by(node, "ada", "correct horse", 91, &own).await;
        assert!(
            matches!(outcome, SignInOutcome::SignedIn { .. }),
            "{outcome:?}"
        );
        // That of somebody else, or from before the password changed, is none.
        for other in [of(&eve, 0, 1), of(&ada, 1, 1)] {
            let outcome = sign_in_by(node, "ada", "correct horse", 92, &[other]).await;
            assert!(is_throttled(&outcome), "{outcome:?}");
        }
    }
    // Whoever has the cookie has as many tries as the account, on all nodes together, and takes none of another browser.
    let mut evaluated = 0;
    for attempt in 0..40_usize {
        let outcome = sign_in_by(&nodes[attempt % 2], "ada", "wrong", 93, &own).await;
        evaluated += usize::from(!is_throttled(&outcome));
    }
    assert!((10..=10 + FREE).contains(&evaluated), "{evaluated}");
    for node in &nodes {
        let outcome = sign_in_by(node, "ada", "correct horse", 94, &own).await;
        assert!(is_throttled(&outcome), "{outcome:?}");
        let outcome = sign_in_by(node, "ada", "correct horse", 94, &[of(&ada, 0, 2)]).await;
        assert!(matches!(outcome, SignInOutcome::SignedIn { .. }));
    }
}

#[tokio::test]
async fn whoever_mistypes_once_writes_nothing_and_the_row_of_an_attack_goes() {
    let world = world();
    create(&world.accounts, "ada", "correct horse").await;
    let [one, two] = two(&world);
    for node in [&one, &two] {
        sign_in(node, "ada", "wrong", 1).await;
        sign_in(node, "ada", "correct horse", 1).await;
    }
    assert_eq!(rows(&world).await, 0);
    for name in ["ada", "nobody"] {
        for _ in 0..20 {
            sign_in(&one, name, "wrong", 1).await;
        }
    }
    assert_eq!(rows(&world).await, 2, "one for each, however many attempts");
}

#[tokio::test]
async fn a_right_password_is_given_back_everywhere() {
    let world = world();
    create(&world.accounts, "ada", "correct horse").await;
    let [one, two] = two(&world);
    for _ in 0..5 {
        sign_in(&one, "ada", "wrong", 1).await;
    }
    for _ in 0..30 {
        let outcome = sign_in(&two, "ada", "correct horse", 2).await;
        assert!(matches!(outcome, SignInOutcome::SignedIn { .. }));
    }
}

#[tokio::test]
async fn attempts_of_the_window_before_count_until_they_leave() {
    let world = world();
    create(&world.accounts, "ada", "correct horse").await;
    // To the last second of a window.
    let now = world.clock.0.load(Ordering::SeqCst);
    world
        .clock
        .0
        .store(now.div_euclid(900) * 900 + 899, Ordering::SeqCst);
    let [one, _] = two(&world);
    for _ in 0..10 {
        sign_in(&one, "ada", "wrong", 1).await;
    }
    let [fresh, _] = two(&world);
    for (after, throttled) in [(1, true), (898, true), (1, false)] {
        world.clock.0.fetch_add(after, Ordering::SeqCst);
        let outcome = sign_in(&fresh, "ada", "correct horse", 2).await;
        assert_eq!(is_throttled(&outcome), throttled, "{after}");
    }
}

#[tokio::test]
async fn issuers_and_processes_with_another_key_count_apart() {
    let world = world();
    create(&world.accounts, "ada", "correct horse").await;
    let [one, _] = two(&world);
    for _ in 0..12 {
        sign_in(&one, "ada", "wrong", 1).await;
    }
    let other = built_on(&world.around, CHEAP).with_attempts_everywhere([4; 32]);
    let outcome = sign_in(&other, "ada", "correct horse", 2).await;
    assert!(matches!(outcome, SignInOutcome::SignedIn { .. }));
    let limits = Limits::default();
    let place = |issuer| {
        let issuer = IssuerId(issuer);
        place(&[3; 32], issuer, Target::Nobody("a"), limits, Timestamp(0))
    };
    assert_ne!(place(1), place(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_over_two_processes_evaluates_no_more_than_the_limit() {
    let world = world();
    create(&world.accounts, "ada", "correct horse").await;
    let nodes = two(&world);
    let tasks: Vec<_> = (0_u8..100)
        .map(|number| {
            let node = Arc::clone(&nodes[usize::from(number % 2)]);
            tokio::spawn(async move { sign_in(&node, "ada", "wrong", number).await })
        })
        .collect();
    let mut evaluated = 0;
    for task in tasks {
        evaluated += usize::from(!is_throttled(&task.await.unwrap()));
    }
    let most = 10 + 2 * FREE;
    assert!((1..=most).contains(&evaluated), "{evaluated}");
    for node in &nodes {
        for _ in 0..12 {
            sign_in(node, "ada", "wrong", 1).await;
        }
        assert!(is_throttled(
            &sign_in(node, "ada", "correct horse", 1).await
        ));
    }
}
