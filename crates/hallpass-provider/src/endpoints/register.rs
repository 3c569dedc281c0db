//! Dynamic registration, [RFC 7591](https://www.rfc-editor.org/rfc/rfc7591#section-3), and management,
//! [RFC 7592](https://www.rfc-editor.org/rfc/rfc7592#section-2).

use hallpass_core::{
    client::{Client, ClientOrigin, ClientRecord, MetadataError, metadata, registration},
    policy::Place,
    reasons,
};
use hallpass_jose::{base64url, json};
use hallpass_store::{Commit, Committed, Day, Registration, Spend, Write};
use hallpass_types::{Bucket, ClientId, Opaque, RegistrationAccess, Secret};
use serde_json::{Map, Value};

use super::acceptance::software_of;
use crate::{Failure, Provider, documents::Whose, ports::Event};

reasons! {
    /// Why a registration request was refused, beside what its metadata says.
    pub enum Reason {
        /// RFC 7591 §3.
        NoInitialAccess => InvalidToken, "registration_no_access", "an initial access token is needed";
        /// RFC 7592 §2.
        NoAccess => InvalidToken, "registration_access_denied", "the registration access token is not valid";
        /// RFC 7591 §3.1.
        BodyMalformed => InvalidClientMetadata, "registration_body_malformed", "the body is not a JSON object";
        /// The operator's rules that the client was registered under are gone.
        RulesGone => AccessDenied, "registration_rules_gone", "the rules for this registration are gone";
        /// An operator switched off the client that everybody gets who registers this.
        SwitchedOff => AccessDenied, "registration_switched_off", "this client is not allowed here";
        /// A URL that we would have to call leads where we do not go.
        AddressBlocked => InvalidClientMetadata, "registration_address_blocked", "a URL in the metadata cannot be used";
        /// OpenID Connect Registration §5.
        SectorUnavailable => InvalidClientMetadata, "registration_sector_unavailable", "sector_identifier_uri cannot be used";
    }
}

/// Deeper JSON than this is refused.
const MAX_DEPTH: u8 = 16;

/// A registration response.
#[derive(Debug)]
pub struct Registered {
    /// The JSON body.
    pub body: String,
}

/// What failed: the metadata, with the member that is wrong, or something else.
#[derive(Debug)]
pub enum RegistrationFailure {
    /// The metadata was refused.
    Metadata(MetadataError),
    /// Everything else.
    Other(Failure),
}

impl<E: Into<Failure>> From<E> for RegistrationFailure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl Provider {
    /// Registers a client. `bearer` is the initial access token.
    ///
    /// # Errors
    /// No access, refused metadata, or a failure of ours.
    pub async fn register(
        &self,
        body: &[u8],
        bearer: Option<&str>,
    ) -> Result<Registered, RegistrationFailure> {
        let inner = &self.inner;
        let access = self.initial_access(bearer).await?;
        let input = object(body)?;
        let metadata = self.accepted(input, &access.policies, &Map::new()).await?;
        // Where anybody may register, anybody can name any address here.
        let whose = bearer.map_or(Whose::Strangers, |_| Whose::Registered);
        self.check_addresses(&metadata, whose).await?;
        self.check_sector(&metadata, whose).await?;
        let fold = self.fold(&metadata, &access.policies);
        if let Some(digest) = fold
            && let Some(registered) = self.folded(digest, &access).await?
        {
            return Ok(registered);
        }
        let software = software_of(&metadata);
        // Held until the client is written, so that many at once do not pass one free place. Other processes do not see
        // it: each may put one more beside the last.
        let _one_at_a_time = self.quota_turn().await;
        self.check_quotas(software).await?;
        let id = ClientId::parse(&format!("c_{}", base64url::encode(self.random::<16>())))
            .map_err(|_| Failure::Internal("a client identifier could not be made".to_owned()))?;
        let secret = metadata_needs_secret(&metadata).then(|| self.new_client_secret());
        let (token, mut record) =
            self.new_record(id, metadata, secret.as_ref(), ClientOrigin::Registration);
        record.policies.clone_from(&access.policies);
        // What everybody may get is nobody's.
        record.vouched = bearer.is_some() && fold.is_none();
        // What everybody may get nobody may change.
        let token = Some(token).filter(|_| fold.is_none());
        if token.is_none() {
            record.registration_token = None;
        }
        // What will be read later must be readable now.
        Client::from_record(&record, &inner.policy, secret.clone())
            .map_err(RegistrationFailure::Metadata)?;
        let beside = Registration {
            client: record.client_id.clone(),
            used: Day::of(self.now()),
            software,
            fold,
        };
        let mut spends = vec![
            Spend::NewRegistration(Box::new(beside)),
            Spend::NewClient(Box::new(record.clone())),
        ];
        spends.extend(access.token.map(Spend::InitialAccess));
        let writes = Vec::new();
        match self.commit(Commit { spends, writes }).await? {
            Committed::Done => {}
            // Somebody registered the same at the same moment.
            Committed::TooLate(0) if let Some(digest) = fold => {
                return match self.folded(digest, &access).await? {
                    Some(registered) => Ok(registered),
                    None => Err(Failure::Unavailable { retry_after: 1 }.into()),
                };
            }
            Committed::TooLate(2) => return Err(Reason::NoInitialAccess.into()),
            Committed::TooLate(_) => {
                let text = "a fresh client identifier was taken";
                return Err(Failure::Internal(text.to_owned()).into());
            }
        }
        inner.clients.look_again_soon();
        self.emit(&Event::ClientChanged {
            action: "registered",
            client: &record.client_id,
        });
        let token = token.as_ref().map(Opaque::expose);
        Ok(self.registered(&record, secret.as_ref(), token))
    }

