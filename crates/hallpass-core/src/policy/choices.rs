//! What an embedding program decides by functions of its own, where specifications leave it to the server.

use std::{fmt, sync::Arc};

use hallpass_types::Subject;

use crate::client::{Client, Refreshes};

type Of<A, B> = Option<Arc<dyn Fn(&A) -> B + Send + Sync>>;
type Name = Arc<dyn Fn(&str, &Subject) -> String + Send + Sync>;

/// Decisions of an embedding program. Without one, what stands in its place holds for everybody. None of them makes a rule
/// weaker that a specification demands, and clients that are held to a security profile ([`Client::fapi`]) are not
/// concerned by those about clients.
///
/// Those about clients are asked when a client is read, which is held for a moment, and not for each request.
#[derive(Clone, Default)]
pub struct Choices {
    rotated: Of<Client, bool>,
    refreshes: Of<Client, Refreshes>,
    pkce: Of<Client, bool>,
    pairwise: Option<Name>,
    origins: Of<str, bool>,
}

impl Choices {
    /// Which confidential clients get another refresh token with each use, too. Those of public clients rotate whatever the
    /// answer is, unless they are bound to a key (RFC 9700 §4.14.2). Without it: none.
    pub fn rotate_refresh_tokens(
        &mut self,
        which: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) {
        self.rotated = Some(Arc::new(which));
    }

    /// Who gets refresh tokens, among the clients that registered the grant. Without it: [`Refreshes::Asked`].
    pub fn refresh(&mut self, who: impl Fn(&Client) -> Refreshes + Send + Sync + 'static) {
        self.refreshes = Some(Arc::new(who));
    }

    /// Which further clients need PKCE. Public ones do whatever the answer is. Without it: those whose metadata say so.
    pub fn require_pkce(&mut self, which: impl Fn(&Client) -> bool + Send + Sync + 'static) {
        self.pkce = Some(Arc::new(which));
    }

    /// How a sector knows a person: from the sector's host and the subject of the account. For programs whose pairwise
    /// clients know people already. It must always answer the same, differ for each person and sector, and tell nobody
    /// who the person is elsewhere (OpenID Connect Core §8.1). What cannot be a subject is of no effect. Without it: a keyed hash over both.
    pub fn pairwise_subjects(
        &mut self,
        name: impl Fn(&str, &Subject) -> String + Send + Sync + 'static,
    ) {
        self.pairwise = Some(Arc::new(name));
    }

    /// Which further origins may read answers of the token, UserInfo and revocation endpoints across origins. They are
    /// asked by the origin as the browser sends it, and never sent with credentials of the browser. Without it: those of
    /// the redirect URIs of public clients.
    pub fn allow_origins(&mut self, which: impl Fn(&str) -> bool + Send + Sync + 'static) {
        self.origins = Some(Arc::new(which));
    }

    /// Whether the program lets an origin read answers.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins.as_ref().is_some_and(|allows| allows(origin))
    }

    /// How the program names a person to a sector.
    pub(crate) fn pairwise(&self, sector: &str, subject: &Subject) -> Option<String> {
        let name = self.pairwise.as_ref()?;
        Some(name(sector, subject)).filter(|name| Subject::parse(name).is_ok())
    }

    /// What the program says of a client.
    pub(crate) fn apply(&self, client: &mut Client) {
        if client.fapi.is_some() {
            return;
        }
        //= RFC9700#4.14.2 MUST: refresh tokens of public clients rotate or are bound to a key
        let rotated = self.rotated.as_ref().is_some_and(|which| which(client));
        let needs_pkce = self.pkce.as_ref().is_some_and(|which| which(client));
        let refreshes = self.refreshes.as_ref().map(|who| who(client));
        client.rotate_refresh_tokens |= rotated;
        client.require_pkce |= needs_pkce;
        client.refreshes = refreshes.unwrap_or_default();
    }
}

/// Says which decisions there are: functions cannot be shown.
impl fmt::Debug for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choices")
            .field("rotate_refresh_tokens", &self.rotated.is_some())
            .field("refresh", &self.refreshes.is_some())
            .field("require_pkce", &self.pkce.is_some())
            .field("pairwise_subjects", &self.pairwise.is_some())
            .field("allow_origins", &self.origins.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authorize::fixture::{spa, web},
        fapi::Profile,
    };

    #[test]
    fn a_program_makes_clients_stricter_and_never_laxer() {
        let mut all = Choices::default();
        all.rotate_refresh_tokens(|_| true);
        all.require_pkce(|_| true);
        let mut none = Choices::default();
        none.rotate_refresh_tokens(|_| false);
        none.require_pkce(|_| false);
        let strict = |client: &Client| (client.rotate_refresh_tokens, client.require_pkce);
        let mut client = web();
        Choices::default().apply(&mut client);
        assert_eq!(strict(&client), (false, false));
        all.apply(&mut client);
        assert_eq!(strict(&client), (true, true));
        //= test RFC9700#4.14.2 refresh tokens of public clients rotate or are bound to a key
        let mut public = Client {
            rotate_refresh_tokens: true,
            ..spa()
        };
        none.apply(&mut public);
        assert_eq!(strict(&public), (true, true));
        let mut profiled = Client {
            fapi: Some(Profile::Fapi2Security),
            ..web()
        };
        all.apply(&mut profiled);
        assert_eq!(strict(&profiled), (false, false), "its profile says that");
    }

    #[test]
    fn a_name_that_cannot_be_a_subject_is_none() {
        let alice = Subject::parse("alice").unwrap();
        let named = |name: &'static str| {
            let mut choices = Choices::default();
            choices.pairwise_subjects(move |_, _| name.to_owned());
            choices.pairwise("rp.test", &alice)
        };
        assert_eq!(named("known-before").as_deref(), Some("known-before"));
        for bad in ["", "client:web", "two words\n", "\u{0}"] {
            assert_eq!(named(bad), None, "{bad:?}");
        }
        assert_eq!(named(Box::leak("x".repeat(300).into_boxed_str())), None);
        assert_eq!(Choices::default().pairwise("rp.test", &alice), None);
    }

    #[test]
    fn no_origin_is_let_in_by_nobody() {
        assert!(!Choices::default().allows_origin("https://a.test"));
    }
}
