//! Client metadata as it is stored: checked, complete, without anything that was not asked for by name.
//! [RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2),
//! [OpenID Connect Dynamic Client Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata).
//!
//! Members that this server does not know are dropped, so nothing can be set that has no rule here. Two kinds of
//! known members are not stored:
//!
//! - Demands on requests that this server does not take (sender-constrained tokens; signed or pushed requests where they
//!   are switched off) are *refused* when they are `true`: a client that asks for a protection must not be told that all is
//!   well without it.
//! - What says nothing about the client itself (`software_statement`, which was believed or not before it comes here) is *dropped*.

mod backchannel;
mod encryption;
mod flows;
mod input;
mod keys;
mod presentation;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use hallpass_jose::Jwks;
use serde_json::{Map, Value};

use self::input::Input;
pub(super) use self::{encryption::encryptions, keys::default_alg};
use super::{
    ApplicationType, ClientOrigin, MetadataError, MetadataReason, redirect_uri, sector::sector_of,
    uri,
};

use crate::{
    access,
    authorize::rules::IMPLICIT,
    client_auth,
    fapi::Profile,
    policy::Policy,
    sign_in::{Method, SecondFactor},
};

/// Checks metadata and completes it with the defaults of where it comes from.
///
/// The result holds every member that has a value, in the names of RFC 7591, and goes through unchanged when it is
/// normalised again. `client_id`, `client_secret` and whatever else the server decides are not in it.
///
/// # Errors
/// [`MetadataError`] names the first member that is refused and why.
//= RFC7591#2 MUST: metadata that is not understood is ignored
pub fn normalize(
    input: &Map<String, Value>,
    origin: ClientOrigin,
    policy: &Policy,
) -> Result<Map<String, Value>, MetadataError> {
    normalize_with(input, origin, policy, &OnceCell::new())
}

/// As [`normalize`], for metadata that is looked at again and again with the same `jwks`, which is parsed at the first look.
///
/// # Errors
/// As [`normalize`].
pub(super) fn normalize_with(
    input: &Map<String, Value>,
    origin: ClientOrigin,
    policy: &Policy,
    keys: &OnceCell<Keys>,
) -> Result<Map<String, Value>, MetadataError> {
    let input = Input(input);
    let mut draft = Draft {
        input,
        origin,
        policy,
        keys,
        out: Map::new(),
    };
    let application_type = draft.application_type()?;
    let method = draft.auth_method()?;
    draft.flows(method)?;
    draft.redirect_uris(application_type)?;
    draft.keys(method)?;
    draft.algorithms(method)?;
    draft.encryption(method)?;
    draft.subject()?;
    draft.authentication_wishes()?;
    draft.scope()?;
    draft.endpoints()?;
    draft.bindings()?;
    draft.requests(method)?;
    draft.backchannel(method)?;
    draft.presentation()?;
    if origin.is_trusted() {
        draft.trusted(method)?;
    }
    draft.own()?;
    Ok(draft.out)
}

impl ClientOrigin {
    /// Whether an operator made the client, so that it may be trusted with more than it could ask for itself.
    pub(super) const fn is_trusted(self) -> bool {
        match self {
            Self::Configuration | Self::Administration => true,
            Self::Registration | Self::Document => false,
        }
    }
}

/// Whether a client with this metadata has a secret.
#[must_use]
pub fn needs_secret(metadata: &Map<String, Value>) -> bool {
    auth_method_of(metadata).is_some_and(|m| m.kind() == client_auth::Kind::Secret)
}

/// Whether the server must be able to read the secret again, since a symmetric algorithm uses it; otherwise its
/// digest is enough.
#[must_use]
pub fn needs_plain_secret(metadata: &Map<String, Value>) -> bool {
    auth_method_of(metadata)
        .is_some_and(|m| m.kind() == client_auth::Kind::Secret && !m.signing_algs().is_empty())
        || keys::symmetric(metadata).next().is_some()
        || encryption::is_symmetric(metadata)
}

/// The shortest secret, in bytes, that serves every HMAC algorithm of this metadata; 0 when it uses none.
///
/// A `client_secret_jwt` client that named no algorithm must be able to use the weakest.
#[must_use]
pub fn min_secret_len(metadata: &Map<String, Value>) -> usize {
    let for_auth = auth_method_of(metadata)
        .filter(|m| m.kind() == client_auth::Kind::Secret)
        .and_then(|method| {
            let registered = metadata
                .get("token_endpoint_auth_signing_alg")
                .and_then(Value::as_str)
                .and_then(hallpass_jose::JwsAlgorithm::parse);
            registered.or_else(|| method.signing_algs().first().copied())
        });
    keys::symmetric(metadata)
        .chain(for_auth)
        .map(|alg| alg.hash().output_len())
        .max()
        .unwrap_or(0)
}

