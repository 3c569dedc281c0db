//! The steps after the first.

use hallpass_core::sign_in::Method;
use hallpass_http::{Problem, Response};
use hallpass_provider::{
    endpoints::{CodeRefused, NotTexted},
    ports::{PageKind, PasswordChoice, PasswordRefused},
};
use hallpass_types::{Params, Secret};

use super::{Asked, Failed, retry};
use crate::{
    Page,
    routes::{PageRoutes, sign_up::peer},
    view::{Enrol, NewPassword, PasswordProblem, SecondStep, SignInError},
};

impl PageRoutes {
    pub(super) async fn second_step(
        &self,
        asked: &Asked<'_>,
        methods: &[Method],
        posted: Option<Params>,
    ) -> Result<Response, Problem> {
        let Some(form) = posted else {
            return Ok(self.second_page(asked, methods, None));
        };
        if let Some(given) = form.get("credential") {
            return match self.passkey_step(asked, given).await? {
                Ok(response) => Ok(response),
                Err(failed) => Ok(self.second_page(asked, methods, Some(failed))),
            };
        }
        if methods.contains(&Method::EmailCode)
            && let Some(response) = self.second_by_mail(asked, methods, &form).await?
        {
            return Ok(response);
        }
        if methods.contains(&Method::Sms)
            && let Some(response) = self.second_by_text(asked, methods, &form).await?
        {
            return Ok(response);
        }
        let given = [("code", Method::Totp), ("recovery", Method::RecoveryCode)]
            .into_iter()
            .find_map(|(name, method)| form.get(name).map(|typed| (method, typed)))
            .filter(|(method, _)| methods.contains(method));
        let Some((method, typed)) = given else {
            let failed = Failed::refused(SignInError::WrongCode);
            return Ok(self.second_page(asked, methods, Some(failed)));
        };
        let given = self
            .provider()
            .code_given(asked.handle, asked.browser, method, typed)
            .await?;
        let failed = match given {
            Ok(answered) => {
                let account = asked.details.account.as_ref();
                return Ok(match account {
                    Some(account) => self.gone_on(asked, &account.subject, answered),
                    None => self.endpoints.answer(Ok(answered)),
                });
            }
            Err(CodeRefused::Wrong) => Failed::refused(SignInError::WrongCode),
            Err(CodeRefused::Throttled { retry_after }) => Failed::throttled(retry_after),
        };
        self.report(asked.head, failed.outcome, None);
        Ok(self.second_page(asked, methods, Some(failed)))
    }

    /// A code by mail as the second step; none where the form is about something else.
    async fn second_by_mail(
        &self,
        asked: &Asked<'_>,
        methods: &[Method],
        form: &Params,
    ) -> Result<Option<Response>, Problem> {
        let provider = self.provider();
        if let Some(waiting) = form.get("waiting") {
            let code = form.get("mail_code").unwrap_or_default();
            let entered = provider
                .second_code_entered(asked.handle, asked.browser, waiting, code)
                .await?;
            let account = asked.details.account.as_ref();
            return Ok(Some(match (entered, account) {
                (Some(answered), Some(account)) => self.gone_on(asked, &account.subject, answered),
                (Some(answered), None) => self.endpoints.answer(Ok(answered)),
                (None, _) => {
                    let failed = Failed::refused(SignInError::WrongCode);
                    self.report(asked.head, failed.outcome, None);
                    self.mail_code_page(asked, waiting, None, Some(failed))
                }
            }));
        }
        if form.get("way") != Some("email_code") {
            return Ok(None);
        }
        let waits = provider
            .second_code_asked(asked.handle, asked.browser, peer(asked.head))
            .await?;
        Ok(Some(match waits {
            Ok(waiting) => self.mail_code_page(asked, &waiting, None, None),
            Err(retry_after) => {
                self.second_page(asked, methods, Some(Failed::throttled(retry_after)))
            }
        }))
    }

    /// A code on the telephone as the second step; none where the form is about something else.
    async fn second_by_text(
        &self,
        asked: &Asked<'_>,
        methods: &[Method],
        form: &Params,
    ) -> Result<Option<Response>, Problem> {
        let provider = self.provider();
        if let Some(sealed) = form.get("text") {
            let code = form.get("mail_code").unwrap_or_default();
            let entered = provider
                .second_text_entered(asked.handle, asked.browser, (sealed, code))
                .await?;
            let failed = match entered {
                Ok(answered) => {
                    let account = asked.details.account.as_ref();
                    return Ok(Some(match account {
                        Some(account) => self.gone_on(asked, &account.subject, answered),
                        None => self.endpoints.answer(Ok(answered)),
                    }));
                }
                Err(CodeRefused::Wrong) => Failed::refused(SignInError::WrongCode),
                Err(CodeRefused::Throttled { retry_after }) => Failed::throttled(retry_after),
            };
            self.report(asked.head, failed.outcome, None);
            return Ok(Some(self.text_code_page(asked, sealed, None, Some(failed))));
        }
        if form.get("way") != Some("sms") {
            return Ok(None);
        }
        let around = (asked.browser, peer(asked.head));
        let sent = provider.second_text_asked(asked.handle, around).await?;
        let failed = match sent {
            Ok(sent) => {
                let to = Some(sent.to.as_str());
                return Ok(Some(self.text_code_page(asked, &sent.sealed, to, None)));
            }
            Err(NotTexted::Number) => Failed::refused(SignInError::Number),
            Err(NotTexted::Throttled { retry_after }) => Failed::throttled(retry_after),
        };
        Ok(Some(self.second_page(asked, methods, Some(failed))))
    }

