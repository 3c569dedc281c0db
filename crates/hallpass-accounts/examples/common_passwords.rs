//! Makes `data/common-passwords.bin` from a list of passwords, one a line.
//!
//! `cargo run -p hallpass-accounts --example common_passwords -- LIST OUT`

use std::{collections::BTreeSet, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(list), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: common_passwords LIST OUT".into());
    };
    let text = std::fs::read_to_string(Path::new(&list))?;
    let words = text.lines().map(str::to_lowercase).filter(|w| w.len() >= 5);
    let digests: BTreeSet<[u8; 5]> = words
        .filter_map(|word| {
            let digest = hallpass_types::sha256(word.as_bytes());
            digest.first_chunk::<5>().copied()
        })
        .collect();
    let bytes: Vec<u8> = digests.into_iter().flatten().collect();
    std::fs::write(Path::new(&out), bytes)?;
    Ok(())
}
