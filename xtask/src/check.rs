//! What must hold before a change lands, and shortcuts for daily work.

use std::process::ExitCode;

use crate::{
    api, bench, book, deps, documented, features, generate, named, outgoing, previous, report,
    size, spec,
    workspace::{run, run_with},
};

const CARGO: &str = env!("CARGO");

pub(crate) fn check() -> ExitCode {
    let mut problems = Vec::new();
    let mut note = |result: Result<(), String>| problems.extend(result.err());
    note(run(CARGO, &["fmt", "--all", "--check"]));
    note(run(
        CARGO,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
    ));
    note(documentation());
    problems.extend(api::all(false).unwrap_or_else(|e| vec![e]));
    problems.extend(size::problems().unwrap_or_else(|e| vec![e]));
    problems.extend(deps::problems().unwrap_or_else(|e| vec![e]));
    problems.extend(features::problems().unwrap_or_else(|e| vec![e]));
    problems.extend(named::problems().unwrap_or_else(|e| vec![e]));
    problems.extend(outgoing::problems().unwrap_or_else(|e| vec![e]));
    problems.extend(spec::problems().unwrap_or_else(|e| vec![e]));
    problems.extend(documented::problems().unwrap_or_else(|e| vec![e]));
    problems.extend(book::problems().unwrap_or_else(|e| vec![e]));
    problems.extend(generate::all(true).unwrap_or_else(|e| vec![e]));
    if problems.is_empty() {
        println!("check: clean");
    }
    report(Ok(problems))
}

fn documentation() -> Result<(), String> {
    println!("$ RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps");
    let status = std::process::Command::new(CARGO)
        .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .current_dir(crate::workspace::root())
        .status()
        .map_err(|e| format!("cargo doc: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("cargo doc failed".to_owned())
    }
}

/// All tests, or those whose names contain the filter. Without one, some of them once more on PostgreSQL: signing in, the
/// endpoints, races on two nodes, and other people's clients.
pub(crate) fn test(arguments: impl Iterator<Item = String>) -> ExitCode {
    let filter: Vec<String> = arguments.collect();
    // Whoever reads what failed wants to read all of it.
    let mut all = vec![
        "test",
        "--workspace",
        "--all-features",
        "--locked",
        "--no-fail-fast",
    ];
    all.extend(filter.iter().map(String::as_str));
    let mut done = run(CARGO, &all);
    if filter.is_empty() {
        for (package, names) in ON_POSTGRES {
            let mut once_more = vec!["test", "--locked", "--all-features", "--package", package];
            once_more.extend(["--test", "it", "--"]);
            once_more.extend(*names);
            done = done
                .and_then(|()| run_with(CARGO, &once_more, &[("HALLPASS_TEST_STORE", "postgres")]));
        }
    }
    if filter.is_empty() {
        done = done.and_then(|()| examples());
    }
    report(done.map(|()| Vec::new()))
}

/// Builds the examples, which are a workspace of their own, and walks through each of them. What they share with the product
/// is built once.
fn examples() -> Result<(), String> {
    let folder = crate::workspace::root().join("target");
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or(folder, Into::into);
    let folder = folder.to_string_lossy();
    for command in ["build", "test"] {
        let here = [
            "--manifest-path",
            "examples/Cargo.toml",
            "--target-dir",
            &folder,
        ];
        let mut all = vec![command, "--workspace", "--locked"];
        all.extend(here);
        run(CARGO, &all)?;
    }
    Ok(())
}

/// Packages with the names of tests that run once more on PostgreSQL.
const ON_POSTGRES: &[(&str, &[&str])] = &[
    (
        "hallpass-testkit",
        &[
            "codes::",
            "consent::",
            "device::",
            "logout::",
            "pushed_requests::",
            "races::",
            "refresh_tokens::",
            "registration::",
            "revocation::",
            "sign_in::",
            "tenants::",
            "token_requests::",
        ],
    ),
    (
        "hallpass-interop",
        &["authlib::", "browser::", "node::", "openidconnect::"],
    ),
];

/// The server with a demo user, from a debug build.
pub(crate) fn dev(arguments: impl Iterator<Item = String>) -> ExitCode {
    let more: Vec<String> = arguments.collect();
    let mut all = vec![
        "run",
        "--package",
        "hallpass-server",
        "--",
        "serve",
        "--demo",
    ];
    all.extend(more.iter().map(String::as_str));
    report(run(CARGO, &all).map(|()| Vec::new()))
}

/// Experiments that break things under load, on a release build of the server.
pub(crate) fn faults(arguments: impl Iterator<Item = String>) -> ExitCode {
    let more: Vec<String> = arguments.collect();
    let experiments = bench::build::cargo_build(&["hallpass-server"]).and_then(|programs| {
        let (_, binary) = programs.first().ok_or("cargo built no server")?;
        let binary = binary.to_string_lossy();
        let mut all = vec!["run", "--locked", "--package", "hallpass-faults", "--"];
        all.extend(["--binary", &binary]);
        let previous = previous::built();
        let previous = previous.as_ref().map(|path| path.to_string_lossy());
        if let Some(previous) = &previous {
            all.extend(["--previous", previous]);
        }
        all.extend(more.iter().map(String::as_str));
        run(CARGO, &all)
    });
    let experiments = experiments.and_then(|()| {
        let is = |what: &str| more.iter().any(|argument| argument == what);
        let all = !more.iter().any(|argument| argument.starts_with(['F', 'L']));
        if !is("--long") || !(all || is("F03")) {
            return Ok(());
        }
        // The kinds of F03 for which a person does something each time.
        let mut tests = vec!["HALLPASS_ROUNDS=10000", CARGO, "test", "--locked"];
        tests.extend(["--package", "hallpass-testkit", "--test", "it"]);
        tests.extend(["once::", "--", "--nocapture"]);
        run("env", &tests)
    });
    report(experiments.map(|()| Vec::new()))
}