fn auth_method_of(metadata: &Map<String, Value>) -> Option<&'static dyn client_auth::Method> {
    client_auth::method(metadata.get("token_endpoint_auth_method")?.as_str()?)
}

/// Metadata on its way from what was sent to what is stored.
struct Draft<'a> {
    input: Input<'a>,
    origin: ClientOrigin,
    policy: &'a Policy,
    keys: &'a OnceCell<Keys>,
    out: Map<String, Value>,
}

/// What is in `jwks`, or why that is refused.
pub(super) type Keys = Result<Jwks, MetadataError>;

impl Draft<'_> {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.out.insert(name.to_owned(), value.into());
    }

    /// Members that the embedding program added. What has a rule already keeps it.
    fn own(&mut self) -> Result<(), MetadataError> {
        for member in &self.policy.client_members {
            let name = member.name();
            let Some(value) = self.input.value(name) else {
                continue;
            };
            if super::load::is_known(name) || self.out.contains_key(name) {
                continue;
            }
            if !member.takes(value) {
                return Err(MetadataReason::Unsupported.at(name));
            }
            self.out.insert(name.to_owned(), value.clone());
        }
        Ok(())
    }

    fn application_type(&mut self) -> Result<ApplicationType, MetadataError> {
        const NAME: &str = "application_type";
        let text = self.input.text(NAME, SHORT)?.unwrap_or("web");
        let kind = ApplicationType::parse(text)
            .filter(|kind| *kind == ApplicationType::Web || self.policy.parts.native_apps)
            .ok_or(MetadataReason::Unsupported.at(NAME))?;
        self.put(NAME, text);
        Ok(kind)
    }

    fn auth_method(&mut self) -> Result<&'static dyn client_auth::Method, MetadataError> {
        const NAME: &str = "token_endpoint_auth_method";
        //= RFC7591#2 MUST: the default authentication method is client_secret_basic
        let name = self
            .input
            .text(NAME, SHORT)?
            .unwrap_or("client_secret_basic");
        let method = client_auth::method(name)
            .filter(|method| client_auth::is_offered(*method, self.policy))
            .ok_or(MetadataReason::Unsupported.at(NAME))?;
        self.put(NAME, method.name());
        Ok(method)
    }

    fn redirect_uris(&mut self, application_type: ApplicationType) -> Result<(), MetadataError> {
        const NAME: &str = "redirect_uris";
        const AFTER_LOGOUT: &str = "post_logout_redirect_uris";
        let registered = self
            .input
            .each(
                NAME,
                (redirect_uri::MAX_COUNT, MetadataReason::RedirectUriCount),
                |text| redirect_uri::validate(text, application_type),
            )?
            .unwrap_or_default();
        //= RFC7591#2 MUST: clients of redirecting flows register their redirect URIs
        let redirects = self.out.get("response_types") != Some(&Value::Array(Vec::new()));
        if registered.is_empty() && redirects {
            return Err(MetadataReason::RedirectUriMissing.at(NAME));
        }
        //= OIDC-REG#2 MUST: web clients that get tokens by redirect use https, and not the host localhost
        //= OIDC-REG#2 exception: clients that an operator made may use http on a loopback host, for development
        let implicit = strings(self.out.get("grant_types")).contains(&IMPLICIT);
        if implicit
            && application_type == ApplicationType::Web
            && !self.origin.is_trusted()
            && !registered.iter().all(|uri| redirect_uri::is_remote(uri))
        {
            return Err(MetadataReason::RedirectUriScheme.at(NAME));
        }
        self.put(NAME, registered);

        let after_logout = self.input.each(
            AFTER_LOGOUT,
            (redirect_uri::MAX_COUNT, MetadataReason::OutOfBounds),
            |text| {
                redirect_uri::validate_post_logout(text, application_type)
                    .map_err(not_a_redirect_uri)
            },
        )?;
        if let Some(uris) = after_logout {
            self.put(AFTER_LOGOUT, uris);
        }
        Ok(())
    }

    fn subject(&mut self) -> Result<(), MetadataError> {
        const TYPE: &str = "subject_type";
        const SECTOR: &str = "sector_identifier_uri";
        let text = self.input.text(TYPE, SHORT)?.unwrap_or("public");
        if !SUBJECT_TYPES.contains(&text) || !self.policy.parts.has_subjects(text) {
            return Err(MetadataReason::Unsupported.at(TYPE));
        }
        self.put(TYPE, text);
        //= OIDC-REG#5 MUST: sector_identifier_uri uses https
        let sector = self.https(SECTOR)?;
        if text == "pairwise" {
            let uris = strings(self.out.get("redirect_uris"));
            sector_of(sector.as_deref(), &uris).ok_or(MetadataReason::SectorMissing.at(SECTOR))?;
        }
        Ok(())
    }

    fn authentication_wishes(&mut self) -> Result<(), MetadataError> {
        if let Some(seconds) = self.input.seconds("default_max_age")? {
            self.put("default_max_age", seconds);
        }
        if let Some(flag) = self.input.flag("require_auth_time")? {
            self.put("require_auth_time", flag);
        }
        if let Some(mut values) = self.input.texts("default_acr_values", SMALL_LIST, SHORT)? {
            // A default is a wish: a class that sign-in cannot reach could never be granted.
            values.retain(|value| self.policy.acr_values.contains(value));
            if !values.is_empty() {
                self.put("default_acr_values", values);
            }
        }
        Ok(())
    }

    fn scope(&mut self) -> Result<(), MetadataError> {
        const NAME: &str = "scope";
        let Some(text) = self.input.text(NAME, LONG)?.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        let asked =
            hallpass_types::Scope::parse(text).map_err(|_| MetadataReason::OutOfBounds.at(NAME))?;
        let known = asked.filtered(|token| self.policy.scope(token).is_some());
        let lost = known != asked;
        //= RFC7591#2 MAY: the server replaces requested values; a client may not name scopes that do not exist
        if known.is_empty() || (lost && self.origin.is_trusted()) {
            return Err(MetadataReason::Unsupported.at(NAME));
        }
        self.put(NAME, known.to_string());
        Ok(())
    }

    /// Endpoints of the client.
    fn endpoints(&mut self) -> Result<(), MetadataError> {
        //= OIDC-CORE#4 MUST: initiate_login_uri uses https
        const INITIATE: &str = "initiate_login_uri";
        if let Some(uri) = self.https(INITIATE)? {
            if redirect_uri::brings_any(&uri, &["iss", "login_hint", "target_link_uri"]) {
                return Err(MetadataReason::UriParameter.at(INITIATE));
            }
            if !self.policy.parts.initiated_login {
                self.out.remove(INITIATE);
            }
        }
        self.frontchannel_logout()?;
        self.web("backchannel_logout_uri")?;
        for name in [
            "frontchannel_logout_session_required",
            "backchannel_logout_session_required",
        ] {
            if let Some(flag) = self.input.flag(name)? {
                self.put(name, flag);
            }
        }
        self.request_uris()
    }

    /// How authorization requests come.
    fn requests(&mut self, method: &dyn client_auth::Method) -> Result<(), MetadataError> {
        const SIGNED: &str = "require_signed_request_object";
        const PUSHED: &str = "require_pushed_authorization_requests";
        let requests = &self.policy.requests;
        let (objects, pushed) = (requests.by_value || requests.by_reference, requests.pushed);
        let alg = self.request_object_alg(method)?;
        for (name, possible) in [(SIGNED, objects), (PUSHED, pushed)] {
            let Some(flag) = self.input.flag(name)? else {
                continue;
            };
            if flag && !possible {
                return Err(MetadataReason::ProtectionUnsupported.at(name));
            }
            let keys = || self.out.contains_key("jwks") || self.out.contains_key("jwks_uri");
            if name == SIGNED
                && flag
                && !alg.is_some_and(hallpass_jose::JwsAlgorithm::is_symmetric)
                && !keys()
            {
                return Err(MetadataReason::KeysMissing.at(name));
            }
            self.put(name, flag);
        }
        self.detail_types()
    }

    //= RFC9396#10 MUST: a client registers the types of authorization details that it uses
    fn detail_types(&mut self) -> Result<(), MetadataError> {
        const NAME: &str = "authorization_details_types";
        let Some(types) = self.input.texts(NAME, SMALL_LIST, SHORT)? else {
            return Ok(());
        };
        if types.iter().any(|t| self.policy.detail_type(t).is_none()) {
            return Err(MetadataReason::Unsupported.at(NAME));
        }
        if !types.is_empty() {
            self.put(NAME, types);
        }
        Ok(())
    }

    fn frontchannel_logout(&mut self) -> Result<(), MetadataError> {
        const NAME: &str = "frontchannel_logout_uri";
        let Some(uri) = self.web(NAME)? else {
            return Ok(());
        };
        //= OIDC-FRONTCHANNEL#2 MUST: scheme, host and port are those of a redirect URI
        let origin = |uri: &str| url::Url::parse(uri).ok().map(|url| url.origin());
        let wanted = origin(&uri);
        let redirects = strings(self.out.get("redirect_uris"));
        if wanted.is_none() || !redirects.iter().any(|known| origin(known) == wanted) {
            return Err(MetadataReason::FrameOrigin.at(NAME));
        }
        if redirect_uri::brings_any(&uri, &["iss", "sid"]) {
            return Err(MetadataReason::UriParameter.at(NAME));
        }
        Ok(())
    }

    fn request_uris(&mut self) -> Result<(), MetadataError> {
        const NAME: &str = "request_uris";
        let uris = self
            .input
            .each(NAME, (SMALL_LIST, MetadataReason::OutOfBounds), |text| {
                let parts =
                    uri::parse(text).map_err(|uri::Malformed| MetadataReason::UriMalformed)?;
                //= OIDC-REG#2 SHOULD: the fragment of a request URI is the SHA-256 of the document
                let fragment_fits = parts.fragment.is_none_or(|fragment| {
                    hallpass_jose::base64url::decode(fragment).is_some_and(|hash| hash.len() == 32)
                });
                if !fragment_fits {
                    return Err(MetadataReason::UriMalformed);
                }
                parts
                    .is_web()
                    .then_some(())
                    .ok_or(MetadataReason::UriScheme)
            })?;
        if let Some(uris) = uris {
            self.put(NAME, uris);
        }
        Ok(())
    }

    /// To what its tokens are bound.
    fn bindings(&mut self) -> Result<(), MetadataError> {
        const DPOP: &str = "dpop_bound_access_tokens";
        const CERTIFICATE: &str = "tls_client_certificate_bound_access_tokens";
        let offered = [
            (DPOP, self.policy.dpop.enabled),
            (CERTIFICATE, self.policy.mtls.enabled),
        ];
        for (name, offered) in offered {
            if self.input.flag(name)? == Some(true) {
                // A client that asked for bound tokens must not get others.
                if !offered {
                    return Err(MetadataReason::ProtectionUnsupported.at(name));
                }
                self.put(name, true);
            }
        }
        // A token is bound to one key.
        if self.out.contains_key(DPOP) && self.out.contains_key(CERTIFICATE) {
            return Err(MetadataReason::BoundTwice.at(CERTIFICATE));
        }
        Ok(())
    }

    /// How people sign in for it: nothing that the issuer does not offer.
    fn sign_in(&mut self) -> Result<(), MetadataError> {
        const METHODS: &str = "sign_in_methods";
        const SECOND: &str = "second_factor";
        if let Some(names) = self.input.texts(METHODS, SMALL_LIST, SHORT)? {
            let offered = |name: &String| {
                let method = Method::parse(name);
                method.is_some_and(|method| self.policy.sign_in.begins_with(method))
            };
            if names.is_empty() || !names.iter().all(offered) {
                return Err(MetadataReason::Unsupported.at(METHODS));
            }
            self.put(METHODS, names);
        }
        if let Some(name) = self.input.text(SECOND, SHORT)? {
            let wanted = SecondFactor::parse(name);
            let wanted = wanted.ok_or(MetadataReason::Unsupported.at(SECOND))?;
            self.put(SECOND, wanted.as_str());
        }
        Ok(())
    }

    /// What only an operator decides.
    fn trusted(&mut self, method: &dyn client_auth::Method) -> Result<(), MetadataError> {
        let public = method.kind() == client_auth::Kind::Public;
        let require_pkce = self.input.flag("require_pkce")?.unwrap_or(true);
        //= RFC9700#2.1.1 MUST: public clients use PKCE
        if public && !require_pkce {
            return Err(MetadataReason::Unsupported.at("require_pkce"));
        }
        self.put("require_pkce", require_pkce);
        if let Some(flag) = self.input.flag("skip_consent")? {
            self.put("skip_consent", flag);
        }
        if let Some(acr) = self.input.text("required_acr", SHORT)? {
            if !self.policy.acr_values.iter().any(|known| known == acr) {
                return Err(MetadataReason::Unsupported.at("required_acr"));
            }
            let acr = acr.to_owned();
            self.put("required_acr", acr);
        }
        self.sign_in()?;
        self.lifetimes()?;
        if let Some(name) = self.input.text("fapi_profile", SHORT)? {
            let profile = Profile::parse(name);
            let profile = profile.ok_or(MetadataReason::Unsupported.at("fapi_profile"))?;
            self.put("fapi_profile", profile.as_str());
        }
        for name in ["allowed_groups", "allowed_roles"] {
            if let Some(names) = self.input.texts(name, SMALL_LIST, access::MAX_NAME)? {
                if !names.iter().all(|name| access::is_name(name)) {
                    return Err(MetadataReason::Unsupported.at(name));
                }
                self.put(name, names);
            }
        }
        for name in ["resources", "introspection_resources"] {
            let Some(resources) = self.input.texts(name, SMALL_LIST, uri::MAX_LEN)? else {
                continue;
            };
            // The issuer's own name stands for tokens that name no resource: who has it may introspect those.
            let known = |uri: &String| {
                *uri == self.policy.issuer.as_str()
                    || self.policy.resources.iter().any(|r| r.identifier == *uri)
            };
            //= RFC7662#2.1 MUST: the caller is authorized, so that nobody can scan for tokens
            let asks = name == "introspection_resources" && public && !resources.is_empty();
            if asks || !resources.iter().all(known) {
                return Err(MetadataReason::Unsupported.at(name));
            }
            self.put(name, resources);
        }
        Ok(())
    }

    /// Lifetimes of its own, within those of the issuer and its resources.
    fn lifetimes(&mut self) -> Result<(), MetadataError> {
        let issuer = self.policy.lifetimes;
        let resources = self.policy.resources.iter();
        let access = resources.filter_map(|resource| resource.access_token_lifetime);
        let access = access
            .chain([issuer.access_token])
            .max()
            .unwrap_or_default();
        for (name, most) in [
            ("code_lifetime", issuer.code),
            ("access_token_lifetime", access),
            ("id_token_lifetime", issuer.id_token),
            ("refresh_token_lifetime", issuer.refresh_absolute),
        ] {
            if let Some(seconds) = self.input.seconds(name)? {
                if !(1..=most).contains(&seconds) {
                    return Err(MetadataReason::OutOfBounds.at(name));
                }
                self.put(name, seconds);
            }
        }
        Ok(())
    }

    /// Checks and keeps a URI that must use https.
    fn https(&mut self, name: &'static str) -> Result<Option<String>, MetadataError> {
        let uri = self.web(name)?;
        if uri.as_ref().is_some_and(|uri| !uri.starts_with("https:")) {
            return Err(MetadataReason::UriScheme.at(name));
        }
        Ok(uri)
    }

    /// Checks and keeps a URI that uses https, or http on a loopback host.
    fn web(&mut self, name: &'static str) -> Result<Option<String>, MetadataError> {
        let Some(text) = self.input.text(name, usize::MAX)? else {
            return Ok(None);
        };
        check_web(text).map_err(|reason| reason.at(name))?;
        self.put(name, text);
        Ok(Some(text.to_owned()))
    }
}

/// Whether a URI without fragment uses https, or http on a loopback host.
fn check_web(text: &str) -> Result<(), MetadataReason> {
    let parts = uri::parse(text).map_err(|uri::Malformed| MetadataReason::UriMalformed)?;
    if parts.fragment.is_some() {
        return Err(MetadataReason::UriMalformed);
    }
    parts
        .is_web()
        .then_some(())
        .ok_or(MetadataReason::UriScheme)
}

/// The same fault, where the URI is not one that carries codes.
fn not_a_redirect_uri(reason: MetadataReason) -> MetadataReason {
    if reason == MetadataReason::RedirectUriScheme {
        MetadataReason::UriScheme
    } else if reason == MetadataReason::RedirectUriParameter {
        MetadataReason::UriParameter
    } else {
        MetadataReason::UriMalformed
    }
}

/// The strings of an array that was normalised.
fn strings(value: Option<&Value>) -> Vec<&str> {
    value
        .and_then(Value::as_array)
        .map(|entries| entries.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// `subject_types_supported`.
pub const SUBJECT_TYPES: &[&str] = &["public", "pairwise"];

const SHORT: usize = 256;
const LONG: usize = 8192;
const SMALL_LIST: usize = 100;
