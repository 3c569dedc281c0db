//! What happens to clients when sessions begin to matter to them and when they end.

use std::collections::BTreeSet;

use hallpass_core::{
    authorize::{AuthorizationResponse, Valid},
    client::{Client, Signed},
    logout::{back_channel, session_state},
    record::{DeliveryContent, DeliveryRecord, ParticipantRecord, SealedRequest, SessionRecord},
};
use hallpass_jose::base64url;
use hallpass_store::{Commit, MAX_PAGE, Spend, StoreError, Write};
use hallpass_types::{ClientId, Delivery, GrantId, Key, Session, Sid, Subject};
use url::form_urlencoded;

use crate::{
    Provider,
    browser::{Browser, SetCookies},
    endpoints::{Person, SignedIn},
    ports::{Event, FetchError},
};

impl Provider {
    /// What is written beside something that a client gets in a session, so that it is told when the session ends. For
    /// most clients nothing.
    pub(crate) fn participation(
        client: &Client,
        person: &SignedIn,
        grant: Option<GrantId>,
    ) -> Option<Write> {
        client.is_told_of_logout().then(|| {
            let record = ParticipantRecord {
                client_id: client.id.clone(),
                subject: person.session.subject.clone(),
                sid: person.session.sid.clone(),
                grant,
            };
            Write::Participant(person.key, Box::new(record))
        })
    }

    /// The cookie that clients' frames watch, where the issuer lets them.
    pub(crate) fn browser_state(
        &self,
        session: &Key<Session>,
        lifetime: i64,
    ) -> Option<(String, i64)> {
        let watched = self.inner.policy.logout.session_management;
        watched.then(|| (session_state::browser_state(session), lifetime))
    }

    /// Adds `session_state` to an answer with which somebody signs in to a client that has pages, and makes sure that
    /// the browser holds what it follows from.
    //= OIDC-SESSION#2 MUST: where sessions can be watched, the answer to an authentication request has session_state
    pub(crate) fn add_session_state(
        &self,
        response: &mut AuthorizationResponse,
        valid: &Valid,
        person: &Person,
        browser: &Browser,
        cookies: &mut SetCookies,
    ) {
        let (Some(signed_in), true) = (&person.signed_in, valid.request().is_openid()) else {
            return;
        };
        let lifetime = signed_in.session.expires_at.since(self.now());
        let Some(held) = self.browser_state(&signed_in.key, lifetime) else {
            return;
        };
        let Some(origin) = session_state::origin(&response.redirect_uri) else {
            return;
        };
        let salt = base64url::encode(self.random::<9>());
        let client = valid.client().id.as_str();
        let state = session_state::session_state(client, &origin, &held.0, &salt);
        response.params.push(("session_state", state));
        if cookies.state.is_none() && browser.state.as_ref() != Some(&held.0) {
            cookies.state = Some(held);
        }
    }

    /// The writes that end sessions and tell every client about it. Who took part is looked up after the commit: until
    /// then more may join, and none can join afterwards.
    pub(crate) fn end_sessions(&self, sessions: Vec<Key<Session>>) -> Vec<Write> {
        let mut writes: Vec<_> = sessions.iter().copied().map(Write::EndSession).collect();
        if self.inner.policy.logout.back_channel && !sessions.is_empty() {
            let expires_at = self.now().plus(DELIVERED_WITHIN);
            let content = DeliveryContent::SessionsEnded {
                sessions,
                after: None,
            };
            writes.push(self.delivery(self.delivery_key(expires_at), content, expires_at));
        }
        writes
    }

    /// Ends every session of a person, however many there are, and tells clients of it. Answers how many sessions ended.
    ///
    /// # Errors
    /// The store fails.
    pub async fn end_sessions_of(&self, subject: &Subject) -> Result<usize, StoreError> {
        let mut count = 0;
        loop {
            // As many as are read at a time.
            let alive = self.sessions_of(subject).await?;
            if alive.is_empty() {
                return Ok(count);
            }
            count = alive.len().saturating_add(count);
            let writes = self.end_sessions(alive);
            let spends = Vec::new();
            self.commit(Commit { spends, writes }).await?;
        }
    }

    /// Signs a person out of one client alone: it is told, and what it got in these sessions ends with them. Answers in which
    /// sessions it took part.
    pub(crate) async fn end_participation(
        &self,
        client: &Client,
        sessions: &[Key<Session>],
    ) -> Result<Vec<ParticipantRecord>, StoreError> {
        let now = self.now();
        let expires_at = now.plus(DELIVERED_WITHIN);
        let inner = &self.inner;
        let mut commit = Commit::default();
        let mut left: Vec<ParticipantRecord> = Vec::new();
        let mut revoked = Vec::new();
        for session in sessions {
            let mut first = true;
            loop {
                let own = inner
                    .store
                    .participants(inner.issuer_id, *session, &client.id);
                let own = own.await?;
                if let (true, Some(record)) = (first, own.first()) {
                    if client.backchannel_logout.is_some() {
                        let key = self.delivery_key(expires_at);
                        let content = logout_token(record);
                        commit.writes.push(self.delivery(key, content, expires_at));
                    }
                    left.push(record.clone());
                }
                first = false;
                let grants: BTreeSet<_> = own.iter().map(|p| p.grant).collect();
                // What was written before each grant had a place of its own stands where those without one do.
                for grant in grants.iter().copied().chain(own.first().map(|_| None)) {
                    let forget = Write::ForgetParticipant(*session, client.id.clone(), grant);
                    commit.writes.push(forget);
                }
                for grant in grants.into_iter().flatten() {
                    commit.writes.push(Write::RevokeGrant(grant, now));
                    revoked.push(grant);
                }
                if own.len() < MAX_PAGE {
                    break;
                }
                // There are more, and what is looked at is gone.
                self.commit(std::mem::take(&mut commit)).await?;
            }
        }
        if !commit.writes.is_empty() {
            self.commit(commit).await?;
        }
        for grant in revoked {
            self.emit(&Event::GrantRevoked {
                grant,
                reason: "signed_out_of_client",
            });
        }
        Ok(left)
    }

