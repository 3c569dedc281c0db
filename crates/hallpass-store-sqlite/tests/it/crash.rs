//! Processes that die: what was acknowledged is there, and what may happen once happened once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use hallpass_store::{Commit, Committed, Spend, Store as _, Write};
use hallpass_store_sqlite::{Options, SqliteStore};
use hallpass_types::IssuerId;

use crate::common::{Folder, NOW, code, grant, grant_id, key, once, session, user};

const ISSUER: IssuerId = IssuerId(1);
const DATABASE: &str = "STORE_CRASH_DATABASE";
const FIRST: &str = "STORE_CRASH_FIRST";
const TASKS: u32 = 8;
/// Numbers that one child may use.
const PER_CHILD: u32 = 10_000_000;

/// Not a test: what the child does. It writes a line after each acknowledged commit, until it is killed.
#[test]
fn child() {
    let (Ok(path), Ok(first)) = (std::env::var(DATABASE), std::env::var(FIRST)) else {
        return;
    };
    let first: u32 = first.parse().unwrap();
    let options = Options {
        checkpoint_pages: 100,
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(path, options).unwrap());
        let mut running = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            running.spawn(work(store.clone(), first + task * (PER_CHILD / TASKS)));
        }
        running.join_all().await;
    });
}

/// Ends at the first commit that fails.
async fn work(store: Arc<SqliteStore>, first: u32) {
    for n in first..first + PER_CHILD / TASKS {
        let commit = async |spends, writes| store.commit(ISSUER, Commit { spends, writes }).await;
        let redeem = || {
            let write = Write::Grant(Box::new(grant(n)));
            commit(vec![Spend::Code(key("code", n))], vec![write])
        };
        let rotate = |from| {
            let rotation = Spend::Refresh {
                grant: grant_id(n),
                from,
                at: NOW,
                idle_expires_at: NOW,
            };
            commit(vec![rotation], Vec::new())
        };
        let steps = async {
            let new_session = Write::Session(key("session", n), Box::new(session(n)));
            let new_code = Write::Code(key("code", n), Box::new(code(n)));
            commit(Vec::new(), vec![new_code, new_session]).await?;
            say("code", n);
            let ends = tokio::join!(redeem(), redeem());
            let ends = [ends.0?, ends.1?];
            assert!(ends.contains(&Committed::Done) && ends.contains(&Committed::TooLate(0)));
            say("redeemed", n);
            for generation in 0..n % 4 {
                assert_eq!(rotate(generation).await?, Committed::Done);
                say(&format!("rotated{}", generation + 1), n);
            }
            assert_eq!(store.commit(ISSUER, once(n)).await?, Committed::Done);
            say("once", n);
            if n % 3 == 0 {
                commit(Vec::new(), vec![Write::RevokeGrant(grant_id(n), NOW)]).await?;
                say("revoked", n);
            }
            if n % 5 == 0 {
                commit(Vec::new(), vec![Write::EndSession(key("session", n))]).await?;
                say("ended", n);
            }
            if n % 7 == 0 {
                commit(vec![Spend::NewUser(Box::new(user(n)))], Vec::new()).await?;
                say("user", n);
            }
            Ok::<(), hallpass_store::StoreError>(())
        };
        if steps.await.is_err() {
            say("failed", n);
            return;
        }
    }
}

/// One line in one write, so that a line is there whole or is not counted.
fn say(what: &str, n: u32) {
    let line = format!("\n@{what} {n}\n");
    let mut out = std::io::stdout().lock();
    // Nobody listens any more when the parent has ended.
    drop(out.write_all(line.as_bytes()));
    drop(out.flush());
}

