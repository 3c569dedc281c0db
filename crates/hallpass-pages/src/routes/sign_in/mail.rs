//! Signing in by mail: a code that is typed here, or a link that is opened in this browser. The pages are the same for
//! every address.

use hallpass_core::sign_in::{Method, Proof};
use hallpass_http::{Problem, Response};
use hallpass_provider::{
    endpoints::{MailAsked, Proven},
    ports::PageKind,
};
use hallpass_types::{EmailAddress, Params};

use super::{Asked, Failed, retry};
use crate::{
    Page,
    routes::{PageRoutes, sign_up::peer},
    view::{MailCode, SignInError},
};

/// How the first step is taken by mail.
pub(super) enum ByMail<'f> {
    /// A code is wanted.
    AskCode(&'f str),
    /// A link is wanted.
    AskLink(&'f str),
    /// A code was typed.
    Typed {
        /// Where it waits.
        waiting: &'f str,
        /// The code.
        code: &'f str,
    },
}

impl<'f> ByMail<'f> {
    /// None where the form is about something else, or the way is not offered.
    pub(super) fn of(form: &'f Params, methods: &[Method]) -> Option<Self> {
        let address = || form.get("username").unwrap_or_default();
        let code = methods.contains(&Method::EmailCode);
        if let (Some(waiting), true) = (form.get("waiting"), code) {
            let code = form.get("mail_code").unwrap_or_default();
            return Some(Self::Typed { waiting, code });
        }
        match form.get("way")? {
            "email_code" if code => Some(Self::AskCode(address())),
            "magic_link" if methods.contains(&Method::MagicLink) => Some(Self::AskLink(address())),
            _ => None,
        }
    }
}

impl PageRoutes {
    pub(super) async fn by_mail(
        &self,
        asked: &Asked<'_>,
        methods: &[Method],
        way: ByMail<'_>,
    ) -> Result<Response, Problem> {
        let (ByMail::AskCode(typed) | ByMail::AskLink(typed)) = way else {
            let ByMail::Typed { waiting, code } = way else {
                return Err(super::super::posted::undecided());
            };
            return self.mail_code_typed(asked, waiting, code).await;
        };
        let again = |failed| self.sign_in_page(asked, methods, typed, Some(failed));
        let Ok(address) = EmailAddress::parse(typed) else {
            return Ok(again(Failed::refused(SignInError::Address)));
        };
        let (provider, peer) = (self.provider(), peer(asked.head));
        if matches!(way, ByMail::AskLink(_)) {
            let sent = provider.sign_in_link_asked(asked.handle, asked.browser, &address, peer);
            return Ok(match sent.await? {
                MailAsked::Accepted => self.mail_sent("sign_in", &address, Some(asked.handle)),
                MailAsked::Throttled { retry_after } => again(Failed::throttled(retry_after)),
            });
        }
        let waits = provider.sign_in_code_asked(asked.handle, asked.browser, &address, peer);
        Ok(match waits.await? {
            Ok(waiting) => self.mail_code_page(asked, &waiting, Some(&address), None),
            Err(retry_after) => again(Failed::throttled(retry_after)),
        })
    }

    async fn mail_code_typed(
        &self,
        asked: &Asked<'_>,
        waiting: &str,
        code: &str,
    ) -> Result<Response, Problem> {
        let provider = self.provider();
        let entered = provider.sign_in_code_entered(asked.handle, waiting, asked.browser, code);
        let Some(account) = entered.await? else {
            let failed = Failed::refused(SignInError::WrongCode);
            self.report(asked.head, failed.outcome, None);
            return Ok(self.mail_code_page(asked, waiting, None, Some(failed)));
        };
        let subject = account.subject.clone();
        let proven = Proven {
            account,
            proof: Proof::new(Method::EmailCode, provider.now()),
            must_change: false,
        };
        let answered = provider
            .sign_in_proved(asked.handle, asked.browser, proven)
            .await?;
        Ok(self.gone_on(asked, &subject, answered))
    }

    pub(super) fn mail_code_page(
        &self,
        asked: &Asked<'_>,
        waiting: &str,
        address: Option<&EmailAddress>,
        failed: Option<Failed>,
    ) -> Response {
        let address = address.map(EmailAddress::as_str);
        self.code_page(asked, (waiting, false), address, failed)
    }

    /// The same for a code that was sent to a telephone.
    pub(super) fn text_code_page(
        &self,
        asked: &Asked<'_>,
        sealed: &str,
        number: Option<&str>,
        failed: Option<Failed>,
    ) -> Response {
        self.code_page(asked, (sealed, true), number, failed)
    }

    fn code_page(
        &self,
        asked: &Asked<'_>,
        (waiting, text): (&str, bool),
        address: Option<&str>,
        failed: Option<Failed>,
    ) -> Response {
        let lifetime = self.provider().policy().people.code_lifetime;
        let page = Page::MailCode(MailCode {
            action: &self.pages.action(PageKind::Login, asked.handle),
            waiting,
            text,
            address,
            lifetime: u64::try_from(lifetime).unwrap_or_default(),
            remember: asked.browser.remember,
            error: failed.as_ref().map(|failed| failed.error),
            retry_after: failed.as_ref().and_then(retry),
            cancel: asked.details.client.is_some(),
        });
        self.step_page(page, failed)
    }
}
