//! Prints how many tokens one thread signs a second, with each algorithm.
//!
//! `cargo run --release -p hallpass-jose --example sign_rate [SECONDS]`

#![expect(clippy::print_stdout, reason = "it is what this program does")]

use std::error::Error;
use std::time::{Duration, Instant};

use hallpass_jose::{HmacKey, JwsAlgorithm, SigningKey, UnverifiedJws};

const CLAIMS: &[u8] = br#"{"iss":"https://op.example","sub":"248289761001","aud":"https://api.example","client_id":"s6BhdRkqt3","scope":"openid profile","iat":1700000000,"exp":1700000300,"jti":"dbe39bf3a3ba4238a513f51d6e1691c4"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?;
    let duration = Duration::from_secs(seconds);
    println!("{:<6} {:>12} {:>12}", "alg", "signs/s", "verifies/s");
    for &algorithm in JwsAlgorithm::ALL {
        let (signs, verifies) = if algorithm.is_symmetric() {
            let key = HmacKey::new(algorithm, &[7; 64])?;
            let token = key.sign_compact(Some("at+jwt"), CLAIMS);
            let signs = rate(duration, || {
                std::hint::black_box(key.sign_compact(Some("at+jwt"), CLAIMS));
                Ok(())
            })?;
            let verifies = rate(duration, || {
                UnverifiedJws::parse(&token)?.verify_hmac(&[algorithm], &key)?;
                Ok(())
            })?;
            (signs, verifies)
        } else {
            let key = SigningKey::generate(algorithm)?;
            let public = key.verifying_key()?;
            let token = key.sign_compact(Some("at+jwt"), CLAIMS)?;
            let signs = rate(duration, || {
                std::hint::black_box(key.sign_compact(Some("at+jwt"), CLAIMS)?);
                Ok(())
            })?;
            let verifies = rate(duration, || {
                UnverifiedJws::parse(&token)?.verify(&[algorithm], [&public])?;
                Ok(())
            })?;
            (signs, verifies)
        };
        println!("{:<6} {signs:>12.0} {verifies:>12.0}", algorithm.name());
    }
    Ok(())
}

fn rate(
    duration: Duration,
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut count: u32 = 0;
    while start.elapsed() < duration {
        work()?;
        count = count.saturating_add(1);
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
