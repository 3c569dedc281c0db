//! The openidconnect crate. It brings no HTTP client here: it is handed a function.

use hallpass_load::Client;
use hallpass_load::browser::Browser;
use hallpass_load::http::Failure;
use openidconnect::core::{
    CoreApplicationType, CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName,
    CoreClaimType, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreGrantType,
    CoreIdToken, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreRegisterErrorResponseType, CoreResponseMode, CoreResponseType, CoreRevocableToken,
    CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::registration::{
    AdditionalClientMetadata, ClientRegistrationRequest, EmptyAdditionalClientRegistrationResponse,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthorizationCode, ClientId,
    ClientSecret, CsrfToken, EndSessionUrl, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IntrospectionUrl, IssuerUrl, LogoutRequest, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadata, RedirectUrl, RequestTokenError, RevocationUrl, Scope, SubjectIdentifier,
    TokenIntrospectionResponse as _,
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::support::{Demo, Http, Server};

#[tokio::test]
async fn openidconnect_goes_through_the_whole_flow() {
    let server = Server::start("openidconnect");
    let client = server.demo.confidential();
    RelyingParty::discover(&server.demo, client, None)
        .await
        .whole_flow()
        .await;
}

#[tokio::test]
async fn openidconnect_goes_through_the_whole_flow_without_a_secret() {
    let server = Server::start("openidconnect-public");
    let client = server.demo.public();
    RelyingParty::discover(&server.demo, client, None)
        .await
        .whole_flow()
        .await;
}

#[tokio::test]
async fn openidconnect_registers_a_client_and_goes_through_the_whole_flow() {
    let server = Server::start("openidconnect-dynamic");
    let issuer = IssuerUrl::new(server.demo.issuer.clone()).unwrap();
    let metadata = Metadata::discover_async(issuer, &transport).await.unwrap();
    let request = Registration::new(
        vec![RedirectUrl::new(CALLBACK.to_owned()).unwrap()],
        MoreOfAClient {
            post_logout_redirect_uris: vec![SIGNED_OUT.to_owned()],
        },
    )
    .set_grant_types(Some(vec![
        CoreGrantType::AuthorizationCode,
        CoreGrantType::RefreshToken,
    ]));
    let endpoint = metadata.registration_endpoint().unwrap();
    let response = request.register_async(endpoint, &transport).await.unwrap();
    let client = Client {
        client_id: response.client_id().to_string(),
        client_secret: response.client_secret().map(|s| s.secret().clone()),
        key: None,
        redirect_uris: vec![CALLBACK.to_owned()],
        grant_types: Vec::new(),
    };
    RelyingParty::discover(&server.demo, &client, Some(SIGNED_OUT))
        .await
        .whole_flow()
        .await;
}

/// An application that uses the crate, and the browser of its user.
struct RelyingParty<'a> {
    demo: &'a Demo,
    client: Configured,
    client_id: ClientId,
    is_public: bool,
    resource_server: Configured,
    redirect_uri: &'a str,
    end_session: EndSessionUrl,
    post_logout: Option<&'a str>,
    browser: Browser,
}

impl<'a> RelyingParty<'a> {
    async fn discover(demo: &'a Demo, client: &'a Client, post_logout: Option<&'a str>) -> Self {
        let issuer = IssuerUrl::new(demo.issuer.clone()).unwrap();
        let metadata = Metadata::discover_async(issuer, &transport).await.unwrap();
        let more = metadata.additional_metadata().clone();
        // The crate revokes over TLS only; `transport` plays the proxy that ends it.
        let revocation = more.revocation_endpoint.url().as_str();
        let revocation = revocation.replacen("http:", "https:", 1);
        let configured = |client: &Client| {
            let id = ClientId::new(client.client_id.clone());
            let secret = client.client_secret.clone().map(ClientSecret::new);
            CoreClient::from_provider_metadata(metadata.clone(), id, secret)
                .set_introspection_url(more.introspection_endpoint.clone())
                .set_revocation_url(RevocationUrl::new(revocation.clone()).unwrap())
        };
        let redirect_uri = client.redirect_uris.first().unwrap();
        let server = Url::parse(&demo.issuer).unwrap();
        Self {
            demo,
            client: configured(client)
                .set_redirect_uri(RedirectUrl::new(redirect_uri.clone()).unwrap()),
            client_id: ClientId::new(client.client_id.clone()),
            is_public: client.client_secret.is_none(),
            resource_server: configured(demo.resource_server()),
            redirect_uri,
            end_session: more.end_session_endpoint,
            post_logout,
            browser: Browser::new(&server, Vec::new()).unwrap(),
        }
    }

    async fn whole_flow(mut self) {
        let tokens = self.sign_in(CoreAuthPrompt::Consent, true).await.unwrap();
        let subject = tokens.subject.clone();
        self.read_userinfo(&tokens.access_token, &subject).await;

        let refreshed = self.refresh(tokens.refresh_token.as_ref().unwrap()).await;
        let refreshed = refreshed.unwrap();
        let before = tokens.refresh_token.as_ref().unwrap();
        let next = refreshed.refresh_token().unwrap_or(before);
        // Those of a public client are replaced; those of a confidential one are bound to its secret.
        assert_eq!(next.secret() != before.secret(), self.is_public);
        if let Some(id_token) = refreshed.extra_fields().id_token() {
            let verifier = self.client.id_token_verifier();
            // OpenID Connect Core §12.2: there need be no nonce any more.
            let claims = id_token
                .claims(&verifier, |_: Option<&Nonce>| Ok(()))
                .unwrap();
            assert_eq!(claims.subject(), &subject);
        }
        self.read_userinfo(refreshed.access_token(), &subject).await;
        assert!(self.is_active(refreshed.access_token()).await);

        self.revoke(next.clone().into()).await;
        let refused = self.refresh(next).await.unwrap_err();
        assert_eq!(refused, Some(CoreErrorResponseType::InvalidGrant));
        assert!(!self.is_active(refreshed.access_token()).await);

        let silent = self.sign_in(CoreAuthPrompt::None, false).await.unwrap();
        assert_eq!(silent.subject, subject);
        self.sign_out(&silent.id_token).await;
        let after = self.sign_in(CoreAuthPrompt::None, false).await;
        assert_eq!(after.err().as_deref(), Some("login_required"));
    }

    /// The answer of the token endpoint, verified, or the error of the authorization endpoint.
    async fn sign_in(&mut self, prompt: CoreAuthPrompt, offline: bool) -> Result<SignedIn, String> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = self
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_prompt(prompt)
            .set_pkce_challenge(challenge);
        if offline {
            for scope in ["profile", "email", "offline_access"] {
                request = request.add_scope(Scope::new(scope.to_owned()));
            }
        }
        let (url, state, nonce) = request.url();
        let end = self
            .browser
            .walk(url, &self.demo.user, self.redirect_uri)
            .await
            .unwrap();
        let parameter = |wanted: &str| {
            let mut pairs = end.query_pairs();
            pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
        };
        assert_eq!(parameter("state").as_deref(), Some(state.secret().as_str()));
        assert_eq!(parameter("iss").as_deref(), Some(self.demo.issuer.as_str()));
        match (parameter("code"), parameter("error")) {
            (Some(code), None) => Ok(self.exchange(code, verifier, &nonce).await),
            (None, Some(error)) => Err(error),
            _ => panic!("{end}"),
        }
    }

    async fn exchange(&self, code: String, verifier: PkceCodeVerifier, nonce: &Nonce) -> SignedIn {
        let tokens: CoreTokenResponse = self
            .client
            .exchange_code(AuthorizationCode::new(code))
            .unwrap()
            .set_pkce_verifier(verifier)
            .request_async(&transport)
            .await
            .unwrap();
        let id_token = tokens.extra_fields().id_token().unwrap().clone();
        let verifier = self.client.id_token_verifier();
        let claims = id_token.claims(&verifier, nonce).unwrap();
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = id_token.signing_alg().unwrap();
            let key = id_token.signing_key(&verifier).unwrap();
            let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
            assert_eq!(&actual.unwrap(), expected);
        }
        SignedIn {
            subject: claims.subject().clone(),
            access_token: tokens.access_token().clone(),
            refresh_token: tokens.refresh_token().cloned(),
            id_token,
        }
    }

    async fn refresh(
        &self,
        token: &openidconnect::RefreshToken,
    ) -> Result<CoreTokenResponse, Option<CoreErrorResponseType>> {
        let request = self.client.exchange_refresh_token(token).unwrap();
        match request.request_async(&transport).await {
            Ok(tokens) => Ok(tokens),
            Err(RequestTokenError::ServerResponse(error)) => Err(Some(error.error().clone())),
            Err(other) => panic!("{other}"),
        }
    }

    async fn read_userinfo(&self, token: &AccessToken, subject: &SubjectIdentifier) {
        let request = self.client.user_info(token.clone(), Some(subject.clone()));
        let claims: CoreUserInfoClaims = request.unwrap().request_async(&transport).await.unwrap();
        let name = claims.preferred_username().map(|name| name.as_str());
        assert_eq!(name, Some(self.demo.user.username.as_str()));
    }

    async fn is_active(&self, token: &AccessToken) -> bool {
        let request = self.resource_server.introspect(token);
        request.request_async(&transport).await.unwrap().active()
    }

    async fn revoke(&self, token: CoreRevocableToken) {
        let request = self.client.revoke_token(token).unwrap();
        request.request_async(&transport).await.unwrap();
    }

    async fn sign_out(&mut self, id_token: &CoreIdToken) {
        // An address with a state, where the client registered one; else the page that says good-bye.
        let mut request = LogoutRequest::from(self.end_session.clone())
            .set_client_id(self.client_id.clone())
            .set_id_token_hint(id_token);
        let Some(post_logout) = self.post_logout else {
            let signed_out = format!("{}/signed-out", self.demo.issuer);
            self.browser
                .walk(request.http_get_url(), &self.demo.user, &signed_out)
                .await
                .unwrap();
            return;
        };
        request = request
            .set_post_logout_redirect_uri(
                PostLogoutRedirectUrl::new(post_logout.to_owned()).unwrap(),
            )
            .set_state(CsrfToken::new("bye".to_owned()));
        let end = self
            .browser
            .walk(request.http_get_url(), &self.demo.user, post_logout)
            .await
            .unwrap();
        assert_eq!(end.query(), Some("state=bye"));
    }
}

