//! Lists the texts that the translations lack and that are thus shown in English:
//! `cargo run -p hallpass-pages --example languages`.

use std::io::{self, Write as _};

use hallpass_pages::{Lang, missing};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for lang in Lang::ALL {
        for name in missing(lang) {
            writeln!(out, "{}: {name}", lang.tag())?;
        }
    }
    Ok(())
}
