//! How many instructions of the server's own each piece of work takes, against what is written down.
//!
//! Rates need a quiet machine; instructions are nearly the same everywhere. The release server runs under callgrind with one worker
//! and one connection, which is fifty times slower, and counts only while work is done. What the kernel does is not in it, and
//! valgrind's processor has no instructions for SHA-256: the figures are for comparing with each other.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use hallpass_load::{Counted, Meter, Plan, counted};

use crate::bench;
use crate::bench::build::{self, Built};
use crate::bench::measure::{Contender, Folder};
use crate::bench::options::Options;
use crate::bench::target::{Recipe, Target};
use crate::bench::work::Row;
use crate::workspace;

const USAGE: &str = "\
usage: cargo xtask instructions [OPTION…]
  --programs DIR    take the release programs from there and build none
  --only ROW        only that row, or the rows that begin so; may be repeated
  --write           write down what was counted instead of comparing";

/// Runs the subcommand with the arguments that follow its name.
pub(crate) fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    match Wanted::parse(arguments).and_then(|wanted| run(&wanted)) {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            for complaint in complaints {
                eprintln!("{complaint}");
            }
            eprintln!(
                "If it must be so, `cargo xtask instructions --write` writes the new numbers to {FILE}."
            );
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("instructions: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Wanted {
    bench: Options,
    write: bool,
}

impl Wanted {
    fn parse(mut arguments: impl Iterator<Item = String>) -> bench::Result<Self> {
        let (mut write, mut rest) = (false, Vec::new());
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--write" => write = true,
                "--programs" | "--only" => {
                    let missing = || format!("{argument} needs a value\n{USAGE}");
                    let value = arguments.next().ok_or_else(missing)?;
                    rest.extend([argument, value]);
                }
                _ => return Err(format!("unknown argument {argument}\n{USAGE}")),
            }
        }
        let ours = ["--target", "hallpass", "--concurrency", "1"].map(str::to_owned);
        let bench = Options::parse(ours.into_iter().chain(rest))?;
        Ok(Self { bench, write })
    }
}

/// Counts; answers what is above its bound.
fn run(wanted: &Wanted) -> bench::Result<Vec<String>> {
    // The second one does not know its version.
    for (program, question) in [("valgrind", "--version"), ("vgdb", "--help")] {
        let asked = Command::new(program).arg(question).output();
        if asked.is_err() {
            return Err(format!(
                "{program} is not there: instructions are counted by valgrind, which must be installed"
            ));
        }
    }
    let built = build::build(&wanted.bench)?;
    let found = count(&wanted.bench, &built)?;
    for (row, instructions) in &found {
        println!("{row} {instructions}");
    }
    let file = workspace::root().join(FILE);
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    if wanted.write {
        std::fs::write(&file, written(&before, &found))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        return Ok(Vec::new());
    }
    Ok(judge(&before, &found))
}

