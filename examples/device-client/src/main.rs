//! A program without a browser of its own: its person signs in on another device (RFC 8628).
//!
//! Start the example minimal, then `cargo run -p device-client -- http://localhost:3000`.

use std::{thread::sleep, time::Duration};

use walk::Browser;

fn main() {
    let issuer = std::env::args().nth(1).unwrap_or("http://localhost:3000".into());
    // Any HTTP client will do; this one is that of the examples' tests.
    let mut http = Browser::of(&issuer);
    // [device]
    let metadata = http.get("/.well-known/openid-configuration").json();
    let endpoint =
        |name: &str| metadata[name].as_str().expect("the provider has the device grant").to_owned();
    let asked = http
        .post(&endpoint("device_authorization_endpoint"), &[("client_id", "tv"), ("scope", "openid")])
        .json();
    let code = asked["device_code"].as_str().expect("a code");
    println!("{}", asked["verification_uri_complete"].as_str().expect("a place to go"));
    let mut pause = asked["interval"].as_u64().unwrap_or(5);
    loop {
        sleep(Duration::from_secs(pause));
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", "tv"),
            ("device_code", code),
        ];
        let answer = http.post(&endpoint("token_endpoint"), &form).json();
        match answer["error"].as_str() {
            None => {
                return println!(
                    "signed in as {}",
                    walk::claims(answer["id_token"].as_str().unwrap())["sub"]
                );
            }
            Some("authorization_pending") => {}
            Some("slow_down") => pause += 5,
            Some(other) => return println!("not signed in: {other}"),
        }
    }
    // [/device]
}
