//! Several nodes over one store, with no stickiness: every request goes to another node than the one before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hallpass_core::sign_in::Method;
use hallpass_testkit::{Ask, Browser, Op, Request, Setup, html, wire};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Two nodes, and where each connection reaches the other one.
struct Nodes {
    ops: [Op; 2],
    address: SocketAddr,
    turns: Arc<AtomicUsize>,
}

impl Nodes {
    async fn start(setup: impl Fn() -> Setup) -> Self {
        let first = setup().start().await;
        let second = setup().joining(&first).start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ends = [first.address(), second.address()];
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        tokio::spawn(async move {
            while let Ok((mut inward, _)) = listener.accept().await {
                let turn = counted.fetch_add(1, Ordering::SeqCst);
                let end = ends[turn % 2];
                tokio::spawn(async move {
                    let mut outward = TcpStream::connect(end).await.unwrap();
                    drop(copy_bidirectional(&mut inward, &mut outward).await);
                });
            }
        });
        Self {
            ops: [first, second],
            address,
            turns,
        }
    }

    fn browser(&self) -> Browser {
        self.ops[0].browser_at(self.address)
    }
}

async fn both_stores() -> Vec<Nodes> {
    vec![
        Nodes::start(Setup::default).await,
        Nodes::start(|| Setup::default().sqlite()).await,
    ]
}

