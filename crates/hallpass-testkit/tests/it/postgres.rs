//! What the endpoints ask of PostgreSQL, and what they answer while it is away.

use std::time::{Duration, Instant};

use hallpass_testkit::{Op, Request, Setup, Tokens, postgres::Postgres};
use hallpass_testpg::Cluster;

/// Statements of the server, without those that open and close transactions and connections: how often each ran since
/// the last look.
fn statements(cluster: &Cluster) -> Vec<(u64, String)> {
    let sql =
        "SELECT calls || ' ' || regexp_replace(query, '\\s+', ' ', 'g') FROM pg_stat_statements s
        JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = 'hallpass'
        AND query !~ 'pg_stat_statements|set_config|transaction_read_only'";
    let found = cluster.sql(sql);
    cluster.sql("SELECT pg_stat_statements_reset()");
    let lines = found.lines().map(|line| {
        let (calls, query) = line.split_once(' ').unwrap();
        (calls.parse().unwrap(), query.to_owned())
    });
    lines.collect()
}

#[track_caller]
fn assert_at_most(most: u64, statements: &[(u64, String)]) {
    let count: u64 = statements.iter().map(|(calls, _)| calls).sum();
    assert!(count <= most, "{count}: {statements:#?}");
}

/// Alone on its database, with one connection of each kind that is open already.
async fn alone(cluster: &Cluster) -> Op {
    let op = Setup::default().postgres_at(Postgres::on(cluster));
    let op = op.start().await;
    let mut browser = op.browser();
    for _ in 0..9 {
        browser.code_flow("spa", "openid offline_access").await;
    }
    statements(cluster);
    op
}

#[tokio::test]
async fn a_refresh_is_two_statements_a_code_flow_four_and_a_client_s_own_token_none() {
    let Some(cluster) = Cluster::start(&["fsync=off"]) else {
        return;
    };
    let op = alone(&cluster).await;
    let mut browser = op.browser();
    // Signed in, consented, and the clients are held.
    let tokens = browser.code_flow("spa", "openid offline_access").await;
    let held = browser.call("web", "/token", &[("grant_type", "client_credentials")]);
    assert_eq!(held.await.status, 200);
    statements(&cluster);

    let tokens = Tokens::of(&browser.refresh("spa", tokens.refresh()).await);
    assert_at_most(2, &statements(&cluster));
    browser.code_flow("spa", "openid offline_access").await;
    assert_at_most(4, &statements(&cluster));
    let own = browser.call("web", "/token", &[("grant_type", "client_credentials")]);
    assert_eq!(own.await.status, 200);
    assert_at_most(0, &statements(&cluster));
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    assert_at_most(1, &statements(&cluster));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_database_is_away_everybody_is_told_to_come_back_and_then_it_goes_on_by_itself() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let op = alone(&cluster).await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("spa", "openid offline_access").await;
    cluster.stop();
    let started = Instant::now();
    for _ in 0..20 {
        let answer = browser.refresh("spa", tokens.refresh()).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some());
    }
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    cluster.restart();
    let until = Instant::now() + Duration::from_secs(10);
    let tokens = loop {
        let answer = browser.refresh("spa", tokens.refresh()).await;
        if answer.status == 200 {
            break Tokens::of(&answer);
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // Nothing that was answered with 503 had happened half.
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    browser.code("alice", &Request::of("spa", "openid")).await;
}