    /// A fresh client secret: 384 random bits behind a prefix that scanners recognise, long enough for every HMAC.
    #[must_use]
    pub fn new_client_secret(&self) -> Secret {
        Secret::new(format!("hpk_{}", base64url::encode(self.random::<48>())))
    }

    /// A record for a new client, with a registration access token for it.
    #[must_use]
    pub fn new_record(
        &self,
        client_id: ClientId,
        metadata: Map<String, Value>,
        secret: Option<&Secret>,
        origin: ClientOrigin,
    ) -> (Opaque<RegistrationAccess>, ClientRecord) {
        let secrets = &self.inner.secrets;
        let token = Opaque::<RegistrationAccess>::from_random(Bucket(u32::MAX), &self.random());
        let keep = secret.filter(|_| metadata::needs_plain_secret(&metadata));
        let now = self.now();
        let record = ClientRecord {
            secret: secret.map(|s| secrets.client_digest(s.expose())),
            secret_sealed: keep.map(|s| secrets.seal_client_secret(client_id.as_str(), s)),
            secret_expires_at: None,
            vouched: false,
            decided: Map::new(),
            registration_token: Some(secrets.client_digest(token.expose())),
            origin,
            policies: Vec::new(),
            disabled: false,
            created_at: now,
            updated_at: now,
            client_id,
            metadata,
        };
        (token, record)
    }

    pub(super) fn registered(
        &self,
        record: &ClientRecord,
        secret: Option<&Secret>,
        token: Option<&str>,
    ) -> Registered {
        let endpoint = {
            let policy = &self.inner.policy;
            policy.issuer.url(policy.routes.path(Place::Registration))
        };
        let body = registration::response(record, secret, token, &endpoint);
        Registered {
            body: Value::Object(body).to_string(),
        }
    }

    /// Finds the client that a registration access token is for.
    async fn managed(
        &self,
        client_id: &str,
        bearer: Option<&str>,
    ) -> Result<ClientRecord, Failure> {
        let inner = &self.inner;
        let token = bearer
            .and_then(Opaque::<RegistrationAccess>::parse)
            .ok_or(Reason::NoAccess)?;
        let id = ClientId::parse(client_id).map_err(|_| Reason::NoAccess)?;
        let record = inner
            .store
            .client(inner.issuer_id, &id)
            .await?
            .ok_or(Reason::NoAccess)?;
        let digest = inner.secrets.client_digest(token.expose());
        //= RFC7592#2 MUST: an unknown client and a wrong token are both answered with 401
        let dynamic = record.origin == ClientOrigin::Registration && !record.disabled;
        if !dynamic || record.registration_token != Some(digest) {
            return Err(Reason::NoAccess.into());
        }
        Ok(record)
    }

