//! Grant types of the token endpoint.

use hallpass_core::{
    binding::{Proved, dpop},
    client_auth::{self, AuthenticatedClient},
    client_request::ClientRequest,
    issue::TokenResponse,
    policy::{Policy, TrustedIssuer},
    polling::Verdict,
    record::{Confirmation, WaitingRecord},
    token::{
        Context, Effect, Grant, Issuance, Lookup, Nothing, PolledFound, PolledKey, Reason, Refused,
        Spend,
        authorization_code::{AuthorizationCode, CodeFound, CodeKey},
        ciba::Ciba,
        client_credentials::ClientCredentials,
        device_code::DeviceCode,
        exchange::{self, ExchangeFound, ExchangeKey, TokenExchange},
        jwt_bearer::{self, AssertionFound, AssertionKey, JwtBearer},
        refresh_token::{Refresh, RefreshFound, RefreshKey},
    },
};
use hallpass_jose::{Claims, Jwks, UnverifiedJws};
use hallpass_store::{BoxFuture, Commit, Committed, StoreError};
use hallpass_types::{Params, TokenId};

use crate::{
    Failure, Provider,
    documents::Whose,
    issue::{self, Shown},
    together::facts,
    unspent::Unspent,
};

/// A token response and whether its access token is a JWT.
#[derive(Debug)]
pub struct Issued {
    /// The response.
    pub response: TokenResponse,
    /// For metrics.
    pub jwt: bool,
}

/// A token request whose client is known.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who asks, authenticated.
    pub client: &'a AuthenticatedClient,
    /// The parameters that the grant declares; no other.
    pub params: &'a Params,
    /// The key that the client has proved to hold.
    pub proved: Option<Proved>,
    /// The request itself.
    pub request: &'a ClientRequest<'a>,
    /// What authenticated the client, where that is still to be spent.
    pub(crate) unspent: &'a Unspent,
}

impl Call<'_> {
    /// The key that tokens are bound to.
    #[must_use]
    pub fn binding(&self) -> Option<Confirmation> {
        self.proved.map(|proved| proved.key)
    }
}

/// A grant as the engine runs it. Pure grants get this for free.
pub trait GrantHandler: Send + Sync + 'static {
    /// The value of `grant_type`.
    fn grant_type(&self) -> &'static str;
    /// Parameters that it reads.
    fn params(&self) -> &'static [&'static str];
    /// Whether [`Provider::issue`] is the only thing it does that has an effect. Then that spends the assertion of the
    /// client, too, and saves a commit; else it was spent before.
    fn spends_by_issuing(&self) -> bool {
        false
    }
    /// Runs it.
    fn handle<'a>(
        &'a self,
        provider: &'a Provider,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Issued, Failure>>;
}

/// The registered grants; `grant_types_supported` follows from them.
pub struct Grants(Vec<Box<dyn GrantHandler>>);

impl std::fmt::Debug for Grants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Grants {
    /// The built-in grants.
    #[must_use]
    pub fn builtin() -> Self {
        Self(Vec::new())
            .with::<AuthorizationCode>()
            .with::<Refresh>()
            .with::<ClientCredentials>()
            .with::<DeviceCode>()
            .with::<TokenExchange>()
            .with::<JwtBearer>()
            .with::<Ciba>()
    }

    /// Leaves out what the policy has switched off.
    pub(crate) fn retain_offered(&mut self, policy: &Policy) {
        self.0
            .retain(|grant| policy.offers_grant(grant.grant_type()));
    }

    /// Adds a pure grant.
    #[must_use]
    pub fn with<G: Grant<Key: Fetch>>(mut self) -> Self {
        self.0.push(Box::new(Pure::<G>(std::marker::PhantomData)));
        self
    }

    /// Adds a grant that does its own looking up. It signs and commits by [`Provider::issue`].
    #[must_use]
    pub fn with_handler(mut self, grant: impl GrantHandler) -> Self {
        self.0.push(Box::new(grant));
        self
    }

