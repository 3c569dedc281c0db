//! Answers of the authorization endpoint on their way: errors to a page or to the client, and signed ones.

use hallpass_core::{
    authorize::{AuthorizationResponse, Ready, Redirect, Unidentified, respond},
    client::{Client, Signed},
};

use super::authorize::{Answer, Answered, PageError};
use crate::{Failure, Provider, Refusal, browser::SetCookies, ports::Event};

/// An error that a person sees before the client does.
#[derive(Clone, Debug)]
pub struct Held {
    /// What is shown.
    pub refusal: Refusal,
    /// The answer to the client, where a person can send it.
    pub back: Option<Back>,
}

/// An answer to a client that a person sends on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Back {
    /// By following this link.
    Link(String),
    /// By posting its [fields](AuthorizationResponse::fields) to the redirect URI.
    Form(Box<AuthorizationResponse>),
}

impl Provider {
    pub(crate) fn page_error(&self, refusal: Refusal) -> Answered {
        self.emit(&Event::Refused {
            endpoint: "authorize",
            reason: refusal.id,
            client: None,
        });
        Answered {
            answer: Answer::Error(PageError(refusal)),
            cookies: SetCookies::default(),
        }
    }

    /// An error for the client. `held`: it goes there only when a person says so.
    pub(super) async fn refused(
        &self,
        redirect: &Redirect,
        held: bool,
    ) -> Result<Answered, Failure> {
        let mut answered = self.respond_error(redirect).await?;
        if held
            && let Answer::Respond(response) = &answered.answer
            // A message goes to the window that waits for it: nobody is sent anywhere.
            && response.message().is_none()
        {
            //= RFC9700#4.11.2 MAY: the person decides whether to go on
            answered.answer = Answer::Held(Held {
                refusal: redirect.reason().into(),
                back: match response.carried(&self.inner.policy) {
                    Some(Ready::Redirect(url)) => Some(Back::Link(url)),
                    Some(_) => None,
                    None => match response.location() {
                        Some(url) => Some(Back::Link(url)),
                        None => response
                            .fields()
                            .is_some()
                            .then(|| Back::Form(response.clone())),
                    },
                },
            });
        }
        Ok(answered)
    }

    async fn respond_error(&self, redirect: &Redirect) -> Result<Answered, Failure> {
        self.emit(&Event::Refused {
            endpoint: "authorize",
            reason: redirect.reason().id(),
            client: Some(redirect.client_id()),
        });
        let policy = &self.inner.policy;
        let mut response = redirect.respond(policy);
        if response.mode.is_jwt() {
            // The client went away in this very moment: nobody knows how to sign for it.
            let Some(client) = self.client(redirect.client_id()).await? else {
                return Ok(self.page_error(Unidentified::ClientUnknown.into()));
            };
            response = self.travelling(response, &client).await?;
        }
        Ok(Answered {
            answer: Answer::Respond(Box::new(response)),
            cookies: SetCookies::default(),
        })
    }

    /// The answer in the form in which it travels: in a mode that signs, its parameters become one. Whatever else goes
    /// into an answer was added before.
    pub(super) async fn travelling(
        &self,
        response: AuthorizationResponse,
        client: &Client,
    ) -> Result<AuthorizationResponse, Failure> {
        if !response.mode.is_jwt() {
            return Ok(response);
        }
        let claims = respond::jwt::claims(&response, client, &self.inner.policy, self.now());
        let jwt = self
            .sign_and_maybe_encrypt(client, Signed::Authorization, &claims)
            .await?;
        Ok(response.sealed(jwt))
    }
}
