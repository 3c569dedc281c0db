//! Folders of tests.

use std::path::PathBuf;

use hallpass_jose::{base64url, random};

/// A folder for one test.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = base64url::encode(random::bytes::<12>());
        let path = std::env::temp_dir().join(format!("hallpass-test-{name}"));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
