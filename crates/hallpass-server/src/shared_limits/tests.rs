use super::*;

const WINDOW: Duration = Duration::from_secs(60);
const ISSUER: IssuerId = IssuerId(1);

fn limits() -> SharedLimits {
    SharedLimits::new(Zeroizing::new([7; 32]))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn change(limits: &SharedLimits, text: &str, by: i64) {
    limits.change(What::Registration, ISSUER, address(text), (WINDOW, by));
}

fn wait(limits: &SharedLimits, text: &str, most: usize) -> Option<Duration> {
    limits.wait(What::Registration, ISSUER, address(text), most)
}

/// Tells everything, and is answered that all have counted that many, for as long as that.
fn told(limits: &SharedLimits, total: i64, rest: Option<Duration>) -> Vec<i64> {
    let taken = limits.take();
    for (key, _) in &taken {
        limits.learn(*key, total, rest);
    }
    taken.iter().map(|(_, count)| count.untold).collect()
}

#[tokio::test(start_paused = true)]
async fn what_others_have_counted_holds_until_their_window_ends() {
    let limits = limits();
    change(&limits, "192.0.2.1", 1);
    assert_eq!(wait(&limits, "192.0.2.1", 1), None, "nobody was asked yet");
    let rest = Duration::from_secs(40);
    assert_eq!(told(&limits, 5, Some(rest)), [1]);
    assert_eq!(wait(&limits, "192.0.2.1", 5), Some(rest));
    assert_eq!(wait(&limits, "192.0.2.1", 6), None);
    assert_eq!(wait(&limits, "192.0.2.2", 5), None);
    change(&limits, "192.0.2.1", 1);
    assert_eq!(
        wait(&limits, "192.0.2.1", 6),
        Some(rest),
        "ours on top of it"
    );
    change(&limits, "192.0.2.1", -1);
    assert_eq!(wait(&limits, "192.0.2.1", 6), None);
    tokio::time::advance(rest).await;
    assert_eq!(wait(&limits, "192.0.2.1", 5), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_twice_and_what_is_given_back_is_taken_off() {
    let limits = limits();
    change(&limits, "192.0.2.1", 3);
    assert_eq!(told(&limits, 3, Some(WINDOW)), [3]);
    assert_eq!(told(&limits, 3, Some(WINDOW)), [0_i64; 0]);
    change(&limits, "192.0.2.1", 1);
    change(&limits, "192.0.2.1", -3);
    assert_eq!(told(&limits, 1, Some(WINDOW)), [-2]);
    // Within one turn it is as if nothing had been.
    change(&limits, "192.0.2.1", 1);
    change(&limits, "192.0.2.1", -1);
    assert_eq!(told(&limits, 1, Some(WINDOW)), [0_i64; 0]);
}

#[tokio::test(start_paused = true)]
async fn whatever_is_answered_nobody_waits_for_longer_than_the_window() {
    let limits = limits();
    for (total, rest) in [
        (i64::MAX, Some(Duration::MAX)),
        (i64::MAX, Some(Duration::from_secs(1 << 40))),
    ] {
        change(&limits, "192.0.2.1", 1);
        told(&limits, total, rest);
        assert_eq!(wait(&limits, "192.0.2.1", 10), Some(WINDOW));
    }
    // Less than nothing, and no end at all, mean nothing.
    change(&limits, "192.0.2.1", 1);
    told(&limits, i64::MIN, Some(WINDOW));
    assert_eq!(wait(&limits, "192.0.2.1", 1), None);
    change(&limits, "192.0.2.1", 1);
    told(&limits, 100, None);
    assert_eq!(wait(&limits, "192.0.2.1", 1), None);
}

#[tokio::test(start_paused = true)]
async fn issuers_and_kinds_are_counted_apart_and_a_64_of_ipv6_together() {
    let limits = limits();
    change(&limits, "2001:db8::1", 1);
    told(&limits, 9, Some(WINDOW));
    assert!(wait(&limits, "2001:db8::2", 9).is_some());
    assert!(wait(&limits, "2001:db8:0:1::2", 9).is_none());
    let one = address("2001:db8::1");
    assert!(limits.wait(What::SignIn, ISSUER, one, 9).is_none());
    assert!(
        limits
            .wait(What::Registration, IssuerId(2), one, 9)
            .is_none()
    );
    let names = [
        (What::SignIn, ISSUER, one),
        (What::Registration, ISSUER, one),
        (What::Registration, IssuerId(2), one),
    ]
    .map(|(what, issuer, address)| {
        limits.name(Key {
            what,
            issuer,
            address,
        })
    });
    assert!(names[0] != names[1] && names[1] != names[2]);
    assert!(names.iter().all(|name| !name.contains("2001")));
    let other = SharedLimits::new(Zeroizing::new([8; 32]));
    let key = Key {
        what: What::SignIn,
        issuer: ISSUER,
        address: one,
    };
    assert_ne!(other.name(key), names[0], "another installation");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_addresses_is_bounded_and_goes_with_its_window() {
    let limits = limits();
    for number in 0..100_000_u32 {
        let address = IpAddr::V4(number.into());
        limits.change(What::SignIn, ISSUER, address, (WINDOW, 1));
    }
    assert_eq!(limits.counts().len(), MOST);
    assert_eq!(limits.take().len(), AT_ONCE);
    tokio::time::advance(WINDOW).await;
    limits.forget();
    assert_eq!(limits.counts().len(), 0);
}
