//! The data folder: made at the first start, marked with its version, used by one server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::{Secret, decode_master_key};
use crate::failure::Failure;

/// A data folder of this version.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Held while a server runs.
    _lock: Option<File>,
}

/// Who opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A server, which wants to be the only one.
    Serve,
    /// A command, which may work beside a server.
    Command,
}

impl DataFolder {
    /// Opens the folder, making it if there is none.
    ///
    /// # Errors
    /// It is something else, of another version, or in use by another server.
    pub fn open(path: &Path, purpose: Purpose) -> Result<Self, Failure> {
        let name = path.display();
        let failed = |what: &str, error: &io::Error| {
            Failure::doing(&format!("server.data_dir: cannot {what} {name}"), error)
        };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|error| failed("make", &error))?,
            Err(error) => return Err(failed("open", &error)),
            Ok(metadata) if !metadata.is_dir() => {
                return Err(Failure::new(format!(
                    "server.data_dir: {name} is no folder"
                )));
            }
            Ok(metadata) => refuse_open(path, &metadata, GROUP_WRITES | OTHER_WRITES, "go-w")
                .map_err(|error| Failure::new(format!("server.data_dir: {error}")))?,
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: None,
        };
        folder.check_version()?;
        if purpose == Purpose::Command {
            return Ok(folder);
        }
        let lock = own_file(
            OpenOptions::new().create(true).truncate(false),
            &folder.file(LOCK),
        )
        .map_err(|error| failed("write in", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                _lock: Some(lock),
                ..folder
            }),
            Err(fs::TryLockError::WouldBlock) => Err(Failure::new(format!(
                "server.data_dir: {name} is in use by another server"
            ))),
            Err(fs::TryLockError::Error(error)) => Err(failed("lock", &error)),
        }
    }

    /// A file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The master key, made at the first start.
    ///
    /// # Errors
    /// The file cannot be read or made, is open to others, or holds no key.
    pub fn master_key(
        &self,
        fresh: impl FnOnce() -> [u8; 32],
    ) -> Result<Zeroizing<[u8; 32]>, Failure> {
        let path = self.file(MASTER_KEY);
        let name = path.display();
        if !path.exists() {
            let key = Zeroizing::new(fresh());
            let text = Zeroizing::new(hallpass_jose::base64url::encode(key.as_slice()));
            self.write_once(MASTER_KEY, &format!("{}\n", text.as_str()))?;
        }
        self.read_key(MASTER_KEY)?
            .ok_or_else(|| Failure::new(format!("cannot read {name}")))
    }

    /// The master key as it is now, if there is one.
    ///
    /// # Errors
    /// As [`Self::master_key`].
    pub fn current_master_key(&self) -> Result<Option<Zeroizing<[u8; 32]>>, Failure> {
        self.read_key(MASTER_KEY)
    }

    /// The master key from before the last one, if it is still kept.
    ///
    /// # Errors
    /// As [`Self::master_key`].
    pub fn previous_master_key(&self) -> Result<Option<Zeroizing<[u8; 32]>>, Failure> {
        self.read_key(PREVIOUS_KEY)
    }

    /// The master key that will be, made if there is none: a rotation that was interrupted goes on with the same.
    ///
    /// # Errors
    /// As [`Self::master_key`].
    pub fn next_master_key(
        &self,
        fresh: impl FnOnce() -> [u8; 32],
    ) -> Result<Zeroizing<[u8; 32]>, Failure> {
        if let Some(key) = self.read_key(NEXT_KEY)? {
            return Ok(key);
        }
        let key = Zeroizing::new(fresh());
        let text = Zeroizing::new(hallpass_jose::base64url::encode(key.as_slice()));
        self.write_once(NEXT_KEY, &format!("{}\n", text.as_str()))?;
        self.read_key(NEXT_KEY)?
            .ok_or_else(|| Failure::new(format!("{NEXT_KEY} has vanished")))
    }

    /// The next master key takes its place, and the one of now is kept as the previous one, for backups of before. Whenever
    /// this is interrupted, there is a master key, and it is one of the two.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn promote_master_key(&self) -> Result<(), Failure> {
        let [current, next, previous] =
            [MASTER_KEY, NEXT_KEY, PREVIOUS_KEY].map(|name| self.file(name));
        let temporary = self.file(&format!(".tmp-{PREVIOUS_KEY}-{}", std::process::id()));
        drop(fs::remove_file(&temporary));
        let promote = || {
            fs::hard_link(&current, &temporary)?;
            fs::rename(&temporary, &previous)?;
            File::open(&self.path)?.sync_all()?;
            fs::rename(&next, &current)?;
            File::open(&self.path)?.sync_all()
        };
        let promoted = promote();
        drop(fs::remove_file(&temporary));
        promoted.map_err(|error| {
            Failure::doing(&format!("cannot replace {}", current.display()), &error)
        })
    }

    /// Held while the master key is replaced.
    ///
    /// # Errors
    /// Somebody else replaces it.
    pub fn lock_master_key(&self) -> Result<File, Failure> {
        let path = self.file(KEY_LOCK);
        let failed =
            |error: &io::Error| Failure::doing(&format!("cannot lock {}", path.display()), error);
        let lock = own_file(OpenOptions::new().create(true).truncate(false), &path)
            .map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(fs::TryLockError::WouldBlock) => Err(Failure::new(
                "another command replaces the master key at this moment",
            )),
            Err(fs::TryLockError::Error(error)) => Err(failed(&error)),
        }
    }

    /// Reads a file with a key; none when there is no such file.
    fn read_key(&self, name: &str) -> Result<Option<Zeroizing<[u8; 32]>>, Failure> {
        let path = self.file(name);
        let name = path.display();
        let failed = |error: io::Error| Failure::doing(&format!("cannot read {name}"), &error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        refuse_open(&path, &file.metadata().map_err(failed)?, 0o077, "600")?;
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        decode_master_key(&Secret::new(text.trim_end().to_owned()))
            .map(Some)
            .ok_or_else(|| Failure::new(format!("{name} holds no master key")))
    }

    /// Refuses a folder of another version, and one that is not ours.
    fn check_version(&self) -> Result<(), Failure> {
        let name = self.path.display();
        let failed = |error: io::Error| {
            Failure::doing(&format!("server.data_dir: cannot read {name}"), &error)
        };
        match fs::read_to_string(self.file(VERSION_FILE)) {
            Ok(version) if version.trim() == VERSION => Ok(()),
            Ok(version) => {
                let version: String = version
                    .trim()
                    .chars()
                    .take(20)
                    .filter(char::is_ascii_graphic)
                    .collect();
                Err(Failure::new(format!(
                    "server.data_dir: {name} is of version {version}, this program knows version {VERSION} only"
                )))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let foreign = fs::read_dir(&self.path)
                    .map_err(failed)?
                    .flatten()
                    .find(|entry| {
                        let name = entry.file_name();
                        !OURS.iter().any(|ours| name == *ours)
                            && !name.to_string_lossy().starts_with(".tmp-")
                    });
                if let Some(entry) = foreign {
                    let other = entry.file_name();
                    return Err(Failure::new(format!(
                        "server.data_dir: {name} is no data folder of hallpass: it holds {} and no file {VERSION_FILE}. \
                         Choose an empty one",
                        other.display()
                    )));
                }
                self.write_once(VERSION_FILE, &format!("{VERSION}\n"))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes a whole file or none, for the owner's eyes only. Another process that was faster wins.
    fn write_once(&self, name: &str, content: &str) -> Result<(), Failure> {
        let path = self.file(name);
        let temporary = self.file(&format!(".tmp-{name}-{}", std::process::id()));
        let write = || {
            let mut file = own_file(OpenOptions::new().create_new(true), &temporary)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()?;
            match fs::hard_link(&temporary, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
            File::open(&self.path)?.sync_all()
        };
        let written = write();
        drop(fs::remove_file(&temporary));
        written.map_err(|error| Failure::doing(&format!("cannot write {}", path.display()), &error))
    }
}

/// What was found of master keys in a data folder.
#[derive(Default)]
pub struct FoundKeys {
    /// The master key.
    pub current: Option<Zeroizing<[u8; 32]>>,
    /// The one from before.
    pub previous: Option<Zeroizing<[u8; 32]>>,
    /// Whether a replacement was begun and not finished.
    pub unfinished: bool,
}

impl std::fmt::Debug for FoundKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundKeys")
            .field("unfinished", &self.unfinished)
            .finish_non_exhaustive()
    }
}

/// Reads the master keys of a data folder and makes nothing.
///
/// # Errors
/// One cannot be read, is open to others, or is none.
pub fn find_keys(path: &Path) -> Result<FoundKeys, Failure> {
    let folder = DataFolder {
        path: path.to_owned(),
        _lock: None,
    };
    Ok(FoundKeys {
        current: folder.read_key(MASTER_KEY)?,
        previous: folder.read_key(PREVIOUS_KEY)?,
        unfinished: folder.read_key(NEXT_KEY)?.is_some(),
    })
}

/// Refuses a data folder that others than its owner may write to.
///
/// # Errors
/// It is open to others, or cannot be looked at.
pub fn check_folder(path: &Path) -> Result<(), Failure> {
    let metadata = fs::metadata(path)
        .map_err(|error| Failure::doing(&format!("cannot look at {}", path.display()), &error))?;
    refuse_open(path, &metadata, GROUP_WRITES | OTHER_WRITES, "go-w")
}

/// Writes a new file for the owner's eyes only, on the disk when this returns.
///
/// # Errors
/// There is one already, or it cannot be written.
pub fn write_private(path: &Path, content: &str) -> Result<(), Failure> {
    let write = || {
        let mut file = private_file(OpenOptions::new().create_new(true), path)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        sync_folder_of(path)
    };
    write().map_err(|error| Failure::doing(&format!("cannot write {}", path.display()), &error))
}

/// Copies a file into a new one for the eyes of the folder's owner only, on the disk when this returns.
///
/// # Errors
/// There is one already, or one of them cannot be read or written.
pub fn copy_private(from: &Path, to: &Path) -> Result<(), Failure> {
    let copy = || {
        let mut source = File::open(from)?;
        let mut file = own_file(OpenOptions::new().create_new(true), to)?;
        io::copy(&mut source, &mut file)?;
        file.sync_all()
    };
    copy().map_err(|error| {
        let what = format!("cannot copy {} to {}", from.display(), to.display());
        Failure::doing(&what, &error)
    })
}

/// Puts the entries of a file's folder on the disk.
///
/// # Errors
/// The disk fails.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Refuses a database that others than its owner may write, or others than its group may read. Without one all is well.
///
/// # Errors
/// It is open to others, or cannot be looked at.
pub fn check_database(path: &Path) -> Result<(), Failure> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let file = PathBuf::from(name);
        match fs::metadata(&file) {
            Ok(metadata) => refuse_open(&file, &metadata, GROUP_WRITES | OTHERS, "600")?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let what = format!("cannot look at {}", file.display());
                return Err(Failure::doing(&what, &error));
            }
        }
    }
    Ok(())
}

