//! Whether the time of an answer tells what nobody should learn. Classes are asked in turn, in an order that is shuffled, so
//! that a busy machine is as slow to one as to the other; a class is compared by its lower quartile, and the difference that
//! is allowed follows from a class that is measured twice under two names.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_accounts::{
    BuiltinAccounts, NewUser, Surroundings,
    hash::{Cost, HashPool, Options},
    throttle::Limits,
};
use hallpass_core::{client_request::ClientRequest, introspect::INACTIVE, sign_in::Method};
use hallpass_provider::{
    Failure,
    endpoints::{CodeRefused, Introspection},
    ports::{Entropy as _, PasswordSignIn as _, SignInAttempt, SignInOutcome},
};
use hallpass_testkit::{Ask, Op, Setup, fixture, html, ports::SeededEntropy};
use hallpass_types::{Params, Secret};

use super::second_factor;

/// The lower quartile of each class.
async fn quartiles<const N: usize>(
    samples: usize,
    ask: impl AsyncFnMut(usize, usize),
) -> [Duration; N] {
    measured(samples, ask).await.map(|times| quartile(&times))
}

/// Of times that are sorted.
fn quartile(times: &[Duration]) -> Duration {
    times[times.len() / 4]
}

/// The times of each class, sorted.
async fn measured<const N: usize>(
    samples: usize,
    mut ask: impl AsyncFnMut(usize, usize),
) -> [Vec<Duration>; N] {
    let entropy = SeededEntropy::new(7);
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    // Whatever is made at first use is made before.
    for class in 0..N {
        ask(class, usize::MAX).await;
    }
    for round in 0..samples {
        let mut order: [usize; N] = std::array::from_fn(|class| class);
        let mut drawn = [0; 2];
        for last in (1..N).rev() {
            entropy.fill(&mut drawn);
            let pick = usize::from(u16::from_be_bytes([drawn[0], drawn[1]])) % (last + 1);
            order.swap(last, pick);
        }
        for class in order {
            let begin = Instant::now();
            ask(class, round).await;
            times[class].push(begin.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times
    })
}

/// By how many standard deviations the ranks of one class are away from those of another (Mann and Whitney).
fn away(one: &[Duration], other: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> = one.iter().map(|time| (*time, true)).collect();
    all.extend(other.iter().map(|time| (*time, false)));
    all.sort_unstable();
    let count = |number: usize| f64::from(u32::try_from(number).unwrap());
    let mut ranks = 0.0;
    let mut place = 0;
    for same in all.chunk_by(|a, b| a.0 == b.0) {
        let rank = count(2 * place + same.len() + 1) / 2.0;
        ranks += rank * count(same.iter().filter(|(_, of_one)| *of_one).count());
        place += same.len();
    }
    let (n, m) = (count(one.len()), count(other.len()));
    let expected = n * (n + m + 1.0) / 2.0;
    (ranks - expected) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[test]
fn ranks_that_differ_are_seen_and_those_that_do_not_are_not() {
    let times = |from: u64| -> Vec<Duration> {
        let times = (0..1000).map(|of| from + of * 7 % 1000);
        times.map(Duration::from_nanos).collect()
    };
    assert!(away(&times(0), &times(0)).abs() < 0.001);
    assert!(away(&times(0), &times(100)) < -3.29);
    assert!(away(&times(100), &times(0)) > 3.29);
    assert!(away(&times(0), &times(20)).abs() < 3.29);
}

/// The first two classes are the same. The others differ from them by no more than three times what these do, and a part of
/// the whole.
#[track_caller]
fn assert_alike<const N: usize>(classes: [&str; N], quartiles: [Duration; N], allowed: Duration) {
    if let Some(problem) = unlike(classes, quartiles, allowed) {
        panic!("{problem}");
    }
}

/// The first class that is told apart.
fn unlike<const N: usize>(
    classes: [&str; N],
    quartiles: [Duration; N],
    allowed: Duration,
) -> Option<String> {
    let noise = quartiles[0].abs_diff(quartiles[1]);
    let allowed = allowed.max(noise * 3);
    classes.iter().zip(quartiles).find_map(|(class, time)| {
        let away = time.abs_diff(quartiles[0]).min(time.abs_diff(quartiles[1]));
        (away > allowed).then(|| format!("{class}: {away:?} of {allowed:?}, {quartiles:?}"))
    })
}

/// Accounts whose passwords cost a millisecond or more each, of anna and ben and of dora, who is disabled.
async fn accounts(op: &Op) -> BuiltinAccounts {
    let cost = Cost {
        memory_kib: 2048,
        iterations: 1,
        lanes: 1,
    };
    let options = Options {
        threads: NonZeroUsize::new(1),
        cost,
        ..Options::default()
    };
    let around = Surroundings {
        store: op.provider.store().clone(),
        clock: op.clock.clone(),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let pool = Arc::new(HashPool::start(options).unwrap());
    let limits = Limits {
        per_account: usize::MAX,
        per_network: usize::MAX,
        ..Limits::default()
    };
    let accounts = BuiltinAccounts::new(around, pool)
        .with_limits(limits)
        .with_refusal(Duration::ZERO);
    let issuer = op.provider.issuer_id();
    for name in ["anna", "ben", "dora"] {
        let new = NewUser {
            username: name.to_owned(),
            password: Some(Secret::new(format!("the pass phrase of {name}"))),
            claims: serde_json::Map::new(),
            must_change: false,
        };
        let user = accounts.create(issuer, new).await.unwrap();
        if name == "dora" {
            let off = accounts.set_disabled(issuer, &user.subject, true);
            off.await.unwrap();
        }
    }
    accounts
}

/// The protocol in full: `cargo test -p hallpass-testkit --test it whole_protocol -- --ignored`, with less or more samples by
/// `HALLPASS_SAMPLES`.
// LG-05 and §2.20
#[tokio::test]
#[ignore = "ten thousand samples of each class take minutes"]
#[expect(
    clippy::print_stdout,
    reason = "whoever runs it wants to see the figures"
)]
async fn the_whole_protocol_tells_no_name_from_another() {
    let samples = std::env::var("HALLPASS_SAMPLES").ok();
    let samples = samples.map_or(10_000, |number| number.parse().unwrap());
    let op = Op::start().await;
    let accounts = accounts(&op).await;
    let classes = ["known", "known again", "another", "disabled", "unknown"];
    let names = ["anna", "anna", "ben", "dora"];
    let password = Secret::new("wrong password".to_owned());
    let times: [Vec<Duration>; 5] = measured(samples, async |class, round| {
        let unknown = format!("nobody-{round}");
        let attempt = SignInAttempt {
            issuer: op.provider.issuer_id(),
            username: names.get(class).copied().unwrap_or(&unknown),
            password: &password,
            peer: None,
            known: &[],
        };
        let outcome = accounts.sign_in(attempt).await.unwrap();
        assert!(matches!(outcome, SignInOutcome::Refused), "{outcome:?}");
    })
    .await;
    let of = |class: usize| quartile(&times[class]);
    let noise = of(0).abs_diff(of(1));
    for (class, name) in classes.into_iter().enumerate().skip(1) {
        let (effect, ranks) = (of(0).abs_diff(of(class)), away(&times[0], &times[class]));
        println!(
            "{name}: lower quartile {:?}, {effect:?} away, ranks {ranks:.2}",
            of(class)
        );
        let told = effect > noise * 3 && effect > Duration::from_micros(50) && ranks.abs() > 3.29;
        assert!(!told, "{name}: {effect:?} away where {noise:?} is noise");
    }
}

// LG-05: every name costs one hash
#[tokio::test]
async fn a_sign_in_takes_as_long_for_every_name() {
    let op = Op::start().await;
    let accounts = accounts(&op).await;
    let names = ["anna", "ben", "dora", "nobody"];
    let password = Secret::new("wrong password".to_owned());
    let times = quartiles(150, async |class, round| {
        let unknown = format!("nobody-{round}");
        let attempt = SignInAttempt {
            issuer: op.provider.issuer_id(),
            username: if class == 3 { &unknown } else { names[class] },
            password: &password,
            peer: None,
            known: &[],
        };
        let outcome = accounts.sign_in(attempt).await.unwrap();
        assert!(matches!(outcome, SignInOutcome::Refused), "{outcome:?}");
    });
    let times = times.await;
    // A name that costs no hash would stand out.
    assert!(times[0] > Duration::from_micros(500), "{times:?}");
    assert_alike(names, times, times[0] / 5);
}

/// Hashes that other systems made, by whom they are of. None of them takes as long as one of today's.
const IMPORTED: [(&str, &str); 4] = [
    (
        "bea",
        "$2b$08$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
    ),
    (
        "pia",
        "$pbkdf2-sha256$i=3000,l=32$c2l4dGVlbiBieXRlIHNsdA$FR9Zs8h7eX6Y7D3B+m3Zepk5DP6mMXNac85I63StulE",
    ),
    (
        "sue",
        "$scrypt$ln=13,r=8,p=1$c2l4dGVlbiBieXRlIHNsdA$FR9Zs8h7eX6Y7D3B+m3Zepk5DP6mMXNac85I63StulE",
    ),
    (
        "ole",
        "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlIHNsdA$FR9Zs8h7eX6Y7D3B+m3Zepk5DP6mMXNac85I63StulE",
    ),
];

/// How long refusals take for somebody with a hash of today's, the same again, nobody, and whoever has a hash of another system.
async fn refusals(op: &Op, accounts: &BuiltinAccounts, samples: usize) -> [Duration; 7] {
    let password = Secret::new("wrong password".to_owned());
    quartiles(samples, async |class, round| {
        let unknown = format!("nobody-{round}");
        let imported = class.checked_sub(3).map(|of| IMPORTED[of].0);
        let attempt = SignInAttempt {
            issuer: op.provider.issuer_id(),
            username: imported.unwrap_or(if class == 2 { &unknown } else { "anna" }),
            password: &password,
            peer: None,
            known: &[],
        };
        let outcome = accounts.sign_in(attempt).await.unwrap();
        assert!(matches!(outcome, SignInOutcome::Refused), "{outcome:?}");
    })
    .await
}

// LG-05 and §2.20 for people who have not signed in since they came from another system
#[tokio::test]
async fn a_sign_in_takes_as_long_whatever_made_the_hash() {
    let op = Op::start().await;
    let accounts = accounts(&op).await;
    for (name, hash) in IMPORTED {
        let new = NewUser {
            username: name.to_owned(),
            password: None,
            claims: serde_json::Map::new(),
            must_change: false,
        };
        let hash = Some(hash.to_owned());
        let user = accounts.import(op.provider.issuer_id(), new, hash, false);
        user.await.unwrap();
    }
    // Without the wait they are told apart, so that this would be seen; on a very busy machine not always at once.
    let mut bare = Vec::new();
    let told_apart = |bare: &[Duration; 7]| {
        bare[3].abs_diff(bare[2]) > bare[2] / 2 && bare[6].abs_diff(bare[2]) > bare[2] / 4
    };
    for _ in 0..5 {
        bare.push(refusals(&op, &accounts, 12).await);
        if bare.last().is_some_and(told_apart) {
            break;
        }
    }
    assert!(bare.last().is_some_and(told_apart), "{bare:?}");
    let wait = Duration::from_millis(120);
    let accounts = accounts.with_refusal(wait);
    let classes = ["known", "again", "unknown", "bcrypt", "pbkdf2", "scrypt"];
    let all: [&str; 7] = std::array::from_fn(|of| classes.get(of).copied().unwrap_or("argon2"));
    // A difference that is there is there each time; one that a busy machine makes is not.
    let mut problem = None;
    for _ in 0..5 {
        let times = refusals(&op, &accounts, 20).await;
        assert!(times.iter().all(|time| *time >= wait), "{times:?}");
        // Two milliseconds, or as many more as the machine is slower.
        problem = unlike(all, times, Duration::from_millis(2).max(times[2] / 60));
        if problem.is_none() {
            break;
        }
    }
    assert_eq!(problem, None);
}

// TK-58: the time tells neither who is a client nor how much of a secret is right
#[tokio::test]
async fn a_wrong_secret_takes_as_long_for_every_client() {
    for op in [Op::start().await, Setup::default().sqlite().start().await] {
        wrong_secrets_take_as_long(&op).await;
    }
}

async fn wrong_secrets_take_as_long(op: &Op) {
    let right = fixture::secret("web");
    let mut near = right.to_owned();
    near.pop();
    near.push('x');
    let classes = ["wrong", "wrong again", "right at first", "unknown"];
    let secrets = ["hpk_wrong", "hpk_wrong", &near, "hpk_wrong"];
    let times = quartiles(3000, async |class, round| {
        let id = if class == 3 {
            format!("nobody-{round}")
        } else {
            "web".to_owned()
        };
        let params = Params::from_pairs([
            ("grant_type", "client_credentials"),
            ("client_id", &id),
            ("client_secret", secrets[class]),
        ]);
        let request = ClientRequest::new(&params, None);
        assert!(op.provider.token(&request).await.is_err());
    });
    assert_alike(classes, times.await, Duration::from_micros(50));
}

// IN-07: the time tells neither whether a token was nearly right nor where it was wrong
#[tokio::test]
async fn a_token_that_is_none_takes_as_long_wherever_it_is_wrong() {
    for op in [Op::start().await, Setup::default().sqlite().start().await] {
        let caller = basic("rs1", fixture::secret("rs1"));
        let mut browser = op.browser();
        let tokens = browser.code_flow("web", "openid offline_access").await;
        for genuine in [tokens.access.as_str(), tokens.refresh()] {
            let near = |place: usize| {
                let mut bytes = genuine.as_bytes().to_vec();
                bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
                String::from_utf8(bytes).unwrap()
            };
            let (late, early) = (near(genuine.len() - 4), near(genuine.len() / 2));
            let prefix = genuine.split_once('_').unwrap().0;
            let made_up = "Q".repeat(genuine.len() - prefix.len() - 1);
            let made_up = format!("{prefix}_{made_up}");
            let classes = ["wrong at the end", "again", "wrong before", "made up"];
            let texts = [&late, &late, &early, &made_up];
            let times = quartiles(1000, async |class, _| {
                let params = Params::from_pairs([("token", texts[class].as_str())]);
                let request = ClientRequest::new(&params, Some(&caller));
                let answer = op.provider.introspect(&request).await.unwrap();
                assert!(matches!(&answer, Introspection::Json(body) if body == INACTIVE));
            });
            assert_alike(classes, times.await, Duration::from_micros(50));
        }
    }
}

// CB-02: whom nobody can ask is answered in the same time whether they are nobody or switched off; and a client that looks for
// people learns nothing any more
#[tokio::test]
async fn a_hint_that_names_nobody_takes_as_long_whoever_it_names() {
    let setup = || {
        super::backchannel::setup().policy(|policy| policy.backchannel.unknown_people = 1_000_000)
    };
    for op in [setup().start().await, setup().sqlite().start().await] {
        let classes = ["unknown", "unknown again", "switched off"];
        let times = quartiles(1000, async |class, round| {
            let unknown = format!("nobody-{round}");
            let name = if class == 2 { "carol" } else { &unknown };
            let refused = asked(&op, name).await;
            assert!(
                matches!(&refused, Failure::Refused(r) if r.id == "backchannel_person_unknown")
            );
        });
        assert_alike(classes, times.await, Duration::from_micros(50));
    }
    let op = super::backchannel::setup()
        .policy(|policy| policy.backchannel.unknown_people = 1)
        .start()
        .await;
    while !matches!(asked(&op, "nobody").await, Failure::Throttled { .. }) {}
    let classes = ["known", "known again", "unknown", "switched off"];
    let times = quartiles(1000, async |class, _| {
        let name = ["alice", "alice", "nobody", "carol"][class];
        assert!(matches!(asked(&op, name).await, Failure::Throttled { .. }));
    });
    assert_alike(classes, times.await, Duration::from_micros(50));
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Why a person cannot be asked.
async fn asked(op: &Op, name: &str) -> Failure {
    let params = Params::from_pairs([("scope", "openid"), ("login_hint", name)]);
    let caller = basic("bank", super::backchannel::SECRET);
    let request = ClientRequest::new(&params, Some(&caller));
    let answer = op.provider.backchannel_authentication(&request).await;
    answer.unwrap_err()
}

// LG-06: neither a page nor its time tells whether an address has an account
#[tokio::test]
async fn a_mail_is_asked_for_in_the_same_time_for_every_address() {
    let op = Op::with(|policy| {
        policy.people.mails_per_address = u32::MAX;
        policy.people.mails_per_network = u32::MAX;
    })
    .await;
    let mut browser = op.browser();
    let page = browser.get("/recover").await.text();
    let form = html::form(&page, "recover");
    let classes = ["known", "known again", "unknown"];
    let names = ["alice", "alice", "nobody"];
    let times = quartiles(300, async |class, _| {
        let address = format!("{}@example.test", names[class]);
        let pairs: Vec<(&str, &str)> = form
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| *name != "email")
            .chain([("email", address.as_str())])
            .collect();
        let ask = Ask::form(&form.action, &pairs).header("Origin", fixture::ISSUER);
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
    let times = times.await;
    assert_alike(
        classes,
        times,
        (times[0] / 10).max(Duration::from_micros(100)),
    );
}

// LG-06 and §2.20 for sign-up, recovery and codes by mail: asking looks nobody up, whoever has the address
#[tokio::test]
async fn asking_for_a_mail_takes_as_long_for_every_address() {
    let op = Op::with(|policy| {
        policy.people.sign_up = hallpass_core::policy::SignUp::Open;
        policy.people.mails_per_network = u32::MAX;
        policy.people.mails_per_address = u32::MAX;
        policy.sign_in.methods.push(Method::EmailCode);
    })
    .await;
    let (handle, browser) = at_sign_in(&op).await;
    let classes = ["known", "known again", "disabled", "unknown"];
    let addresses = [
        "alice@example.test",
        "alice@example.test",
        "carol@example.test",
    ];
    for what in ["sign-up", "recovery", "code"] {
        let times = quartiles(120, async |class, round| {
            let unknown = format!("nobody-{round}@new.test");
            let address = addresses.get(class).map_or(unknown.as_str(), |known| known);
            let address = hallpass_types::EmailAddress::parse(address).unwrap();
            let provider = &op.provider;
            match what {
                "sign-up" => drop(
                    provider
                        .sign_up_asked(&handle, &browser, &address, None)
                        .await
                        .unwrap(),
                ),
                "recovery" => drop(
                    provider
                        .recovery_asked(None, &browser, &address, None)
                        .await
                        .unwrap(),
                ),
                _ => drop(
                    provider
                        .sign_in_code_asked(&handle, &browser, &address, None)
                        .await
                        .unwrap(),
                ),
            }
        })
        .await;
        assert_alike(classes, times, times[0] / 4);
    }
}

// LG-05 and §2.20 for recovery codes as the first proof: as much is looked up for every name
#[tokio::test]
async fn a_recovery_code_takes_as_long_for_every_name() {
    let op = Op::with(|policy| policy.sign_in.methods.push(Method::RecoveryCode)).await;
    let (_, secret) = second_factor::enrolled(&op).await;
    second_factor::new_codes(&op, &secret).await;
    let classes = ["with codes", "with codes again", "without codes", "unknown"];
    let names = ["alice", "alice", "bob"];
    let mut at = None;
    let times = quartiles(160, async |class, round| {
        // Five tries of a name are looked at within a window; alice has two in a round.
        if class == 0 && (round % 2 == 0 || at.is_none()) {
            op.clock.advance(900);
            at = None;
        }
        let (handle, browser) = match &mut at {
            Some(at) => at,
            none @ None => none.insert(at_sign_in(&op).await),
        };
        let unknown = format!("nobody-{round}");
        let name = names.get(class).map_or(unknown.as_str(), |known| known);
        let typed = (name, "00000-00000");
        let given = op.provider.recovery_given(handle, browser, typed, None);
        let refused = given.await.unwrap().unwrap_err();
        assert_eq!(refused, CodeRefused::Wrong, "{name}");
    });
    let times = times.await;
    assert_alike(classes, times, times[0] / 4);
}

/// A browser that is asked who it is, as the provider sees it, with the handle of its page.
async fn at_sign_in(op: &Op) -> (String, hallpass_provider::browser::Browser) {
    let mut here = op.browser();
    let request = hallpass_testkit::Request::of("first", "openid");
    let answer = here.send(request.get()).await;
    let handle = hallpass_testkit::wire::param(answer.location(), "handle").unwrap();
    let browser = hallpass_provider::browser::Browser {
        binding: here.cookie("browser").map(str::to_owned),
        ..hallpass_provider::browser::Browser::default()
    };
    (handle, browser)
}
