use super::*;

const ISSUER: IssuerId = IssuerId(1);

fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

fn peer(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_800_000_000).plus(seconds)
}

/// Fails `count` times with one name, all of which must be allowed.
fn fail(throttle: &Throttle, name: &str, from: &str, count: usize, now: Timestamp) {
    for _ in 0..count {
        throttle
            .attempt(ISSUER, Target::Nobody(name), peer(from), now)
            .unwrap()
            .failed();
    }
}

fn wait(throttle: &Throttle, name: &str, from: &str, now: Timestamp) -> u32 {
    throttle
        .attempt(ISSUER, Target::Nobody(name), peer(from), now)
        .map(Attempt::give_back)
        .err()
        .map_or(0, |throttled| throttled.retry_after)
}

#[test]
fn the_eleventh_failure_in_a_row_is_not_evaluated() {
    let throttle = Throttle::new(Limits::default());
    fail(&throttle, "alice", "192.0.2.1", 10, at(0));
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(1)), 899);
    assert_eq!(wait(&throttle, "alice", "198.51.100.7", at(1)), 899);
    assert_eq!(wait(&throttle, "bob", "192.0.2.1", at(1)), 0);
}

#[test]
fn an_attempt_is_allowed_again_when_the_oldest_failure_leaves_the_window() {
    let throttle = Throttle::new(Limits::default());
    fail(&throttle, "alice", "192.0.2.1", 1, at(0));
    fail(&throttle, "alice", "192.0.2.1", 9, at(600));
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(899)), 1);
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(900)), 0);
    fail(&throttle, "alice", "192.0.2.1", 1, at(900));
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(900)), 600);
}

#[test]
fn refused_attempts_do_not_prolong_the_lock() {
    let throttle = Throttle::new(Limits::default());
    fail(&throttle, "alice", "192.0.2.1", 10, at(0));
    for second in 1..900 {
        assert!(wait(&throttle, "alice", "192.0.2.1", at(second)) > 0);
    }
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(900)), 0);
}

#[test]
fn attempts_that_were_right_do_not_count() {
    let throttle = Throttle::new(Limits::default());
    for _ in 0..1000 {
        let target = subject("alice");
        let target = Target::Account(&target);
        throttle
            .attempt(ISSUER, target, peer("192.0.2.1"), at(0))
            .unwrap()
            .give_back();
    }
    assert_eq!(throttle.remembered(), (0, 0));
}

#[test]
fn a_right_password_does_not_wipe_out_the_failures_before_it() {
    let throttle = Throttle::new(Limits::default());
    fail(&throttle, "alice", "192.0.2.1", 9, at(0));
    throttle
        .attempt(ISSUER, Target::Nobody("alice"), None, at(1))
        .unwrap()
        .give_back();
    fail(&throttle, "alice", "192.0.2.1", 1, at(2));
    assert!(wait(&throttle, "alice", "192.0.2.1", at(3)) > 0);
}

#[test]
fn attempts_in_flight_count_already() {
    let throttle = Throttle::new(Limits::default());
    let flying: Vec<_> = (0..10)
        .map(|_| {
            throttle
                .attempt(ISSUER, Target::Nobody("alice"), None, at(0))
                .unwrap()
        })
        .collect();
    assert!(
        throttle
            .attempt(ISSUER, Target::Nobody("alice"), None, at(0))
            .is_err()
    );
    for attempt in flying {
        attempt.give_back();
    }
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(0)), 0);
}

