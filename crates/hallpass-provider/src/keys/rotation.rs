//! When keys go from one phase into the next.

use hallpass_store::{KeyPhase, KeyRecord, StoreError, Write};
use hallpass_types::Timestamp;

use super::{KeyAlgorithm, generate};
use crate::secrets::Secrets;

/// When a key is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// When it has signed for so many seconds, and its successor is ripe.
    Older(i64),
    /// When its successor is ripe: everybody who keeps the published keys for as long as they may has seen it.
    Ripe,
    /// At once, even by a key that nobody has seen yet.
    Forced,
}

/// What became of a rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// These algorithms have a new key.
    pub done: Vec<KeyAlgorithm>,
    /// The successors of these are not ripe, and will be after so many seconds.
    pub waiting: Vec<(KeyAlgorithm, i64)>,
    /// Another process changed the keys at the same moment: nothing was done.
    pub overtaken: bool,
}

/// What a change of keys goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) secrets: &'a Secrets,
    pub(crate) now: Timestamp,
    /// Seconds from the publication of a key to its first signature.
    pub(crate) ripe: i64,
    /// Seconds for which a key is published after its last signature.
    pub(crate) keep: i64,
}

impl Turn<'_> {
    fn moved(&self, record: &KeyRecord, phase: KeyPhase) -> KeyRecord {
        KeyRecord {
            phase,
            phase_since: self.now,
            keep_until: (phase == KeyPhase::Retiring).then(|| self.now.plus(self.keep)),
            ..record.clone()
        }
    }
}

/// Adds the writes of one rotation of an algorithm: the oldest next key signs from now on, the active ones retire, and
/// a new next key is made.
///
/// # Errors
/// As [`generate`].
pub(crate) fn rotation(
    records: &[KeyRecord],
    algorithm: KeyAlgorithm,
    when: Rotate,
    turn: Turn<'_>,
) -> Result<(Vec<KeyRecord>, Rotation), StoreError> {
    let Turn { secrets, now, .. } = turn;
    let of = |phase| in_phase(records, algorithm, phase);
    if let Rotate::Older(period) = when
        && of(KeyPhase::Active)
            .next()
            .is_some_and(|_| of(KeyPhase::Active).all(|r| now.since(r.phase_since) < period))
    {
        return Ok((Vec::new(), Rotation::Young));
    }
    let next = oldest_next(records, algorithm);
    if when != Rotate::Forced {
        match next {
            Some(next) => {
                let left = turn.ripe.saturating_sub(now.since(next.phase_since));
                if left > 0 {
                    return Ok((Vec::new(), Rotation::Waits(left)));
                }
            }
            None => {
                let next = generate(algorithm, KeyPhase::Next, secrets, now)?;
                return Ok((vec![next], Rotation::Waits(turn.ripe)));
            }
        }
    }
    let mut writes: Vec<_> = of(KeyPhase::Active)
        .map(|old| turn.moved(old, KeyPhase::Retiring))
        .collect();
    writes.push(match next {
        Some(next) => turn.moved(next, KeyPhase::Active),
        None => generate(algorithm, KeyPhase::Active, secrets, now)?,
    });
    if of(KeyPhase::Next).count() < 2 {
        writes.push(generate(algorithm, KeyPhase::Next, secrets, now)?);
    }
    Ok((writes, Rotation::Done))
}

/// The writes that make a key unknown at once. Its successor signs if it was active; `wanted` says whether its algorithm
/// is in use. None when there is no such key.
///
/// # Errors
/// As [`generate`].
pub(crate) fn retirement(
    records: &[KeyRecord],
    kid: &str,
    wanted: impl Fn(KeyAlgorithm) -> bool,
    turn: Turn<'_>,
) -> Result<Option<Vec<Write>>, StoreError> {
    let Some(record) = records.iter().find(|r| r.kid == kid) else {
        return Ok(None);
    };
    let mut writes = vec![Write::DeleteSigningKey(record.kid.clone())];
    let put = |record| Write::SigningKey(Box::new(record));
    let Some(algorithm) = KeyAlgorithm::parse(&record.alg).filter(|a| wanted(*a)) else {
        return Ok(Some(writes));
    };
    let others: Vec<KeyRecord> = records.iter().filter(|r| r.kid != kid).cloned().collect();
    let active = in_phase(&others, algorithm, KeyPhase::Active).next();
    let mut nexts = in_phase(&others, algorithm, KeyPhase::Next).count();
    if active.is_none() {
        writes.push(put(match oldest_next(&others, algorithm) {
            Some(next) => {
                nexts = nexts.saturating_sub(1);
                turn.moved(next, KeyPhase::Active)
            }
            None => generate(algorithm, KeyPhase::Active, turn.secrets, turn.now)?,
        }));
    }
    if nexts == 0 {
        writes.push(put(generate(
            algorithm,
            KeyPhase::Next,
            turn.secrets,
            turn.now,
        )?));
    }
    Ok(Some(writes))
}

fn in_phase(
    records: &[KeyRecord],
    algorithm: KeyAlgorithm,
    phase: KeyPhase,
) -> impl Iterator<Item = &KeyRecord> {
    let fits = move |r: &&KeyRecord| r.alg == algorithm.name() && r.phase == phase;
    records.iter().filter(fits)
}

fn oldest_next(records: &[KeyRecord], algorithm: KeyAlgorithm) -> Option<&KeyRecord> {
    in_phase(records, algorithm, KeyPhase::Next).min_by_key(|r| (r.phase_since, &r.kid))
}

/// What a rotation of one algorithm comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    Done,
    Waits(i64),
    Young,
}