    /// Reads a registration (RFC 7592 §2.1).
    ///
    /// # Errors
    /// No access, or a failure of ours.
    pub async fn read_registration(
        &self,
        client_id: &str,
        bearer: Option<&str>,
    ) -> Result<Registered, Failure> {
        let record = self.managed(client_id, bearer).await?;
        let secret = self.readable_secret(&record);
        Ok(self.registered(&record, secret.as_ref(), bearer))
    }

    fn readable_secret(&self, record: &ClientRecord) -> Option<Secret> {
        let sealed = record.secret_sealed.as_ref()?;
        self.inner
            .secrets
            .open_client_secret(record.client_id.as_str(), sealed)
    }

    /// Replaces a registration (RFC 7592 §2.2).
    ///
    /// # Errors
    /// No access, refused metadata, or a failure of ours.
    pub async fn update_registration(
        &self,
        client_id: &str,
        body: &[u8],
        bearer: Option<&str>,
    ) -> Result<Registered, RegistrationFailure> {
        let inner = &self.inner;
        let mut record = self.managed(client_id, bearer).await?;
        let expected = Box::new(record.clone());
        let input = object(body)?;
        let digest = |secret: &str| inner.secrets.client_digest(secret);
        registration::check_update(&input, &record, &digest)
            .map_err(RegistrationFailure::Metadata)?;
        //= RFC7592#2.2 MUST: the update replaces all metadata; what is left out is deleted
        let metadata = self
            .accepted(input, &record.policies, &record.decided)
            .await?;
        self.check_addresses(&metadata, Whose::Registered).await?;
        self.check_sector(&metadata, Whose::Registered).await?;
        // A secret is kept where there is one that can serve; a method that newly needs one gets a new one.
        let mut secret = self.readable_secret(&record);
        let mut shown = None;
        if metadata_needs_secret(&metadata) {
            let unreadable = metadata::needs_plain_secret(&metadata) && secret.is_none();
            if record.secret.is_none() || unreadable {
                let fresh = self.new_client_secret();
                record.secret = Some(inner.secrets.client_digest(fresh.expose()));
                shown = Some(fresh.clone());
                secret = Some(fresh);
            }
        } else {
            record.secret = None;
            secret = None;
        }
        record.secret_sealed = secret
            .as_ref()
            .filter(|_| metadata::needs_plain_secret(&metadata))
            .map(|s| inner.secrets.seal_client_secret(client_id, s));
        record.metadata = metadata;
        record.updated_at = self.now();
        Client::from_record(&record, &inner.policy, secret.clone())
            .map_err(RegistrationFailure::Metadata)?;
        // Names were resolved and documents fetched since the client was read. Who deleted, switched off or changed it
        // meanwhile has the last word.
        let spends = vec![Spend::Client {
            expected,
            record: Box::new(record.clone()),
        }];
        let commit = Commit {
            spends,
            writes: Vec::new(),
        };
        if self.commit(commit).await? != Committed::Done {
            return Err(Reason::NoAccess.into());
        }
        inner.clients.forget(&record.client_id);
        self.emit(&Event::ClientChanged {
            action: "updated",
            client: &record.client_id,
        });
        Ok(self.registered(&record, shown.as_ref().or(secret.as_ref()), bearer))
    }

    /// Deletes a registration (RFC 7592 §2.3). Its grants die with it.
    ///
    /// # Errors
    /// No access, or a failure of ours.
    pub async fn delete_registration(
        &self,
        client_id: &str,
        bearer: Option<&str>,
    ) -> Result<(), Failure> {
        let record = self.managed(client_id, bearer).await?;
        let writes = vec![Write::DeleteClient(record.client_id.clone())];
        self.commit(Commit {
            spends: Vec::new(),
            writes,
        })
        .await?;
        self.inner.clients.forget(&record.client_id);
        self.emit(&Event::ClientChanged {
            action: "deleted",
            client: &record.client_id,
        });
        Ok(())
    }
}

fn metadata_needs_secret(metadata: &Map<String, Value>) -> bool {
    metadata::needs_secret(metadata) || metadata::needs_plain_secret(metadata)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    json::parse_object(body, MAX_DEPTH).map_err(|_| Reason::BodyMalformed.into())
}
