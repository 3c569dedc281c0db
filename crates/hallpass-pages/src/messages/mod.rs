//! Every text that people see, as one table per language.

mod en;

use serde::Serialize;

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Lang {
    /// English.
    #[default]
    En,
}

impl Lang {
    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
        }
    }

    /// Direction of the script, as HTML's `dir` has it.
    pub fn dir(self) -> &'static str {
        match self {
            Self::En => "ltr",
        }
    }

    /// Picks the form of a countable noun.
    pub(crate) fn plural(self, forms: &Plural, count: u64) -> &'static str {
        match self {
            Self::En if count == 1 => forms.one,
            Self::En => forms.other,
        }
    }

    /// The texts.
    pub(crate) fn messages(self) -> &'static Messages {
        match self {
            Self::En => &en::MESSAGES,
        }
    }
}

/// The forms of a countable noun; `{n}` stands for the count.
#[derive(Debug, Serialize)]
pub(crate) struct Plural {
    pub(crate) one: &'static str,
    pub(crate) other: &'static str,
}

/// Title and text for an error code or a scope.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    /// The code or scope.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

/// The texts of one language. `{name}` in a text is a placeholder.
#[derive(Debug, Serialize)]
pub(crate) struct Messages {
    pub(crate) sign_in: SignIn,
    pub(crate) consent: Consent,
    pub(crate) select: Select,
    pub(crate) logout: Logout,
    pub(crate) signed_out: SignedOut,
    pub(crate) error: Errors,
    pub(crate) form_post: FormPost,
    pub(crate) device: Device,
    pub(crate) approvals: Approvals,
    pub(crate) home: Home,
    pub(crate) demo: Demo,
    pub(crate) seconds: Plural,
    pub(crate) minutes: Plural,
    pub(crate) hours: Plural,
    pub(crate) days: Plural,
}

#[derive(Debug, Serialize)]
pub(crate) struct SignIn {
    pub(crate) title: &'static str,
    pub(crate) to_client: &'static str,
    pub(crate) to_service: &'static str,
    pub(crate) username: &'static str,
    pub(crate) password: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) throttled: &'static str,
    pub(crate) busy: &'static str,
    pub(crate) expired: &'static str,
    pub(crate) retry: &'static str,
    pub(crate) retry_later: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Consent {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) account: &'static str,
    pub(crate) scopes: &'static str,
    pub(crate) claims: &'static str,
    pub(crate) resources: &'static str,
    pub(crate) details: &'static str,
    pub(crate) lifetime: &'static str,
    pub(crate) unverified_title: &'static str,
    pub(crate) unverified: &'static str,
    pub(crate) unverified_document: &'static str,
    pub(crate) loopback_title: &'static str,
    pub(crate) loopback: &'static str,
    pub(crate) redirect: &'static str,
    pub(crate) allow: &'static str,
    pub(crate) deny: &'static str,
    pub(crate) website: &'static str,
    pub(crate) policy: &'static str,
    pub(crate) tos: &'static str,
    pub(crate) links: &'static str,
    pub(crate) standard: &'static [Named],
}

#[derive(Debug, Serialize)]
pub(crate) struct Select {
    pub(crate) title: &'static str,
    pub(crate) to_client: &'static str,
    pub(crate) to_service: &'static str,
    pub(crate) other: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Logout {
    pub(crate) title: &'static str,
    pub(crate) by_client: &'static str,
    pub(crate) by_nobody: &'static str,
    pub(crate) account: &'static str,
    pub(crate) yes: &'static str,
    pub(crate) client_alone: &'static str,
    pub(crate) no: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct SignedOut {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) kept_title: &'static str,
    pub(crate) kept: &'static str,
    pub(crate) left: &'static str,
    pub(crate) back: &'static str,
    pub(crate) go_on: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Errors {
    pub(crate) code: &'static str,
    pub(crate) id: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) other_title: &'static str,
    pub(crate) other: &'static str,
    pub(crate) known: &'static [Named],
}

impl Errors {
    /// Title and text for an error code.
    pub(crate) fn of(&self, code: &str) -> (&'static str, &'static str) {
        self.known
            .iter()
            .find(|known| known.name == code)
            .map_or((self.other_title, self.other), |known| {
                (known.title, known.text)
            })
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct FormPost {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) no_script: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Device {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) carried: &'static str,
    pub(crate) code: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) unknown: &'static str,
    pub(crate) throttled: &'static str,
    pub(crate) retry: &'static str,
    pub(crate) retry_later: &'static str,
    pub(crate) qr: &'static str,
    pub(crate) qr_label: &'static str,
    pub(crate) consent_lead: &'static str,
    pub(crate) compare: &'static str,
    pub(crate) warning_title: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) allowed_title: &'static str,
    pub(crate) allowed: &'static str,
    pub(crate) denied_title: &'static str,
    pub(crate) denied: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Approvals {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) none: &'static str,
    pub(crate) message: &'static str,
    pub(crate) warning_title: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) left: &'static str,
    pub(crate) again: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Home {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) links: &'static str,
    pub(crate) demo: &'static str,
    pub(crate) demo_text: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Demo {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) no_script: &'static str,
    pub(crate) start: &'static str,
    pub(crate) refresh: &'static str,
    pub(crate) sign_out: &'static str,
    pub(crate) id_token: &'static str,
    pub(crate) userinfo: &'static str,
    pub(crate) tokens: &'static str,
    pub(crate) access_token: &'static str,
    pub(crate) refresh_token: &'static str,
    pub(crate) raw: &'static str,
    pub(crate) steps: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_and_scopes_stand_in_the_table_once() {
        for table in [en::MESSAGES.error.known, en::MESSAGES.consent.standard] {
            let mut names: Vec<_> = table.iter().map(|entry| entry.name).collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