#[test]
fn a_burst_of_two_hundred_in_parallel_evaluates_at_most_the_limit() {
    let throttle = Throttle::new(Limits::default());
    let alice = subject("alice");
    let evaluated = std::sync::atomic::AtomicUsize::new(0);
    let start = std::sync::Barrier::new(200);
    std::thread::scope(|scope| {
        for number in 0_u8..200 {
            let (throttle, alice, evaluated, start) = (&throttle, &alice, &evaluated, &start);
            scope.spawn(move || {
                start.wait();
                let peer = Some(IpAddr::from([192, 0, 2, number]));
                if throttle
                    .attempt(ISSUER, Target::Account(alice), peer, at(0))
                    .is_ok()
                {
                    evaluated.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(evaluated.into_inner(), 10);
}

#[test]
fn spraying_one_password_over_many_names_stops_at_the_limit_of_the_network() {
    let throttle = Throttle::new(Limits::default());
    for number in 0..100 {
        fail(&throttle, &format!("user{number}"), "192.0.2.1", 1, at(0));
    }
    assert_eq!(wait(&throttle, "user100", "192.0.2.1", at(10)), 890);
    assert_eq!(wait(&throttle, "user100", "192.0.2.2", at(10)), 0);
}

#[test]
fn who_has_a_site_does_not_have_the_tries_of_all_its_networks() {
    let limits = Limits {
        per_account: 1000,
        per_network: 2,
        ..Limits::default()
    };
    let throttle = Throttle::new(limits);
    // Sixteen networks' worth, each from two networks more.
    for network in 0..32 {
        let from = format!("2001:db8:1:{network:x}::1");
        fail(&throttle, &from, &from, 1, at(0));
    }
    assert_eq!(wait(&throttle, "new", "2001:db8:1:ffff::1", at(1)), 899);
    // Another site, and addresses without sites, are not touched.
    assert_eq!(wait(&throttle, "new", "2001:db8:2:ffff::1", at(1)), 0);
    assert_eq!(wait(&throttle, "new", "192.0.2.1", at(1)), 0);
    // What was refused, and what was given back, does not count.
    assert_eq!(wait(&throttle, "new", "2001:db8:1:ffff::1", at(900)), 0);
    for network in 0..31 {
        let from = format!("2001:db8:3:{network:x}::1");
        fail(&throttle, &from, &from, 1, at(0));
    }
    for _ in 0..3 {
        assert_eq!(wait(&throttle, "new", "2001:db8:3:ffff::1", at(1)), 0);
    }
}

#[test]
fn addresses_of_one_ipv6_network_share_a_limit_and_mapped_addresses_are_ipv4() {
    let throttle = Throttle::new(Limits {
        per_network: 1,
        ..Limits::default()
    });
    fail(&throttle, "a", "2001:db8:1:2::1", 1, at(0));
    assert!(wait(&throttle, "b", "2001:db8:1:2:ffff:ffff:ffff:ffff", at(0)) > 0);
    assert_eq!(wait(&throttle, "b", "2001:db8:1:3::1", at(0)), 0);
    fail(&throttle, "c", "::ffff:192.0.2.1", 1, at(0));
    assert!(wait(&throttle, "d", "192.0.2.1", at(0)) > 0);
    assert_eq!(wait(&throttle, "d", "::ffff:192.0.2.2", at(0)), 0);
}

#[test]
fn nobody_and_somebody_are_locked_alike_and_never_share_a_count() {
    let throttle = Throttle::new(Limits::default());
    let alice = subject("alice");
    for _ in 0..10 {
        throttle
            .attempt(ISSUER, Target::Account(&alice), None, at(0))
            .unwrap()
            .failed();
    }
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(1)), 0);
    fail(&throttle, "alice", "192.0.2.1", 10, at(0));
    let account = throttle
        .attempt(ISSUER, Target::Account(&alice), None, at(1))
        .unwrap_err();
    assert_eq!(
        account.retry_after,
        wait(&throttle, "alice", "192.0.2.1", at(1))
    );
}

#[test]
fn issuers_do_not_share_counts() {
    let throttle = Throttle::new(Limits::default());
    fail(&throttle, "alice", "192.0.2.1", 10, at(0));
    let other = throttle.attempt(
        IssuerId(2),
        Target::Nobody("alice"),
        peer("192.0.2.1"),
        at(0),
    );
    other.unwrap().give_back();
}

#[test]
fn a_lock_of_the_network_uses_no_attempt_of_the_account() {
    let throttle = Throttle::new(Limits {
        per_network: 1,
        ..Limits::default()
    });
    fail(&throttle, "other", "192.0.2.1", 1, at(0));
    for _ in 0..50 {
        assert!(wait(&throttle, "alice", "192.0.2.1", at(0)) > 0);
    }
    assert_eq!(throttle.remembered(), (1, 1));
}

#[test]
fn memory_is_bounded_and_the_most_attacked_are_remembered_longest() {
    let throttle = Throttle::new(Limits {
        remembered: 100,
        ..Limits::default()
    });
    fail(&throttle, "alice", "192.0.2.1", 10, at(0));
    for number in 0..10_000 {
        throttle
            .attempt(
                ISSUER,
                Target::Nobody(&format!("junk{number}")),
                None,
                at(1),
            )
            .unwrap()
            .failed();
        assert!(throttle.remembered().0 <= 100);
    }
    assert!(wait(&throttle, "alice", "192.0.2.1", at(2)) > 0);
}

#[test]
fn a_limit_of_zero_allows_nothing_and_waits_at_least_a_second() {
    let throttle = Throttle::new(Limits {
        per_account: 0,
        ..Limits::default()
    });
    assert!(wait(&throttle, "alice", "192.0.2.1", at(0)) >= 1);
}

#[test]
fn a_clock_that_goes_back_locks_nobody_for_longer_than_the_window() {
    let throttle = Throttle::new(Limits::default());
    fail(&throttle, "alice", "192.0.2.1", 10, at(0));
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(-100)), 900);
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(-86_400)), 900);
    // After the longest wait that was named, counted by the clock that went back.
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(-86_400 + 900)), 0);
    assert_eq!(wait(&throttle, "alice", "192.0.2.1", at(900)), 0);
}

