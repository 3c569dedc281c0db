//! A row for every member of the metadata document.

use hallpass_testkit::Ask;

use super::{
    Probe::{self, Endpoint, Flag, List, Text},
    algorithms, attestation, authentication, backchannel, certificates, clients, encryption,
    endpoints, logout, objects, people, requests,
};

const JWS: &[&str] = &[
    "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "ES256K", "RS1", "es256",
];
#[rustfmt::skip]
const JWE_ALGS: Probe = List {
    neighbours: &[
        "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW",
        "ECDH-ES+A256KW", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "dir", "PBES2-HS256+A128KW",
        "none", "DIR",
    ],
    accepts: |desk, member, value| Box::pin(encryption::algorithm(desk, member, value)),
};
#[rustfmt::skip]
const JWE_ENCS: Probe = List {
    neighbours: &[
        "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM", "A128CBC", "C20P", "a128gcm",
    ],
    accepts: |desk, member, value| Box::pin(encryption::content(desk, member, value)),
};
const METHODS: &[&str] = &[
    "none",
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "attest_jwt_client_auth",
    "attest_jwt_client_auth_dpop",
    "CLIENT_SECRET_BASIC",
];
const AUTH_METHODS: Probe = List {
    neighbours: METHODS,
    accepts: |desk, member, value| Box::pin(authentication::works(desk, member, value)),
};
const AUTH_ALGORITHMS: Probe = List {
    neighbours: JWS,
    accepts: |desk, member, value| Box::pin(authentication::algorithm_works(desk, member, value)),
};
const DOCUMENT: Probe = Text {
    fits: |desk, value| Box::pin(endpoints::is_link(desk, value)),
};

const fn get(path: &'static str) -> Probe {
    Endpoint {
        path,
        ask: Ask::get,
    }
}

const fn post(path: &'static str) -> Probe {
    Endpoint {
        path,
        ask: |path| Ask::form(path, &[("client_id", "web")]),
    }
}

