//! The configuration: one file for each section, read from TOML and the environment, checked once at the start.
//!
//! `Raw` is what may be written down; [`Config`] is what has passed every check. Each part of the program gets the
//! sections it needs, never the whole.

mod access;
mod admin;
mod attesters;
mod authorization_details;
mod backchannel;
mod cache;
mod checker;
mod client_documents;
mod clients;
mod compatibility;
mod danger;
mod dashboard;
mod device;
mod dpop;
mod encryption;
mod experimental;
mod issuers;
mod jwt_bearer;
mod keys;
mod lifetimes;
mod log;
mod logout;
mod mail;
mod mtls;
mod of_issuer;
mod operations;
mod pages;
mod parts;
mod passwords;
mod people;
pub(crate) mod policy;
mod problem;
mod protocol;
mod rate_limits;
mod registration;
mod registration_rules;
mod requests;
mod routes;
mod server;
pub(crate) mod sign_in;
mod signers;
mod sms;
mod source;
mod store;
mod tls;
mod token_exchange;
mod traces;
mod upstreams;
mod users;
mod value;
mod webfinger;

#[cfg(test)]
mod tests;

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

pub use access::Access;
pub use admin::Admin;
pub use attesters::{ClientAttestation, SignalSetting};
pub use authorization_details::AuthorizationDetails;
pub use cache::Cache;
use checker::Checker;
pub use client_documents::ClientDocuments;
pub use clients::Client;
pub use compatibility::Compatibility;
pub use danger::Danger;
pub use dashboard::Dashboard;
pub use dpop::Dpop;
pub use encryption::Encryption;
pub use experimental::Experimental;
pub use issuers::Issuers;
pub use jwt_bearer::JwtBearer;
pub use keys::{Keys, decode as decode_master_key};
pub use lifetimes::Lifetimes;
pub use log::{Log, LogFormat};
pub use logout::Logout;
pub use mail::{Mail, MailTls, MailWay};
pub use mtls::{CertificateHeader, Mtls};
pub use of_issuer::PER_ISSUER;
pub use operations::Operations;
pub use pages::Pages;
pub use passwords::Passwords;
pub use people::{Account, MailSignIn, SignUp, SignUpMode};
pub use problem::{Problem, Problems};
pub use protocol::{Pkce, Protocol, Resource, SigningAlg, TokenFormat};
pub use rate_limits::RateLimits;
pub use registration::Registration;
pub use registration_rules::{RegistrationRules, StatementIssuer};
pub use requests::{PushedRequests, RequestObjects};
pub use routes::{Endpoint, RouteProfile, Routes};
pub(crate) use server::is_local;
pub use server::{ForwardedHeader, Server};
pub use sign_in::SignIn;
pub use signers::{SignerPlace, SignerSettings};
pub use sms::Sms;
pub use source::{ENVIRONMENT_PREFIX, Source};
pub use store::{Postgres, PostgresTls, Store, StoreKind};
pub use tls::Tls;
pub use token_exchange::TokenExchange;
pub use traces::{Parents, Traces};
pub use users::User;
pub use value::{Listen, Range, Seconds, Secret};
pub use webfinger::WebFinger;

/// Configuration of hallpass.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "hallpass.toml")]
struct Raw {
    server: Server,
    tls: Tls,
    mtls: mtls::Raw,
    operations: Operations,
    store: store::Raw,
    cache: cache::Raw,
    issuers: Issuers,
    keys: keys::Raw,
    lifetimes: Lifetimes,
    protocol: Protocol,
    routes: Routes,
    compatibility: Compatibility,
    dpop: Dpop,
    access: Access,
    admin: Admin,
    dashboard: Dashboard,
    logout: Logout,
    webfinger: WebFinger,
    registration: registration::Raw,
    client_documents: ClientDocuments,
    request_objects: RequestObjects,
    pushed_requests: PushedRequests,
    pages: Pages,
    passwords: Passwords,
    mail: mail::Raw,
    sms: sms::Raw,
    sign_in: SignIn,
    sign_up: SignUp,
    account: Account,
    rate_limits: RateLimits,
    log: Log,
    traces: traces::Raw,
    experimental: Experimental,
    danger: Danger,
    authorization_details: Vec<AuthorizationDetails>,
    attesters: Vec<attesters::Raw>,
    client_attestation: ClientAttestation,
    signers: Vec<signers::Raw>,
    upstreams: Vec<upstreams::Raw>,
    clients: Vec<clients::Raw>,
    users: Vec<users::Raw>,
}

