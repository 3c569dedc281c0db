//! Lists of thousands.

use std::sync::Arc;

use hallpass_store::{NewIssuer, Store as _};
use hallpass_store_postgres::{Address, Options, PostgresStore};
use hallpass_types::Timestamp;
use serde_json::Map;

use super::{Desk, person::Person};

const MASTER_KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

/// So many pages that whatever the server does by itself meanwhile is missed by one of them.
const TRIES: usize = 8;
/// As many at most, where thousands are new to the server: it reads of them by itself for a while.
const MANY_TRIES: usize = 400;

/// How many questions the store has been asked since the server began.
fn asked(desk: &Desk) -> u64 {
    let metrics = desk.server.metrics();
    let mut lines = metrics.lines();
    let found = lines.find_map(|line| line.strip_prefix("hallpass_store_read_seconds_count "));
    found.unwrap().parse().unwrap()
}

/// The fewest questions that a page took, and the page. Ends early when it took no more than that.
fn costs(
    desk: &Desk,
    person: &mut Person,
    path: &str,
    (tries, enough): (usize, u64),
) -> (u64, String) {
    let mut least = u64::MAX;
    let mut body = String::new();
    for _ in 0..tries {
        if least <= enough {
            break;
        }
        let before = asked(desk);
        let page = person.get(&desk.server, path);
        // Where everything else on this machine is slow, somebody is turned away.
        if page.status == 503 {
            continue;
        }
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        least = least.min(asked(desk).saturating_sub(before));
        body = page.body;
    }
    assert!(!body.is_empty(), "{path} was never answered");
    (least, body)
}

/// Makes that many people, `p0000001` and so on.
fn people(desk: &Desk, numbers: std::ops::Range<u32>) {
    let mut csv = "username,email,name\n".to_owned();
    for number in numbers {
        csv.push_str(&format!(
            "p{number:07},p{number:07}@example.org,Person {number}\n"
        ));
    }
    desk.folder.write("people.csv", &csv);
    desk.command(&["--issuer", "acme", "user", "import", "people.csv"]);
}

/// Makes that many projects, `q00001` and so on.
async fn projects(store: &Arc<PostgresStore>, base: &str, numbers: std::ops::Range<u32>) {
    let mut making = tokio::task::JoinSet::new();
    for number in numbers {
        let (store, name) = (Arc::clone(store), format!("q{number:05}"));
        let new = NewIssuer {
            identifier: format!("{base}/p/{name}"),
            name,
            settings: Map::new(),
            at: Timestamp(1_800_000_000),
        };
        making.spawn(async move { store.create_issuer(new).await.unwrap().unwrap() });
    }
    making.join_all().await;
}

#[test]
fn a_page_asks_the_store_as_often_among_thousands_as_among_a_few() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    let schema = cluster.schema();
    let settings = format!(
        "dashboard.strong_sign_in = false\nkeys.master_key = '{MASTER_KEY}'\nstore.kind = 'postgres'\n\
         store.postgres.url = '{}'\nstore.postgres.schema = '{schema}'",
        cluster.url()
    );
    let desk = Desk::open(&settings);
    let base = desk.server.said["issuer"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = Options {
        schema,
        ..Options::default()
    };
    let address = Address::parse(&cluster.address()).unwrap();
    let store = runtime.block_on(PostgresStore::open(address, options));
    let store = Arc::new(store.unwrap());
    let mut owner = Person::operator(&desk.server, "owner");
    // More than a page of each.
    people(&desk, 0..60);
    runtime.block_on(projects(&store, &base, 0..60));
    let paths = [
        "/dashboard",
        "/dashboard?q=q00007",
        "/dashboard/p/acme",
        "/dashboard/p/acme/users",
        "/dashboard/p/acme/users?q=p0000007",
        "/dashboard/p/acme/users?q=p0000007@example.org",
        "/dashboard/p/acme/applications",
        "/dashboard/p/acme/audit",
        "/dashboard/p/acme/settings",
    ];
    let few = paths.map(|path| costs(&desk, &mut owner, path, (TRIES, 0)).0);
    people(&desk, 60..3_000);
    runtime.block_on(projects(&store, &base, 60..2_000));
    for (path, few) in paths.into_iter().zip(few) {
        let (many, body) = costs(&desk, &mut owner, path, (MANY_TRIES, few));
        assert!(many <= few, "{path}: {many} questions, {few} among a few");
        assert!(body.len() < 100 * 1024, "{path}: {} bytes", body.len());
    }
    // Whoever looks for one of them finds them on the first page, and pages go on to the end.
    let found = owner.get(&desk.server, "/dashboard/p/acme/users?q=p0002999");
    assert_eq!(found.body.matches("data-user=").count(), 1);
    let found = owner.get(&desk.server, "/dashboard?q=q01999").body;
    assert_eq!(found.matches("data-project=").count(), 1);
    let mut seen = 0;
    let mut path = "/dashboard?q=q0".to_owned();
    for _ in 0..100 {
        let body = owner.get(&desk.server, &path).body.replace("&#x2f;", "/");
        seen += body.matches("data-project=").count();
        let Some((_, next)) = body.split_once("id=\"next-page\" rel=\"next\" href=\"") else {
            break;
        };
        path = next.split('"').next().unwrap().replace("&amp;", "&");
    }
    assert_eq!(seen, 2_000);
}
