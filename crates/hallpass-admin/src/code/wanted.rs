//! What projects are to have.

use std::collections::BTreeMap;

use hallpass_types::Secret;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Something with the place where it was written down.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct Placed<T> {
    /// File and line, for whoever is told about it.
    pub place: String,
    /// What stands there.
    pub value: T,
}

/// What projects are to have, by their names.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct Wanted {
    /// The projects. Others are left alone.
    pub projects: BTreeMap<String, WantedProject>,
}

/// What a project is to have. Of what is `None`, nothing is said.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct WantedProject {
    /// The project itself.
    pub settings: Option<Placed<WantedSettings>>,
    /// Roles, by name.
    pub roles: Option<BTreeMap<String, Placed<WantedRole>>>,
    /// Groups, by name.
    pub groups: Option<BTreeMap<String, Placed<WantedGroup>>>,
    /// Organizations, by name.
    pub organizations: Option<BTreeMap<String, Placed<WantedOrganization>>>,
    /// Clients, by identifier.
    pub clients: Option<BTreeMap<String, Placed<WantedClient>>>,
    /// Other providers at which people can sign in, by identifier.
    pub providers: Option<BTreeMap<String, Placed<WantedProvider>>>,
    /// Webhooks.
    pub webhooks: Option<Vec<Placed<WantedWebhook>>>,
}

/// The project itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct WantedSettings {
    /// Its issuer identifier, which never changes; by default the name in the path of the configuration's host.
    pub issuer: Option<String>,
    /// Whether it is as if it were not there; where nothing is said, it stays as it is.
    pub disabled: Option<bool>,
    /// All settings that differ from those of the configuration, by section; where nothing is said, they stay as they are. Other
    /// providers are no part of them, unless they stand here.
    pub settings: Option<Map<String, Value>>,
}

/// A role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct WantedRole {
    /// For operators.
    pub description: Option<String>,
    /// What it permits.
    pub permissions: Vec<String>,
}

/// A group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct WantedGroup {
    /// For operators.
    pub description: Option<String>,
    /// The roles of its members.
    pub roles: Vec<String>,
}

/// An organization.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct WantedOrganization {
    /// What people call it; by default its name.
    pub title: Option<String>,
    /// Whether nobody acts for it any more; where nothing is said, it stays as it is.
    pub disabled: Option<bool>,
}

/// A client.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct WantedClient {
    /// Its metadata (RFC 7591 §2 and what this server adds), all of it.
    pub metadata: Map<String, Value>,
    /// Whether it is unknown to every endpoint; where nothing is said, it stays as it is.
    pub disabled: Option<bool>,
}

/// A webhook. It is known again by its identifier, or else by its URL.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct WantedWebhook {
    /// Its identifier, where it is there already.
    #[serde(default)]
    pub id: Option<String>,
    /// Where requests are posted: an https URL.
    pub url: String,
    /// What it is told.
    pub events: Vec<String>,
    /// For operators.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is told anything; where nothing is said, it stays as it is.
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// Another provider at which people can sign in.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct WantedProvider {
    /// All that is said of it, by the names of the configuration's `[[upstreams]]`; neither its name nor a secret.
    pub settings: Map<String, Value>,
}

/// Secrets that stand beside the files, by project and identifier.
#[derive(Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever reads files makes it")]
pub struct Secrets {
    /// Those that clients are to have.
    pub clients: BTreeMap<(String, String), Secret>,
    /// Ours at other providers.
    pub providers: BTreeMap<(String, String), Secret>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}
