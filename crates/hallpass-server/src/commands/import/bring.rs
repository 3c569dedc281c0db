//! Writes what arrives. Each thing is one commit, whole or not at all, and what is there already stays as it is: an import
//! that was interrupted is given again.

use std::collections::BTreeSet;
use std::sync::Arc;

use hallpass_accounts::{AccountError, Arriving, NewUser, hash::Stored, username_key};
use hallpass_admin::{Caller, Principal};
use hallpass_core::access::{MAX_ENTRIES, MAX_MEMBERSHIPS, is_name};
use hallpass_core::client::{self, ClientOrigin, metadata};
use hallpass_jose::SigningKey;
use hallpass_provider::{Noted, Said, keys};
use hallpass_store::{Actor, Commit, Committed, Spend, StoreError, Write};
use hallpass_types::{ClientId, Subject};
use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::arrivals::{Arrivals, Client, Kind, Person, Report};
use super::fitting::{Misfit, fit};
use crate::audit::Changed;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

/// How it is written.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) dry_run: bool,
    /// Imported keys are published for so many seconds.
    pub(super) publish_keys: i64,
    /// Which system it comes from.
    pub(super) from: &'static str,
}

/// Accounts that are made at once.
const TOGETHER: usize = 32;
/// Tries when somebody else changes the same.
const ROUNDS: usize = 8;
/// Bytes of the secret of an authenticator app.
const TOTP: std::ops::RangeInclusive<usize> = 10..=64;

pub(super) async fn bring(
    arrivals: Arrivals,
    way: Way,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let report = write(arrivals, way, engine).await?;
    output.say(&report.value(way.dry_run), report.text(way.dry_run))
}

async fn write(mut arrivals: Arrivals, way: Way, engine: &Engine) -> Result<Report, Failure> {
    let mut report = Report::beginning(std::mem::take(&mut arrivals.notes));
    if !way.dry_run {
        let counts = [
            ("clients", arrivals.clients.len()),
            ("users", arrivals.people.len()),
            ("keys", arrivals.keys.len()),
        ];
        begun(way.from, &counts, engine).await?;
    }
    directory(&arrivals, way, engine, &mut report).await?;
    for key in &arrivals.keys {
        bring_key(key, way, engine, &mut report).await?;
    }
    let mut seen = BTreeSet::new();
    for client in arrivals.clients {
        if seen.insert(client.id.clone()) {
            bring_client(client, way, engine, &mut report).await?;
        } else {
            let why = "the identifier stands in the source twice; the first was taken";
            report.refused(Kind::Client, why, &client.id);
        }
    }
    people(arrivals.people, way, engine, &mut report).await?;
    Ok(report)
}

/// The line of the audit log, before anything else is written.
pub(super) async fn begun(
    from: &str,
    counts: &[(&str, usize)],
    engine: &Engine,
) -> Result<(), Failure> {
    let provider = &engine.provider;
    let mut details = Map::new();
    details.insert("from".to_owned(), from.into());
    for (what, count) in counts {
        details.insert((*what).to_owned(), (*count).into());
    }
    let said = Said {
        actor: Actor {
            kind: "command".to_owned(),
            id: crate::audit::user().to_owned(),
            client: None,
        },
        action: "import.begin".to_owned(),
        target: None,
        target_id: None,
        details,
        address: None,
    };
    let noted = provider.commit_noted(said, Commit::default(), None).await;
    match noted.map_err(|error| failed(&error))? {
        Noted::Done(_) => Ok(()),
        Noted::Late | Noted::TooLate(_) | Noted::Busy => Err(busy()),
    }
}