/// Other processes that have counted, and what they are told.
#[derive(Debug, Default)]
struct Others {
    wait: Option<i64>,
    told: Mutex<Vec<(IpAddr, i64)>>,
}

impl Elsewhere for Others {
    fn wait(&self, _: IssuerId, _: IpAddr, most: usize) -> Option<i64> {
        assert_eq!(most, 100);
        self.wait
    }

    fn changed(&self, _: IssuerId, network: IpAddr, window: i64, by: i64) {
        assert_eq!(window, 900);
        self.told.lock().unwrap().push((network, by));
    }
}

#[test]
fn other_processes_are_told_of_networks_and_keep_one_away() {
    let peer: IpAddr = "2001:db8::7".parse().unwrap();
    let network: IpAddr = "2001:db8::".parse().unwrap();
    let now = Timestamp(1_000_000);
    let target = Target::Nobody("alice");
    let attempt = |others: &Arc<Others>, peer| {
        let throttle = Throttle::new(Limits::default())
            .with_elsewhere(Some(Arc::clone(others) as _))
            .anew(Limits::default())
            .sharing(Limits::default());
        let attempt = throttle.attempt(IssuerId(1), target, peer, now);
        attempt.map(Attempt::give_back)
    };
    let silent = Arc::new(Others::default());
    attempt(&silent, Some(peer)).unwrap();
    assert_eq!(*silent.told.lock().unwrap(), [(network, 1), (network, -1)]);
    attempt(&silent, None).unwrap();
    assert_eq!(silent.told.lock().unwrap().len(), 2);

    let full = Arc::new(Others {
        wait: Some(77),
        ..Others::default()
    });
    let refused = attempt(&full, Some(peer)).unwrap_err();
    assert_eq!(refused, Throttled { retry_after: 77 });
    assert!(full.told.lock().unwrap().is_empty(), "nothing was counted");
    attempt(&full, None).unwrap();
}

// LG-04
#[test]
fn a_network_that_used_up_its_failures_does_not_hold_up_a_known_browser() {
    let throttle = Throttle::new(Limits {
        per_network: 20,
        ..Limits::default()
    });
    let from = "2001:db8::1";
    for name in 0..20 {
        fail(&throttle, &format!("nobody{name}"), from, 1, at(0));
    }
    assert!(wait(&throttle, "carol", from, at(1)) > 0);
    let alice = subject("alice");
    let known = |name| throttle.attempt(ISSUER, Target::Browser(&alice, name), peer(from), at(1));
    for _ in 0..10 {
        known(&[7; 16]).unwrap().failed();
    }
    // It has no more tries than an account has, and strangers of the network gain none by it.
    assert!(known(&[7; 16]).is_err());
    known(&[8; 16]).unwrap().give_back();
    let stranger = throttle.attempt(ISSUER, Target::Account(&alice), peer(from), at(1));
    assert!(stranger.is_err());
}