    /// The handler of a grant type.
    #[must_use]
    pub fn get(&self, grant_type: &str) -> Option<&dyn GrantHandler> {
        self.0
            .iter()
            .find(|g| g.grant_type() == grant_type)
            .map(AsRef::as_ref)
    }

    /// The registered values of `grant_type`.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|g| g.grant_type())
    }
}

impl Provider {
    /// Signs what a grant decided, then spends and writes it, all or nothing. For handlers that decide by themselves.
    ///
    /// # Errors
    /// Nothing was issued: signing failed, the store did, or what may happen once has happened already.
    pub async fn issue(&self, call: &Call<'_>, issuance: Issuance) -> Result<Issued, Failure> {
        let (issued, commit) = issue::prepare(self, call, issuance, self.now()).await?;
        if commit.spends.is_empty() && commit.writes.is_empty() {
            return Ok(issued);
        }
        match self.commit_of(call, commit).await? {
            Committed::Done => Ok(issued),
            Committed::TooLate(_) => Err(Reason::CodeSpent.into()),
        }
    }
}

impl Provider {
    /// Commits what was prepared for a call. Too late is only what the grant spends.
    async fn commit_of(&self, call: &Call<'_>, commit: Commit) -> Result<Committed, Failure> {
        let committed = self.commit(commit).await?;
        match committed {
            Committed::Done => call.unspent.settle(),
            Committed::TooLate(index) => match issue::shown(call).nth(index) {
                Some(Shown::Key) => return Err(dpop::Reason::Replayed.into()),
                Some(Shown::Assertion) => {
                    call.unspent.settle();
                    return Err(client_auth::Reason::Replayed.into());
                }
                None => {}
            },
        }
        Ok(committed)
    }
}

/// Looks a grant's key up: the I/O half of [`Lookup`].
pub trait Fetch: Lookup + Sized {
    /// Asks the store and the account port.
    fn fetch(self, provider: &Provider) -> BoxFuture<'_, Result<Self::Found, StoreError>>;
}

impl Fetch for Nothing {
    fn fetch(self, _: &Provider) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Fetch for CodeKey {
    fn fetch(self, provider: &Provider) -> BoxFuture<'_, Result<CodeFound, StoreError>> {
        Box::pin(async move {
            let mut found = CodeFound {
                code: None,
                account: None,
                session_alive: false,
            };
            let Some(key) = self.0 else { return Ok(found) };
            if let Some(known) = provider.known_code(key).await? {
                found.account = known.account;
                found.session_alive = known.session_alive;
                found.code = Some(known.code);
            }
            Ok(found)
        })
    }
}

impl Fetch for PolledKey {
    fn fetch(self, provider: &Provider) -> BoxFuture<'_, Result<PolledFound, StoreError>> {
        Box::pin(async move {
            let mut found = PolledFound {
                waiting: None,
                account: None,
                session_alive: false,
            };
            let Some(key) = self.0 else { return Ok(found) };
            let inner = &provider.inner;
            found.waiting = inner.store.waiting(inner.issuer_id, key).await?;
            let polled = match found.waiting.as_ref().map(|f| &f.record) {
                Some(WaitingRecord::Device(record)) => &record.polled,
                Some(WaitingRecord::Backchannel(record)) => &record.polled,
                Some(_) | None => return Ok(found),
            };
            if let Verdict::Allowed(grant) = &polled.verdict {
                found.account = provider.grantor_facts(grant).await?;
                found.session_alive = match grant.session {
                    Some(session) if grant.session_bound => inner
                        .store
                        .session(inner.issuer_id, session)
                        .await?
                        .is_some(),
                    Some(_) | None => true,
                };
            }
            Ok(found)
        })
    }
}

