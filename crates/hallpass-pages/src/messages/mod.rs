//! Every text that people see.
//!
//! English is a typed table ([`Messages`], in `en/`), so that a page cannot name a text that does not exist. Every other
//! language is a file of the same shape that is laid over it (`catalog.rs`); what a language does not say yet is said in
//! English. A new text needs a field here and a line in `en/`; `cargo run -p hallpass-pages --example languages` lists what
//! the others lack.

mod catalog;
mod en;
mod lang;

use serde::{Serialize, Serializer};

pub(crate) use catalog::Catalog;
pub use catalog::{Texts, TextsError, missing};
pub use lang::Lang;

/// The forms of a countable noun; `{n}` stands for the count.
#[derive(Debug, Serialize)]
pub(crate) struct Plural {
    pub(crate) one: &'static str,
    pub(crate) other: &'static str,
}

/// Title and text for an error code or a scope.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    /// The code or scope, which the table is keyed by.
    #[serde(skip)]
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

/// The texts in English. `{name}` in a text is a placeholder.
#[derive(Debug, Serialize)]
pub(crate) struct Messages {
    pub(crate) sign_in: SignIn,
    pub(crate) second: Second,
    pub(crate) credentials: Credentials,
    pub(crate) consent: Consent,
    pub(crate) select: Select,
    pub(crate) organization: Organization,
    pub(crate) upstream: Upstream,
    pub(crate) logout: Logout,
    pub(crate) signed_out: SignedOut,
    pub(crate) error: Errors,
    pub(crate) form_post: FormPost,
    pub(crate) device: Device,
    pub(crate) approvals: Approvals,
    pub(crate) people: People,
    pub(crate) account: Account,
    pub(crate) mail: Mails,
    pub(crate) home: Home,
    pub(crate) demo: Demo,
    pub(crate) seconds: Plural,
    pub(crate) minutes: Plural,
    pub(crate) hours: Plural,
    pub(crate) days: Plural,
    /// The ten digits, as the language writes them.
    pub(crate) digits: &'static str,
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
    pub(crate) wrong_code: &'static str,
    pub(crate) number: &'static str,
    pub(crate) address: &'static str,
    pub(crate) passkey_refused: &'static str,
    pub(crate) use_passkey: &'static str,
    pub(crate) passkey_script: &'static str,
    pub(crate) passkey_unsupported: &'static str,
    pub(crate) passkey_stopped: &'static str,
    pub(crate) remember: &'static str,
    pub(crate) last_way: &'static str,
}

/// The steps of a sign-in after the first.
#[derive(Debug, Serialize)]
pub(crate) struct Second {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) account: &'static str,
    pub(crate) code: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) use_recovery: &'static str,
    pub(crate) recovery: &'static str,
    pub(crate) recovery_text: &'static str,
    pub(crate) use_passkey: &'static str,
    pub(crate) use_phone: &'static str,
    pub(crate) restart: &'static str,
    pub(crate) password_title: &'static str,
    pub(crate) password_lead: &'static str,
    pub(crate) new_password: &'static str,
    pub(crate) new_password_hint: &'static str,
    pub(crate) save_password: &'static str,
    pub(crate) too_short: &'static str,
    pub(crate) too_long: &'static str,
    pub(crate) too_common: &'static str,
    pub(crate) unchanged: &'static str,
    pub(crate) enrol_title: &'static str,
    pub(crate) enrol_lead: &'static str,
    pub(crate) scan: &'static str,
    pub(crate) type_it: &'static str,
    pub(crate) qr_label: &'static str,
    pub(crate) confirm_code: &'static str,
    pub(crate) turn_on: &'static str,
}

/// Pages on which people look after what they sign in with.
#[derive(Debug, Serialize)]
pub(crate) struct Credentials {
    pub(crate) passkeys: &'static str,
    pub(crate) passkeys_lead: &'static str,
    pub(crate) no_passkeys: &'static str,
    pub(crate) add_passkey: &'static str,
    pub(crate) name: &'static str,
    pub(crate) rename: &'static str,
    pub(crate) remove: &'static str,
    pub(crate) added: &'static str,
    pub(crate) used: &'static str,
    pub(crate) never_used: &'static str,
    pub(crate) synced: &'static str,
    pub(crate) cloned: &'static str,
    pub(crate) passkey_exists: &'static str,
    pub(crate) passkey_failed: &'static str,
    pub(crate) totp: &'static str,
    pub(crate) totp_lead: &'static str,
    pub(crate) totp_on: &'static str,
    pub(crate) totp_gone: &'static str,
    pub(crate) turn_on: &'static str,
    pub(crate) turn_off: &'static str,
    pub(crate) phone: &'static str,
    pub(crate) phone_lead: &'static str,
    pub(crate) phone_on: &'static str,
    pub(crate) phone_none: &'static str,
    pub(crate) phone_number: &'static str,
    pub(crate) phone_hint: &'static str,
    pub(crate) phone_send: &'static str,
    pub(crate) phone_sent: &'static str,
    pub(crate) phone_code: &'static str,
    pub(crate) phone_text: &'static str,
    pub(crate) recovery: &'static str,
    pub(crate) recovery_lead: &'static str,
    pub(crate) recovery_left: &'static str,
    pub(crate) recovery_none: &'static str,
    pub(crate) new_codes: &'static str,
    pub(crate) new_codes_text: &'static str,
    pub(crate) codes_once: &'static str,
    pub(crate) done: &'static str,
    pub(crate) sections: &'static str,
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
    pub(crate) at: &'static str,
    pub(crate) granted: &'static str,
    pub(crate) claim: Claims,
    #[serde(serialize_with = "by_name")]
    pub(crate) standard: &'static [Named],
}

