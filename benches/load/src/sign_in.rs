//! Signing browsers in before anything is measured.

use serde::{Deserialize, Serialize};

use crate::browser::{Browser, Cookie};
use crate::flow::authorization;
use crate::http::Failure;
use crate::job::{Job, parse};

/// Browsers with a live session.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SignedIn {
    /// The cookies of each.
    pub browsers: Vec<Vec<Cookie>>,
    /// How often a password had to be typed; none where the sessions were still alive.
    pub passwords: u32,
}

/// Signs in each of the visitor's browsers, through the server's own pages.
///
/// # Errors
/// Whatever stands in the way, such as a page that is neither the sign-in nor the consent page.
pub async fn sign_in(job: &Job) -> Result<SignedIn, Failure> {
    let endpoints = job.server.endpoints().await?;
    let request = authorization::Request::new(&endpoints, job, authorization::SIGN_IN_SCOPE)?;
    let visitor = job.visitor.clone().unwrap_or_default();
    let mut signed_in = SignedIn::default();
    for cookies in visitor.browsers {
        let server = parse(&endpoints.authorization_endpoint)?;
        let mut browser = Browser::new(&server, cookies)?;
        let _tokens = request.tokens(&mut browser, &visitor.user, None).await?;
        signed_in.passwords = signed_in.passwords.saturating_add(browser.passwords());
        signed_in.browsers.push(browser.cookies().to_vec());
    }
    Ok(signed_in)
}
