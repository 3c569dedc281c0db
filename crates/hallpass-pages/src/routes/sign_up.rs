//! `/sign-up`, `/recover` and `/link`: making an account, getting back into one, and the pages behind mailed links.
//!
//! Looking at a link uses nothing up; pressing its button does. Nothing of what these pages answer depends on whether an
//! account exists.

use std::net::IpAddr;

use hallpass_core::sign_in::Method;
use hallpass_http::{ClientAddr, Problem, Response, redirect, set_cookies};
use hallpass_provider::{
    endpoints::{
        InteractionDetails, LinkAnswer, LinkDetails, LinkUsed, MailAsked, NewcomerOffer,
        NewcomerRefused, Visited,
    },
    ports::{PageKind, Unfit},
};
use hallpass_types::{EmailAddress, ErrorCode, Params, Secret};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER, request::Parts as Head};
use http_body::Body;

use super::{
    PageRoutes, handle_of,
    path::{LINK, RECOVER},
    posted::undecided,
};
use crate::{
    Page, time,
    view::{AskMail, LinkDone, MailLink, MailSent, PeopleError, WayRow},
};

/// Why a form is shown again, and how.
pub(super) struct Again {
    pub(super) status: StatusCode,
    pub(super) error: PeopleError,
    pub(super) retry_after: Option<u32>,
    pub(super) least: Option<usize>,
}

impl Again {
    pub(super) const fn because(error: PeopleError) -> Self {
        Self {
            status: StatusCode::OK,
            error,
            retry_after: None,
            least: None,
        }
    }