    /// Turns the end of sessions into one logout token for each client, some hundreds in one step: either all of a step are
    /// in the outbox and what is left of the end is there in its place, or nothing happened. So nobody is left out, however
    /// many clients a session has reached.
    pub(crate) async fn tell_participants(
        &self,
        key: Key<Delivery>,
        record: &DeliveryRecord,
        sessions: &[Key<Session>],
        after: Option<&ClientId>,
    ) -> Result<(), StoreError> {
        let inner = &self.inner;
        let mut told = BTreeSet::new();
        let mut writes = Vec::new();
        let (mut left, mut after) = (sessions, after.cloned());
        let mut looked_at = 0_usize;
        while let Some((session, others)) = left.split_first()
            && looked_at < MAX_PAGE
        {
            let page = inner
                .store
                .participating(inner.issuer_id, *session, after.as_ref());
            let page = page.await?;
            looked_at = looked_at.saturating_add(page.len());
            for participant in &page {
                let Some(client) = self.client(&participant.client_id).await? else {
                    continue;
                };
                let Some(to) = &client.backchannel_logout else {
                    continue;
                };
                // Who is told about the person as a whole is told once.
                let of = to.session_required.then(|| participant.sid.clone());
                if told.insert((participant.client_id.clone(), of)) {
                    let delivery = self.delivery_key(record.expires_at);
                    let content = logout_token(participant);
                    writes.push(self.delivery(delivery, content, record.expires_at));
                }
            }
            after = page.last().map(|participant| participant.client_id.clone());
            if page.len() < MAX_PAGE {
                (left, after) = (others, None);
            }
        }
        if !left.is_empty() {
            let sessions = left.to_vec();
            let rest = self.delivery_key(record.expires_at);
            let content = DeliveryContent::SessionsEnded { sessions, after };
            writes.push(self.delivery(rest, content, record.expires_at));
        }
        let spends = vec![Spend::Delivery {
            key,
            attempts: record.attempts,
            next_at: None,
        }];
        // Too late means that another node was faster.
        self.commit(Commit { spends, writes }).await?;
        Ok(())
    }

    /// Posts a logout token that is made now, since it is good for two minutes only. Answers the status; none when there
    /// is nobody to tell any more.
    //= OIDC-BACKCHANNEL#2.5 MUST: the token is posted as the form parameter logout_token
    pub(crate) async fn post_logout_token(
        &self,
        client: &ClientId,
        subject: &Subject,
        sid: &Sid,
    ) -> Result<Option<Result<u16, FetchError>>, StoreError> {
        let Some(client) = self.client(client).await? else {
            return Ok(None);
        };
        let Some(to) = &client.backchannel_logout else {
            return Ok(None);
        };
        let policy = &self.inner.policy;
        let subject = client.subject(policy, subject);
        let jti = base64url::encode(self.random::<16>());
        let claims = back_channel::claims(&client, policy, &subject, sid, &jti, self.now());
        let made = self.sign_and_maybe_encrypt(&client, Signed::LogoutToken, &claims);
        let token = match made.await {
            Ok(token) => token,
            // Keys of a client can be out of reach for a while.
            Err(error) => {
                tracing::warn!(
                    ?error,
                    client.id = client.id.as_str(),
                    "a logout token cannot be made"
                );
                return Ok(Some(Err(FetchError::Failed)));
            }
        };
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", &token)
            .finish();
        let request = SealedRequest {
            content_type: "application/x-www-form-urlencoded".to_owned(),
            authorization: None,
            body,
        };
        Ok(Some(self.post(&to.uri, &request).await))
    }
}

fn logout_token(participant: &ParticipantRecord) -> DeliveryContent {
    DeliveryContent::LogoutToken {
        client_id: participant.client_id.clone(),
        subject: participant.subject.clone(),
        sid: participant.sid.clone(),
    }
}

/// A session and those that it superseded, which end with it.
pub(crate) fn with_earlier(key: Key<Session>, session: &SessionRecord) -> Vec<Key<Session>> {
    session.earlier.iter().copied().chain([key]).collect()
}

/// A client that cannot be reached for a day keeps its session.
const DELIVERED_WITHIN: i64 = 86_400;