    fn second_page(
        &self,
        asked: &Asked<'_>,
        methods: &[Method],
        failed: Option<Failed>,
    ) -> Response {
        let page = Page::SecondStep(SecondStep {
            action: &self.pages.action(PageKind::Login, asked.handle),
            account: name(asked),
            totp: methods.contains(&Method::Totp),
            recovery: methods.contains(&Method::RecoveryCode),
            mail_code: methods.contains(&Method::EmailCode),
            text: methods.contains(&Method::Sms),
            passkey: asked.details.passkey.as_deref(),
            error: failed.as_ref().map(|failed| failed.error),
            retry_after: failed.as_ref().and_then(retry),
            cancel: asked.details.client.is_some(),
        });
        self.step_page(page, failed)
    }

    pub(super) async fn new_password(
        &self,
        asked: &Asked<'_>,
        posted: Option<Params>,
    ) -> Result<Response, Problem> {
        let Some(form) = posted else {
            return Ok(self.new_password_page(asked, None, None));
        };
        let Some(password) = form.get("new_password") else {
            return Ok(self.new_password_page(asked, None, None));
        };
        let provider = self.provider();
        let account = provider
            .new_password_for(asked.handle, asked.browser)
            .await?;
        let Some(account) = account else {
            return Ok(self.new_password_page(asked, None, None));
        };
        let choice = PasswordChoice {
            issuer: provider.issuer_id(),
            account: &account,
            password: &Secret::new(password.to_owned()),
            peer: peer(asked.head),
        };
        let chosen = self
            .sign_in
            .choose_password(choice)
            .await
            .map_err(hallpass_provider::Failure::from)?;
        let (problem, failed) = match chosen {
            Ok(chosen) => {
                let answered = provider
                    .password_chosen(asked.handle, asked.browser, chosen)
                    .await?;
                return Ok(self.gone_on(asked, &account.subject, answered));
            }
            Err(PasswordRefused::TooShort(least)) => (PasswordProblem::TooShort(least), None),
            Err(PasswordRefused::TooLong(most)) => (PasswordProblem::TooLong(most), None),
            Err(PasswordRefused::TooCommon) => (PasswordProblem::TooCommon, None),
            Err(PasswordRefused::Unchanged) => (PasswordProblem::Unchanged, None),
            Err(PasswordRefused::Busy { retry_after }) => {
                (PasswordProblem::Busy, Some(Failed::busy(retry_after)))
            }
            Err(_) => (PasswordProblem::TooCommon, None),
        };
        Ok(self.new_password_page(asked, Some(problem), failed))
    }

    fn new_password_page(
        &self,
        asked: &Asked<'_>,
        problem: Option<PasswordProblem>,
        failed: Option<Failed>,
    ) -> Response {
        let page = Page::NewPassword(NewPassword {
            action: &self.pages.action(PageKind::Login, asked.handle),
            account: name(asked),
            problem,
            cancel: asked.details.client.is_some(),
        });
        self.step_page(page, failed)
    }

    pub(super) async fn enrol(
        &self,
        asked: &Asked<'_>,
        posted: Option<Params>,
    ) -> Result<Response, Problem> {
        let provider = self.provider();
        let Some(account) = &asked.details.account else {
            return Err(Problem::from(hallpass_provider::Failure::Internal(
                "somebody unknown is to set up a second factor".to_owned(),
            )));
        };
        let mut failed = None;
        let mut offer = None;
        if let Some(form) = &posted
            && let (Some(sealed), Some(code)) = (form.get("offer"), form.get("code"))
        {
            let given = provider
                .totp_enrolled(asked.handle, asked.browser, sealed, code)
                .await?;
            match given {
                Ok(answered) => return Ok(self.gone_on(asked, &account.subject, answered)),
                Err(CodeRefused::Wrong) => failed = Some(Failed::refused(SignInError::WrongCode)),
                Err(CodeRefused::Throttled { retry_after }) => {
                    failed = Some(Failed::throttled(retry_after));
                }
            }
            offer = provider.totp_offered(account, asked.handle, sealed);
        }
        let offer = match offer {
            Some(offer) => offer,
            None => provider.offer_totp(account, asked.handle, self.pages.name())?,
        };
        let page = Page::Enrol(Enrol {
            action: &self.pages.action(PageKind::Login, asked.handle),
            account: name(asked),
            secret: &offer.secret,
            uri: &offer.uri,
            offer: &offer.sealed,
            error: failed.as_ref().map(|failed| failed.error),
            retry_after: failed.as_ref().and_then(retry),
            cancel: asked.details.client.is_some(),
        });
        Ok(self.step_page(page, failed))
    }
}

fn name<'a>(asked: &Asked<'a>) -> &'a str {
    let account = asked.details.account.as_ref();
    account.map_or("", |account| account.display_name.as_str())
}
