//! Folders below cargo's target folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Cargo's target folder.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// A folder that is kept from one run to the next, made by `make` whenever one of the files changed.
pub(crate) fn built(name: &str, files: &[PathBuf], make: impl FnOnce(&Path)) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let stamp = folder.join("made-from");
    let wanted: String = files.iter().map(|file| read(file)).collect();
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return folder;
    }
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    make(&folder);
    std::fs::write(&stamp, wanted).unwrap();
    folder
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A folder of one test, gone afterwards unless the test failed.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The text of a file, as soon as somebody has put it here.
    pub(crate) async fn file(&self, name: &str) -> String {
        let path = self.0.join(name);
        for _ in 0..600 {
            match std::fs::read_to_string(&path) {
                Ok(text) if !text.is_empty() => return text,
                Ok(_) | Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
        panic!("no {}", path.display());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept {}", self.0.display());
        } else {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}
