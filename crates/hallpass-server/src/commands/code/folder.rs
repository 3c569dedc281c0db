//! The files of a folder. It may come from anywhere: nothing outside of it is read, and nothing that is no file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};

use crate::failure::Failure;

/// A file of a project.
#[derive(Debug)]
pub(super) struct Found {
    /// The project that it is about.
    pub(super) project: String,
    /// Its name within the folder.
    pub(super) name: String,
    pub(super) json: bool,
    pub(super) text: String,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) files: Vec<Found>,
    /// What is no file of a project, by its name.
    pub(super) passed_over: Vec<String>,
}

const MOST_FILES: usize = 20_000;
const LARGEST: u64 = 4 << 20;
const LARGEST_IN_ALL: u64 = 64 << 20;

impl Folder {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| Failure::doing(&shown, &std::io::Error::from(error)))?;
        let root = File::from(root);
        let mut folder = Self::default();
        let mut left = LARGEST_IN_ALL;
        for (name, kind) in entries(&root, "")? {
            match kind {
                FileType::Directory => {
                    let flags = flags | OFlags::NOFOLLOW;
                    let inner = openat(&root, &*name, flags, Mode::empty())
                        .map_err(|error| Failure::doing(&name, &std::io::Error::from(error)))?;
                    let inner = File::from(inner);
                    for (file, kind) in entries(&inner, &name)? {
                        let within = format!("{name}/{file}");
                        if kind == FileType::Directory {
                            folder.passed_over.push(within);
                        } else {
                            let place = (&inner, &*file);
                            folder.file(place, name.clone(), within, &mut left)?;
                        }
                    }
                }
                FileType::RegularFile
                | FileType::Symlink
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => {
                    let project = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
                    let project = project.to_owned();
                    folder.file((&root, &*name), project, name.clone(), &mut left)?;
                }
            }
        }
        Ok(folder)
    }

    fn file(
        &mut self,
        (parent, name): (&File, &str),
        project: String,
        within: String,
        left: &mut u64,
    ) -> Result<(), Failure> {
        let json = name.ends_with(".json");
        if !json && !name.ends_with(".toml") {
            self.passed_over.push(within);
            return Ok(());
        }
        if self.files.len() >= MOST_FILES {
            return Err(Failure::new(format!(
                "there are more than {MOST_FILES} files"
            )));
        }
        let wrong = |text: &str| Failure::new(format!("{within}: {text}"));
        let failed = |error| Failure::doing(&within, &error);
        // One that was put in the place of another since is not followed, and a pipe is not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(parent, name, flags, Mode::empty());
        let file = match file {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::LOOP) => return Err(wrong("is a symbolic link")),
            Err(error) => return Err(failed(error.into())),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(wrong("is no file"));
        }
        let mut text = Vec::new();
        let most = LARGEST.saturating_add(1);
        file.take(most).read_to_end(&mut text).map_err(failed)?;
        let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if size > LARGEST {
            return Err(wrong("is larger than 4 MiB"));
        }
        *left = left
            .checked_sub(size)
            .ok_or_else(|| wrong("with it the files are larger than 64 MiB"))?;
        let text = String::from_utf8(text).map_err(|_| wrong("is not in UTF-8"))?;
        self.files.push(Found {
            project,
            name: within,
            json,
            text,
        });
        Ok(())
    }
}

/// Names and kinds of what is in a folder, by name, without hidden ones.
fn entries(folder: &File, named: &str) -> Result<Vec<(String, FileType)>, Failure> {
    let failed = |error: rustix::io::Errno| Failure::doing(named, &std::io::Error::from(error));
    let mut found = Vec::new();
    for entry in Dir::read_from(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".") {
            continue;
        }
        let name = std::str::from_utf8(name)
            .ok()
            .filter(|name| !name.chars().any(char::is_control))
            .ok_or_else(|| Failure::new("there is a file whose name is no readable text"))?
            .to_owned();
        let mut kind = entry.file_type();
        if kind == FileType::Unknown {
            let stat = statat(folder, &*name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
            kind = FileType::from_raw_mode(stat.st_mode);
        }
        found.push((name, kind));
        if found.len() > MOST_FILES {
            return Err(Failure::new(format!(
                "there are more than {MOST_FILES} files"
            )));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}
