//! `prompt`, [OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest).

use std::fmt;

use hallpass_types::Params;
use serde::{Deserialize, Serialize};

use super::{Context, Draft};
use crate::{
    authorize::Reason,
    policy::{Policy, SignUp},
};

/// What a client wants the person to be asked, or not to be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prompts {
    /// Ask nothing; answer with an error where something must be asked.
    pub none: bool,
    /// Have the person prove again who they are.
    pub login: bool,
    /// Have the person consent again.
    pub consent: bool,
    /// Have the person choose an account.
    pub select_account: bool,
    /// Lead the person to make an account.
    pub create: bool,
}

/// A value of `prompt` that is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPrompt;

impl fmt::Display for UnknownPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a prompt")
    }
}
impl std::error::Error for UnknownPrompt {}

impl Prompts {
    /// Every value that is offered, for discovery.
    //= OIDC-PROMPT-CREATE#4.2 MUST: create is among the values where it is offered
    pub fn offered(policy: &Policy) -> impl Iterator<Item = &'static str> {
        let create = offers_create(policy).then_some("create");
        ["none", "login", "consent", "select_account"]
            .into_iter()
            .chain(create)
    }

    /// Reads space-separated values. Repeated values count once.
    ///
    /// # Errors
    /// `UnknownPrompt` for any other value, also an empty one between two spaces.
    pub fn parse(text: &str) -> Result<Self, UnknownPrompt> {
        let mut prompts = Self::default();
        for word in text.split(' ') {
            match word {
                "none" => prompts.none = true,
                "login" => prompts.login = true,
                "consent" => prompts.consent = true,
                "select_account" => prompts.select_account = true,
                "create" => prompts.create = true,
                _ => return Err(UnknownPrompt),
            }
        }
        Ok(prompts)
    }
}

impl TryFrom<String> for Prompts {
    type Error = UnknownPrompt;
    fn try_from(text: String) -> Result<Self, UnknownPrompt> {
        if text.is_empty() {
            Ok(Self::default())
        } else {
            Self::parse(&text)
        }
    }
}

impl From<Prompts> for String {
    fn from(prompts: Prompts) -> Self {
        [
            (prompts.none, "none"),
            (prompts.login, "login"),
            (prompts.consent, "consent"),
            (prompts.select_account, "select_account"),
            (prompts.create, "create"),
        ]
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
        .collect::<Vec<_>>()
        .join(" ")
    }
}

pub(super) fn parse(params: &Params) -> Result<Prompts, Reason> {
    match params.get("prompt") {
        None => Ok(Prompts::default()),
        Some(text) => Prompts::parse(text).map_err(|_| Reason::PromptUnknown),
    }
}

//= OIDC-CORE#3.1.2.1 MUST: prompt none with any other value is an error
pub(super) fn none_is_alone(draft: &Draft, _: &Context<'_>) -> Result<(), Reason> {
    let Prompts {
        none,
        login,
        consent,
        select_account,
        create,
    } = draft.prompts;
    if none && (login || consent || select_account || create) {
        Err(Reason::PromptNoneNotAlone)
    } else {
        Ok(())
    }
}

/// Leading somebody to a page that nobody can use would be no answer.
pub(super) fn create_is_offered(draft: &Draft, context: &Context<'_>) -> Result<(), Reason> {
    if draft.prompts.create && !offers_create(context.policy) {
        Err(Reason::PromptUnknown)
    } else {
        Ok(())
    }
}

fn offers_create(policy: &Policy) -> bool {
    policy.people.sign_up == SignUp::Open
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::fixture::{refusal, valid, web},
        *,
    };

    #[test]
    fn offered_values_are_read_in_any_order() {
        let prompts = |text: &str| valid(&[("prompt", text)]).request().prompts;
        assert!(prompts("none").none);
        let all = prompts("consent login select_account login");
        assert!(all.login && all.consent && all.select_account && !all.none);
        assert_eq!(prompts(""), Prompts::default());
    }

    #[test]
    fn none_stands_alone() {
        //= test OIDC-CORE#3.1.2.1 prompt none with any other value is an error
        for text in [
            "none login",
            "login none",
            "none consent",
            "none select_account",
        ] {
            assert_eq!(
                refusal(web(), &[("prompt", text)]),
                Some(Reason::PromptNoneNotAlone),
                "{text}"
            );
        }
        assert_eq!(refusal(web(), &[("prompt", "none none")]), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "create",
            "Login",
            "login,consent",
            "login  consent",
            " login",
            "login\t",
            "x",
        ] {
            assert_eq!(
                refusal(web(), &[("prompt", text)]),
                Some(Reason::PromptUnknown),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_stored_form_reads_back() {
        for text in [
            "",
            "none",
            "login consent",
            "login consent select_account create",
        ] {
            let prompts = Prompts::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(prompts), text);
        }
        let open = open();
        for name in Prompts::offered(&open) {
            assert_eq!(String::from(Prompts::parse(name).unwrap()), name);
        }
    }

    fn open() -> Policy {
        let mut policy = super::super::super::fixture::policy();
        policy.people.sign_up = SignUp::Open;
        policy
    }

    #[test]
    fn an_account_can_be_asked_for_where_people_can_make_one() {
        //= test OIDC-PROMPT-CREATE#4.2 create is among the values where it is offered
        assert!(Prompts::offered(&open()).any(|name| name == "create"));
        let closed = super::super::super::fixture::policy();
        assert!(!Prompts::offered(&closed).any(|name| name == "create"));
        assert_eq!(
            refusal(web(), &[("prompt", "create")]),
            Some(Reason::PromptUnknown)
        );
    }
}
