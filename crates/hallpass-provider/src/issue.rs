//! Turns a decision into signed tokens and a commit.

use std::borrow::Cow;

use hallpass_core::{
    authorization_details::to_text,
    client::{Client, Signed},
    issue::{IdTokenRequest, TokenResponse, TokenType, access_token, id_token},
    policy::TokenFormat,
    record::AccessToken,
    token::{AccessGrant, Issuance, Reason, Spend as Decided},
};
use hallpass_jose::{HmacKey, JwsAlgorithm, left_half_hash};
use hallpass_store::{Commit, Spend, StoreError, Write};
use hallpass_types::{Timestamp, TokenId};
use serde_json::{Map, Value};

use crate::{
    Failure, Provider,
    ports::TokenAbout,
    registry::{Call, Issued},
    secrets::MAX_ACCESS_TOKEN,
};

/// Signs and collects. Nothing is written here.
pub(crate) async fn prepare(
    provider: &Provider,
    call: &Call<'_>,
    mut issuance: Issuance,
    now: Timestamp,
) -> Result<(Issued, Commit), Failure> {
    // A grant that somebody brought along may not have thought of it.
    //= RFC9449#5.2 MUST: without a proof there is no token for a client that registered dpop_bound_access_tokens
    issuance.access.confirmation = issuance.access.confirmation.or_else(|| call.binding());
    let client = call.client.client();
    let inner = &provider.inner;
    if let Some(grant) = &issuance.new_grant
        && !names_what_was_looked_up(issuance.spend)
        && !provider.admits(client, grant).await?
    {
        return Err(Reason::AccountGone.into());
    }
    let format = issuance.access.format();
    let issued_token_type = issuance.access.issued_as;
    let details = &issuance.access.details;
    let details = (!details.is_empty()).then(|| to_text(details));
    let (token, text) = make_access_token(provider, client, issuance.access, now).await?;
    let refresh_token = issuance.refresh.map(|r| inner.secrets.refresh_token(r));
    let mut id_token = issuance.id_token;
    if let Some(request) = &mut id_token
        && let Some(pushed) = &mut request.pushed
    {
        let hash = |token: &str| left_half_hash(client.id_token_signed_response_alg, token);
        request.hashes.access_token = Some(hash(&text));
        pushed.rt_hash = refresh_token.as_deref().map(hash);
    }
    let id_token = match &id_token {
        Some(request) => Some(sign_id_token(provider, client, request, now).await?),
        None => None,
    };
    let response = TokenResponse {
        access_token: text,
        token_type: TokenType::of(token.confirmation),
        expires_in: token.expires_at.since(now),
        authorization_details: details,
        scope: token.scope.to_string(),
        id_token,
        issued_token_type,
        refresh_token,
    };
    let mut commit = Commit::default();
    //= RFC9449#11.1 SHOULD: a proof that was used is refused when it is shown again
    if let Some(once) = call.proved.and_then(|proved| proved.once) {
        commit.spends.push(Spend::Once(once.key));
    }
    commit.spends.extend(call.unspent.pending());
    let proofs = commit.spends.len();
    if let Some(spend) = issuance.spend {
        if let Decided::CodeOf { grant, .. } = spend {
            commit.spends.push(Spend::Standing(grant));
        }
        commit.spends.push(match spend {
            Decided::Code(key) | Decided::CodeOf { code: key, .. } => Spend::Code(key),
            Decided::Refresh {
                grant,
                from,
                idle_expires_at,
            } => Spend::Refresh {
                grant,
                from,
                at: now,
                idle_expires_at,
            },
            Decided::Once(key) => Spend::Once(key),
            Decided::Standing(grant) => Spend::Standing(grant),
            Decided::Waiting { key, revision } => Spend::Waiting {
                key,
                revision,
                next: None,
            },
        });
    }
    if let Some(grant) = issuance.new_grant {
        commit.writes.push(Write::Grant(grant));
    }
    if let Some((grant, idle_expires_at)) = issuance.touch_idle {
        commit.writes.push(Write::TouchRefresh {
            grant,
            idle_expires_at,
        });
    }
    // A repeated or kept refresh token writes nothing: that the grant stands was read a moment ago.
    if commit.writes.is_empty() && matches!(commit.spends.get(proofs..), Some([Spend::Standing(_)]))
    {
        commit.spends.truncate(proofs);
    }
    Ok((
        Issued {
            response,
            jwt: matches!(format, TokenFormat::Jwt(_)),
        },
        commit,
    ))
}

/// Whether a grant begins with what was found under its key, together with its person.
const fn names_what_was_looked_up(spend: Option<Decided>) -> bool {
    match spend {
        Some(Decided::Code(_) | Decided::CodeOf { .. } | Decided::Waiting { .. }) => true,
        Some(Decided::Once(_) | Decided::Refresh { .. } | Decided::Standing(_)) | None => false,
    }
}

/// What a client shows that works once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown {
    /// The proof of its key.
    Key,
    /// What authenticated it.
    Assertion,
}