/// Adds the roles, groups and organizations that are not there. Memberships name those that are.
async fn directory(
    arrivals: &Arrivals,
    way: Way,
    engine: &Engine,
    report: &mut Report,
) -> Result<(), Failure> {
    let provider = &engine.provider;
    for _ in 0..ROUNDS {
        let held = provider.store().directory(provider.issuer_id()).await;
        let mut held = held.map_err(|error| failed(&error))?;
        let from = held.revision;
        let (mut made, mut there) = (0_usize, 0_usize);
        let mut count = |is_new: bool| {
            let counted = if is_new { &mut made } else { &mut there };
            *counted = counted.saturating_add(1);
        };
        for (name, role) in &arrivals.roles {
            count(!held.roles.contains_key(name));
            held.roles
                .entry(name.clone())
                .or_insert_with(|| role.clone());
        }
        for (name, group) in &arrivals.groups {
            count(!held.groups.contains_key(name));
            held.groups
                .entry(name.clone())
                .or_insert_with(|| group.clone());
        }
        for (id, organization) in &arrivals.organizations {
            count(!held.organizations.contains_key(id));
            held.organizations
                .entry(id.clone())
                .or_insert_with(|| organization.clone());
        }
        let fits = |len: usize| len <= MAX_ENTRIES;
        if !fits(held.roles.len()) || !fits(held.groups.len()) || !fits(held.organizations.len()) {
            return Err(Failure::new(format!(
                "nothing was imported: there are {MAX_ENTRIES} roles, groups and organizations of each kind at most"
            )));
        }
        let names = held.roles.keys().chain(held.groups.keys());
        if let Some(name) = names.chain(held.organizations.keys()).find(|n| !is_name(n)) {
            return Err(Failure::new(format!(
                "nothing was imported: {name:?} is no name for a role, group or organization"
            )));
        }
        let written = made > 0 && !way.dry_run;
        if written {
            held.revision = from.saturating_add(1);
            let record = Box::new(held);
            let spends = vec![Spend::Directory { from, record }];
            if !commit(engine, spends, Vec::new()).await? {
                continue;
            }
        }
        (0..made).for_each(|_| report.made(Kind::Directory));
        (0..there).for_each(|_| report.there(Kind::Directory));
        return Ok(());
    }
    Err(busy())
}

async fn bring_key(
    key: &SigningKey,
    way: Way,
    engine: &Engine,
    report: &mut Report,
) -> Result<(), Failure> {
    let provider = &engine.provider;
    for _ in 0..ROUNDS {
        let held = provider.store().signing_keys(provider.issuer_id()).await;
        let held = held.map_err(|error| failed(&error))?;
        if held.iter().any(|record| record.kid == key.kid()) {
            report.there(Kind::Key);
            return Ok(());
        }
        if way.dry_run {
            report.made(Kind::Key);
            return Ok(());
        }
        let now = provider.now();
        let record = keys::from_elsewhere(key, provider.secrets(), now, now.plus(way.publish_keys))
            .map_err(|error| failed(&error))?;
        let writes = vec![Write::SigningKey(Box::new(record))];
        if commit(engine, vec![Spend::SigningKeys(held)], writes).await? {
            let changed = Changed {
                action: "imported",
                issuer: Some(provider.policy().issuer.as_str()),
                key: Some(key.kid()),
                key_alg: Some(key.algorithm().name()),
                ..Changed::default()
            };
            changed.tell("key changed");
            report.made(Kind::Key);
            return Ok(());
        }
    }
    Err(busy())
}