/// What a sign-in brought.
struct SignedIn {
    subject: SubjectIdentifier,
    access_token: AccessToken,
    refresh_token: Option<openidconnect::RefreshToken>,
    id_token: CoreIdToken,
}

/// The crate's requests over the small client.
async fn transport(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let mut url = Url::parse(&request.uri().to_string())
        .map_err(|_| Failure::Address(request.uri().to_string()))?;
    if url.scheme() == "https" {
        url.set_scheme("http").unwrap();
    }
    let mut http = Http {
        method: request.method().as_str(),
        url: &url,
        headers: Vec::new(),
        body: request.body(),
    };
    for (name, value) in request.headers() {
        http = http.header(name.as_str(), value.to_str().unwrap());
    }
    let answer = http.send().await?;
    let mut response = HttpResponse::new(answer.body);
    *response.status_mut() = answer.status.try_into().unwrap();
    if let Some(content_type) = answer.content_type {
        let name = openidconnect::http::header::CONTENT_TYPE;
        response
            .headers_mut()
            .insert(name, content_type.parse().unwrap());
    }
    Ok(response)
}

/// The members of the discovery document that the crate leaves to the application.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Endpoints {
    revocation_endpoint: RevocationUrl,
    introspection_endpoint: IntrospectionUrl,
    end_session_endpoint: EndSessionUrl,
}

impl AdditionalProviderMetadata for Endpoints {}

/// The client's members that the crate leaves to the application.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct MoreOfAClient {
    post_logout_redirect_uris: Vec<String>,
}

impl AdditionalClientMetadata for MoreOfAClient {}

type Metadata = ProviderMetadata<
    Endpoints,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Registration = ClientRegistrationRequest<
    MoreOfAClient,
    EmptyAdditionalClientRegistrationResponse,
    CoreApplicationType,
    CoreClientAuthMethod,
    CoreRegisterErrorResponseType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Configured = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointSet,
    EndpointSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

const CALLBACK: &str = "http://localhost:8403/callback";
const SIGNED_OUT: &str = "http://localhost:8403/signed-out";
