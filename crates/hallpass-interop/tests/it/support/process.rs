//! Processes that end with the test.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};

/// A process in a group of its own. The group is killed when this is dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    pub(super) fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_owned();
        let child = command.process_group(0).spawn();
        Self(child.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// SIGKILL, to this process alone, and its end.
    pub(super) fn kill(&mut self) -> ExitStatus {
        self.0.kill().unwrap();
        self.0.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).output());
        drop(self.0.wait());
    }
}