async fn bring_client(
    client: Client,
    way: Way,
    engine: &Engine,
    report: &mut Report,
) -> Result<(), Failure> {
    let provider = &engine.provider;
    let Ok(id) = ClientId::parse(&client.id) else {
        let why = "the identifier is none that a client can have";
        report.refused(Kind::Client, why, &client.id);
        return Ok(());
    };
    let held = provider.store().client(provider.issuer_id(), &id).await;
    if held.map_err(|error| failed(&error))?.is_some() {
        report.there(Kind::Client);
        return Ok(());
    }
    let origin = ClientOrigin::Administration;
    let fitted = fit(
        &client.id,
        client.metadata,
        provider.policy(),
        &mut report.notes,
    );
    let normal = match fitted {
        Ok(normal) => normal,
        Err(Misfit::Member(error)) => {
            let why = "it asks for what clients cannot have here";
            report.refused(Kind::Client, why, &format!("{}: {error}", client.id));
            return Ok(());
        }
        Err(Misfit::Nothing) => {
            let why = "nothing of what it did is offered here";
            report.refused(Kind::Client, why, &client.id);
            return Ok(());
        }
    };
    let secret = client
        .secret
        .filter(|_| metadata::needs_secret(&normal) || metadata::needs_plain_secret(&normal));
    if secret.is_none() && metadata::needs_secret(&normal) {
        let why = "it needs a secret, and the source has none";
        report.refused(Kind::Client, why, &client.id);
        return Ok(());
    }
    let (_, mut record) = provider.new_record(id, normal, secret.as_ref(), origin);
    record.registration_token = None;
    record.disabled = client.disabled;
    if let Err(error) = client::Client::from_record(&record, provider.policy(), secret) {
        let why = "it asks for what clients cannot have here";
        report.refused(Kind::Client, why, &format!("{}: {error}", client.id));
        return Ok(());
    }
    if !way.dry_run {
        let spends = vec![Spend::NewClient(Box::new(record.clone()))];
        if !commit(engine, spends, Vec::new()).await? {
            report.there(Kind::Client);
            return Ok(());
        }
        let changed = Changed {
            action: "imported",
            issuer: Some(provider.policy().issuer.as_str()),
            client: Some(record.client_id.as_str()),
            ..Changed::default()
        };
        changed.tell("client changed");
    }
    report.made(Kind::Client);
    Ok(())
}

