//! A PostgreSQL of its own for tests and measurements: found on this machine, started on a socket in a temporary folder,
//! and ended with the process that started it, however that ends.
//!
//! The database is watched by a shell that waits for the end of its standard input. When the process that holds the
//! other end dies, even by `kill -9`, the shell ends the database by its process number and removes the folder.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "for tests alone: what does not work must be seen at once"
)]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

/// A running database.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    binaries: PathBuf,
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The database that all tests of this process share; each takes a schema of its own ([`Cluster::schema`]). It does not
/// wait for the disk.
///
/// None where PostgreSQL is not installed, after a line that says so.
///
/// # Panics
/// When it cannot be started, and where it is not installed and the environment says `CI=true`.
#[must_use]
pub fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED
        .get_or_init(|| Cluster::start(&["fsync=off"]))
        .as_ref()
}

impl Cluster {
    /// Starts one with further settings (`name=value`).
    ///
    /// # Panics
    /// As [`shared`].
    #[must_use]
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(
                env::var("CI").as_deref() != Ok("true"),
                "PostgreSQL is not installed"
            );
            eprintln!("skipped: PostgreSQL is not installed");
            return None;
        };
        let as_user = other_user();
        let folder = fresh_folder(as_user.as_deref());
        let data = folder.join("data");
        let mut initdb = as_somebody(as_user.as_deref(), &binaries.join("initdb"));
        initdb
            .args(["--no-sync", "--auth=trust", "--username=hallpass"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"])
            .arg(&data)
            .current_dir(&folder);
        let made = initdb.output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {said}");
        let cluster = Self::on(folder, binaries, as_user.as_deref(), settings);
        cluster.sql_in("postgres", "CREATE DATABASE hallpass");
        cluster.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
        Some(cluster)
    }

    /// A copy of it that follows it by streaming replication.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn standby(&self) -> Self {
        let as_user = other_user();
        let folder = fresh_folder(as_user.as_deref());
        let program = self.binaries.join("pg_basebackup");
        let copied = as_somebody(as_user.as_deref(), &program)
            .args(["--no-sync", "--checkpoint=fast", "--write-recovery-conf"])
            .args(["--username=hallpass", "--host"])
            .arg(&self.folder)
            .args(["--port", &self.port.to_string(), "--pgdata"])
            .arg(folder.join("data"))
            .current_dir(&folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&copied.stderr);
        assert!(copied.status.success(), "pg_basebackup: {said}");
        let binaries = self.binaries.clone();
        Self::on(folder, binaries, as_user.as_deref(), &[])
    }

    /// Makes what follows another one writable.
    ///
    /// # Panics
    /// When it follows nobody.
    pub fn promote(&self) {
        let promoted = self.sql("SELECT pg_promote()");
        assert_eq!(promoted, "t");
    }

    /// Starts the database that is in a folder.
    fn on(folder: PathBuf, binaries: PathBuf, as_user: Option<&str>, settings: &[&str]) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let watch = watched(&binaries, as_user, &folder, port, settings);
            let candidate = Self {
                folder: folder.clone(),
                port,
                binaries: binaries.clone(),
                watch: Mutex::new(watch),
            };
            if candidate.command("start") {
                return candidate;
            }
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(log.contains("could not bind"), "PostgreSQL: {log}");
            // Its folder is needed once more.
            candidate.command("leave");
        }
        panic!("PostgreSQL finds no free port");
    }

    /// A name for a schema that no other test has.
    #[must_use]
    pub fn schema(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        format!("test {}", NEXT.fetch_add(1, Relaxed))
    }

    /// How to reach it by its socket, as libpq reads it.
    #[must_use]
    pub fn address(&self) -> String {
        let Self { folder, port, .. } = self;
        let folder = folder.display();
        format!("host={folder} port={port} user=hallpass dbname=hallpass")
    }

    /// How to reach it or another one, whichever can be written.
    #[must_use]
    pub fn address_with(&self, other: &Self) -> String {
        let (one, two) = (self.folder.display(), other.folder.display());
        let ports = format!("{},{}", self.port, other.port);
        format!("host={one},{two} port={ports} user=hallpass dbname=hallpass")
    }

    /// How to reach it by TCP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://hallpass@127.0.0.1:{}/hallpass", self.port)
    }

    /// Its port, on the loopback address.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The folder that goes away with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs SQL and answers what it says, without decoration.
    ///
    /// # Panics
    /// When it fails.
    pub fn sql(&self, sql: &str) -> String {
        self.sql_in("hallpass", sql)
    }

    fn sql_in(&self, database: &str, sql: &str) -> String {
        let out = Command::new(self.binaries.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg(&self.folder)
            .args([
                "-p",
                &self.port.to_string(),
                "-U",
                "hallpass",
                "-d",
                database,
                "-c",
                sql,
            ])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{sql}: {said}");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Ends it as a crash does: nothing is written in order, connections break.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&self) {
        assert!(self.command("stop"));
    }

    /// Starts it again after [`Self::stop`].
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        assert!(self.command("start"));
    }

    /// Stops every process of it without ending one: connections stay and nothing answers.
    ///
    /// # Panics
    /// When that fails.
    pub fn freeze(&self) {
        assert!(self.command("freeze"));
    }

    /// Lets it go on after [`Self::freeze`].
    ///
    /// # Panics
    /// When that fails.
    pub fn thaw(&self) {
        assert!(self.command("thaw"));
    }

    fn command(&self, command: &str) -> bool {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = watch.commands.as_mut().unwrap();
        writeln!(commands, "{command}").unwrap();
        let mut answer = String::new();
        watch.answers.read_line(&mut answer).unwrap();
        answer.trim() == "ok"
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let watch = self.watch.get_mut().unwrap_or_else(PoisonError::into_inner);
        watch.commands = None;
        drop(watch.child.wait());
    }
}

