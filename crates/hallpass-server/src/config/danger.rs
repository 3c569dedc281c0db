//! `[danger]`: everything that weakens the server, in one place.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::store::PostgresTls;
use super::value::Range;

/// Everything that weakens the server, in one place. Each option that is on is logged at every start.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Danger {
    /// Allows an `http://` issuer on a host other than this machine itself.
    pub allow_http_issuer: bool,
    /// Registration without an initial access token: anybody may make a client.
    pub open_registration: bool,
    /// Sends an error at once to a client that anybody could have made (by open registration or a document of its own), before
    /// anybody has seen a page: such a client can make of this server a link to anywhere.
    pub redirect_strangers: bool,
    /// Private or reserved addresses that outgoing requests may reach (`["127.0.0.0/8", "::1"]`), by plain HTTP too.
    pub fetch_private_addresses: Vec<Range>,
    /// Anybody who knows the `auth_req_id` of a backchannel authentication request may answer it at `/backchannel/answer`
    /// in place of its person. For tests alone.
    pub backchannel_automatic_approval: bool,
    /// PEM file with certificates that outgoing requests trust as roots beside the usual ones.
    pub fetch_extra_roots_file: Option<PathBuf>,
    /// Lets issuers put up with the weak habits of LoginID's clients, each by its own `compatibility.loginid`.
    pub loginid_compatibility: bool,
    /// Less than a verified connection to the database server on another machine: `"unverified"` encrypts it, and nobody
    /// knows with whom; with `"off"` everything crosses the network in the clear.
    pub postgres_tls: Option<PostgresTls>,
}

impl Danger {
    /// A sentence for each option that is on.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let Self {
            allow_http_issuer,
            open_registration,
            redirect_strangers,
            fetch_private_addresses,
            backchannel_automatic_approval,
            fetch_extra_roots_file,
            loginid_compatibility,
            postgres_tls,
        } = self;
        let mut warnings = Vec::new();
        if *allow_http_issuer {
            warnings.push(
                "danger.allow_http_issuer: tokens and passwords may cross a network in the clear"
                    .to_owned(),
            );
        }
        if *open_registration {
            warnings.push("danger.open_registration: anybody may register a client".to_owned());
        }
        if *redirect_strangers {
            warnings.push(
                "danger.redirect_strangers: clients that anybody could have made send people on unseen"
                    .to_owned(),
            );
        }
        if *backchannel_automatic_approval {
            warnings.push(
                "danger.backchannel_automatic_approval: clients can approve their own requests for any person"
                    .to_owned(),
            );
        }
        if *loginid_compatibility {
            warnings.push(
                "danger.loginid_compatibility: where compatibility.loginid says so, a client's JWT is good for months and \
                 each time it is shown, and whoever holds a token can revoke it and learn what it is for"
                    .to_owned(),
            );
        }
        if !fetch_private_addresses.is_empty() {
            let list: Vec<String> = fetch_private_addresses
                .iter()
                .map(|range| range.0.to_string())
                .collect();
            let list = list.join(", ");
            warnings.push(format!(
                "danger.fetch_private_addresses: clients can make this server send requests to {list}"
            ));
        }
        if let Some(path) = fetch_extra_roots_file {
            let path = path.display();
            warnings.push(format!(
                "danger.fetch_extra_roots_file: outgoing requests trust the roots in {path}"
            ));
        }
        match postgres_tls {
            Some(PostgresTls::Off) => warnings.push(
                "danger.postgres_tls: what is sent to the database crosses the network in the clear"
                    .to_owned(),
            ),
            Some(PostgresTls::Unverified) => warnings.push(
                "danger.postgres_tls: anybody on the way can stand in for the database".to_owned(),
            ),
            None => {}
        }
        warnings
    }

    pub(super) fn check(&self, check: &mut Checker<'_>) {
        if let Some(path) = &self.fetch_extra_roots_file
            && let Err(error) = std::fs::File::open(path)
        {
            let name = path.display();
            check.problem(
                "danger.fetch_extra_roots_file",
                format!("cannot read {name}: {error}"),
            );
        }
    }
}