/// A configuration that has passed every check, section by section.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[tls]`.
    pub tls: Tls,
    /// `[mtls]`.
    pub mtls: Mtls,
    /// `[operations]`.
    pub operations: Operations,
    /// `[store]`.
    pub store: Store,
    /// `[cache]`.
    pub cache: Cache,
    /// `[issuers]`.
    pub issuers: Issuers,
    /// `[keys]`.
    pub keys: Keys,
    /// `[lifetimes]`.
    pub lifetimes: Lifetimes,
    /// `[protocol]`.
    pub protocol: Protocol,
    /// `[routes]`.
    pub routes: Routes,
    /// `[compatibility]`.
    pub compatibility: Compatibility,
    /// `[dpop]`.
    pub dpop: Dpop,
    /// `[access]`.
    pub access: Access,
    /// `[admin]`.
    pub admin: Admin,
    /// `[dashboard]`.
    pub dashboard: Dashboard,
    /// `[logout]`.
    pub logout: Logout,
    /// `[webfinger]`.
    pub webfinger: WebFinger,
    /// `[registration]`.
    pub registration: Registration,
    /// `[client_documents]`.
    pub client_documents: ClientDocuments,
    /// `[request_objects]`.
    pub request_objects: RequestObjects,
    /// `[pushed_requests]`.
    pub pushed_requests: PushedRequests,
    /// `[pages]`.
    pub pages: Pages,
    /// `[passwords]`.
    pub passwords: Passwords,
    /// `[mail]`.
    pub mail: Mail,
    /// `[sms]`.
    pub sms: Option<Sms>,
    /// `[sign_in]`.
    pub sign_in: SignIn,
    /// `[sign_up]`.
    pub sign_up: SignUp,
    /// `[account]`.
    pub account: Account,
    /// `[rate_limits]`.
    pub rate_limits: RateLimits,
    /// `[log]`.
    pub log: Log,
    /// `[traces]`.
    pub traces: Traces,
    /// `[experimental]`.
    pub experimental: Experimental,
    /// `[danger]`.
    pub danger: Danger,
    /// `[[authorization_details]]`.
    pub authorization_details: Vec<AuthorizationDetails>,
    /// `[[attesters]]`.
    pub attesters: Vec<hallpass_core::policy::Attester>,
    /// `[client_attestation]`.
    pub client_attestation: ClientAttestation,
    /// `[[signers]]`.
    pub signers: Vec<SignerSettings>,
    /// `[[upstreams]]`.
    pub upstreams: Vec<hallpass_core::upstream::Upstream>,
    /// Secrets of these that are sealed.
    pub sealed_upstreams: upstreams::Sealed,
    /// `[[clients]]`.
    pub clients: Vec<Client>,
    /// `[[users]]`.
    pub users: Vec<User>,
    /// Whether the pages look otherwise than those of the issuer of the file.
    pub(crate) has_own_look: bool,
    /// What issuers begin with that are made at run time.
    issuer_defaults: of_issuer::Defaults,
}

