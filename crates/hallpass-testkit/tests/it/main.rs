//! The provider from outside: the endpoints over sockets, one file each.
//!
//! Letters and numbers such as `TK-01` name the rows of the project's catalogue of attacks.
#![cfg(test)]
#![expect(
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that slices or counts wrongly fails"
)]

mod access;
mod account;
mod additions;
mod advertised;
mod attestation;
mod attestation_dpop;
mod authorization_details;
mod authorization_hints;
mod authorization_requests;
mod back_channel_logout;
mod backchannel;
mod backchannel_demands;
mod backchannel_people;
mod backchannel_refused;
mod backchannel_signed;
mod choices;
mod client_assertions;
mod client_documents;
mod client_secrets;
mod codes;
mod consent;
mod consent_in_full;
mod cross_use;
mod custom_grants;
mod device;
mod device_limits;
mod discovery;
mod dpop;
mod encryption;
mod events;
mod external_claims;
mod fapi;
mod faults;
mod front_channel;
mod front_channel_logout;
mod http;
mod imported;
mod introspection;
mod introspection_jwt;
mod jwt_bearer;
mod jwt_types;
mod key_life;
mod keys;
mod languages;
mod loginid;
mod loginid_flow;
mod loginid_metadata;
mod logout;
mod mail;
mod mcp;
mod mutual_tls;
mod named_operators;
mod named_rows;
mod new_devices;
mod newcomers;
mod nodes;
mod once;
mod outbox;
mod overtaken;
mod own_response_modes;
mod passkey_accounts;
mod passkeys;
mod people;
mod postgres;
mod pushed_requests;
mod races;
mod redirect_uris;
mod refresh_tokens;
mod registered_clients;
mod registration;
mod registration_control;
mod registration_uris;
mod request_objects;
mod response_modes;
mod restored;
mod revocation;
mod routes;
mod second_factor;
mod secrets;
mod session_management;
mod sign_in;
mod sourceloop;
mod strangers;
mod takeover;
mod tenants;
mod tenants_of_one_host;
mod texts;
mod timing;
mod token_claims;
mod token_exchange;
mod token_requests;
mod upstream;
mod upstream_asking;
mod upstream_trust;
mod userinfo;
mod ways;
mod webfinger;
mod webhooks;