impl Fetch for RefreshKey {
    fn fetch(self, provider: &Provider) -> BoxFuture<'_, Result<RefreshFound, StoreError>> {
        Box::pin(async move {
            let mut found = RefreshFound {
                token: None,
                grant: None,
                account: None,
                session_alive: false,
            };
            let Some(token) = provider.inner.secrets.open_refresh(&self.0) else {
                return Ok(found);
            };
            found.token = Some(token);
            let (standing, account) = provider
                .known_standing(Some(token.grant), TokenId([0; 16]), provider.now())
                .await?;
            found.session_alive = standing.session_alive;
            found.account = match &standing.grant {
                Some(grant) => facts(account, &grant.record),
                None => None,
            };
            found.grant = standing.grant;
            Ok(found)
        })
    }
}

impl Fetch for ExchangeKey {
    fn fetch(self, provider: &Provider) -> BoxFuture<'_, Result<ExchangeFound, StoreError>> {
        Box::pin(async move {
            let actor = match &self.actor {
                Some(text) => shown(provider, text).await?,
                None => None,
            };
            Ok(ExchangeFound {
                subject: shown(provider, &self.subject).await?,
                actor,
            })
        })
    }
}

/// An access token of ours that was shown as a proof, and what is known about it.
async fn shown(provider: &Provider, text: &str) -> Result<Option<exchange::Shown>, StoreError> {
    let Some(token) = provider.open_access(text, provider.now()).await else {
        return Ok(None);
    };
    let known = provider.known(&token).await?;
    let holder = provider.client(&token.client_id).await?;
    let facts = known.facts();
    Ok(Some(exchange::Shown {
        holder_stands: holder.is_some_and(|holder| holder.was_there(token.issued_at)),
        grant: facts.grant.cloned(),
        denied: facts.token_denied,
        session_alive: facts.session_alive,
        account: facts.account,
        token,
    }))
}

impl Fetch for AssertionKey {
    fn fetch(self, provider: &Provider) -> BoxFuture<'_, Result<AssertionFound, StoreError>> {
        Box::pin(async move {
            let mut found = AssertionFound {
                claims: None,
                account: None,
                random: provider.random_in_order(),
            };
            let policy = &provider.inner.policy;
            let Ok(jws) = UnverifiedJws::parse_with_limit(&self.0, jwt_bearer::MAX_ASSERTION)
            else {
                return Ok(found);
            };
            let Some(entry) = jwt_bearer::issuer_of(&jws, policy) else {
                return Ok(found);
            };
            found.claims = vouched(provider, &jws, entry).await;
            let subject = found.claims.as_ref();
            if let Some(subject) = subject.and_then(|c| jwt_bearer::account_of(entry, c)) {
                let facts = provider.account_facts(&subject).await?;
                found.account = facts.map(|facts| (subject, facts));
            }
            Ok(found)
        })
    }
}

/// The claims of an assertion, when its issuer signed it. Published keys are fetched again when none of them has.
async fn vouched(
    provider: &Provider,
    jws: &UnverifiedJws<'_>,
    entry: &TrustedIssuer,
) -> Option<Claims> {
    let algorithm = jws.algorithm();
    let verify = |keys: &Jwks| {
        let candidates = keys.candidates(algorithm, jws.kid());
        let verified = jws.clone().verify(&[algorithm], candidates).ok()?;
        verified.claims().ok()
    };
    if let Some(keys) = &entry.jwks {
        return verify(keys);
    }
    let uri = entry.jwks_uri.as_deref()?;
    for again in [false, true] {
        if let Some(claims) = provider
            .remote_keys(Whose::Ours, uri, again)
            .await
            .and_then(|k| verify(&k))
        {
            return Some(claims);
        }
    }
    None
}

struct Pure<G>(std::marker::PhantomData<fn() -> G>);

/// How often a decision is made again because somebody else was faster.
const ATTEMPTS: usize = 4;