impl Config {
    /// Reads and checks a file, if one is given, with the environment over it.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place and the setting's name.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let one = |problem| Problems(vec![problem]);
        Self::parse(Source::read(path, environment).map_err(one)?)
    }

    /// Checks what was read.
    ///
    /// # Errors
    /// As for [`Config::load`].
    pub fn parse(mut source: Source) -> Result<Self, Problems> {
        let raw: Raw = source
            .deserialize()
            .map_err(|problem| Problems(vec![problem]))?;
        let issuer_defaults = source
            .deserialize()
            .map(of_issuer::defaults)
            .map_err(|problem| Problems(vec![problem]))?;
        let mut checker = Checker::new(&source);
        let check = &mut checker;
        let Raw {
            server,
            tls,
            mtls,
            operations,
            store,
            cache,
            issuers,
            keys,
            lifetimes,
            protocol,
            routes,
            compatibility,
            dpop,
            access,
            admin,
            dashboard,
            logout,
            webfinger,
            registration,
            client_documents,
            request_objects,
            pushed_requests,
            pages,
            passwords,
            mail,
            sms,
            sign_in,
            sign_up,
            account,
            rate_limits,
            log,
            traces,
            experimental,
            danger,
            authorization_details,
            attesters,
            client_attestation,
            signers,
            upstreams,
            clients,
            users,
        } = raw;
        server.check(&danger, check);
        tls.check(check);
        let mtls = mtls.parse(&server, &tls, check);
        let store = store.parse(&danger, check);
        let cache = cache.parse(check);
        issuers.check(check);
        let keys = keys.parse(check);
        lifetimes.check(check);
        access.check(&protocol, check);
        dashboard.check(check);
        webfinger.check(check);
        protocol.check(&experimental, check);
        routes.check(check);
        compatibility.check(&danger, &protocol, check);
        let registration = registration.parse(&danger, check);
        client_documents.check(&experimental, check);
        request_objects.check(&pushed_requests, check);
        AuthorizationDetails::check(&authorization_details, check);
        pages.check(check);
        passwords.check(check);
        let mail = mail.parse(check);
        let sms = sms.parse(check);
        sign_in.check(&account, sms.is_some(), check);
        sign_up.check(check);
        account.check(check);
        rate_limits.check(check);
        log.check(check);
        let traces = traces.parse(check);
        experimental.check(check);
        let attesters = attesters::parse(attesters, &experimental, check);
        client_attestation.check(&attesters, &experimental, check);
        danger.check(check);
        let issuer = server.issuer(tls.files().is_some(), server.port());
        let clients = policy::provisional(&issuer, &lifetimes, &protocol, &registration)
            .map(|mut policy| {
                access.apply(&mut policy);
                sign_in.apply(&account, &mut policy);
                admin.apply(&mut policy);
                dpop.apply(&mut policy);
                token_exchange::check(&protocol.token_exchange, &policy, check);
                request_objects.apply(&pushed_requests, &mut policy);
                jwt_bearer::check(&protocol.jwt_bearer, &policy, check);
                mtls.apply(&mut policy);
                policy.attesters.clone_from(&attesters);
                client_attestation.apply(&mut policy);
                AuthorizationDetails::apply(&authorization_details, &mut policy);
                if let Some(profile) = policy.fapi_profile {
                    profile.narrow(&mut policy);
                }
                clients::parse(clients, &policy, check)
            })
            .unwrap_or_default();
        let sealed_upstreams = upstreams::Sealed::default();
        let upstreams =
            upstreams::parse(upstreams, &protocol.signing_algs, &sealed_upstreams, check);
        let users = users::parse(users, &passwords, check);
        let signers = signers::parse(signers, check);
        let problems = checker.into_problems();
        let Some(mail) = mail.filter(|_| problems.is_empty()) else {
            return Err(Problems(problems));
        };
        Ok(Self {
            server,
            tls,
            mtls,
            operations,
            store,
            cache,
            issuers,
            keys,
            lifetimes,
            protocol,
            routes,
            compatibility,
            dpop,
            access,
            admin,
            dashboard,
            logout,
            webfinger,
            registration,
            client_documents,
            request_objects,
            pushed_requests,
            pages,
            passwords,
            mail,
            sms,
            sign_in,
            sign_up,
            account,
            rate_limits,
            log,
            traces,
            experimental,
            danger,
            authorization_details,
            attesters,
            client_attestation,
            signers,
            upstreams,
            sealed_upstreams,
            clients,
            users,
            has_own_look: false,
            issuer_defaults,
        })
    }

    /// How people sign in, in sentences.
    #[must_use]
    pub fn sign_in_explained(&self) -> Option<String> {
        let issuer = self
            .server
            .issuer(self.tls.files().is_some(), self.server.port());
        let mut policy =
            policy::provisional(&issuer, &self.lifetimes, &self.protocol, &self.registration)?;
        self.sign_in.apply(&self.account, &mut policy);
        policy.upstreams.clone_from(&self.upstreams);
        Some(sign_in::explained(&policy))
    }

    /// The JSON Schema of the file, from the declarations that read it.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Raw).to_value()
    }
}