/// The name of each row, and the instructions for one piece of its work.
type Found = Vec<(&'static str, u64)>;

fn count(options: &Options, built: &Built) -> bench::Result<Found> {
    let folder = Folder::new(&built.work)?;
    let file = folder.0.join("callgrind");
    let arguments = vec![
        "--tool=callgrind".to_owned(),
        "--instr-atstart=no".to_owned(),
        // The server has a thread that writes: each gets its turn.
        "--fair-sched=yes".to_owned(),
        format!("--callgrind-out-file={}", file.display()),
    ];
    let recipe = Recipe::new(Target::Hallpass, built, &folder.0.join("run"), true)?;
    let mut server = Contender::fresh(&recipe.under("valgrind", arguments), options)?;
    if options.rows.iter().any(|row| row.has_user()) {
        server.sign_in(built)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for row in &options.rows {
        let mut meter = Callgrind {
            pid: server.pid(),
            file: file.clone(),
            dumps: None,
        };
        let job = server.job(*row);
        let Counted {
            each_time,
            browsers,
            ..
        } = runtime
            .block_on(counted(&job, plan(*row), &mut meter))
            .map_err(|error| format!("{}: {error}", row.name()))?;
        server.keep(&browsers);
        let least = each_time.into_iter().min().unwrap_or_default();
        let pieces = u64::from(plan(*row).together);
        found.push((row.name(), least.checked_div(pieces).unwrap_or_default()));
    }
    server.stop();
    Ok(found)
}

/// The least of several times counts, since jobs of the server run now and then.
fn plan(row: Row) -> Plan {
    let together = match row {
        Row::Discovery | Row::Jwks | Row::ClientCredentialsSealed => 200,
        Row::ClientCredentialsEs256 | Row::Introspection | Row::Userinfo => 100,
        Row::ClientCredentialsRs256
        | Row::Refresh
        | Row::Code
        | Row::CodeParDpopPrivateKeyJwt
        | Row::CodeParDpopPs256
        | Row::CodeParDpopJkt
        | Row::CodeParDpopJktPs256 => 20,
    };
    Plan {
        first: 20,
        together,
        times: 3,
    }
}

/// Callgrind, as it is spoken to while its program runs.
struct Callgrind {
    pid: u32,
    file: PathBuf,
    /// How many files it had written before this job; nothing before it is known.
    dumps: Option<u32>,
}

impl Callgrind {
    fn tell(&self, words: &str) -> Result<(), String> {
        let status = Command::new("vgdb")
            .arg(format!("--pid={}", self.pid))
            .args(words.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("vgdb: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("vgdb cannot tell the server: {words}"))
        }
    }

    fn path(&self, number: u32) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Meter for Callgrind {
    fn begin(&mut self) -> Result<(), String> {
        if self.dumps.is_none() {
            self.dumps = (1..).find(|number| !self.path(*number).exists());
            self.tell("instrumentation on")?;
        }
        self.tell("zero")
    }

    fn end(&mut self) -> Result<u64, String> {
        let number = self.dumps.unwrap_or(1);
        self.tell("dump")?;
        self.dumps = number.checked_add(1);
        let path = self.path(number);
        total(&path).ok_or_else(|| format!("{}: there is no total in it", path.display()))
    }
}

impl Drop for Callgrind {
    fn drop(&mut self) {
        // The preparation of the next row is not counted, and fast again.
        drop(self.tell("instrumentation off"));
    }
}

/// The instructions that a file of callgrind's tells.
fn total(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    of_file(&text)
}

fn of_file(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.trim().parse().ok()
}

/// The numbers of a file, one line each, with comments.
fn read(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, number) = line.split_once(' ')?;
            Some((name, number.trim().parse().ok()?))
        })
}

/// What takes more than is written down, or is not written down.
fn judge(bounds: &str, found: &[(&'static str, u64)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (row, now) in found {
        match read(bounds).find(|(name, _)| name == row) {
            None => complaints.push(format!("{row}: no number is written down")),
            Some((_, bound)) => {
                let most = bound.saturating_add(bound.saturating_mul(TOLERANCE) / 100);
                if *now > most {
                    complaints.push(format!(
                        "{row}: {now} instructions, and {bound} are written down"
                    ));
                }
            }
        }
    }
    complaints
}

/// The file with the new numbers. Those of rows that were not counted stay.
fn written(before: &str, found: &[(&'static str, u64)]) -> String {
    let mut text = HEAD.to_owned();
    for row in Row::ALL {
        let name = row.name();
        let now = found.iter().find(|(row, _)| *row == name);
        let earlier = read(before).find(|(row, _)| *row == name);
        if let Some(number) = now.map(|(_, n)| *n).or_else(|| earlier.map(|(_, n)| n)) {
            text.push_str(&format!("{name} {number}\n"));
        }
    }
    text
}

/// Where the numbers are, from the root.
const FILE: &str = "benches/instructions.txt";
/// So much more than that, in percent, is too much.
const TOLERANCE: u64 = 5;
const HEAD: &str = "\
# Instructions of the release server's own code for one piece of work, counted by callgrind with one worker and one connection.
# Written by `cargo xtask instructions --write`; five percent more fail. Another compiler may count differently.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str) -> bench::Result<Wanted> {
        Wanted::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn one_server_is_asked_on_one_connection() {
        let wanted = wanted("--only code --write").unwrap();
        assert!(wanted.write);
        assert_eq!(wanted.bench.targets, [Target::Hallpass]);
        assert_eq!(wanted.bench.concurrency, 1);
        assert_eq!(wanted.bench.rows.len(), 5);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["--rounds 3", "--only", "--only nothing", "code"] {
            assert!(wanted(line).is_err(), "{line}");
        }
    }

    #[test]
    fn more_than_five_percent_above_what_is_written_down_is_told() {
        let bounds = "# head\ncode 1000\njwks 100\n";
        assert_eq!(judge(bounds, &[("code", 1050), ("jwks", 90)]), [""; 0]);
        assert_eq!(judge(bounds, &[("code", 1051)]).len(), 1);
        assert_eq!(judge(bounds, &[("refresh", 1)]).len(), 1);
    }

    #[test]
    fn what_was_not_counted_stays_as_it_was_written() {
        let text = written("code 7\nold 3\nuserinfo 9\n", &[("code", 8)]);
        let lines: Vec<_> = read(&text).collect();
        assert_eq!(lines, [("userinfo", 9), ("code", 8)]);
        assert!(text.starts_with('#'));
    }

    #[test]
    fn the_total_is_read_and_nothing_else() {
        let text = "events: Ir\nsummary: 5\nfn=(1)\n1 2\ntotals: 123\n";
        assert_eq!(of_file(text), Some(123));
        assert_eq!(of_file("summary: 5\n"), None);
        assert_eq!(of_file("totals: many\n"), None);
    }
}
