//! `/account/passkeys`, `/account/totp`, `/account/phone` and `/account/recovery-codes`: what people sign in with. All of it needs a sign-in that
//! is not long ago, with everything that the person has to prove.

use hallpass_core::sign_in::Method;
use hallpass_http::{Problem, Response, redirect, set_cookies};
use hallpass_provider::{
    browser::SetCookies,
    endpoints::{CodeRefused, NotTexted, Removed, Visited, Visitor, mailed::Reason},
};
use hallpass_store::{CredentialData, CredentialRecord};
use hallpass_types::{CredentialId, Params, Secret};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, path::ACCOUNT, posted::undecided, sign_up::peer};
use crate::{
    Page, time,
    view::{Credentials, PasskeyRow, SignInError},
};

/// A page of what people sign in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialPage {
    /// Passkeys.
    Passkeys,
    /// An authenticator app.
    Totp,
    /// A telephone.
    Phone,
    /// Recovery codes.
    RecoveryCodes,
}

impl CredentialPage {
    /// The page of what stands behind `/account` in a path.
    pub(super) fn of(rest: &str) -> Option<Self> {
        match rest {
            "/passkeys" => Some(Self::Passkeys),
            "/totp" => Some(Self::Totp),
            "/phone" => Some(Self::Phone),
            "/recovery-codes" => Some(Self::RecoveryCodes),
            _ => None,
        }
    }

    /// Every one.
    pub(super) const ALL: &'static [Self] = &[Self::Passkeys, Self::Totp, Self::RecoveryCodes];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Passkeys => "/passkeys",
            Self::Totp => "/totp",
            Self::Phone => "/phone",
            Self::RecoveryCodes => "/recovery-codes",
        }
    }

    const fn section(self) -> &'static str {
        match self {
            Self::Passkeys => "passkeys",
            Self::Totp => "totp",
            Self::Phone => "phone",
            Self::RecoveryCodes => "recovery",
        }
    }
}

/// What came of a form.
#[derive(Default)]
struct Outcome {
    error: Option<SignInError>,
    retry_after: Option<u32>,
    codes: Vec<Secret>,
    /// The offer that was not confirmed.
    offer: Option<String>,
    /// Where a code was sent just now.
    sent_to: Option<String>,
    /// The session goes on under another name.
    cookies: SetCookies,
}