/// What the first spends of a prepared commit are.
pub(crate) fn shown(call: &Call<'_>) -> impl Iterator<Item = Shown> {
    let proof = call.proved.and_then(|proved| proved.once);
    let proof = proof.map(|_| Shown::Key).into_iter();
    proof.chain(call.unspent.pending().map(|_| Shown::Assertion))
}

/// Why there is no access token.
#[derive(Debug)]
pub(crate) enum NoToken {
    /// What it says is too much. Made all the same, it would work nowhere.
    TooLarge,
    /// A failure of ours.
    Failed(Failure),
}

impl From<NoToken> for Failure {
    fn from(none: NoToken) -> Self {
        match none {
            NoToken::TooLarge => Reason::AccessTokenTooLarge.into(),
            NoToken::Failed(failure) => failure,
        }
    }
}

/// Seals or signs an access token.
pub(crate) async fn make_access_token(
    provider: &Provider,
    client: &Client,
    mut access: AccessGrant,
    now: Timestamp,
) -> Result<(AccessToken, String), NoToken> {
    let inner = &provider.inner;
    let mut id = [0; 16];
    inner.entropy.fill(&mut id);
    let format = access.format();
    let how = access.authentication.take();
    add_claims(provider, client, &mut access)
        .await
        .map_err(|error| NoToken::Failed(error.into()))?;
    let token = access_token::build(access, &client.id, now, TokenId(id));
    let text = match format {
        TokenFormat::Sealed => inner.secrets.seal_access(&token).ok_or_else(|| {
            let text = "an access token could not be sealed".to_owned();
            NoToken::Failed(Failure::Internal(text))
        })?,
        TokenFormat::Jwt(algorithm) => {
            let claims = access_token::jwt_claims(&token, &inner.policy.issuer, how.as_ref());
            let signed = provider.sign(algorithm, Some(access_token::TYP), &claims);
            signed.await.map_err(NoToken::Failed)?
        }
    };
    if text.len() > MAX_ACCESS_TOKEN {
        return Err(NoToken::TooLarge);
    }
    Ok((token, text))
}

/// Puts in what the operator, or a program that embeds this, wants to stand in every token.
async fn add_claims(
    provider: &Provider,
    client: &Client,
    access: &mut AccessGrant,
) -> Result<(), StoreError> {
    let inner = &provider.inner;
    let fixed = &inner.policy.token_claims;
    let port = &inner.token_claims;
    let person = access.person.take();
    if fixed.is_empty() && port.is_none() && person.is_none() {
        return Ok(());
    }
    let mut further = fixed.of(&client.id, &access.target.audience);
    if let Some((subject, organization)) = person {
        further.extend(
            provider
                .access_of(&subject, organization.as_deref())
                .await?,
        );
    }
    if let Some(port) = port {
        let about = TokenAbout {
            issuer: inner.issuer_id,
            client,
            subject: &access.subject,
            grant: access.grant,
            scope: &access.scope,
            audience: &access.target.audience,
        };
        further.extend(port.claims(about).await?);
    }
    access.extra = access_token::with_further(access.extra.take(), further);
    Ok(())
}

/// Signs an ID token.
pub(crate) async fn sign_id_token(
    provider: &Provider,
    client: &Client,
    request: &IdTokenRequest,
    now: Timestamp,
) -> Result<String, Failure> {
    let inner = &provider.inner;
    let mut request = request.with_claims_of_openid(&inner.policy);
    // Account claims are needed only when some were asked for in the ID token.
    let wanted = request
        .claims
        .id_token
        .keys()
        .any(|name| !id_token::is_reserved(name));
    let access = provider.access_in_id_token(&request.scope);
    let account = if wanted || access {
        inner
            .accounts
            .account(inner.issuer_id, &request.account)
            .await?
    } else {
        None
    };
    let claims = match &account {
        Some(account) => {
            let organization = request.organization.as_deref();
            provider
                .claims_with_access(account, organization, &request.scope)
                .await?
        }
        None => Cow::Owned(Map::new()),
    };
    if access {
        let names = inner.policy.access.claims.names();
        let wanted = names.map(|name| (name.to_owned(), Value::Null));
        request.to_mut().claims.id_token.extend(wanted);
    }
    let body = id_token::claims(&request, client, &inner.policy, &claims, now);
    provider
        .sign_and_maybe_encrypt(client, Signed::IdToken, &body)
        .await
}

/// Signs with the client's secret (OpenID Connect Core §10.1).
pub(crate) fn symmetric(
    client: &Client,
    algorithm: JwsAlgorithm,
    typ: Option<&str>,
    body: &str,
) -> Result<String, Failure> {
    let secret = client.secret.as_ref().and_then(|s| s.plain.as_ref());
    let key = secret.and_then(|s| HmacKey::new(algorithm, s.expose().as_bytes()).ok());
    let key = key.ok_or_else(|| {
        Failure::Internal("a client's secret does not fit its algorithm".to_owned())
    })?;
    Ok(key.sign_compact(typ, body.as_bytes()))
}