pub(super) static PROBES: &[(&str, Probe)] = &[
    (
        "issuer",
        Text {
            fits: |desk, value| Box::pin(endpoints::is_issuer(desk, value)),
        },
    ),
    ("authorization_endpoint", get("/authorize")),
    ("token_endpoint", post("/token")),
    ("userinfo_endpoint", get("/userinfo")),
    ("introspection_endpoint", post("/introspect")),
    ("revocation_endpoint", post("/revoke")),
    ("device_authorization_endpoint", post("/device/auth")),
    ("end_session_endpoint", get("/logout")),
    ("pushed_authorization_request_endpoint", post("/par")),
    (
        "require_pushed_authorization_requests",
        Flag {
            absent: false,
            holds: |desk| Box::pin(objects::plain_is_refused(desk)),
        },
    ),
    (
        "require_signed_request_object",
        Flag {
            absent: false,
            holds: |desk| Box::pin(objects::plain_is_refused(desk)),
        },
    ),
    (
        "require_request_uri_registration",
        Flag {
            absent: false,
            holds: |desk| Box::pin(objects::unregistered_is_refused(desk)),
        },
    ),
    (
        "authorization_details_types_supported",
        List {
            neighbours: &["payment", "Payment", "openid_credential"],
            accepts: |desk, _, value| Box::pin(objects::detail_type(desk, value)),
        },
    ),
    (
        "request_object_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(objects::algorithm(desk, value)),
        },
    ),
    (
        "registration_endpoint",
        Endpoint {
            path: "/register",
            ask: |path| Ask::json(path, &serde_json::json!({})),
        },
    ),
    (
        "jwks_uri",
        Text {
            fits: |desk, value| Box::pin(endpoints::is_key_set(desk, value)),
        },
    ),
    (
        "response_types_supported",
        List {
            neighbours: &[
                "code",
                "id_token",
                "id_token token",
                "code id_token",
                "code token",
                "code id_token token",
                "none",
                "token",
                "code none",
                "CODE",
            ],
            accepts: |desk, _, value| Box::pin(requests::response_type(desk, value)),
        },
    ),
    (
        "response_modes_supported",
        List {
            neighbours: &[
                "query",
                "fragment",
                "form_post",
                "web_message",
                "jwt",
                "query.jwt",
                "fragment.jwt",
                "form_post.jwt",
                "web_message.jwt",
                "post",
                "Query",
            ],
            accepts: |desk, _, value| Box::pin(requests::response_mode(desk, value)),
        },
    ),
    (
        "grant_types_supported",
        List {
            neighbours: &[
                "authorization_code",
                "implicit",
                "refresh_token",
                "client_credentials",
                "password",
                "urn:ietf:params:oauth:grant-type:device_code",
                "urn:ietf:params:oauth:grant-type:token-exchange",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "urn:ietf:params:oauth:grant-type:saml2-bearer",
                "urn:ietf:params:oauth:grant-type:pre-authorized_code",
                "urn:openid:params:grant-type:ciba",
                "Authorization_Code",
            ],
            accepts: |desk, _, value| Box::pin(requests::grant_type(desk, value)),
        },
    ),
    (
        "scopes_supported",
        List {
            neighbours: &[
                "profile",
                "email",
                "address",
                "phone",
                "offline_access",
                "api:read",
                "admin",
                "OPENID",
            ],
            accepts: |desk, _, value| Box::pin(people::scope(desk, value)),
        },
    ),
    (
        "claims_supported",
        List {
            neighbours: &["name", "email", "shoe_size", "password", "jti", "Name"],
            accepts: |desk, _, value| Box::pin(people::claim(desk, value)),
        },
    ),
    (
        "claim_types_supported",
        List {
            neighbours: &["normal", "aggregated", "distributed"],
            accepts: |desk, _, value| Box::pin(people::claim_type(desk, value)),
        },
    ),
    (
        "claims_parameter_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(people::claims_parameter(desk)),
        },
    ),
    (
        "subject_types_supported",
        List {
            neighbours: &["public", "pairwise", "ephemeral", "Public"],
            accepts: |desk, _, value| Box::pin(people::subject_type(desk, value)),
        },
    ),
    (
        "acr_values_supported",
        List {
            neighbours: &["bronze", "silver", "gold", "0", "Bronze"],
            accepts: |desk, _, value| Box::pin(requests::acr(desk, value)),
        },
    ),
    (
        "prompt_values_supported",
        List {
            neighbours: &[
                "none",
                "login",
                "consent",
                "select_account",
                "create",
                "signup",
                "Login",
            ],
            accepts: |desk, _, value| Box::pin(requests::prompt(desk, value)),
        },
    ),
    (
        // An unknown one is a wish that is passed over, so there is no neighbour to refuse.
        "display_values_supported",
        List {
            neighbours: &[],
            accepts: |desk, _, value| Box::pin(requests::display(desk, value)),
        },
    ),
    (
        "ui_locales_supported",
        List {
            neighbours: &["en", "de", "tlh", "x-none"],
            accepts: |desk, _, value| Box::pin(requests::language(desk, value)),
        },
    ),
    (
        "code_challenge_methods_supported",
        List {
            neighbours: &["S256", "plain", "s256", "S512"],
            accepts: |desk, _, value| Box::pin(requests::challenge_method(desk, value)),
        },
    ),
    (
        "request_parameter_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(requests::request_parameter(desk)),
        },
    ),
    (
        "request_uri_parameter_supported",
        Flag {
            absent: true,
            holds: |desk| Box::pin(requests::request_uri_parameter(desk)),
        },
    ),
    (
        "authorization_response_iss_parameter_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(requests::response_names_issuer(desk)),
        },
    ),
    (
        "id_token_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(algorithms::id_token(desk, value)),
        },
    ),
    (
        "userinfo_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(algorithms::userinfo(desk, value)),
        },
    ),
    (
        "introspection_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(algorithms::introspection(desk, value)),
        },
    ),
    (
        "authorization_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(algorithms::authorization(desk, value)),
        },
    ),
    ("id_token_encryption_alg_values_supported", JWE_ALGS),
    ("id_token_encryption_enc_values_supported", JWE_ENCS),
    ("userinfo_encryption_alg_values_supported", JWE_ALGS),
    ("userinfo_encryption_enc_values_supported", JWE_ENCS),
    ("introspection_encryption_alg_values_supported", JWE_ALGS),
    ("introspection_encryption_enc_values_supported", JWE_ENCS),
    ("authorization_encryption_alg_values_supported", JWE_ALGS),
    ("authorization_encryption_enc_values_supported", JWE_ENCS),
    ("request_object_encryption_alg_values_supported", JWE_ALGS),
    ("request_object_encryption_enc_values_supported", JWE_ENCS),
    ("token_endpoint_auth_methods_supported", AUTH_METHODS),
    ("revocation_endpoint_auth_methods_supported", AUTH_METHODS),
    (
        "introspection_endpoint_auth_methods_supported",
        AUTH_METHODS,
    ),
    (
        "token_endpoint_auth_signing_alg_values_supported",
        AUTH_ALGORITHMS,
    ),
    (
        "revocation_endpoint_auth_signing_alg_values_supported",
        AUTH_ALGORITHMS,
    ),
    (
        "introspection_endpoint_auth_signing_alg_values_supported",
        AUTH_ALGORITHMS,
    ),
    (
        "dpop_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(algorithms::dpop(desk, value)),
        },
    ),
    (
        "client_id_metadata_document_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(clients::of_a_document(desk)),
        },
    ),
    (
        "hallpass_experimental",
        List {
            neighbours: &[
                "client_attestation draft-10",
                "client_documents draft-03",
                "ml_dsa rfc9964",
                "web_message draft-00",
                "web_message",
            ],
            accepts: |desk, _, value| Box::pin(requests::experiment(desk, value)),
        },
    ),
    (
        "client_attestation_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(attestation::attestation(desk, value)),
        },
    ),
    (
        "client_attestation_pop_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(attestation::proof(desk, value)),
        },
    ),
    (
        "client_attestation_pop_methods_supported",
        List {
            neighbours: &["attestation_pop_jwt", "none", "dpop_combined", "NONE"],
            accepts: |desk, _, value| Box::pin(attestation::signal(desk, value)),
        },
    ),
    ("challenge_endpoint", post("/challenge")),
    (
        "tls_client_certificate_bound_access_tokens",
        Flag {
            absent: false,
            holds: |desk| Box::pin(certificates::bind_tokens(desk)),
        },
    ),
    (
        "mtls_endpoint_aliases",
        Text {
            fits: |desk, value| Box::pin(certificates::aliases(desk, value)),
        },
    ),
    (
        "check_session_iframe",
        Text {
            fits: |desk, value| Box::pin(logout::session_state(desk, value)),
        },
    ),
    (
        "backchannel_logout_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(logout::back_channel(desk)),
        },
    ),
    (
        "backchannel_logout_session_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(logout::back_channel_names_session(desk)),
        },
    ),
    (
        "frontchannel_logout_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(logout::front_channel(desk)),
        },
    ),
    (
        "frontchannel_logout_session_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(logout::front_channel_names_session(desk)),
        },
    ),
    ("backchannel_authentication_endpoint", post("/backchannel")),
    (
        "backchannel_token_delivery_modes_supported",
        List {
            neighbours: &["poll", "ping", "push", "POLL"],
            accepts: |desk, _, value| Box::pin(backchannel::delivery_mode(desk, value)),
        },
    ),
    (
        "backchannel_user_code_parameter_supported",
        Flag {
            absent: false,
            holds: |desk| Box::pin(backchannel::user_code(desk)),
        },
    ),
    (
        "backchannel_authentication_request_signing_alg_values_supported",
        List {
            neighbours: JWS,
            accepts: |desk, _, value| Box::pin(backchannel::algorithm(desk, value)),
        },
    ),
    ("service_documentation", DOCUMENT),
    ("op_policy_uri", DOCUMENT),
    ("op_tos_uri", DOCUMENT),
];
