//! What is typed of an application, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_admin::v1::{clients::ClientView, scopes};
use hallpass_core::{admin::is_scope, policy::Lifetimes};
use hallpass_types::Params;
use minijinja::{Value, context};
use serde_json::{Map, json};

use crate::{
    gate::Visit,
    pages::{lines, typed},
    render::Stop,
    text,
};

/// Scopes of OpenID Connect, with what they are about.
const STANDARD: &[(&str, &str)] = &[
    ("openid", "Who signed in; always there at a sign-in"),
    ("profile", "Name, picture, language"),
    ("email", "Mail address"),
    ("phone", "Telephone number"),
    ("address", "Postal address"),
    (
        "offline_access",
        "Refresh tokens: access while the person is away",
    ),
];

/// A member of the metadata, what it is about, and what counts without one.
type Lifetime = (&'static str, &'static str, fn(&Lifetimes) -> i64);

/// Lifetimes that an application may have for itself.
const LIFETIMES: &[Lifetime] = &[
    ("access_token_lifetime", "Access tokens", |all| {
        all.access_token
    }),
    ("id_token_lifetime", "ID tokens", |all| all.id_token),
    ("refresh_token_lifetime", "Refresh tokens", |all| {
        all.refresh_absolute
    }),
    ("code_lifetime", "Codes", |all| all.code),
];

/// What is typed of an application.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) redirect_uris: Vec<String>,
    pub(super) post_logout: Vec<String>,
    pub(super) backchannel_logout: String,
    pub(super) scopes: BTreeSet<String>,
    pub(super) native: bool,
    pub(super) machine: bool,
    pub(super) device: bool,
    pub(super) require_par: bool,
    /// As they were typed, by member.
    pub(super) lifetimes: BTreeMap<&'static str, String>,
}

impl Typed {
    /// Before anything was typed.
    pub(super) fn usual() -> Self {
        Self {
            scopes: ["openid", "profile", "email"].map(str::to_owned).into(),
            ..Self::default()
        }
    }

    pub(super) fn read(form: &Params) -> Self {
        let scopes = form.iter().filter_map(|(name, value)| {
            let scope = name.strip_prefix("scope.")?;
            (value == "yes").then(|| scope.to_owned())
        });
        let checked = |name: &str| form.get(name) == Some("yes");
        Self {
            name: typed(form, "name").unwrap_or_default(),
            redirect_uris: lines(form, "redirect_uris"),
            post_logout: lines(form, "post_logout_redirect_uris"),
            backchannel_logout: typed(form, "backchannel_logout_uri").unwrap_or_default(),
            scopes: scopes.collect(),
            native: form.get("application_type") == Some("native"),
            machine: checked("machine"),
            device: checked("device"),
            require_par: checked("require_par"),
            lifetimes: LIFETIMES
                .iter()
                .filter_map(|(name, ..)| Some((*name, typed(form, name)?)))
                .collect(),
        }
    }

    pub(super) fn of(client: &ClientView) -> Self {
        let said = |name: &str| client.metadata.get(name).and_then(|v| v.as_str());
        let list = |name: &str| -> Vec<String> {
            let all = client.metadata.get(name).and_then(|v| v.as_array());
            let all = all.into_iter().flatten().filter_map(|v| v.as_str());
            all.map(str::to_owned).collect()
        };
        let grants = list("grant_types");
        let has = |grant: &str| grants.iter().any(|g| g == grant);
        Self {
            name: client.name.clone().unwrap_or_default(),
            redirect_uris: list("redirect_uris"),
            post_logout: list("post_logout_redirect_uris"),
            backchannel_logout: said("backchannel_logout_uri")
                .unwrap_or_default()
                .to_owned(),
            scopes: said("scope")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            native: said("application_type") == Some("native"),
            machine: has("client_credentials"),
            device: has(DEVICE),
            require_par: client.metadata.get("require_pushed_authorization_requests")
                == Some(&json!(true)),
            lifetimes: LIFETIMES
                .iter()
                .filter_map(|(name, ..)| {
                    let seconds = client.metadata.get(*name)?.as_i64()?;
                    Some((*name, text::span(seconds)))
                })
                .collect(),
        }
    }

    /// The members of the metadata that the form is about. What is left empty is taken away.
    pub(super) fn metadata(&self) -> Map<String, serde_json::Value> {
        let mut grants = Vec::new();
        let signs_in = !self.redirect_uris.is_empty();
        if signs_in {
            grants.push("authorization_code");
        }
        if (signs_in || self.device) && self.scopes.contains("offline_access") {
            grants.push("refresh_token");
        }
        if self.machine {
            grants.push("client_credentials");
        }
        if self.device {
            grants.push(DEVICE);
        }
        let scope: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        let uris = |uris: &[String]| {
            if uris.is_empty() {
                json!(null)
            } else {
                json!(uris)
            }
        };
        let text_of = |text: &str| {
            if text.is_empty() {
                json!(null)
            } else {
                json!(text)
            }
        };
        let lifetimes = LIFETIMES.iter().map(|(name, ..)| {
            let seconds = self
                .lifetimes
                .get(name)
                .and_then(|typed| text::seconds(typed));
            ((*name).to_owned(), json!(seconds))
        });
        let others = [
            ("client_name".to_owned(), text_of(&self.name)),
            ("redirect_uris".to_owned(), uris(&self.redirect_uris)),
            (
                "post_logout_redirect_uris".to_owned(),
                uris(&self.post_logout),
            ),
            (
                "backchannel_logout_uri".to_owned(),
                text_of(&self.backchannel_logout),
            ),
            ("scope".to_owned(), text_of(&scope.join(" "))),
            (
                "application_type".to_owned(),
                json!(if self.native { "native" } else { "web" }),
            ),
            ("grant_types".to_owned(), json!(grants)),
            (
                "require_pushed_authorization_requests".to_owned(),
                if self.require_par {
                    json!(true)
                } else {
                    json!(null)
                },
            ),
        ];
        others.into_iter().chain(lifetimes).collect()
    }