/// What came of one person.
pub(super) enum Came {
    Made { left_out: usize },
    There,
    Refused(&'static str),
}

async fn people(
    people: Vec<Person>,
    way: Way,
    engine: &Engine,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    let mut tasks = JoinSet::new();
    for mut person in people {
        if !names.insert(username_key(&person.username)) {
            let why = "the name stands in the source twice; the first was taken";
            report.refused(Kind::Person, why, &person.username);
            continue;
        }
        fit_person(&mut person, report, engine);
        let name = person.username.clone();
        let provider = engine.provider.clone();
        let accounts = Arc::clone(&engine.accounts);
        let dry_run = way.dry_run;
        tasks.spawn(async move {
            let came = bring_person(person, dry_run, &provider, &accounts).await;
            (name, came)
        });
        if tasks.len() >= TOGETHER
            && let Some(done) = tasks.join_next().await
        {
            count(done, report)?;
        }
    }
    while let Some(done) = tasks.join_next().await {
        count(done, report)?;
    }
    Ok(())
}

type Done = Result<(String, Result<Came, StoreError>), tokio::task::JoinError>;

fn count(done: Done, report: &mut Report) -> Result<(), Failure> {
    let (name, came) =
        done.map_err(|error| Failure::doing("the import stopped in the middle", &error))?;
    match came.map_err(|error| failed(&error))? {
        Came::Made { left_out } => {
            report.made(Kind::Person);
            if left_out > 0 {
                let text = "an address or identity of theirs belongs to another account already";
                report.notes.say(Kind::Person, text, &name);
            }
        }
        Came::There => report.there(Kind::Person),
        Came::Refused(why) => report.refused(Kind::Person, why, &name),
    }
    Ok(())
}

/// Takes away what cannot come along, and says so.
fn fit_person(person: &mut Person, report: &mut Report, engine: &Engine) {
    let notes = &mut report.notes;
    if person
        .hash
        .as_deref()
        .is_some_and(|hash| Stored::parse(hash).is_err())
    {
        person.hash = None;
        let text = "the password cannot be taken over (bcrypt, scrypt, PBKDF2 and Argon2 within limits can): they recover the account";
        notes.say(Kind::Person, text, &person.username);
    }
    if person
        .totp
        .as_deref()
        .is_some_and(|secret| !TOTP.contains(&secret.len()))
    {
        person.totp = None;
        let text = "the authenticator app cannot be taken over";
        notes.say(Kind::Person, text, &person.username);
    }
    let upstreams = &engine.provider.policy().upstreams;
    let before = person.identities.len();
    person
        .identities
        .retain(|(provider, _)| upstreams.iter().any(|u| u.id == *provider));
    if person.identities.len() < before {
        let text = "an identity elsewhere belongs to a provider that is not configured here";
        notes.say(Kind::Person, text, &person.username);
    }
    if person.memberships.len() > MAX_MEMBERSHIPS {
        person.memberships.truncate(MAX_MEMBERSHIPS);
        let text = "they have more memberships than anybody can have; some were left out";
        notes.say(Kind::Person, text, &person.username);
    }
    if let Some(subject) = &person.subject
        && Subject::parse(subject).is_err()
    {
        person.subject = None;
        let text = "who they were to clients cannot stay (printable ASCII, at most 255 characters): clients see somebody new";
        notes.say(Kind::Person, text, &person.username);
    }
}

/// One person, whole or not at all.
pub(super) async fn bring_person(
    person: Person,
    dry_run: bool,
    provider: &hallpass_provider::Provider,
    accounts: &hallpass_accounts::BuiltinAccounts,
) -> Result<Came, StoreError> {
    const OTHER: &str = "the name belongs to another account here";
    const OPERATOR: &str = "who they are to clients is an operator here";
    let issuer = provider.issuer_id();
    let subject = person
        .subject
        .as_deref()
        .and_then(|text| Subject::parse(text).ok());
    if let Some(subject) = &subject
        && provider.store().user(issuer, subject).await?.is_some()
    {
        return Ok(Came::There);
    }
    // What an operator may do stays noted when their account is deleted: nobody takes it over by having been called the same.
    if let Some(subject) = &subject {
        let principal = Principal::User(subject.clone());
        let store = &**provider.store();
        if Caller::find(store, issuer, principal).await?.is_some() {
            return Ok(Came::Refused(OPERATOR));
        }
    }
    if accounts.by_name(issuer, &person.username).await?.is_some() {
        // Whoever has no subject of their own is known by name alone.
        return Ok(if subject.is_none() {
            Came::There
        } else {
            Came::Refused(OTHER)
        });
    }
    if dry_run {
        return Ok(Came::Made { left_out: 0 });
    }
    let Person {
        subject: _,
        username,
        hash,
        must_change,
        disabled,
        claims,
        memberships,
        totp,
        identities,
    } = person;
    let arriving = Arriving {
        subject,
        user: NewUser {
            username,
            password: None,
            must_change,
            claims,
        },
        password_hash: hash,
        disabled,
        memberships,
    };
    let made =
        accounts.arrive(issuer, arriving, |subject| {
            let mut credentials = Vec::new();
            if let Some(secret) = &totp {
                credentials.push(provider.totp_from_elsewhere(subject, secret));
            }
            let identities = identities.iter();
            credentials.extend(identities.filter_map(|(name, theirs)| {
                provider.identity_from_elsewhere(subject, name, theirs)
            }));
            (credentials, vec![provider.arrived(subject)])
        });
    match made.await {
        Ok((user, left_out)) => {
            let changed = Changed {
                action: "imported",
                issuer: Some(provider.policy().issuer.as_str()),
                account: Some(user.subject.as_str()),
                ..Changed::default()
            };
            changed.tell("account changed");
            Ok(Came::Made { left_out })
        }
        Err(AccountError::NameTaken) => Ok(Came::Refused(OTHER)),
        Err(AccountError::InvalidName) => Ok(Came::Refused(
            "a name has 1 to 200 bytes without spaces and control characters",
        )),
        Err(AccountError::ReservedClaim) => Ok(Came::Refused("a claim has a reserved name")),
        Err(AccountError::Store(error)) => Err(error),
        Err(_) => Ok(Came::Refused("it cannot be an account here")),
    }
}

async fn commit(engine: &Engine, spends: Vec<Spend>, writes: Vec<Write>) -> Result<bool, Failure> {
    let provider = &engine.provider;
    let done = provider.commit_change(Commit { spends, writes }).await;
    Ok(done.map_err(|error| failed(&error))? == Committed::Done)
}

fn failed(error: &StoreError) -> Failure {
    Failure::doing("store", error)
}

fn busy() -> Failure {
    Failure::new("somebody else changes the same; give the command again")
}

/// A value of the other system among the claims, if there is something in it.
pub(super) fn claim(claims: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) {
        claims.insert(name.to_owned(), text.into());
    }
}
