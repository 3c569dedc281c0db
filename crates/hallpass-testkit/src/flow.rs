//! Whole flows: signing in, consent, codes and tokens.

use hallpass_jose::{UnverifiedJws, base64url};
use hallpass_types::sha256;
use serde_json::Value;

use crate::{Answer, Ask, Browser, Op, assertion, fixture, html, wire};

/// The code verifier of every flow.
pub const VERIFIER: &str = "a-verifier-of-fifty-characters-for-the-fixture-000";

/// The S256 challenge of a verifier.
#[must_use]
pub fn challenge(verifier: &str) -> String {
    base64url::encode(sha256(verifier.as_bytes()))
}

/// A good authorization request, to be spoiled.
#[derive(Clone, Debug)]
pub struct Request(pub Vec<(String, String)>);

impl Request {
    /// What the client would send for a scope.
    #[must_use]
    pub fn of(client: &str, scope: &str) -> Self {
        let pairs = [
            ("client_id", client),
            ("response_type", "code"),
            ("redirect_uri", redirect_uri(client)),
            ("scope", scope),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", &challenge(VERIFIER)),
            ("code_challenge_method", "S256"),
        ];
        Self(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec())
    }

    /// With another value, or one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Without a parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(n, _)| n != name);
        self
    }

    /// With a parameter in addition, even if it is there already.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect()
    }

    /// As a GET.
    #[must_use]
    pub fn get(&self) -> Ask {
        Ask::query("/authorize", &self.pairs())
    }

    /// As a POST.
    #[must_use]
    pub fn post(&self) -> Ask {
        Ask::form("/authorize", &self.pairs())
    }
}

/// The first redirect URI of a fixture client, with a port where a native application would have one.
///
/// # Panics
/// There is no such client.
#[must_use]
pub fn redirect_uri(client: &str) -> &'static str {
    match client {
        "web" => fixture::WEB_CB,
        "web2" => "https://rp2.test/cb",
        "post" => "https://post.test/cb",
        "sjwt" => "https://sjwt.test/cb",
        "first" => "https://first.test/cb",
        "nopkce" => "https://nopkce.test/cb",
        "pair" => "https://pair.test/cb",
        "off" => "https://off.test/cb",
        "spa" => fixture::SPA_CB,
        "spa2" => "https://spa2.test/cb",
        "native" => "http://127.0.0.1:51004/cb",
        "loop" => "http://127.0.0.1:8000/cb",
        "pkjwt" => "https://pkjwt.test/cb",
        other => panic!("{other} is redirected nowhere"),
    }
}

/// What a token response holds.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// `access_token`.
    pub access: String,
    /// `refresh_token`.
    pub refresh: Option<String>,
    /// `id_token`.
    pub id: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
}

impl Tokens {
    /// Reads a token response.
    ///
    /// # Panics
    /// It is none.
    pub fn of(answer: &Answer) -> Self {
        Self::of_type(answer, "Bearer")
    }

    /// Reads a token response with that `token_type`.
    ///
    /// # Panics
    /// It is none.
    pub fn of_type(answer: &Answer, token_type: &str) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        assert_eq!(body["token_type"], token_type);
        assert!(body["expires_in"].is_i64());
        Self {
            access: text("access_token").expect("there is an access token"),
            refresh: text("refresh_token"),
            id: text("id_token"),
            scope: text("scope"),
        }
    }

    /// The refresh token.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn refresh(&self) -> &str {
        self.refresh.as_deref().expect("there is a refresh token")
    }

    /// The claims of the ID token.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn claims(&self) -> Value {
        assertion::payload(self.id.as_deref().expect("there is an ID token"))
    }
}

impl Browser {
    /// Goes through the pages until something leads out of them: types the name and password of a person, allows
    /// everything.
    ///
    /// # Panics
    /// A page is not as it should be, or there are too many of them.
    pub async fn through_pages(&mut self, person: &str, mut answer: Answer) -> Answer {
        for _ in 0..6 {
            if answer.status == 303 {
                if !answer
                    .location()
                    .starts_with(&format!("{}/", self.face.issuer))
                {
                    return answer;
                }
                answer = self.follow(&answer).await;
                continue;
            }
            let page = answer.text();
            let forms = html::forms(&page);
            answer = match forms.iter().map(|f| f.id.as_str()).next() {
                Some("login") => {
                    let typed = [
                        ("username", person),
                        ("password", fixture::password(person)),
                    ];
                    self.press(&page, "login", "sign-in", &typed).await
                }
                Some("consent") => self.press(&page, "consent", "allow", &[]).await,
                _ => return answer,
            };
        }
        panic!("too many pages: {}", answer.text());
    }

