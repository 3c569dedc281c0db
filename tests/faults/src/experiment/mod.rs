//! The experiments, one file each.

mod backup;
mod clock;
mod connections_taken;
mod corruption;
mod database_gone;
mod database_hangs;
mod disk_full;
pub(crate) mod expired;
mod factors;
mod failover;
mod graceful_stop;
mod hints;
mod jobs;
mod key_rotation;
mod kill9;
mod links;
mod locked_database;
mod node_killed;
pub(crate) mod nodes;
mod once;
mod polled;
mod power_cut;
mod races;
mod rolling_upgrade;
pub(crate) mod scene;
mod shared_limits_lost;
mod sync_errors;

use std::future::Future;
use std::pin::Pin;

use crate::{Failed, Report, Setup, abuse};

/// An experiment.
#[derive(Clone, Copy)]
pub struct Experiment {
    /// Its number in the plan.
    pub number: &'static str,
    /// What is broken, in a few words.
    pub fault: &'static str,
    run: fn(Setup) -> Running,
}

impl std::fmt::Debug for Experiment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Experiment")
            .field("number", &self.number)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

type Running = Pin<Box<dyn Future<Output = Result<Ran, Failed>> + Send>>;

/// How an experiment went, where its guarantee held.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the program and the tests look at both"
)]
pub enum Ran {
    /// To the end.
    Done(Report),
    /// Not at all, since this machine lacks something.
    Skipped(String),
}

impl Experiment {
    /// Carries it out.
    ///
    /// # Errors
    /// Its guarantee does not hold, or the server fails in another way.
    pub async fn run(&self, setup: &Setup) -> Result<Ran, Failed> {
        (self.run)(setup.clone()).await
    }
}

macro_rules! experiments {
    ($($number:literal $run:path, $fault:literal;)+) => {
        /// All of them.
        pub const ALL: &[Experiment] = &[$(Experiment {
            number: $number,
            fault: $fault,
            run: |setup| Box::pin(async move {
                let report = Report::new($number, $fault);
                $run(&setup, report).await
            }),
        }),+];
    };
}

experiments! {
    "F01" kill9::run, "kill -9 under load, again and again";
    "F02" node_killed::run, "kill -9 of one of two nodes on PostgreSQL, again and again";
    "F03" races::run, "the same code or refresh token on several connections and two nodes at once";
    "F03a" races::signed, "the same assertion, proof or pushed request on several connections and two nodes at once";
    "F03b" races::allowed, "the same link, device code or auth_req_id on several connections and two nodes at once";
    "F03c" races::proved, "the same code of an app, recovery code or reset link on several connections and two nodes at once";
    "F04" disk_full::run, "the disk is full under load, and has space again";
    "F05" sync_errors::run, "fsync fails with EIO under load";
    "F06" power_cut::run, "power is cut: copies of the files at any instant, with torn writes at the end";
    "F07" database_gone::run, "PostgreSQL crashes and stays away, and a standby takes its place";
    "F08" clock::run, "the clock jumps an hour back and forth, and a year ahead while rows are deleted";
    "F09" shared_limits_lost::run, "Redis is killed, emptied, full and frozen under load";
    "F10" database_hangs::run, "PostgreSQL hangs, and then is slow";
    "F11" connections_taken::run, "others take every connection of PostgreSQL";
    "F12" key_rotation::run, "keys change every five seconds by two nodes and by commands, and both are killed";
    "F13" backup::run, "backups under load, of which the last is restored";
    "F14" backup::old, "an old backup is restored, as it is and made safe";
    "F15" rolling_upgrade::run, "two nodes change from the version before to this one, back, and again, under load";
    "F17" graceful_stop::run, "SIGTERM under load";
    "F19" jobs::run, "two nodes purge, send mail, tell of sign-outs and change keys, and are killed meanwhile";
    "F21" corruption::run, "bytes of the database are flipped, the file is cut, the master key is another one";
    "F22" locked_database::run, "another process holds the database's write lock, then a read transaction";
    "N01" hints::run, "a change that another process makes, with hints and while whoever listens is cut off";
    "L01" abuse::idle_connections, "connections that do nothing";
    "L02" abuse::slow_clients, "clients that send or read a byte at a time";
    "L04" abuse::large_bodies, "bodies of ten megabytes at every endpoint";
    "L07" abuse::many_names, "forms with thousands of names";
    "L08" abuse::password_flood, "a flood of sign-ins of nobody";
    "L08p" abuse::passkeys_in_a_flood, "passkeys and refreshes while five hundred false passwords a second arrive";
    "L09" abuse::wrong_signatures, "assertions, proofs and request objects with wrong signatures";
    "L10" abuse::amplifier, "requests that name addresses which the server is to ask";
    "L11" abuse::scans, "guesses of clients, tokens and user codes";
    "L12" abuse::growth, "authorization requests, pushed requests and device codes that nobody completes";
    "L13" abuse::purge, "expired rows are deleted beside live load";
    "L14" abuse::hot_row, "one person with very many sessions and grants, all ended at once";
    "L15" abuse::hot_key, "refreshes without a pause, more than the disk takes";
    "L17" abuse::outage, "everybody tries again at once after an outage";
    "L18" abuse::tenants, "one of two issuers of a process is flooded";
}
