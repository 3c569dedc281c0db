//! Writes every page as a file, to look at: `cargo run -p hallpass-pages --example gallery -- DIR [LANGUAGE]`.
//!
//! Beside each `NAME.html` stands `NAME.csp` with the policy that the page is served with.

use std::{error::Error, fs, path::Path};

use hallpass_pages::{Chrome, Lang, Pages, samples};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("name a directory to write to")?;
    let lang = arguments.next().and_then(|tag| Lang::of(&tag));
    let directory = Path::new(&directory);
    fs::create_dir_all(directory.join("assets"))?;
    let pages = Pages::new()?;
    for asset in pages.assets().all() {
        fs::write(
            directory.join(asset.path.trim_start_matches('/')),
            &asset.bytes,
        )?;
    }
    let chrome = Chrome {
        base: ".",
        lang: lang.unwrap_or_default(),
        ..samples::CHROME
    };
    for (name, page) in samples::all() {
        let html = pages.render(page, &chrome);
        fs::write(directory.join(format!("{name}.html")), html.body)?;
        fs::write(directory.join(format!("{name}.csp")), html.csp)?;
    }
    Ok(())
}
