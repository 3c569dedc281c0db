//! Processes that end with the test.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};

/// A process in a group of its own. The group is killed when this is dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Its number may be another process's by now.
    gone: bool,
}

impl Process {
    pub(super) fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_owned();
        let child = command.process_group(0).spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { child, gone: false }
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// SIGKILL, to this process alone, and its end.
    pub(super) fn kill(&mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.gone = true;
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        let group = format!("-{}", self.child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).output());
        drop(self.child.wait());
    }
}
