//! Mail as files, for trying out: nothing leaves the machine.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use hallpass_provider::ports::{Mail, MailError, Mailer};
use hallpass_store::BoxFuture;

use crate::Sender;

/// Writes each mail to a file `<seconds>-<id>.eml` that only its owner can read, and keeps the newest of them.
#[derive(Clone, Debug)]
pub struct Folder {
    folder: Arc<Path>,
    sender: Sender,
}

/// So many files stay.
const KEPT: usize = 1000;

impl Folder {
    /// Mail goes to this folder, which is made with the first one.
    #[must_use]
    pub fn new(folder: PathBuf, sender: Sender) -> Self {
        Self {
            folder: folder.into(),
            sender,
        }
    }
}

impl Mailer for Folder {
    fn send<'a>(&'a self, mail: Mail<'a>) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            let bytes = self.sender.message(&mail)?.formatted();
            let name = format!("{}-{}.eml", mail.at.0, mail.id);
            let folder = Arc::clone(&self.folder);
            let written = tokio::task::spawn_blocking(move || write(&folder, &name, &bytes)).await;
            match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a mail cannot be written to its folder");
                    Err(MailError::Failed)
                }
                Err(_) => Err(MailError::Failed),
            }
        })
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    make(folder)?;
    forget_old(folder)?;
    let unfinished = folder.join(format!("{name}.part"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    // Whoever watches the folder sees whole mails only.
    fs::rename(&unfinished, folder.join(name))
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn forget_old(folder: &Path) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "eml") {
            names.push(path);
        }
    }
    let surplus = names.len().saturating_add(1).saturating_sub(KEPT);
    // Names begin with the time.
    names.sort_unstable();
    for path in names.into_iter().take(surplus) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hallpass_provider::ports::Letter;
    use hallpass_types::{EmailAddress, Timestamp};

    use super::*;
    use crate::message::tests::sender;

    fn letter() -> Letter {
        Letter {
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: "h".to_owned(),
        }
    }

    #[tokio::test]
    async fn each_mail_is_a_file_of_its_owner_and_the_oldest_go() {
        let path = std::env::temp_dir().join(format!("hallpass-mail-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        let folder = Folder::new(path.clone(), sender());
        let to = EmailAddress::parse("ada@example.org").unwrap();
        for (number, id) in ["a", "b", "b"].iter().enumerate() {
            let mail = Mail {
                to: &to,
                letter: &letter(),
                id,
                at: Timestamp(1_800_000_000 + i64::from(number > 0)),
            };
            folder.send(mail).await.unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        // Sent twice is one file.
        assert_eq!(names, ["1800000000-a.eml", "1800000001-b.eml"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o700);
            assert_eq!(mode(&path.join("1800000000-a.eml")), 0o600);
        }
        for number in 0..KEPT {
            fs::write(path.join(format!("19{number:08}-c.eml")), "x").unwrap();
        }
        write(&path, "1999999999-d.eml", b"x").unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), KEPT);
        assert!(path.join("1999999999-d.eml").exists());
        assert!(!path.join("1800000000-a.eml").exists());
        fs::remove_dir_all(&path).unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_tried_again() {
        let path = std::env::temp_dir().join(format!("hallpass-mail-file-{}", std::process::id()));
        fs::write(&path, "a file").unwrap();
        let folder = Folder::new(path.join("mail"), sender());
        let mail = Mail {
            to: &EmailAddress::parse("ada@example.org").unwrap(),
            letter: &letter(),
            id: "a",
            at: Timestamp(0),
        };
        assert_eq!(folder.send(mail).await, Err(MailError::Failed));
        fs::remove_file(&path).unwrap();
    }
}