/// Names of the standard claims (OpenID Connect Core §5.1).
#[derive(Debug, Serialize)]
pub(crate) struct Claims {
    pub(crate) name: &'static str,
    pub(crate) given_name: &'static str,
    pub(crate) family_name: &'static str,
    pub(crate) middle_name: &'static str,
    pub(crate) nickname: &'static str,
    pub(crate) preferred_username: &'static str,
    pub(crate) profile: &'static str,
    pub(crate) picture: &'static str,
    pub(crate) website: &'static str,
    pub(crate) email: &'static str,
    pub(crate) email_verified: &'static str,
    pub(crate) gender: &'static str,
    pub(crate) birthdate: &'static str,
    pub(crate) zoneinfo: &'static str,
    pub(crate) locale: &'static str,
    pub(crate) phone_number: &'static str,
    pub(crate) phone_number_verified: &'static str,
    pub(crate) address: &'static str,
    pub(crate) updated_at: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Select {
    pub(crate) title: &'static str,
    pub(crate) to_client: &'static str,
    pub(crate) to_service: &'static str,
    pub(crate) other: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Upstream {
    pub(crate) alternative: &'static str,
    pub(crate) with: &'static str,
    pub(crate) linked_title: &'static str,
    pub(crate) linked_lead: &'static str,
    pub(crate) linked_none: &'static str,
    pub(crate) others: &'static str,
    pub(crate) link: &'static str,
    pub(crate) unlink: &'static str,
    pub(crate) unlink_of: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Organization {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
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
    #[serde(serialize_with = "by_name")]
    pub(crate) known: &'static [Named],
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
    pub(crate) sign_in_again: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) stop_text: &'static str,
    pub(crate) stop_day: &'static str,
    pub(crate) stop_always: &'static str,
    pub(crate) stopped: &'static str,
    pub(crate) stopped_until: &'static str,
    pub(crate) stopped_always: &'static str,
    pub(crate) admit: &'static str,
    pub(crate) admit_named: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Home {
    pub(crate) account: &'static str,
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

/// A table keyed by the names of its rows, so that other languages can name one.
fn by_name<S: Serializer>(table: &&'static [Named], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(table.iter().map(|row| (row.name, row)))
}

/// Making an account, and getting back into one.
#[derive(Debug, Serialize)]
pub(crate) struct People {
    pub(crate) sign_up: AskMail,
    pub(crate) recover: AskMail,
    pub(crate) sent: MailSent,
    pub(crate) link: Links,
    pub(crate) done: LinkDones,
    pub(crate) code: MailCode,
    pub(crate) send_code: &'static str,
    pub(crate) send_link: &'static str,
    pub(crate) errors: PeopleErrors,
    pub(crate) email: &'static str,
    pub(crate) name: &'static str,
    pub(crate) new_password: &'static str,
    pub(crate) again: &'static str,
    pub(crate) least: &'static str,
    pub(crate) forgotten: &'static str,
    pub(crate) no_account: &'static str,
    pub(crate) other_ways: &'static str,
    pub(crate) passkey_title: &'static str,
    pub(crate) passkey_hint: &'static str,
    pub(crate) make_passkey: &'static str,
    pub(crate) without_mail: &'static str,
    pub(crate) or: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct AskMail {
    pub(crate) title: &'static str,
    pub(crate) to_client: &'static str,
    pub(crate) to_service: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) sign_in: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct MailSent {
    pub(crate) title: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) sign_up: &'static str,
    pub(crate) recover: &'static str,
    pub(crate) new_address: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) back: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Links {
    pub(crate) sign_up: LinkText,
    pub(crate) invitation: LinkText,
    pub(crate) recover: LinkText,
    pub(crate) sign_in: LinkText,
    pub(crate) new_address: LinkText,
}

#[derive(Debug, Serialize)]
pub(crate) struct LinkText {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) submit: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct MailCode {
    pub(crate) title: &'static str,
    pub(crate) sent: &'static str,
    pub(crate) again: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) other: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct LinkDones {
    pub(crate) sign_up: LinkText,
    pub(crate) invitation: LinkText,
    pub(crate) recover: LinkText,
    pub(crate) ways: &'static str,
    pub(crate) ways_text: &'static str,
    pub(crate) next: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct PeopleErrors {
    pub(crate) address: &'static str,
    pub(crate) throttled: &'static str,
    pub(crate) mismatch: &'static str,
    pub(crate) too_short: &'static str,
    pub(crate) too_long: &'static str,
    pub(crate) weak: &'static str,
    pub(crate) busy: &'static str,
    pub(crate) field: &'static str,
    pub(crate) confirm: &'static str,
    pub(crate) passkey: &'static str,
}

/// The page at `/account`.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) sections: AccountSections,
    pub(crate) happened: Happened,
    pub(crate) back: &'static str,
    pub(crate) saved: &'static str,
    pub(crate) sign_out: &'static str,
    pub(crate) everywhere: &'static str,
    pub(crate) everywhere_hint: &'static str,
    pub(crate) save: &'static str,
    pub(crate) address: &'static str,
    pub(crate) verified: &'static str,
    pub(crate) unverified: &'static str,
    pub(crate) new_address: &'static str,
    pub(crate) confirm_address: &'static str,
    pub(crate) password_hint: &'static str,
    pub(crate) change_password: &'static str,
    pub(crate) unknown_device: &'static str,
    pub(crate) this_one: &'static str,
    pub(crate) seen: &'static str,
    pub(crate) since: &'static str,
    pub(crate) end: &'static str,
    pub(crate) end_named: &'static str,
    pub(crate) end_others: &'static str,
    pub(crate) no_apps: &'static str,
    pub(crate) may: &'static str,
    pub(crate) allowed: &'static str,
    pub(crate) disconnect: &'static str,
    pub(crate) download: &'static str,
    pub(crate) delete_warning_title: &'static str,
    pub(crate) delete_warning: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) delete: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct AccountSections {
    pub(crate) overview: SectionText,
    pub(crate) profile: SectionText,
    pub(crate) email: SectionText,
    pub(crate) password: SectionText,
    pub(crate) sessions: SectionText,
    pub(crate) apps: SectionText,
    pub(crate) activity: SectionText,
    pub(crate) export: SectionText,
    pub(crate) delete: SectionText,
}

#[derive(Debug, Serialize)]
pub(crate) struct SectionText {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Happened {
    pub(crate) signed_up: &'static str,
    pub(crate) signed_in: &'static str,
    pub(crate) signed_out: &'static str,
    pub(crate) signed_out_everywhere: &'static str,
    pub(crate) session_ended: &'static str,
    pub(crate) password_changed: &'static str,
    pub(crate) recovery_asked: &'static str,
    pub(crate) recovered: &'static str,
    pub(crate) address_changed: &'static str,
    pub(crate) profile_changed: &'static str,
    pub(crate) disconnected: &'static str,
    pub(crate) exported: &'static str,
    pub(crate) passkey_added: &'static str,
    pub(crate) passkey_renamed: &'static str,
    pub(crate) passkey_removed: &'static str,
    pub(crate) totp_added: &'static str,
    pub(crate) totp_removed: &'static str,
    pub(crate) phone_added: &'static str,
    pub(crate) phone_removed: &'static str,
    pub(crate) recovery_codes_made: &'static str,
    pub(crate) recovery_code_used: &'static str,
    pub(crate) identity_linked: &'static str,
    pub(crate) identity_unlinked: &'static str,
    pub(crate) change_demanded: &'static str,
    pub(crate) imported: &'static str,
    pub(crate) unknown: &'static str,
}

/// Letters. `{name}` is the service's name, `{host}` its host, `{time}` how long a link or code works.
#[derive(Debug, Serialize)]
pub(crate) struct Mails {
    pub(crate) sign_up: Mail,
    pub(crate) already_registered: Mail,
    pub(crate) recover: Mail,
    pub(crate) sign_in_code: Mail,
    pub(crate) sign_in_link: Mail,
    pub(crate) confirm_address: Mail,
    pub(crate) address_changed: Mail,
    pub(crate) password_changed: Mail,
    pub(crate) ways_changed: Mail,
    pub(crate) new_device: Mail,
    pub(crate) invitation: Mail,
    pub(crate) new_address: &'static str,
    pub(crate) change: &'static str,
    pub(crate) device: &'static str,
    pub(crate) time: &'static str,
    pub(crate) network: &'static str,
    pub(crate) footer: &'static str,
}

/// One letter.
#[derive(Debug, Serialize)]
pub(crate) struct Mail {
    pub(crate) subject: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) button: &'static str,
    pub(crate) note: &'static str,
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
