//! Authenticator apps, recovery codes, and requests that want more.

use hallpass_core::sign_in::totp;
use hallpass_load::browser::User;
use serde_json::json;

use crate::walk::{Shop, Walk};

const ONE: &str = "urn:example:one";
const TWO: &str = "urn:example:two";

/// An authenticator app.
struct App {
    secret: Vec<u8>,
    /// The step of the last code, which opens once.
    last: u64,
}

impl App {
    /// Reads what the page shows.
    async fn set_up(walk: &Walk) -> Self {
        let text = walk.browser.text("#totp-secret").await;
        let mut secret = Vec::new();
        let (mut bits, mut held) = (0_u32, 0);
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            let digit = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap();
            bits = (bits << 5) | digit as u32;
            held += 5;
            if held >= 8 {
                held -= 8;
                secret.push((bits >> held) as u8);
                bits &= (1 << held) - 1;
            }
        }
        Self { secret, last: 0 }
    }

    /// A code that was not used yet. There are two of them at a time: the second is the one of the step that comes.
    #[expect(
        clippy::disallowed_methods,
        reason = "the app of a person has the time of day"
    )]
    fn code(&mut self) -> String {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let now = hallpass_types::Timestamp(i64::try_from(now.as_secs()).unwrap());
        self.last = totp::step_at(now).max(self.last + 1);
        String::from_utf8(totp::code(&self.secret, self.last).to_vec()).unwrap()
    }
}

// S50, L27, S9
#[tokio::test]
async fn s50_a_person_sets_an_app_up_and_signs_in_with_as_much_as_is_asked_for() {
    let values = json!([ONE, TWO]).to_string();
    let (bank, clients) = Shop::configured("Bank", "second_factor = \"required\"");
    let settings = [
        ("HALLPASS__PROTOCOL__ACR_VALUES", values.as_str()),
        // The browser forgets itself again and again here; whether it is known is tried elsewhere.
        ("HALLPASS__SIGN_IN__CONFIRM_NEW_DEVICE", "false"),
        ("HALLPASS__CLIENTS", clients.as_str()),
    ];
    let Some(walk) = Walk::start("walk-credentials", true, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let shop = Shop::register(&walk, "Corner Shop").await;

    // Set up, with a slip.
    walk.open("/account/totp").await;
    walk.sign_in().await;
    let mut app = App::set_up(&walk).await;
    browser.find(".totp-qr svg").await;
    walk.look("totp").await;
    browser.fill("input#code", "000000").await;
    browser.click("button#turn-on").await;
    browser.find("#sign-in-error[data-error=wrong_code]").await;
    walk.look("totp-wrong").await;
    browser.fill("input#code", &app.code()).await;
    browser.click("button#turn-on").await;
    // From now on the account wants both; here both were just shown.
    browser.find("#totp-on").await;
    walk.look("totp-on").await;

    // Codes for the day on which the app is lost.
    walk.open("/account/recovery-codes").await;
    browser.find("#codes-left").await;
    walk.look("recovery-codes-none").await;
    browser.click("button#make-codes").await;
    browser.find("#codes").await;
    walk.look("recovery-codes").await;
    let codes = browser
        .script("return [...document.querySelectorAll('#codes code')].map((x) => x.textContent)")
        .await;
    let codes: Vec<String> = serde_json::from_value(codes).unwrap();
    assert!(codes.len() >= 8, "{codes:?}");
    browser.click("a#done").await;
    browser.find("#codes-left").await;

    // The password is not enough.
    browser.forget().await;
    shop.ask(&walk, "openid", &[]).await;
    walk.sign_in().await;
    browser.find("form#second").await;
    walk.look("second-step").await;
    browser.fill("input#code", "000000").await;
    browser.click("button#send-code").await;
    browser.find("#sign-in-error[data-error=wrong_code]").await;
    walk.look("second-step-wrong").await;
    browser.click(".other-way summary").await;
    walk.look("second-step-recovery").await;
    browser.fill("input#recovery-code", &codes[0]).await;
    browser.click("button#send-recovery").await;
    browser.click("button#allow").await;
    let claims = &shop.tokens(&walk).await["claims"];
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims["acr"], TWO);

    // S9: nobody is asked again, until a request wants a sign-in that is not from before.
    shop.ask(&walk, "openid", &[("prompt", "none")]).await;
    let before = shop.tokens(&walk).await;
    shop.ask(&walk, "openid", &[("max_age", "0")]).await;
    walk.sign_in().await;
    browser.click(".other-way summary").await;
    browser.fill("input#recovery-code", &codes[1]).await;
    browser.click("button#send-recovery").await;
    let again = shop.tokens(&walk).await;
    assert!(again["claims"]["auth_time"].as_i64() >= before["claims"]["auth_time"].as_i64());

    // L27: a recovery code opens once.
    browser.forget().await;
    shop.ask(&walk, "openid", &[("acr_values", TWO)]).await;
    walk.sign_in().await;
    browser.click(".other-way summary").await;
    browser.fill("input#recovery-code", &codes[0]).await;
    browser.click("button#send-recovery").await;
    browser.find("#sign-in-error[data-error=wrong_code]").await;
    browser.click(".other-way summary").await;
    browser.fill("input#recovery-code", &codes[2]).await;
    browser.click("button#send-recovery").await;
    assert_eq!(shop.tokens(&walk).await["claims"]["acr"], TWO);
    walk.open("/account/recovery-codes").await;
    let left = browser.text("#codes-left").await;
    let expected = (codes.len() - 3).to_string();
    assert!(left.contains(&expected), "{left}");

    // Without the app it is the password alone.
    walk.open("/account/totp").await;
    browser.click("button#turn-off").await;
    browser.find("#totp-secret").await;
    browser.forget().await;
    shop.ask(&walk, "openid", &[("acr_values", ONE)]).await;
    walk.sign_in().await;
    let claims = &shop.tokens(&walk).await["claims"];
    assert_eq!(claims["acr"], ONE);
    let essential = json!({ "id_token": { "acr": { "essential": true, "value": TWO } } });
    let claims = essential.to_string();
    shop.ask(&walk, "openid", &[("claims", &claims)]).await;
    // Whoever wants more gets it: this person still has codes.
    browser.find("details[open] form#recovery").await;
    walk.look("second-step-codes-alone").await;
    browser.fill("input#recovery-code", &codes[3]).await;
    browser.click("button#send-recovery").await;
    assert_eq!(shop.tokens(&walk).await["claims"]["acr"], TWO);
    // Somebody else has nothing but a password.
    let ada = User {
        username: "ada@example.org".to_owned(),
        password: "an analytical engine".to_owned(),
    };
    browser.forget().await;
    shop.ask(&walk, "openid", &[]).await;
    walk.sign_up(&ada.username, "Ada", &ada.password).await;
    browser.click("button#allow").await;
    shop.answer(&walk).await;
    browser.forget().await;
    shop.ask(&walk, "openid", &[("claims", &claims)]).await;
    walk.sign_in_as(&ada).await;
    let refused = shop.answer(&walk).await;
    let said = "error=unmet_authentication_requirements";
    assert!(refused.as_str().contains(said), "{refused}");
    // An application that always wants two has it set up on the way.
    bank.ask(&walk, "openid", &[]).await;
    walk.sign_in_as(&ada).await;
    browser.find("form#enrol").await;
    walk.look("enrol").await;
    let mut app = App::set_up(&walk).await;
    browser.fill("input#code", &app.code()).await;
    browser.click("button#turn-on").await;
    browser.click("button#allow").await;
    let claims = &bank.tokens(&walk).await["claims"];
    assert_eq!(claims["acr"], TWO);
}