fn child_command() -> (String, [&'static str; 3]) {
    let program = std::env::current_exe().unwrap();
    let args = ["--exact", "crash::child", "--nocapture"];
    (program.to_str().unwrap().to_owned(), args)
}

fn start(command: &mut Command, path: &Path, first: u32) -> Child {
    command
        .env(DATABASE, path)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What was acknowledged, by kind.
type Acknowledged = BTreeMap<String, BTreeSet<u32>>;

/// Reads lines until `enough` of them are there, then calls `then` and reads what is left.
fn listen(child: &mut Child, all: &mut Acknowledged, enough: u32, then: impl FnOnce(&mut Child)) {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut then, mut heard) = (Some(then), 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).unwrap() == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if let Some((what, n)) = text
            .strip_prefix('@')
            .and_then(|l| l.strip_suffix('\n'))
            .and_then(|l| l.split_once(' '))
        {
            all.entry(what.to_owned())
                .or_default()
                .insert(n.parse().unwrap());
            heard += 1;
        }
        if heard >= enough
            && let Some(then) = then.take()
        {
            then(child);
        }
    }
    assert!(heard > 0, "the child does its work");
    child.wait().unwrap();
}

async fn verify(path: &Path, all: &Acknowledged) {
    let store = SqliteStore::open(path, Options::default()).unwrap();
    let none = BTreeSet::new();
    let of = |what: &str| all.get(what).unwrap_or(&none);
    let late = async |spend: Spend, what: &str| {
        let commit = Commit {
            spends: vec![spend],
            writes: Vec::new(),
        };
        let end = store.commit(ISSUER, commit).await.unwrap();
        assert_eq!(end, Committed::TooLate(0), "{what}");
    };
    for n in of("code") {
        let found = store.code(ISSUER, key("code", *n)).await.unwrap().unwrap();
        assert_eq!(found.record, code(*n));
        let redeemed = store.grant(ISSUER, grant_id(*n)).await.unwrap();
        assert_eq!(found.spent, redeemed.is_some(), "all or nothing");
    }
    for n in of("redeemed") {
        late(Spend::Code(key("code", *n)), "a code works once").await;
    }
    for generation in 1..4 {
        for n in of(&format!("rotated{generation}")) {
            let found = store.grant(ISSUER, grant_id(*n)).await.unwrap().unwrap();
            let reached = found.record.refresh.unwrap().generation;
            assert!(reached >= generation);
        }
    }
    for n in of("once") {
        late(Spend::Once(key("once", *n)), "a key is used once").await;
    }
    for n in of("revoked") {
        late(Spend::Standing(grant_id(*n)), "what was revoked stays so").await;
    }
    for n in of("ended") {
        late(Spend::Session(key("session", *n)), "a session ended").await;
    }
    for n in of("user") {
        let name = format!("user{n}");
        let found = store.user_by_name(ISSUER, &name).await.unwrap();
        assert_eq!(found, Some(user(*n)));
    }
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_instant_loses_nothing_that_it_acknowledged() {
    let folder = Folder::new();
    let mut random = std::process::id();
    let (program, args) = child_command();
    let mut ever = 0;
    for round in 0..25 {
        random = random.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let enough = (random >> 16) % 600;
        let mut all = Acknowledged::new();
        let mut child = start(
            Command::new(&program).args(args),
            &folder.file(),
            round * PER_CHILD,
        );
        // SIGKILL.
        listen(&mut child, &mut all, enough, |child| child.kill().unwrap());
        assert!(!all.contains_key("failed"));
        ever += all.values().map(BTreeSet::len).sum::<usize>();
        verify(&folder.file(), &all).await;
    }
    assert!(ever > 1000, "{ever}");
}

/// The file may not grow beyond a limit, which is an error of the system at an arbitrary write.
#[cfg(unix)]
#[tokio::test]
async fn what_a_failing_disk_did_not_take_is_not_acknowledged() {
    let (program, args) = child_command();
    for blocks in [1100, 1200, 1500, 2100] {
        let folder = Folder::new();
        let mut all = Acknowledged::new();
        // Without the signal, writing beyond the limit is an error.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut child = start(
            Command::new("sh")
                .args(["-c", &script, &program])
                .args(args),
            &folder.file(),
            0,
        );
        listen(&mut child, &mut all, u32::MAX, |_| {});
        assert!(all.contains_key("failed"), "the limit was met");
        assert!(all.get("redeemed").is_some_and(|r| r.len() > 3));
        verify(&folder.file(), &all).await;
    }
}
