//! How much memory the server asks for in each request, against bounds that are written down.
//!
//! Times need a quiet machine; how often memory is asked for is the same everywhere, and whoever copies, parses or builds
//! something once more than before asks more often. The server runs in a process of its own, which is this program once more:
//! it counts everything that its Rust code asks for, on all threads, and says so when it is asked. What SQLite and the
//! cryptography ask for in C is not in it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::exit,
    reason = "a test"
)]

mod process;

use std::process::ExitCode;

use hallpass_load::flow::pushed_code::Named;
use hallpass_load::flow::{self, Flow, Laps, Prepared};
use hallpass_load::http::{Authority, Connection};
use hallpass_load::{Client, Job, TokenKind, Visitor, Work};
use url::Url;

use process::{Counted, Server};

/// What may be asked for in each piece of work: a line for each, with its name, how often, and how many bytes.
const BOUNDS: &str = include_str!("bounds.txt");
/// So much more than that, in percent, is too much.
const TOLERANCE: u64 = 5;
/// Pieces of work before anything is counted: buffers have grown by then, and clients are known.
const FIRST: u32 = 20;
/// Pieces of work that are counted together.
const TOGETHER: u32 = 50;
/// How often that is done. The least counts, since jobs of the server run now and then.
const TIMES: u32 = 4;

fn main() -> ExitCode {
    if process::is_server() {
        return process::serve();
    }
    // Like any test, it is left out when others are asked for by name.
    let mut names = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'));
    let first = names.next();
    if first.is_some_and(|first| {
        !"allocations".contains(&first) && names.all(|name| !"allocations".contains(&name))
    }) {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let found = runtime.block_on(all());
    let complaints = judge(BOUNDS, &found);
    for (name, counted) in &found {
        println!("{name} {} {}", counted.times, counted.bytes);
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        eprintln!(
            "If it must be so, the lines above belong into benches/load/tests/allocations/bounds.txt."
        );
        ExitCode::FAILURE
    }
}

/// What is asked for in each kind of work.
async fn all() -> Vec<(&'static str, Counted)> {
    let mut server = Server::start();
    let demo = server.demo();
    let mut job = Job {
        work: Work::Discovery,
        server: hallpass_load::Server::Issuer(demo.issuer.clone()),
        client: Some(demo.confidential()),
        resource_server: Some(demo.resource_server()),
        visitor: Some(Visitor {
            user: demo.user.clone(),
            browsers: vec![Vec::new()],
        }),
        concurrency: 1,
        warmup_seconds: 0.0,
        seconds: 0.0,
        access_token: None,
        server_pid: None,
    };
    let signed_in = hallpass_load::sign_in(&job).await.unwrap();
    job.visitor.as_mut().unwrap().browsers = signed_in.browsers;
    let endpoints = job.server.endpoints().await.unwrap();
    let resource = |resource: &str, token| (Some(resource.to_owned()), token);
    let mut found = Vec::new();

    let prepared = flow::read::prepare(&endpoints.discovery, &job).unwrap();
    found.push(("discovery", count(&mut server, prepared).await));
    let prepared = flow::read::prepare(&endpoints.jwks_uri, &job).unwrap();
    found.push(("jwks", count(&mut server, prepared).await));
    for (name, (resource, token)) in [
        ("client_credentials_sealed", (None, TokenKind::Opaque)),
        (
            "client_credentials_es256",
            resource(process::RESOURCE, TokenKind::Es256),
        ),
    ] {
        let wanted = (resource.as_deref(), token);
        let prepared = flow::client_credentials::prepare(&endpoints, &job, wanted).unwrap();
        found.push((name, count(&mut server, prepared).await));
    }
    let prepared = flow::introspection::prepare(&endpoints, &job)
        .await
        .unwrap();
    found.push(("introspection", count(&mut server, prepared).await));
    let prepared = flow::userinfo::prepare(&endpoints, &job).await.unwrap();
    keep(&mut job, &prepared);
    found.push(("userinfo", count(&mut server, prepared).await));
    let prepared = flow::code::prepare(&endpoints, &job).unwrap();
    found.push(("code", count(&mut server, prepared).await));
    // Refresh tokens of public clients rotate; those of others stay.
    let rotating = with(&job, demo.public());
    let prepared = flow::refresh::prepare(&endpoints, &rotating).await.unwrap();
    keep(&mut job, &prepared);
    found.push(("refresh", count(&mut server, prepared).await));
    let keyed = with(&job, server.keyed());
    for (name, named) in [
        ("code_par_dpop_private_key_jwt", Named::ByProof),
        ("code_par_dpop_jkt", Named::ByThumbprint),
    ] {
        let prepared = flow::pushed_code::prepare(&endpoints, &keyed, named);
        let prepared = prepared.await.unwrap();
        found.push((name, count(&mut server, prepared).await));
    }
    found
}

fn with(job: &Job, client: Client) -> Job {
    Job {
        client: Some(client),
        ..job.clone()
    }
}

/// Goes on with the cookies that a preparation has left.
fn keep<F>(job: &mut Job, prepared: &Prepared<F>) {
    if let (Some(visitor), false) = (&mut job.visitor, prepared.browsers.is_empty()) {
        visitor.browsers.clone_from(&prepared.browsers);
    }
}

/// What the server asks for in one piece of this work.
async fn count<F: Flow>(server: &mut Server, prepared: Prepared<F>) -> Counted {
    let authority = Authority::of(&Url::parse(&prepared.server).unwrap()).unwrap();
    let mut connection = Connection::new(authority);
    let mut flow = prepared.flows.into_iter().next().unwrap();
    let mut repeat = async |times| {
        for _ in 0..times {
            let done = flow.once(&mut connection, &mut Laps::default()).await;
            done.expect("the work is done");
        }
    };
    repeat(FIRST).await;
    let mut least: Option<Counted> = None;
    for _ in 0..TIMES {
        let before = server.counted();
        repeat(TOGETHER).await;
        let one = server.counted().since(before).each(TOGETHER.into());
        least = Some(least.map_or(
            one,
            |least| if one.times < least.times { one } else { least },
        ));
    }
    least.unwrap()
}

/// What is over its bound, or has none.
fn judge(bounds: &str, found: &[(&str, Counted)]) -> Vec<String> {
    let lines = bounds
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let bounds: Vec<Vec<&str>> = lines
        .map(|line| line.split_whitespace().collect())
        .collect();
    let mut complaints = Vec::new();
    for (name, counted) in found {
        let number = |text: &str| text.parse::<u64>().ok();
        let bound = bounds.iter().find_map(|line| match line.as_slice() {
            [known, times, bytes] if known == name => Some((number(times)?, number(bytes)?)),
            _ => None,
        });
        let Some((times, bytes)) = bound else {
            complaints.push(format!("{name}: no bound is written down"));
            continue;
        };
        for (what, now, bound) in [
            ("times", counted.times, times),
            ("bytes", counted.bytes, bytes),
        ] {
            let most: u64 = bound + bound * TOLERANCE / 100;
            if now > most {
                complaints.push(format!(
                    "{name}: {now} {what}, and {bound} are written down"
                ));
            }
        }
    }
    complaints
}
