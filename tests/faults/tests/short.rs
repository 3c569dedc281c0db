//! Every experiment in its short form, against the server as cargo builds it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "these are tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use hallpass_faults::Setup;
use hallpass_faults::experiment::{ALL, Ran};
use serde::Deserialize;
use tokio::sync::Semaphore;

/// More at once would be an attack on each other.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

async fn holds(number: &str) {
    let _turn = AT_ONCE.acquire().await.unwrap();
    let experiment = ALL
        .iter()
        .find(|experiment| experiment.number == number)
        .unwrap();
    let setup = Setup {
        binary: hallpass().to_owned(),
        previous: previous(),
        scratch: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
        long: false,
    };
    match experiment.run(&setup).await {
        Ok(Ran::Done(report)) => println!("{report}"),
        Ok(Ran::Skipped(reason)) => println!("{number} SKIPPED: {reason}"),
        Err(error) => panic!("{number}: {error}"),
    }
}

macro_rules! short {
    ($($test:ident $number:literal;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            holds($number).await;
        })+

        #[test]
        fn every_experiment_has_a_short_form() {
            let numbers: Vec<&str> = ALL.iter().map(|experiment| experiment.number).collect();
            assert_eq!(numbers, [$($number),+]);
        }
    };
}

short! {
    f01_kill_9_under_load "F01";
    f02_node_killed "F02";
    f03_races "F03";
    f03a_races_of_what_is_signed "F03a";
    f03b_races_for_what_was_allowed "F03b";
    f03c_races_of_what_people_prove "F03c";
    f04_disk_full "F04";
    f05_failing_syncs "F05";
    f06_power_cut "F06";
    f07_database_gone "F07";
    f08_jumping_clock "F08";
    f09_shared_limits_lost "F09";
    f10_database_hangs "F10";
    f11_connections_taken "F11";
    f12_key_rotation "F12";
    f13_backup_and_restore "F13";
    f14_old_backup "F14";
    f15_rolling_upgrade "F15";
    f17_graceful_stop "F17";
    f19_jobs "F19";
    f21_corruption "F21";
    f22_locked_database "F22";
    n01_hints "N01";
    l01_idle_connections "L01";
    l02_slow_clients "L02";
    l04_large_bodies "L04";
    l07_many_names "L07";
    l08_password_flood "L08";
    l08p_passkeys_in_a_flood "L08p";
    l09_wrong_signatures "L09";
    l10_amplifier "L10";
    l11_scans "L11";
    l12_growth "L12";
    l13_purge "L13";
    l14_hot_row "L14";
    l15_hot_key "L15";
    l17_outage "L17";
    l18_tenants "L18";
}

/// The server as cargo builds it now; `HALLPASS_BINARY` names another one.
fn hallpass() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| match std::env::var_os("HALLPASS_BINARY") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// The version before, as `cargo xtask previous` builds it; `HALLPASS_PREVIOUS` names another one.
fn previous() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = std::env::var_os("HALLPASS_PREVIOUS")
        .map_or_else(|| target.join("previous/hallpass"), PathBuf::from);
    path.is_file().then_some(path)
}

fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--locked", "--message-format", "json"])
        .args(["--package", "hallpass-server", "--bin", "hallpass"])
        .arg("--target-dir")
        .arg(target)
        .stderr(Stdio::inherit());
    // What cargo says about this package to its tests is not to reach the build of another one.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let output = command.output().expect("cargo");
    assert!(output.status.success(), "cargo build of the server failed");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .find_map(|message| message.executable)
        .expect("cargo names the executable")
}

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}
