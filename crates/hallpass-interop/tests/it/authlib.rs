//! Authlib in a Flask application.

use std::path::Path;
use std::process::Command;

use crate::support::{Server, built, missing, script_result};

#[test]
fn authlib_goes_through_the_whole_flow() {
    if missing("python3", &["-c", "import venv, ensurepip"]) {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let requirements = source.join("requirements.txt");
    let venv = built(
        "python-packages",
        std::slice::from_ref(&requirements),
        |folder| {
            let made = Command::new("python3")
                .args(["-m", "venv"])
                .arg(folder)
                .status();
            assert!(made.unwrap().success(), "python3 -m venv failed");
            let installed = Command::new(folder.join("bin/python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--no-deps",
                    "--disable-pip-version-check",
                    "-r",
                ])
                .arg(&requirements)
                .status();
            assert!(installed.unwrap().success(), "pip install failed");
        },
    );
    let server = Server::start("python");
    let mut command = Command::new(venv.join("bin/python"));
    command.arg("-B").arg(source.join("authlib_client.py"));
    let done = script_result(&mut command, &server.line);
    for (case, steps) in done.as_object().unwrap() {
        println!("authlib: {case}: {steps}");
    }
}
