//! Signing in at somebody else's provider, and linking an account there with one of ours.
//!
//! What is needed when the person comes back is sealed into the state that travels with them: no row is written for
//! somebody who is not known. The state is bound to the browser, to the sign-in or the session, and to the one provider; it
//! is used once. Nobody is recognized by a mail address, unless the operator trusts the provider with just that.

mod ask;
mod linked;

use std::net::IpAddr;

use hallpass_core::{
    record::Activity,
    sign_in::{Method, Proof},
    upstream::{
        Endpoints, FirstTime, Reason, Sent, Upstream, authorization_url, mapped, read_answer,
        sign_in_time, verified_email,
    },
};
use hallpass_jose::base64url;
use hallpass_store::{
    Commit, Committed, CredentialData, CredentialRecord, Spend, Upstream as Identity,
};
use hallpass_types::{
    Bucket, ContentDigest, CredentialId, Key, Once, Opaque, Params, Sid, Subject, Timestamp, sha256,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Answered, Proven, sign_in::SigningIn};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, binding_digest},
    ports::{Account, ByEmail, NewPerson},
    tries::By,
};

pub use linked::Linked;

/// So long a person may stay at the other provider (seconds).
const LIFETIME: i64 = 900;
/// So many answers of one browser, and of one network, may come to nothing within a quarter of an hour: each makes us call
/// the other provider.
const PER_BROWSER: u32 = 10;
const PER_NETWORK: u32 = 100;

/// A sign-in that is under way at another provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Away {
    #[serde(rename = "b")]
    binding: [u8; 16],
    #[serde(rename = "e")]
    expires_at: Timestamp,
    /// The provider that was asked.
    #[serde(rename = "u")]
    upstream: String,
    #[serde(rename = "n")]
    nonce: String,
    #[serde(rename = "v")]
    verifier: String,
    #[serde(rename = "p")]
    purpose: Purpose,
    /// The person must have signed in there not longer ago than so many seconds before they were sent.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    max_age: Option<i64>,
}

impl Away {
    /// The earliest sign-in there that does.
    fn oldest(&self) -> Option<Timestamp> {
        let departed_at = self.expires_at.plus(-LIFETIME);
        self.max_age
            .map(|age| departed_at.plus(0_i64.saturating_sub(age.max(0))))
    }
}

/// What the person wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    /// Go on with the request behind this handle.
    SignIn(String),
    /// Link the identity with the account of this session.
    Link(Sid),
}

/// A provider on a button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamView {
    /// Its name in addresses.
    pub id: String,
    /// What people read.
    pub name: String,
}

/// What becomes of an answer.
#[derive(Debug)]
pub enum UpstreamOutcome {
    /// The person is signed in, and the request goes on.
    SignedIn(Box<Answered>),
    /// The person changed their mind there: the sign-in page of this handle is shown again.
    Back(String),
    /// The identity is linked.
    Linked,
}

/// Whose account it is that another provider vouches for.
enum Met {
    /// The identity is theirs.
    Known(Account),
    /// A mail address says so; the identity becomes theirs with the session that comes of it.
    Recognized(Account, CredentialRecord),
    /// It was made just now.
    New(Account),
}

/// Who somebody is at another provider, and what it says of them.
struct Person {
    subject: String,
    claims: Map<String, Value>,
    /// When they signed in there, as it says.
    signed_in_at: Option<Timestamp>,
}

impl Provider {
    /// The providers at which people can sign in, in the operator's order.
    #[must_use]
    pub fn upstreams(&self) -> Vec<UpstreamView> {
        let upstreams = self.inner.policy.upstreams.iter();
        upstreams
            .map(|upstream| UpstreamView {
                id: upstream.id.clone(),
                name: upstream.name.clone(),
            })
            .collect()
    }

    fn upstream(&self, id: &str) -> Result<&Upstream, Reason> {
        let upstreams = &self.inner.policy.upstreams;
        upstreams
            .iter()
            .find(|upstream| upstream.id == id)
            .ok_or(Reason::Unknown)
    }

    /// Where the answers of a provider arrive. Each has an address of its own, so that none can be taken for another's.
    #[must_use]
    pub fn upstream_redirect_uri(&self, id: &str) -> String {
        let path = format!("/upstream/{id}/callback");
        self.inner.policy.issuer.url(&path)
    }