    pub(super) const fn throttled(retry_after: u32) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(retry_after),
            ..Self::because(PeopleError::Throttled)
        }
    }

    pub(super) fn of(unfit: Unfit) -> Self {
        match unfit {
            Unfit::PasswordTooShort(least) => Self {
                least: Some(least),
                ..Self::because(PeopleError::TooShort)
            },
            Unfit::PasswordTooLong => Self::because(PeopleError::TooLong),
            Unfit::PasswordWeak => Self::because(PeopleError::Weak),
            Unfit::Claim => Self::because(PeopleError::Field),
            Unfit::Busy(retry_after) => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: Some(retry_after),
                ..Self::because(PeopleError::Busy)
            },
            Unfit::Taken | Unfit::Unknown | _ => Self::because(PeopleError::Busy),
        }
    }

    pub(super) fn wait(again: Option<&Self>, mut response: Response) -> Response {
        if let Some(seconds) = again.and_then(|again| again.retry_after) {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// The new password of a form, typed twice.
pub(super) fn new_password(form: &Params) -> Result<Secret, PeopleError> {
    let password = form.get("password").unwrap_or_default();
    if form.get("again") == Some(password) {
        Ok(Secret::new(password.to_owned()))
    } else {
        Err(PeopleError::Mismatch)
    }
}

pub(super) fn peer(head: &Head) -> Option<IpAddr> {
    head.extensions.get::<ClientAddr>().map(|peer| peer.0)
}

/// The token in a link's address.
fn token_of(head: &Head) -> Result<&str, Problem> {
    let query = head.uri.query().unwrap_or_default();
    let token = query.strip_prefix("token=").filter(|t| !t.contains('&'));
    token.ok_or_else(|| {
        Problem::refused(
            400,
            ErrorCode::InvalidRequest,
            "link_over",
            "this link does not work any more",
        )
    })
}

impl PageRoutes {
    pub(super) async fn sign_up<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = self.posted_if_sent(head, body).await?;
        let handle = handle_of(head)?;
        let browser = self.browser(head);
        let provider = self.provider();
        let details = provider.sign_up_details(handle, &browser).await?;
        let asking = Asking {
            sign_up: true,
            handle: Some(handle),
            details: Some(&details),
            offer: None,
        };
        let mut asking = asking;
        asking.offer = provider
            .passkey_sign_up_offer(handle, &browser, self.pages.name())
            .await?;
        let Some(form) = posted else {
            let typed = details.login_hint.as_deref().unwrap_or_default();
            return Ok(self.ask_mail(&asking, typed, None));
        };
        if let Some(given) = form.get("credential") {
            return self.passkey_sign_up(head, &asking, &form, given).await;
        }
        let typed = form.get("email").unwrap_or_default();
        let Ok(address) = EmailAddress::parse(typed) else {
            let again = Again::because(PeopleError::Address);
            return Ok(self.ask_mail(&asking, typed, Some(again)));
        };
        let asked = provider.sign_up_asked(handle, &browser, &address, peer(head));
        Ok(match asked.await? {
            MailAsked::Accepted => self.mail_sent("sign_up", &address, Some(handle)),
            MailAsked::Throttled { retry_after } => {
                self.ask_mail(&asking, typed, Some(Again::throttled(retry_after)))
            }
        })
    }

    pub(super) async fn recover<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = self.posted_if_sent(head, body).await?;
        let provider = self.provider();
        provider.recovery()?;
        let browser = self.browser(head);
        let handle = handle_of(head).ok();
        let details = match handle {
            Some(handle) => Some(provider.interaction_details(handle, &browser).await?),
            None => None,
        };
        let asking = Asking {
            sign_up: false,
            handle,
            details: details.as_ref(),
            offer: None,
        };
        let Some(form) = posted else {
            return Ok(self.ask_mail(&asking, "", None));
        };
        let typed = form.get("email").unwrap_or_default();
        let Ok(address) = EmailAddress::parse(typed) else {
            let again = Again::because(PeopleError::Address);
            return Ok(self.ask_mail(&asking, typed, Some(again)));
        };
        let asked = provider.recovery_asked(handle, &browser, &address, peer(head));
        Ok(match asked.await? {
            MailAsked::Accepted => self.mail_sent("recover", &address, handle),
            MailAsked::Throttled { retry_after } => {
                self.ask_mail(&asking, typed, Some(Again::throttled(retry_after)))
            }
        })
    }

    /// Somebody made a passkey, and with it an account.
    async fn passkey_sign_up(
        &self,
        head: &Head,
        asking: &Asking<'_>,
        form: &Params,
        given: &str,
    ) -> Result<Response, Problem> {
        let browser = self.browser(head);
        let made = (form.get("offer").unwrap_or_default(), given);
        let name = form.get("name").unwrap_or_default();
        let handle = asking.handle.unwrap_or_default();
        let provider = self.provider();
        let asked = provider.passkey_sign_up(handle, &browser, made, name, peer(head));
        let again = match asked.await? {
            Ok((subject, answered)) => {
                if answered.cookies.session.is_some() {
                    self.report(head, "success", Some(&subject));
                }
                return Ok(self.endpoints.answer(Ok(answered)));
            }
            Err(NewcomerRefused::Passkey) => Again::because(PeopleError::Passkey),
            Err(NewcomerRefused::Throttled(seconds)) => Again::throttled(seconds),
            Err(NewcomerRefused::Unfit(unfit)) => Again::of(unfit),
        };
        Ok(self.ask_mail(asking, "", Some(again)))
    }

    fn ask_mail(&self, asking: &Asking<'_>, typed: &str, again: Option<Again>) -> Response {
        let action = match (asking.sign_up, asking.handle) {
            (true, handle) => self
                .pages
                .action(PageKind::SignUp, handle.unwrap_or_default()),
            (false, handle) => self.recover_path(handle),
        };
        let sign_in = asking
            .handle
            .map(|handle| self.pages.action(PageKind::Login, handle));
        let client = asking.details.filter(|details| !details.own);
        let page = Page::AskMail(AskMail {
            sign_up: asking.sign_up,
            action: &action,
            address: typed,
            error: again.as_ref().map(|again| again.error),
            retry_after: again
                .as_ref()
                .and_then(|again| again.retry_after)
                .map(u64::from),
            client: client.map(|details| self.pages.client(&details.client)),
            sign_in: sign_in.as_deref(),
            passkey: asking.offer.as_ref().map(|offer| offer.options.as_str()),
            offer: asking.offer.as_ref().map_or("", |offer| &offer.sealed),
        });
        let status = again.as_ref().map_or(StatusCode::OK, |again| again.status);
        Again::wait(again.as_ref(), self.page(status, page))
    }

    /// The same, where it is offered.
    pub(super) fn recover_link(&self, handle: Option<&str>) -> Option<String> {
        let offered = self.provider().policy().people.recovery;
        offered.then(|| self.recover_path(handle))
    }

    /// The page to get back into an account, within a request or without.
    pub(super) fn recover_path(&self, handle: Option<&str>) -> String {
        let base = self.pages.issuer().path();
        match handle {
            Some(handle) => format!("{base}{RECOVER}?handle={handle}"),
            None => format!("{base}{RECOVER}"),
        }
    }

    pub(super) fn mail_sent(
        &self,
        purpose: &str,
        address: &EmailAddress,
        handle: Option<&str>,
    ) -> Response {
        let lifetime = self.provider().policy().people.link_lifetime;
        let back = handle.map(|handle| self.pages.action(PageKind::Login, handle));
        let page = Page::MailSent(MailSent {
            purpose,
            address: address.as_str(),
            lifetime: u64::try_from(lifetime).unwrap_or_default(),
            back: back.as_deref(),
        });
        self.page(StatusCode::OK, page)
    }

    pub(super) async fn link<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = self.posted_if_sent(head, body).await?;
        let token = token_of(head)?;
        let browser = self.browser(head);
        let provider = self.provider();
        let details = provider
            .link_details(token, self.pages.name(), &browser)
            .await?;
        if details.purpose.as_str() == "new_address" {
            let path = format!("{LINK}?token={token}");
            let (visited, cookies) = provider.visit(&browser, &path, false).await?;
            if let Visited::SignIn(answered) = visited {
                return Ok(self.endpoints.answer(Ok(*answered)));
            }
            if posted.is_none() {
                let mut response = self.link_page(token, &details, "", None);
                set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
                return Ok(response);
            }
        }
        let Some(form) = posted else {
            let mut response = self.link_page(token, &details, "", None);
            set_cookies(
                response.headers_mut(),
                &details.cookies,
                self.endpoints.cookies(),
            );
            return Ok(response);
        };
        if form.get("confirm") != Some("yes") {
            return Err(undecided());
        }
        let name = form.get("name").unwrap_or_default();
        let made = form.get("credential").map(|given| {
            let sealed = form.get("offer").unwrap_or_default();
            (given.to_owned(), sealed.to_owned())
        });
        let password = match details.purpose.as_str() {
            _ if made.is_some() => None,
            "sign_up" | "invitation" | "recover" => match new_password(&form) {
                Ok(password) => Some(password),
                Err(error) => {
                    let again = Again::because(error);
                    return Ok(self.link_page(token, &details, name, Some(again)));
                }
            },
            _ => None,
        };
        let answer = LinkAnswer {
            password,
            passkey: made,
            name: Some(name.to_owned()),
            peer: peer(head),
        };
        let used = provider.link_used(token, &browser, answer).await?;
        let account = self.pages.issuer().url("/account");
        Ok(match used {
            LinkUsed::Answered(answered) => self.endpoints.answer(Ok(*answered)),
            LinkUsed::Account(cookies) => {
                let mut response = redirect(&account);
                set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
                response
            }
            LinkUsed::Done { back, ways } => {
                let days: Vec<String> = ways.iter().map(|way| time::day(way.added)).collect();
                let rows: Vec<WayRow<'_>> = ways
                    .iter()
                    .zip(&days)
                    .filter_map(|(way, added)| {
                        Some(WayRow {
                            kind: kind_of(way.method)?,
                            count: way.count,
                            added,
                        })
                    })
                    .collect();
                let page = Page::LinkDone(LinkDone {
                    purpose: details.purpose.as_str(),
                    next: back.as_deref().unwrap_or(&account),
                    ways: &rows,
                });
                self.page(StatusCode::OK, page)
            }
            LinkUsed::PasskeyRefused => {
                let again = Again::because(PeopleError::Passkey);
                self.link_page(token, &details, name, Some(again))
            }
            LinkUsed::Unfit(unfit) => self.link_page(token, &details, name, Some(Again::of(unfit))),
        })
    }

    fn link_page(
        &self,
        token: &str,
        details: &LinkDetails,
        name: &str,
        again: Option<Again>,
    ) -> Response {
        let base = self.pages.issuer().path();
        let page = Page::MailLink(MailLink {
            purpose: details.purpose.as_str(),
            action: &format!("{base}{LINK}?token={token}"),
            address: details.address.as_str(),
            name,
            least: again.as_ref().and_then(|again| again.least),
            password: details.password,
            passkey: details.passkey.as_ref().map(|offer| offer.options.as_str()),
            offer: details.passkey.as_ref().map_or("", |offer| &offer.sealed),
            error: again.as_ref().map(|again| again.error),
        });
        let status = again.as_ref().map_or(StatusCode::OK, |again| again.status);
        Again::wait(again.as_ref(), self.page(status, page))
    }
}

/// The kind of a way to sign in as pages call it.
const fn kind_of(method: Method) -> Option<&'static str> {
    match method {
        Method::Passkey => Some("passkeys"),
        Method::Totp => Some("totp"),
        Method::Sms => Some("phone"),
        Method::RecoveryCode => Some("recovery"),
        Method::Upstream => Some("linked"),
        Method::Password | Method::EmailCode | Method::MagicLink | Method::Other | _ => None,
    }
}

/// What a page that asks for an address is about.
struct Asking<'a> {
    sign_up: bool,
    handle: Option<&'a str>,
    details: Option<&'a InteractionDetails>,
    /// Where an account needs no mail address.
    offer: Option<NewcomerOffer>,
}
