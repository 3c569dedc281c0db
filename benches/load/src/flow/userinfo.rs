//! Claims for a user's access token (OpenID Connect Core §5.3).

use std::borrow::Cow;

use serde::Deserialize;

use super::authorization::{Request, SIGN_IN_SCOPE};
use super::{Flow, Laps, Prepared};
use crate::browser::Browser;
use crate::http::{Connection, Failure, Template};
use crate::job::{Endpoints, Job, parse};

/// Asks for the claims of one user.
#[derive(Clone, Debug)]
pub struct Userinfo {
    request: Template,
}

/// Gets an access token for no named resource through the code flow and makes the flows of a job.
///
/// # Errors
/// Whatever keeps the token from being issued.
pub async fn prepare(endpoints: &Endpoints, job: &Job) -> Result<Prepared<Userinfo>, Failure> {
    let visitor = job.visitor.clone().unwrap_or_default();
    let mut browsers = visitor.browsers;
    let cookies = browsers.first().cloned().unwrap_or_default();
    let mut browser = Browser::new(&parse(&endpoints.authorization_endpoint)?, cookies)?;
    let request = Request::new(endpoints, job, SIGN_IN_SCOPE)?;
    let tokens = request.tokens(&mut browser, &visitor.user, None).await?;
    if !job.plain_token().fits(&tokens.access_token) {
        return Err(Failure::step("token", "an access token of another kind"));
    }

    if let Some(cookies) = browsers.first_mut() {
        browser.cookies().clone_into(cookies);
    }

    let authorization = format!("Bearer {}", tokens.access_token);
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Accept", "application/json"),
    ];
    let request = Template::get(&parse(&endpoints.userinfo_endpoint)?, &headers);
    Ok(Prepared {
        server: endpoints.userinfo_endpoint.clone(),
        flows: vec![Userinfo { request }; job.concurrency],
        browsers,
    })
}

impl Flow for Userinfo {
    const STEPS: &'static [&'static str] = &["userinfo"];

    async fn once(&mut self, connection: &mut Connection, laps: &mut Laps) -> Result<(), Failure> {
        let response = connection.exchange(self.request.bare()).await?;
        laps.mark();
        let answer: Result<Answer<'_>, _> = serde_json::from_slice(response.body);
        match (response.status, answer) {
            (200, Ok(Answer { sub })) if !sub.is_empty() => Ok(()),
            _ => Err(Failure::unexpected("userinfo", &response)),
        }
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    sub: Cow<'a, str>,
}