impl PageRoutes {
    pub(super) async fn credentials<B>(
        &self,
        page: CredentialPage,
        head: &Head,
        body: B,
    ) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let browser = self.browser(head);
        let provider = self.provider();
        let posted = self.posted_if_sent(head, body).await?;
        let path = format!("{ACCOUNT}{}", page.path());
        let (visited, cookies) = provider.visit_to_change(&browser, &path).await?;
        let visitor = match visited {
            Visited::Here(visitor) => visitor,
            Visited::SignIn(answered) => return Ok(self.endpoints.answer(Ok(*answered))),
        };
        if page == CredentialPage::Phone && !provider.has_texts() {
            let failure = hallpass_provider::Failure::from(Reason::NotOffered);
            return Err(failure.into());
        }
        let outcome = match posted {
            None => Outcome::default(),
            Some(form) => {
                // The form says that it was made for this browser and this session.
                let sealed = form.get("form").unwrap_or_default();
                provider.own_form(sealed, &browser).await?;
                let outcome = self.credential_form(page, head, &visitor, &form).await?;
                let shows = !outcome.codes.is_empty() || outcome.sent_to.is_some();
                if outcome.error.is_none() && !shows {
                    let mut response = redirect(&self.pages.issuer().url(&path));
                    let cookies = &outcome.cookies;
                    set_cookies(response.headers_mut(), cookies, self.endpoints.cookies());
                    return Ok(response);
                }
                outcome
            }
        };
        let mut response = self
            .credentials_page(page, head, &visitor, &outcome)
            .await?;
        set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
        Ok(response)
    }

    async fn credential_form(
        &self,
        page: CredentialPage,
        head: &Head,
        visitor: &Visitor,
        form: &Params,
    ) -> Result<Outcome, Problem> {
        let provider = self.provider();
        let browser = self.browser(head);
        let account = visitor.account();
        let mut outcome = Outcome::default();
        match (page, form.get("do")) {
            (CredentialPage::Passkeys, Some("remove")) => {
                let removed = provider
                    .remove_credential(visitor, id(form)?, &browser)
                    .await?;
                if removed == Removed::LastWay {
                    outcome.error = Some(SignInError::LastWay);
                }
            }
            (CredentialPage::Passkeys, Some("rename")) => {
                let name = form.get("name").unwrap_or_default();
                provider
                    .rename_credential(visitor, id(form)?, name, &browser)
                    .await?;
            }
            (CredentialPage::Passkeys, None) => {
                let given = form.get("credential").ok_or_else(undecided)?;
                match provider.add_passkey(visitor, &browser, given).await? {
                    Ok((_, cookies)) => outcome.cookies = cookies,
                    Err(_) => outcome.error = Some(SignInError::PasskeyRefused),
                }
            }
            (CredentialPage::Totp, Some("remove")) => {
                let records = provider.credentials(&account.subject).await;
                let records = records.map_err(hallpass_provider::Failure::from)?;
                let is_app = |r: &&CredentialRecord| matches!(r.data, CredentialData::Totp(_));
                for record in records.iter().filter(is_app) {
                    provider
                        .remove_credential(visitor, record.id, &browser)
                        .await?;
                }
            }
            (CredentialPage::Totp, None) => {
                let offer = form.get("offer").ok_or_else(undecided)?;
                let code = form.get("code").unwrap_or_default();
                match provider.add_totp(visitor, (offer, code), &browser).await? {
                    Ok(cookies) => outcome.cookies = cookies,
                    Err(CodeRefused::Wrong) => outcome.error = Some(SignInError::WrongCode),
                    Err(CodeRefused::Throttled { retry_after }) => {
                        outcome.error = Some(SignInError::Throttled);
                        outcome.retry_after = Some(retry_after);
                    }
                }
                outcome.offer = Some(offer.to_owned());
            }
            (CredentialPage::Phone, does) => {
                self.phone_form(does, head, visitor, form, &mut outcome)
                    .await?;
            }
            (CredentialPage::RecoveryCodes, Some("new")) => {
                outcome.codes = provider.new_recovery_codes(visitor, &browser).await?;
            }
            (
                CredentialPage::Passkeys | CredentialPage::Totp | CredentialPage::RecoveryCodes,
                _,
            ) => return Err(undecided()),
        }
        Ok(outcome)
    }

    async fn phone_form(
        &self,
        does: Option<&str>,
        head: &Head,
        visitor: &Visitor,
        form: &Params,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let provider = self.provider();
        let browser = self.browser(head);
        match does {
            Some("send") => {
                let number = form.get("number").unwrap_or_default();
                let around = (&browser, peer(head));
                match provider.phone_asked(visitor, number, around).await? {
                    Ok(sent) => {
                        outcome.offer = Some(sent.sealed);
                        outcome.sent_to = Some(sent.to);
                    }
                    Err(NotTexted::Number) => outcome.error = Some(SignInError::Number),
                    Err(NotTexted::Throttled { retry_after }) => {
                        outcome.error = Some(SignInError::Throttled);
                        outcome.retry_after = Some(retry_after);
                    }
                }
            }
            Some("remove") => provider.remove_phone(visitor, &browser).await?,
            None => {
                let sealed = form.get("offer").ok_or_else(undecided)?;
                let code = form.get("code").unwrap_or_default();
                let added = provider.add_phone(visitor, (sealed, code), &browser);
                match added.await? {
                    Ok(cookies) => outcome.cookies = cookies,
                    Err(CodeRefused::Wrong) => {
                        outcome.error = Some(SignInError::WrongCode);
                        outcome.sent_to = provider.texted_to(visitor, sealed);
                        outcome.offer = Some(sealed.to_owned());
                    }
                    Err(CodeRefused::Throttled { retry_after }) => {
                        outcome.error = Some(SignInError::Throttled);
                        outcome.retry_after = Some(retry_after);
                    }
                }
            }
            Some(_) => return Err(undecided()),
        }
        Ok(())
    }

    async fn credentials_page(
        &self,
        page: CredentialPage,
        head: &Head,
        visitor: &Visitor,
        outcome: &Outcome,
    ) -> Result<Response, Problem> {
        let provider = self.provider();
        let browser = self.browser(head);
        let account = visitor.account();
        let bound_to = visitor.session_name();
        let records = provider.credentials(&account.subject).await;
        let records = records.map_err(hallpass_provider::Failure::from)?;
        let passkeys: Vec<(String, String, Option<String>, &CredentialRecord)> = records
            .iter()
            .filter(|record| matches!(record.data, CredentialData::Passkey(_)))
            .map(|record| {
                let used = record.last_used_at.map(time::minute);
                (
                    record.id.to_string(),
                    time::day(record.created_at),
                    used,
                    record,
                )
            })
            .collect();
        let rows: Vec<PasskeyRow<'_>> = passkeys
            .iter()
            .filter_map(|(id, added, used, record)| {
                let CredentialData::Passkey(key) = &record.data else {
                    return None;
                };
                Some(PasskeyRow {
                    id,
                    name: &record.name,
                    added,
                    used: used.as_deref(),
                    synced: key.backed_up,
                    cloned: key.cloned_at.is_some(),
                })
            })
            .collect();
        let totp_on = records
            .iter()
            .any(|record| matches!(record.data, CredentialData::Totp(_)));
        let totp_offered = provider.policy().sign_in.goes_on_with(Method::Totp);
        let (left, of) = records
            .iter()
            .find_map(|record| {
                let CredentialData::RecoveryCodes(codes) = &record.data else {
                    return None;
                };
                Some((codes.left.len(), codes.of))
            })
            .unwrap_or_default();
        let offer_passkey = if page == CredentialPage::Passkeys {
            provider
                .passkey_offer(account, bound_to, self.pages.name(), &browser)
                .await?
        } else {
            None
        };
        let again = outcome
            .offer
            .as_ref()
            .and_then(|sealed| provider.totp_offered(account, bound_to, sealed));
        let offer = match (page, again) {
            (CredentialPage::Totp, Some(offer)) => Some(offer),
            (CredentialPage::Totp, None) if !totp_on && totp_offered => {
                Some(provider.offer_totp(account, bound_to, self.pages.name())?)
            }
            (
                CredentialPage::Totp
                | CredentialPage::Passkeys
                | CredentialPage::Phone
                | CredentialPage::RecoveryCodes,
                _,
            ) => None,
        };
        let confirmed = records.iter().find_map(|record| {
            let CredentialData::Phone(phone) = &record.data else {
                return None;
            };
            Some(phone.number.masked())
        });
        let phone = outcome.sent_to.clone().or(confirmed).unwrap_or_default();
        let waits = outcome.offer.as_deref();
        let waits = waits.filter(|_| page == CredentialPage::Phone);
        let codes: Vec<&str> = outcome.codes.iter().map(Secret::expose).collect();
        let base = self.pages.issuer().path();
        let shown = Page::Credentials(Credentials {
            section: page.section(),
            action: &format!("{base}{ACCOUNT}{}", page.path()),
            form: &visitor.form,
            error: outcome.error,
            retry_after: outcome.retry_after.map(u64::from),
            passkeys: &rows,
            offer_passkey: offer_passkey.as_deref(),
            totp_on,
            totp_offered,
            secret: offer.as_ref().map_or("", |offer| &offer.secret),
            uri: offer.as_ref().map_or("", |offer| &offer.uri),
            offer: waits.unwrap_or_else(|| offer.as_ref().map_or("", |offer| &offer.sealed)),
            phone: &phone,
            codes: &codes,
            left,
            of,
        });
        let status = match outcome.error {
            Some(SignInError::Throttled) => StatusCode::TOO_MANY_REQUESTS,
            Some(_) | None => StatusCode::OK,
        };
        let mut response = self.page(status, shown);
        if let Some(seconds) = outcome.retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        Ok(response)
    }
}

fn id(form: &Params) -> Result<CredentialId, Problem> {
    let id = form.get("id").ok_or_else(undecided)?;
    CredentialId::parse(id).map_err(|_| undecided())
}