// No sticky sessions: F07's ground. What a restart keeps, the tests of kill -9 show.
#[tokio::test]
async fn s39_a_sign_in_with_all_that_follows_needs_no_node_twice() {
    for nodes in both_stores().await {
        let mut browser = nodes.browser();
        let request = Request::of("web", "openid email offline_access");
        let tokens = browser.flow_of("alice", "web", &request).await;
        assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
        assert!(browser.is_active("web", &tokens.access).await);
        let answer = browser.refresh("web", tokens.refresh()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        // The session is one everywhere.
        let silent = Request::of("web", "openid").with("prompt", "none");
        for _ in 0..2 {
            let answer = browser.send(silent.get()).await;
            assert!(wire::param(answer.location(), "code").is_some());
        }
        // Pushed here, used there.
        let pushed: Vec<(&str, &str)> = request
            .0
            .iter()
            .filter(|(name, _)| name != "client_id")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = browser.call("web", "/par", &pushed).await;
        let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
        let bring = Ask::query("/authorize", &[("client_id", "web"), ("request_uri", &uri)]);
        let answer = browser.send(bring).await;
        assert!(
            wire::param(answer.location(), "code").is_some(),
            "{}",
            answer.location()
        );
        let answer = browser
            .query(
                "/logout",
                &[("id_token_hint", tokens.id.as_deref().unwrap())],
            )
            .await;
        assert!(answer.status < 400, "{}", answer.text());
        for _ in 0..2 {
            assert_eq!(browser.send(silent.get()).await.error(), "login_required");
        }
        assert!(
            nodes.turns.load(Ordering::SeqCst) > 15,
            "each on its own connection"
        );
    }
}

// TK-29, LO-08
#[tokio::test]
async fn what_one_node_revokes_is_over_at_the_other_at_once() {
    for nodes in both_stores().await {
        let [one, two] = &nodes.ops;
        let (mut here, mut there) = (one.browser(), two.browser());
        let request = Request::of("web", "openid offline_access");
        let tokens = here.flow_of("alice", "web", &request).await;
        assert!(there.is_active("web", &tokens.access).await);
        let revoked = here
            .call("web", "/revoke", &[("token", tokens.refresh())])
            .await;
        assert_eq!(revoked.status, 200);
        assert!(!there.is_active("web", &tokens.access).await);
        assert_eq!(there.userinfo(&tokens.access).await.status, 401);
        assert_eq!(
            there.refresh("web", tokens.refresh()).await.error(),
            "invalid_grant"
        );
    }
}

/// The stated bound: a client may be held for a second.
#[tokio::test]
async fn a_client_that_one_node_disables_is_nobody_at_the_other_within_the_bound() {
    for nodes in both_stores().await {
        let [one, two] = &nodes.ops;
        let mut there = two.browser();
        let pairs = [("grant_type", "client_credentials")];
        assert_eq!(there.call("web", "/token", &pairs).await.status, 200);
        one.disable_client("web").await;
        one.clock.advance(1);
        assert_eq!(there.call("web", "/token", &pairs).await.status, 401);
    }
}

// LG-03, LG-05
#[tokio::test]
async fn a_lock_out_holds_at_all_nodes_whichever_was_asked() {
    for nodes in both_stores().await {
        for name in ["alice", "nobody"] {
            let mut browser = nodes.browser();
            let answer = browser.send(Request::of("web", "openid").get()).await;
            let mut page = browser.follow(&answer).await.text();
            let mut tried = 0;
            loop {
                let typed = [("username", name), ("password", "wrong password")];
                let answer = browser.press(&page, "login", "sign-in", &typed).await;
                if answer.status == 429 {
                    break;
                }
                tried += 1;
                assert!(tried <= 12, "{name}: {tried} passwords were looked at");
                page = answer.text();
                assert!(html::forms(&page).iter().any(|form| form.id == "login"));
            }
            assert!(tried >= 10, "{name}: {tried}");
            for op in &nodes.ops {
                let mut other = op.browser();
                let answer = other.send(Request::of("web", "openid").get()).await;
                let page = other.follow(&answer).await.text();
                let typed = [
                    ("username", name),
                    ("password", hallpass_testkit::fixture::password("alice")),
                ];
                let answer = other.press(&page, "login", "sign-in", &typed).await;
                assert_eq!(answer.status, 429, "{name}");
            }
        }
    }
}

// DV-01
#[tokio::test]
async fn user_codes_of_devices_are_guessed_no_faster_at_two_nodes() {
    let on_disk = || super::device::setup().sqlite();
    for setup in [super::device::setup, on_disk] {
        let nodes = Nodes::start(setup).await;
        let mut evaluated = 0;
        for _ in 0..40 {
            let answer = nodes.browser().send(super::device::entry("BCDFGHJK")).await;
            match answer.status {
                200 => evaluated += 1,
                status => assert_eq!(status, 429, "{}", answer.text()),
            }
        }
        // Each node keeps the first two to itself.
        assert!((10..=12).contains(&evaluated), "{evaluated}");
        let device = super::device::begin(&nodes.ops[0], "openid").await;
        let third = setup().joining(&nodes.ops[0]).start().await;
        for op in [&nodes.ops[0], &nodes.ops[1], &third] {
            let right = super::device::entry(&device.user_code);
            let answer = op.browser().send(right).await;
            assert_eq!(answer.status, 429, "also at a node that has just started");
        }
        nodes.ops[0].clock.advance(900);
        let device = super::device::begin(&nodes.ops[0], "openid").await;
        let right = super::device::entry(&device.user_code);
        assert_eq!(nodes.browser().send(right).await.status, 303);
    }
}

// LG-18
#[tokio::test]
async fn recovery_codes_are_guessed_no_faster_at_two_nodes() {
    let setup = || {
        Setup::default().policy(|policy| {
            policy.sign_in.methods = vec![Method::Password, Method::RecoveryCode];
        })
    };
    let nodes = Nodes::start(setup).await;
    for name in ["alice", "nobody"] {
        let mut evaluated = 0;
        for _ in 0..20 {
            let mut browser = nodes.browser();
            let answer = browser.send(Request::of("first", "openid").get()).await;
            let page = browser.follow(&answer).await.text();
            let typed = [("username", name), ("recovery", "00000-00000")];
            let answer = browser
                .press(&page, "recovery", "send-recovery", &typed)
                .await;
            match answer.status {
                200 => evaluated += 1,
                status => assert_eq!(status, 429, "{}", answer.text()),
            }
        }
        assert!((5..=7).contains(&evaluated), "{name}: {evaluated}");
    }
    // A stranger does not keep the person out.
    nodes.browser().sign_in("alice").await;
}