    /// Sends somebody who is asked to sign in to another provider. Answers the address.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the provider cannot be used.
    pub async fn upstream_sign_in(
        &self,
        id: &str,
        handle: &str,
        browser: &Browser,
    ) -> Result<String, Failure> {
        let signing_in = self.takes_upstreams(handle, browser).await?;
        let purpose = Purpose::SignIn(self.remembering(handle, browser).await?);
        let max_age = signing_in.max_age();
        self.upstream_depart(id, purpose, max_age, browser).await
    }

    /// Whether the sign-in of this page takes another provider's word.
    async fn takes_upstreams(&self, handle: &str, browser: &Browser) -> Result<SigningIn, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let rules = &self.inner.policy.sign_in;
        let taken = rules.methods_for(Some(signing_in.client()));
        if taken.contains(&Method::Upstream) {
            Ok(signing_in)
        } else {
            Err(Reason::Unknown.into())
        }
    }

    async fn upstream_depart(
        &self,
        id: &str,
        purpose: Purpose,
        max_age: Option<i64>,
        browser: &Browser,
    ) -> Result<String, Failure> {
        let upstream = self.upstream(id)?;
        let binding = browser.binding.as_deref().ok_or(Reason::OtherBrowser)?;
        let endpoint = match &upstream.endpoints {
            Endpoints::OpenId { issuer, .. } => self.upstream_metadata(issuer).await?.authorization,
            Endpoints::OAuth { authorization, .. } => authorization.clone(),
        };
        let away = Away {
            binding: binding_digest(binding),
            expires_at: self.now().plus(LIFETIME),
            upstream: upstream.id.clone(),
            nonce: base64url::encode(self.random::<16>()),
            verifier: base64url::encode(self.random::<32>()),
            purpose,
            max_age,
        };
        let plain = serde_json::to_vec(&away).map_err(|e| Failure::Internal(e.to_string()))?;
        let state = self.inner.secrets.seal_browser("upstream", &plain);
        let challenge = base64url::encode(sha256(away.verifier.as_bytes()));
        Ok(authorization_url(
            upstream,
            &endpoint,
            &Sent {
                redirect_uri: &self.upstream_redirect_uri(id),
                state: &state,
                nonce: &away.nonce,
                code_challenge: &challenge,
                max_age,
            },
        ))
    }

    /// Opens a state that came back to the address of a provider.
    fn upstream_state(&self, id: &str, state: &str, browser: &Browser) -> Result<Away, Reason> {
        let plain = self.inner.secrets.open_browser("upstream", state);
        let away: Away = plain
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .ok_or(Reason::State)?;
        if away.expires_at.is_over(self.now()) {
            return Err(Reason::State);
        }
        //= RFC9700#4.7 MUST: the answer belongs to the browser that was sent away
        if browser.binding.as_deref().map(binding_digest) != Some(away.binding) {
            return Err(Reason::OtherBrowser);
        }
        //= RFC9700#4.4.2 MUST: an answer is taken only from the provider to which the person was sent
        if away.upstream != id {
            return Err(Reason::OtherProvider);
        }
        Ok(away)
    }

    /// Somebody comes back from another provider.
    ///
    /// # Errors
    /// The answer is not one to believe, or nobody here is meant by it.
    pub async fn upstream_answer(
        &self,
        id: &str,
        params: &Params,
        browser: &Browser,
        peer: Option<IpAddr>,
    ) -> Result<UpstreamOutcome, Failure> {
        self.upstream_outcome(id, params, browser, peer)
            .await
            .map_err(|failure| self.failed("upstream", None, failure))
    }

    async fn upstream_outcome(
        &self,
        id: &str,
        params: &Params,
        browser: &Browser,
        peer: Option<IpAddr>,
    ) -> Result<UpstreamOutcome, Failure> {
        let upstream = self.upstream(id)?;
        let state = params.get("state").ok_or(Reason::State)?;
        let away = self.upstream_state(id, state, browser)?;
        if let Purpose::SignIn(handle) = &away.purpose {
            self.takes_upstreams(handle, browser).await?;
        }
        let (issuer, names_itself) = match &upstream.endpoints {
            Endpoints::OpenId { issuer, .. } => {
                let metadata = self.upstream_metadata(issuer).await?;
                (Some(issuer.as_str()), metadata.names_itself)
            }
            Endpoints::OAuth { .. } => (None, false),
        };
        let answer = match read_answer(params, issuer, names_itself) {
            Ok(answer) => answer,
            Err(Reason::Refused) => {
                return match away.purpose {
                    Purpose::SignIn(handle) => Ok(UpstreamOutcome::Back(handle)),
                    Purpose::Link(_) => Err(Reason::Refused.into()),
                };
            }
            Err(reason) => return Err(reason.into()),
        };
        let counted = self.count_answer(browser, peer)?;
        let person = self.upstream_person(upstream, &away, &answer.code).await?;
        self.inner.answers.give_back(&counted);
        // From here on somebody is known, and what came back has done its work.
        self.upstream_used(state, away.expires_at).await?;
        match &away.purpose {
            Purpose::SignIn(handle) => {
                let mut signing_in = self.takes_upstreams(handle, browser).await?;
                // On pages of our own a provider that cannot say when it saw the person is as good as it gets.
                let silent = person.signed_in_at.is_none() && signing_in.is_own();
                let oldest = away.oldest().filter(|_| !silent);
                let since = sign_in_time(person.signed_in_at, oldest, self.now())?;
                let (account, link) = match self.upstream_account(upstream, &person).await? {
                    Met::Known(account) => (account, None),
                    Met::Recognized(account, link) => (account, Some(Box::new(link))),
                    Met::New(account) => {
                        signing_in.newcomer = true;
                        (account, None)
                    }
                };
                signing_in.link = link;
                // Whoever else the policy asks for is asked after this: the other provider's word is one factor.
                let proven = Proven {
                    account,
                    proof: Proof {
                        since,
                        ..Proof::new(Method::Upstream, self.now())
                    },
                    must_change: false,
                };
                let answered = self
                    .advance(signing_in, browser, proven, (Vec::new(), Vec::new()))
                    .await?;
                // The sign-in of this address has begun its session, or somebody linked the identity in this very moment.
                let answered = answered.ok_or(BrowserReason::StateExpired)?;
                Ok(UpstreamOutcome::SignedIn(Box::new(answered)))
            }
            Purpose::Link(sid) => {
                self.upstream_link(upstream, &person, sid, browser).await?;
                Ok(UpstreamOutcome::Linked)
            }
        }
    }

    /// Counts an answer that makes us call the other provider; given back when somebody came of it.
    fn count_answer<'b>(
        &self,
        browser: &'b Browser,
        peer: Option<IpAddr>,
    ) -> Result<Vec<By<'b>>, Failure> {
        let now = self.now();
        let throttled = |retry_after| Failure::Throttled { retry_after };
        let mut counted = Vec::new();
        if let Some(peer) = peer {
            let network: Vec<By<'b>> = By::networks(peer).collect();
            let answers = &self.inner.answers;
            answers
                .count(&network, PER_NETWORK, now)
                .map_err(throttled)?;
            counted.extend(network);
        }
        if let Some(binding) = browser.binding.as_deref() {
            let own = [By::Browser(binding)];
            let answers = &self.inner.answers;
            answers.count(&own, PER_BROWSER, now).map_err(throttled)?;
            counted.extend(own);
        }
        Ok(counted)
    }

    async fn upstream_used(&self, state: &str, expires_at: Timestamp) -> Result<(), Failure> {
        let mut bytes = b"upstream".to_vec();
        bytes.extend_from_slice(state.as_bytes());
        let key: Key<Once> = Key::from_parts(Bucket::holding(expires_at), sha256(&bytes));
        let commit = Commit {
            spends: vec![Spend::Once(key)],
            writes: Vec::new(),
        };
        match self.commit(commit).await? {
            Committed::Done => Ok(()),
            Committed::TooLate(_) => Err(Reason::Used.into()),
        }
    }

    /// The account of somebody whom another provider vouches for.
    async fn upstream_account(&self, upstream: &Upstream, person: &Person) -> Result<Met, Failure> {
        let inner = &self.inner;
        let lookup = lookup(upstream, &person.subject);
        let held = inner
            .store
            .credential_by_lookup(inner.issuer_id, lookup)
            .await?;
        if let Some(held) = held {
            let account = inner
                .accounts
                .account(inner.issuer_id, &held.subject)
                .await?;
            return Ok(Met::Known(account.ok_or(Reason::Disabled)?));
        }
        if upstream.link_by_email
            && let Some(email) = verified_email(&person.claims)
        {
            let held = inner.accounts.by_verified_email(inner.issuer_id, email);
            match held.await? {
                ByEmail::Account(account) => {
                    let record = self.identity(upstream, person, &account);
                    return Ok(Met::Recognized(account, record));
                }
                // Whoever is kept out does not come back as somebody else.
                ByEmail::Disabled => return Err(Reason::Disabled.into()),
                ByEmail::Nobody => {}
            }
        }
        match upstream.first_time {
            FirstTime::Refuse => Err(Reason::NoAccount.into()),
            FirstTime::Create => {
                let new = NewPerson {
                    claims: mapped(&upstream.claims, &person.claims, upstream.link_by_email),
                    username: suggested_name(upstream, &person.claims),
                    fallback: upstream.id.clone(),
                    credential: CredentialId(self.random()),
                    data: identity_data(upstream, person),
                    lookup,
                    name: upstream.name.clone(),
                };
                let account = inner.accounts.create(inner.issuer_id, new).await?;
                Ok(Met::New(account.ok_or(Reason::NoAccount)?))
            }
        }
    }

    /// Links an identity with the account of the session in which that was asked for.
    async fn upstream_link(
        &self,
        upstream: &Upstream,
        person: &Person,
        sid: &Sid,
        browser: &Browser,
    ) -> Result<(), Failure> {
        let inner = &self.inner;
        let key = browser.session.as_ref().map(Opaque::key);
        let signed_in = self.signed_in(key).await?.filter(|s| s.session.sid == *sid);
        let signed_in = signed_in.ok_or(Reason::Form)?;
        let held = inner
            .store
            .credential_by_lookup(inner.issuer_id, lookup(upstream, &person.subject))
            .await?;
        match held {
            Some(held) if held.subject == signed_in.account.subject => return Ok(()),
            Some(_) => return Err(Reason::Taken.into()),
            None => {}
        }
        let record = self.identity(upstream, person, &signed_in.account);
        let linked = Activity::IdentityLinked;
        let writes = self.ways_changed(&record.subject, linked, browser).await?;
        let spends = vec![Spend::NewCredential(Box::new(record))];
        if self.changed_in(signed_in.key, spends, writes).await? {
            Ok(())
        } else {
            Err(Reason::Taken.into())
        }
    }

    fn identity(
        &self,
        upstream: &Upstream,
        person: &Person,
        account: &Account,
    ) -> CredentialRecord {
        CredentialRecord {
            subject: account.subject.clone(),
            id: CredentialId(self.random()),
            data: identity_data(upstream, person),
            lookup: Some(lookup(upstream, &person.subject)),
            name: upstream.name.clone(),
            created_at: self.now(),
            last_used_at: None,
            revision: 0,
        }
    }

    /// The link of somebody who comes from another system to who they are at a provider of the configuration. None: there is no
    /// provider of that name.
    #[must_use]
    pub fn identity_from_elsewhere(
        &self,
        subject: &Subject,
        provider: &str,
        theirs: &str,
    ) -> Option<CredentialRecord> {
        let upstreams = &self.inner.policy.upstreams;
        let upstream = upstreams.iter().find(|u| u.id == provider)?;
        Some(CredentialRecord {
            subject: subject.clone(),
            id: CredentialId(self.random()),
            data: CredentialData::Upstream(Identity {
                provider: upstream.id.clone(),
                issuer: match &upstream.endpoints {
                    Endpoints::OpenId { issuer, .. } => Some(issuer.clone()),
                    Endpoints::OAuth { .. } => None,
                },
                subject: theirs.to_owned(),
            }),
            lookup: Some(lookup(upstream, theirs)),
            name: upstream.name.clone(),
            created_at: self.now(),
            last_used_at: None,
            revision: 0,
        })
    }
}

fn identity_data(upstream: &Upstream, person: &Person) -> CredentialData {
    CredentialData::Upstream(Identity {
        provider: upstream.id.clone(),
        issuer: match &upstream.endpoints {
            Endpoints::OpenId { issuer, .. } => Some(issuer.clone()),
            Endpoints::OAuth { .. } => None,
        },
        subject: person.subject.clone(),
    })
}

/// Under what an identity is found: provider and subject together, and nothing else.
fn lookup(upstream: &Upstream, subject: &str) -> ContentDigest {
    let mut bytes = b"upstream\0".to_vec();
    bytes.extend_from_slice(upstream.id.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(subject.as_bytes());
    ContentDigest(sha256(&bytes))
}

/// A name for an account: a mail address only where the provider is believed, another name only if it does not look like
/// one, so that nobody takes the address of somebody else for a name.
fn suggested_name(upstream: &Upstream, claims: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| claims.get(name)?.as_str();
    let name = ["preferred_username", "login", "nickname"]
        .into_iter()
        .find_map(text)
        .filter(|name| !name.contains('@'));
    let email = verified_email(claims).filter(|_| upstream.link_by_email);
    email.or(name).map(str::to_owned)
}