/// A folder of its own for a database of that user.
fn fresh_folder(user: Option<&str>) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Relaxed);
    // A socket's path must be short.
    let folder = env::temp_dir().join(format!("hallpass-pg-{}-{n}", std::process::id()));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    if let Some(user) = user {
        let (user, group) = (number_of("-u", user), number_of("-g", user));
        chown(&folder, Some(user), Some(group)).unwrap();
    }
    folder
}

/// Reads commands until the end of its input, and then ends the database and removes its folder.
const WATCH: &str = r#"
folder=$1; shift
start() {
    setsid "$@" >>"$folder/log" 2>&1 &
    p=$!
    n=0
    until "$ready" -q -h "$folder" -p "$port"; do
        kill -0 "$p" 2>/dev/null || return 1
        n=$((n + 1))
        [ "$n" -lt 600 ] || return 1
        sleep 0.05
    done
}
# Each of its processes has a group of its own.
signal() {
    kill -s "$1" "$p"
    for status in $(grep -ls "^PPid:[[:space:]]*$p\$" /proc/[0-9]*/status); do
        child=${status#/proc/}
        kill -s "$1" "${child%/status}" 2>/dev/null
    done
    return 0
}
stop() {
    [ -n "$p" ] || return 0
    signal CONT
    kill -QUIT "$p" 2>/dev/null
    wait "$p" 2>/dev/null
    p=
}
p=
keep=
while read -r command; do
    case $command in
        start) start "$@" ;;
        stop) stop ;;
        freeze) signal STOP ;;
        thaw) signal CONT ;;
        leave) keep=1 ;;
    esac && echo ok || echo failed
done
stop
[ -n "$keep" ] || rm -rf "$folder"
"#;

fn watched(
    binaries: &Path,
    user: Option<&str>,
    folder: &Path,
    port: u16,
    settings: &[&str],
) -> Watch {
    let postgres = as_somebody(user, &binaries.join("postgres"));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", WATCH, "watch"])
        .arg(folder)
        .arg(postgres.get_program())
        .args(postgres.get_args())
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-k".as_ref(), folder.as_os_str()])
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(["-c", "max_connections=300"])
        .args(["-c", "shared_buffers=64MB"])
        .args(["-c", "shared_preload_libraries=pg_stat_statements"])
        .args(["-c", "pg_stat_statements.track_utility=on"]);
    for setting in settings {
        shell.args(["-c", setting]);
    }
    let mut child = shell
        .env("ready", binaries.join("pg_isready"))
        .env("port", port.to_string())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let commands = child.stdin.take();
    let answers = BufReader::new(child.stdout.take().unwrap());
    Watch {
        child,
        commands,
        answers,
    }
}

/// Where the programs are: in a folder that `HALLPASS_POSTGRES` names, where packages of Debian and others put them, or
/// in the path.
fn binaries() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("HALLPASS_POSTGRES")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    for (parent, inside) in [
        ("/usr/lib/postgresql", "bin"),
        ("/usr/local", "pgsql/bin"),
        ("/opt/homebrew/opt", "bin"),
    ] {
        let mut versions: Vec<PathBuf> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join(inside))
            .collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// PostgreSQL does not run as root: then it is this user.
fn other_user() -> Option<String> {
    if said("id", &["-u"])? != "0" {
        return None;
    }
    let user = ["postgres", "nobody"]
        .into_iter()
        .find(|user| said("id", &["-u", user]).is_some());
    Some(user.expect("no user to run PostgreSQL as").to_owned())
}

fn as_somebody(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", user])
        .args(["--regid", &number_of("-g", user).to_string()])
        .arg("--clear-groups")
        .arg(program);
    command
}

fn number_of(kind: &str, user: &str) -> u32 {
    said("id", &[kind, user])
        .and_then(|text| text.parse().ok())
        .expect("the number of a user")
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let out = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    out.status.success().then_some(text)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_it_has_what_it_has_and_can_take_its_place() {
        let Some(first) = Cluster::start(&["fsync=off"]) else {
            return;
        };
        first.sql("CREATE TABLE t (n int)");
        let second = first.standby();
        assert_eq!(second.sql("SELECT pg_is_in_recovery()"), "t");
        first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        first.sql("SELECT pg_reload_conf()");
        first.sql("INSERT INTO t VALUES (7)");
        first.stop();
        second.promote();
        assert_eq!(second.sql("SELECT n FROM t"), "7");
        second.sql("INSERT INTO t VALUES (8)");
        assert_eq!(second.sql("SELECT count(*) FROM t"), "2");
    }

    #[test]
    fn it_answers_and_nothing_of_it_is_left() {
        let Some(cluster) = Cluster::start(&["fsync=off"]) else {
            return;
        };
        assert_eq!(cluster.sql("SELECT 1 + 1"), "2");
        let folder = cluster.folder().to_owned();
        let pid = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        cluster.stop();
        cluster.restart();
        assert_eq!(cluster.sql("SHOW fsync"), "off");
        drop(cluster);
        assert!(!folder.exists());
        assert!(!Path::new("/proc").join(pid).exists());
    }
}