/// Refuses what grants any of the `forbidden` permissions, and says which chmod takes them away.
fn refuse_open(
    path: &Path,
    metadata: &fs::Metadata,
    forbidden: u32,
    chmod: &str,
) -> Result<(), Failure> {
    let mode = metadata.permissions().mode() & 0o777;
    if mode & forbidden == 0 {
        return Ok(());
    }
    let name = path.display();
    Err(Failure::new(format!(
        "{name} is open to other users of this machine (mode {mode:03o}), who could read or replace keys and accounts. \
         Take that away with: chmod {chmod} {name}"
    )))
}

const GROUP_WRITES: u32 = 0o020;
const OTHER_WRITES: u32 = 0o002;
const OTHERS: u32 = 0o007;

fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.write(true).mode(0o600).open(path)
}

/// One in the data folder: it belongs to whom the folder belongs to, so that the service can open what root makes beside it,
/// such as a restored database or another master key. Nobody else can make a file there that is not theirs.
fn own_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = private_file(options, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::metadata(folder.unwrap_or_else(|| Path::new(".")))?;
    if file.metadata()?.uid() != folder.uid() {
        fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(file)
}

const VERSION: &str = "1";
const VERSION_FILE: &str = "VERSION";
const LOCK: &str = "lock";
const MASTER_KEY: &str = "master.key";
const NEXT_KEY: &str = "master.key.next";
const PREVIOUS_KEY: &str = "master.key.previous";
const KEY_LOCK: &str = "master.key.lock";

/// What may be in a folder without a version: the mark of a file system.
const OURS: [&str; 1] = ["lost+found"];

#[cfg(test)]
mod tests {
    use super::*;

    struct Temp(PathBuf);

    impl Temp {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("hallpass-data-{}-{name}", std::process::id()));
            drop(fs::remove_dir_all(&path));
            Self(path)
        }
    }

    impl Drop for Temp {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn refused(path: &Path) -> String {
        DataFolder::open(path, Purpose::Serve)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_new_folder_is_for_its_owner_only() {
        let temp = Temp::new("new");
        let folder = DataFolder::open(&temp.0, Purpose::Serve).unwrap();
        folder.master_key(|| [7; 32]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&temp.0), 0o700);
        for name in [VERSION_FILE, LOCK, MASTER_KEY] {
            assert_eq!(mode(&folder.file(name)), 0o600, "{name}");
        }
        assert_eq!(
            fs::read_dir(&temp.0).unwrap().count(),
            3,
            "nothing temporary is left"
        );
    }

    #[test]
    fn the_master_key_is_made_once() {
        let temp = Temp::new("key");
        let folder = DataFolder::open(&temp.0, Purpose::Command).unwrap();
        folder.master_key(|| [7; 32]).unwrap();
        let before = fs::read(folder.file(MASTER_KEY)).unwrap();
        folder.master_key(|| unreachable!()).unwrap();
        assert_eq!(fs::read(folder.file(MASTER_KEY)).unwrap(), before);
    }

    #[test]
    fn a_master_key_that_is_open_to_all_or_broken_is_refused() {
        let temp = Temp::new("open");
        let folder = DataFolder::open(&temp.0, Purpose::Command).unwrap();
        folder.master_key(|| [7; 32]).unwrap();
        let path = folder.file(MASTER_KEY);
        for mode in [0o644, 0o640, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = folder.master_key(|| [7; 32]).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "").unwrap();
        let error = folder.master_key(|| [7; 32]).unwrap_err().to_string();
        assert!(error.ends_with("holds no master key"), "{error}");
    }

    #[test]
    fn a_folder_of_another_version_or_kind_is_refused_with_the_settings_name() {
        let temp = Temp::new("version");
        drop(DataFolder::open(&temp.0, Purpose::Serve).unwrap());
        fs::write(temp.0.join(VERSION_FILE), "2\n").unwrap();
        let error = refused(&temp.0);
        assert!(
            error.starts_with("server.data_dir: ") && error.contains("version 2"),
            "{error}"
        );
        fs::remove_file(temp.0.join(VERSION_FILE)).unwrap();
        fs::write(temp.0.join("thesis.tex"), "").unwrap();
        let error = refused(&temp.0);
        assert!(
            error.starts_with("server.data_dir: ") && error.contains("no data folder"),
            "{error}"
        );
        let file = temp.0.join("thesis.tex");
        assert!(refused(&file).ends_with("is no folder"));
        assert!(refused(&file.join("x")).starts_with("server.data_dir: cannot open"));
    }

    #[test]
    fn a_folder_or_database_that_others_can_change_is_refused() {
        let temp = Temp::new("mode");
        drop(DataFolder::open(&temp.0, Purpose::Serve).unwrap());
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for mode in [0o777, 0o775, 0o720, 0o702] {
            set(&temp.0, mode);
            let error = refused(&temp.0);
            assert!(
                error.starts_with("server.data_dir: ") && error.contains("chmod go-w"),
                "{error}"
            );
        }
        set(&temp.0, 0o755);
        drop(DataFolder::open(&temp.0, Purpose::Serve).unwrap());

        let database = temp.0.join("database");
        check_database(&database).unwrap();
        for name in ["database", "database-wal"] {
            let path = temp.0.join(name);
            fs::write(&path, "").unwrap();
            for mode in [0o644, 0o660, 0o602] {
                set(&path, mode);
                let error = check_database(&database).unwrap_err().to_string();
                assert!(error.contains("chmod 600"), "{error}");
            }
            set(&path, 0o640);
            check_database(&database).unwrap();
        }
    }

    #[test]
    fn one_server_at_a_time_and_commands_beside_it() {
        let temp = Temp::new("lock");
        let server = DataFolder::open(&temp.0, Purpose::Serve).unwrap();
        assert!(refused(&temp.0).ends_with("is in use by another server"));
        DataFolder::open(&temp.0, Purpose::Command).unwrap();
        drop(server);
        DataFolder::open(&temp.0, Purpose::Serve).unwrap();
    }
}