    /// Its own lifetimes, with their labels.
    pub(super) fn lifetimes(&self) -> Vec<Value> {
        let own = LIFETIMES.iter().filter_map(|(name, label, _)| {
            let value = self.lifetimes.get(name)?;
            Some(context! { label => *label, value => value.as_str() })
        });
        own.collect()
    }

    /// What the server's rules do not say, since they know nothing of the form.
    pub(super) fn check(&self) -> Result<(), Stop> {
        if self.name.is_empty() {
            return Err(hallpass_admin::Problem::unfit(
                "metadata.client_name",
                "say what people know it by",
            )
            .into());
        }
        if self.redirect_uris.is_empty() && !self.machine && !self.device {
            let text = "name at least one, unless the application acts for itself or is a device";
            return Err(hallpass_admin::Problem::unfit("metadata.redirect_uris", text).into());
        }
        for (name, typed) in &self.lifetimes {
            if text::seconds(typed).is_none() {
                let member = format!("metadata.{name}");
                let text = "is a span of time such as 90s, 10m, 12h or 14d";
                return Err(hallpass_admin::Problem::unfit(&member, text).into());
            }
        }
        Ok(())
    }

    /// The fields, with the scopes of the project.
    pub(super) async fn view(&self, visit: &Visit) -> Result<Value, Stop> {
        let found = visit.call::<scopes::Show>(scopes::Input {}).await?;
        let mut standard = Vec::new();
        let mut custom = Vec::new();
        for scope in found.scopes {
            let known = STANDARD.iter().find(|(name, _)| *name == scope.name);
            let checked = self.scopes.contains(&scope.name);
            let about = known.map(|(_, text)| (*text).to_owned());
            let about = about.or(scope.title).or(scope.description);
            let shown = context! { name => scope.name.as_str(), checked, text => about };
            match known {
                Some(_) => standard.push(shown),
                // Whoever administers is made by an owner, with care, and not beside a redirect URI.
                None if is_scope(&scope.name) && !checked => {}
                None => custom.push(shown),
            }
        }
        let provider = visit.provider().await?;
        let most = provider.policy().lifetimes;
        let lifetimes: Vec<Value> = LIFETIMES
            .iter()
            .map(|(name, label, counts)| {
                let typed = self.lifetimes.get(name).map_or("", String::as_str);
                context! { name => *name, label => *label, value => typed, counts => text::span(counts(&most)) }
            })
            .collect();
        Ok(context! {
            lifetimes,
            own_lifetimes => !self.lifetimes.is_empty(),
            name => self.name.as_str(),
            redirect_uris => self.redirect_uris.join("\n"),
            post_logout_redirect_uris => self.post_logout.join("\n"),
            backchannel_logout_uri => self.backchannel_logout.as_str(),
            standard,
            custom,
            native => self.native,
            machine => self.machine,
            device => self.device,
            require_par => self.require_par,
        })
    }
}

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Typed {
        Typed::read(&Params::from_pairs(pairs.iter().copied()))
    }

    #[test]
    fn a_form_becomes_metadata_and_what_is_empty_is_taken_away() {
        let typed = of(&[
            ("name", " Shop "),
            (
                "redirect_uris",
                "https://a.example/cb\r\n\r\n  https://b.example/cb  ",
            ),
            ("scope.openid", "yes"),
            ("scope.offline_access", "yes"),
        ]);
        let metadata = typed.metadata();
        assert_eq!(metadata["client_name"], "Shop");
        assert_eq!(
            metadata["redirect_uris"],
            json!(["https://a.example/cb", "https://b.example/cb"])
        );
        assert_eq!(
            metadata["grant_types"],
            json!(["authorization_code", "refresh_token"])
        );
        assert_eq!(metadata["scope"], "offline_access openid");
        assert_eq!(metadata["post_logout_redirect_uris"], json!(null));
        assert!(typed.check().is_ok());
    }

    // S14
    #[test]
    fn a_lifetime_is_a_span_and_an_empty_one_is_taken_away() {
        let with = |text| {
            of(&[
                ("name", "Job"),
                ("machine", "yes"),
                ("access_token_lifetime", text),
            ])
        };
        let metadata = with(" 5m ").metadata();
        assert_eq!(metadata["access_token_lifetime"], 300);
        assert_eq!(metadata["code_lifetime"], json!(null));
        assert!(with("5m").check().is_ok());
        for wrong in ["soon", "-5m", "1.5h", "5 m"] {
            assert!(with(wrong).check().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_application_has_a_name_and_somewhere_to_go() {
        assert!(
            of(&[("redirect_uris", "https://a.example/cb")])
                .check()
                .is_err()
        );
        assert!(of(&[("name", "Shop")]).check().is_err());
        assert!(
            of(&[("name", "Shop"), ("redirect_uris", " \n ")])
                .check()
                .is_err()
        );
        assert!(of(&[("name", "Job"), ("machine", "yes")]).check().is_ok());
    }
}
