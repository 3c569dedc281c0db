//! Work of which each step is on the disk before what follows it begins, many at a time. Steps that wait at the same time share
//! a write.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::NoFloor;
use crate::limit::Unsigned;

/// Work in steps.
pub(super) trait Stepwise {
    /// What is done between two commits.
    type Step: Copy + Send + 'static;
    /// How a piece of work begins.
    const FIRST: Self::Step;

    /// What follows; `None` when the piece of work is done.
    fn next(step: Self::Step) -> Option<Self::Step>;

    /// What comes before the commit of a step.
    fn before(&self, step: Self::Step) -> Result<(), Unsigned>;
}

/// How many pieces of work are done each second, [`AT_A_TIME`] under way, with a file in that folder that is removed afterwards.
pub(super) fn per_second<W: Stepwise>(
    work: &W,
    folder: &Path,
    duration: Duration,
) -> Result<f64, NoFloor> {
    let path = folder.join("floor");
    let written = write_ahead(&path).and_then(|file| {
        let (to_disk, waiting) = channel();
        let (done, on_disk) = channel();
        let writer = thread::spawn(move || {
            write(file, &waiting, |step| {
                let _sent = done.send(step);
            })
        });
        let rate = pieces(work, (&to_disk, &on_disk), duration);
        drop(to_disk);
        // What waits there still is written, and goes nowhere.
        let ended = writer.join();
        ended.unwrap_or_else(|_| Err(std::io::Error::other("the writer ended")))?;
        Ok(rate)
    });
    drop(std::fs::remove_file(&path));
    Ok(written??)
}

/// A thread that tells for each sender that comes when a commit is on the disk, with a file in that folder that nobody else sees.
pub(crate) fn commits(folder: &Path) -> std::io::Result<Sender<oneshot::Sender<()>>> {
    let path = folder.join("floor");
    let file = write_ahead(&path)?;
    std::fs::remove_file(&path)?;
    let (to_disk, waiting) = channel::<oneshot::Sender<()>>();
    // When it fails, those that wait are dropped.
    let _ended = thread::spawn(move || {
        write(file, &waiting, |done| {
            let _told = done.send(());
        })
    });
    Ok(to_disk)
}

/// Does steps as they come from the disk, until the time is over.
fn pieces<W: Stepwise>(
    work: &W,
    (to_disk, on_disk): (&Sender<W::Step>, &Receiver<W::Step>),
    duration: Duration,
) -> Result<f64, Unsigned> {
    let start = |step| {
        work.before(step)?;
        // A writer that has ended says itself why.
        let _sent = to_disk.send(step);
        Ok(())
    };
    for _ in 0..AT_A_TIME {
        start(W::FIRST)?;
    }
    let started = Instant::now();
    let mut count = 0.0;
    // One at least, however slow the disk is.
    while started.elapsed() < duration || count < 1.0 {
        let Ok(step) = on_disk.recv() else { break };
        if let Some(next) = W::next(step) {
            start(next)?;
        } else {
            count += 1.0;
            start(W::FIRST)?;
        }
    }
    Ok(count / started.elapsed().as_secs_f64())
}

/// A file with room for many commits, as a log has that is used again.
fn write_ahead(path: &Path) -> std::io::Result<File> {
    let mut file = File::create(path)?;
    let zeros = vec![0; COMMIT_BYTES * AT_A_TIME];
    for _ in 0..ROOM {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    file.rewind()?;
    Ok(file)
}

/// Writes what waits together, synchronises, and tells for each that it is done.
fn write<S>(mut file: File, waiting: &Receiver<S>, done: impl Fn(S)) -> std::io::Result<()> {
    let bytes = vec![1; COMMIT_BYTES * AT_A_TIME];
    let mut groups = 0_u64;
    while let Ok(first) = waiting.recv() {
        let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let length = group.len().saturating_mul(COMMIT_BYTES);
        file.write_all(bytes.get(..length).unwrap_or(&bytes))?;
        file.sync_data()?;
        groups = groups.saturating_add(1);
        if groups.is_multiple_of(ROOM) {
            file.seek(SeekFrom::Start(0))?;
        }
        group.into_iter().for_each(&done);
    }
    Ok(())
}

/// What a commit puts into a log, at least: a record of some hundred bytes, and what was used once.
const COMMIT_BYTES: usize = 512;
/// Pieces of work that are under way.
const AT_A_TIME: usize = 64;
/// Groups that the file has room for.
const ROOM: u64 = 256;