impl<G: Grant<Key: Fetch>> GrantHandler for Pure<G> {
    fn grant_type(&self) -> &'static str {
        G::TYPE
    }

    fn spends_by_issuing(&self) -> bool {
        true
    }

    fn params(&self) -> &'static [&'static str] {
        G::PARAMS
    }

    fn handle<'a>(
        &'a self,
        provider: &'a Provider,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Issued, Failure>> {
        Box::pin(async move {
            let mut last = None;
            for _ in 0..ATTEMPTS {
                let request = G::parse(call.params)?;
                let mut cx = Context {
                    now: provider.now(),
                    policy: &provider.inner.policy,
                    client: call.client,
                    binding: call.binding(),
                };
                G::admit(&cx, &request)?;
                let found = G::key(&request).fetch(provider).await?;
                cx.now = provider.now();
                let issuance = match G::decide(&cx, request, found) {
                    Ok(issuance) => issuance,
                    Err(Refused {
                        reason,
                        effect:
                            Some(Effect::Polled {
                                key,
                                revision,
                                next,
                            }),
                    }) => {
                        provider.spend(call.unspent).await?;
                        let spend = hallpass_store::Spend::Waiting {
                            key,
                            revision,
                            next: Some(next),
                        };
                        let commit = Commit {
                            spends: vec![spend],
                            writes: Vec::new(),
                        };
                        if provider.commit(commit).await? == Committed::Done {
                            return Err(reason.into());
                        }
                        // Somebody else polled, or the person answered: decide again.
                        last = Some(reason);
                        continue;
                    }
                    Err(refused) => return Err(refuse(&call, provider, refused).await?),
                };
                let (spend, replay) = (issuance.spend, issuance.replay_revokes);
                // Signed before it is committed: a failing signer must not burn the code.
                let (issued, commit) = issue::prepare(provider, &call, issuance, cx.now).await?;
                if commit.spends.is_empty() && commit.writes.is_empty() {
                    return Ok(issued);
                }
                match provider.commit_of(&call, commit).await? {
                    Committed::Done => return Ok(issued),
                    Committed::TooLate(_) => match spend {
                        //= RFC6749#4.1.2 MUST: a second use of a code is refused; SHOULD: what it had produced is revoked
                        Some(Spend::Code(_) | Spend::CodeOf { .. }) => {
                            let effect = replay.map(Effect::RevokeGrant);
                            let reason = Reason::CodeSpent;
                            let refused = Refused { reason, effect };
                            return Err(refuse(&call, provider, refused).await?);
                        }
                        //= RFC7523#3 MAY: an assertion whose jti was seen is refused; here, each needs one and works once
                        Some(Spend::Once(_)) => return Err(Reason::AssertionReplayed.into()),
                        // Another refresh with the same token was faster: decide again on what it left.
                        // What a person allowed was fetched by another poll: deciding again finds nothing.
                        Some(
                            Spend::Refresh { .. } | Spend::Standing(_) | Spend::Waiting { .. },
                        )
                        | None => {}
                    },
                }
            }
            // A client that polls many times at once is told what its polls are told, without the writing.
            Err(last.map_or(Failure::Unavailable { retry_after: 1 }, Failure::from))
        })
    }
}

/// Carries out what a refusal leaves behind and turns it into a failure. Only a client that has proved itself, and not with
/// what was used before, leaves anything behind.
async fn refuse(
    call: &Call<'_>,
    provider: &Provider,
    refused: Refused,
) -> Result<Failure, Failure> {
    provider.spend(call.unspent).await?;
    match refused.effect {
        Some(Effect::RevokeGrant(grant)) => {
            provider.revoke_grant(grant, refused.reason.id()).await?;
        }
        Some(Effect::BurnCode(key)) => provider.burn_code(key).await?,
        // Needs to be decided again when it comes too late; not done here.
        Some(Effect::Polled { .. }) | None => {}
    }
    Ok(refused.reason.into())
}