    /// Presses a button on a page.
    ///
    /// # Panics
    /// There is no such form or button.
    pub async fn press(
        &mut self,
        page: &str,
        form: &str,
        button: &str,
        typed: &[(&str, &str)],
    ) -> Answer {
        let ask = self.pressing(page, form, button, typed);
        self.send(ask).await
    }

    /// The request of [`Self::press`], to be sent when its moment comes.
    ///
    /// # Panics
    /// There is no such form or button.
    #[must_use]
    pub fn pressing(&self, page: &str, form: &str, button: &str, typed: &[(&str, &str)]) -> Ask {
        let form = html::form(page, form);
        let sent = form.press(button, typed);
        let pairs: Vec<(&str, &str)> = sent.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let target = form
            .action
            .strip_prefix(self.face.issuer.as_str())
            .unwrap_or(&form.action);
        Ask::form(target, &pairs)
            .header("Origin", &self.face.origin())
            .header("Sec-Fetch-Site", "same-origin")
    }

    /// Signs a person in, so that this browser has a session. The client is one that nobody is asked about.
    ///
    /// # Panics
    /// It does not work.
    pub async fn sign_in(&mut self, person: &str) {
        let answer = self.send(Request::of("first", "openid").get()).await;
        let answer = self.through_pages(person, answer).await;
        assert!(
            wire::param(answer.location(), "code").is_some(),
            "{}",
            answer.location()
        );
    }

    /// A code for a request, with sign-in and consent where they are asked for.
    ///
    /// # Panics
    /// There is none at the end.
    pub async fn code(&mut self, person: &str, request: &Request) -> String {
        let answer = self.send(request.get()).await;
        let answer = self.through_pages(person, answer).await;
        let location = answer.location();
        assert_eq!(
            wire::param(location, "iss").as_deref(),
            Some(self.face.issuer.as_str())
        );
        wire::param(location, "code").unwrap_or_else(|| panic!("no code: {location}"))
    }

    /// Redeems a code of a fixture client.
    pub async fn redeem(&mut self, client: &str, code: &str) -> Answer {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri(client)),
            ("code_verifier", VERIFIER),
        ];
        self.call(client, "/token", &pairs).await
    }

    /// Refreshes.
    pub async fn refresh(&mut self, client: &str, token: &str) -> Answer {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.call(client, "/token", &pairs).await
    }

    /// The whole code flow, and a look at what came of it.
    ///
    /// # Panics
    /// It does not work, or the tokens are not what was granted.
    pub async fn code_flow(&mut self, client: &str, scope: &str) -> Tokens {
        self.flow_of("alice", client, &Request::of(client, scope))
            .await
    }

    /// The code flow of a person for a request.
    ///
    /// # Panics
    /// As [`Self::code_flow`].
    pub async fn flow_of(&mut self, person: &str, client: &str, request: &Request) -> Tokens {
        let code = self.code(person, request).await;
        Tokens::of(&self.redeem(client, &code).await)
    }

    /// UserInfo with a token in the header.
    pub async fn userinfo(&mut self, token: &str) -> Answer {
        self.send(Ask::get("/userinfo").bearer(token)).await
    }

    /// Whether a client sees a token as active.
    ///
    /// # Panics
    /// The answer is neither a full one nor the one for everything that is not active.
    pub async fn is_active(&mut self, client: &str, token: &str) -> bool {
        let answer = self.call(client, "/introspect", &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        let active = body["active"].as_bool().expect("active is a boolean");
        assert!(active || answer.body == br#"{"active":false}"#, "{body}");
        active
    }
}

impl Op {
    /// Verifies an ID token as its client would: signature by the published keys, issuer, audience, times.
    ///
    /// # Panics
    /// It is not good.
    #[must_use]
    pub fn verified(&self, client: &str, id_token: &str) -> Value {
        let keys = self.provider.signing_keys();
        let jws = UnverifiedJws::parse(id_token).unwrap();
        let algorithm = jws.algorithm();
        let verified = jws
            .clone()
            .verify(&[algorithm], keys.public_of(jws.kid()))
            .expect("the signature is ours");
        let claims = Value::Object(verified.claims().unwrap().into_map());
        assert_eq!(claims["iss"], self.face.issuer.as_str());
        assert!(
            claims["aud"] == client || claims["aud"] == serde_json::json!([client]),
            "{claims}"
        );
        let now = self.clock.seconds();
        assert!(claims["exp"].as_i64().unwrap() > now && claims["iat"].as_i64().unwrap() <= now);
        claims
    }
}
