//! QR codes as SVG paths. They are made here: no address leaves the server for it.

use fast_qr::{ECL, QRBuilder};
use serde::Serialize;

/// The modules of a QR code (ISO/IEC 18004) with the quiet zone around them.
#[derive(Debug, Serialize)]
pub(crate) struct Symbol {
    /// Width and height, quiet zone included.
    pub(crate) side: usize,
    /// The dark modules as an SVG path: digits, letters, `-` and spaces only.
    pub(crate) path: String,
}

/// Modules that stay light on every side.
const QUIET: usize = 4;

impl Symbol {
    /// The code of a text; none when it is too long for one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
        let mut path = String::new();
        for y in 0..code.size {
            let mut run: Option<usize> = None;
            for x in 0..=code.size {
                let dark = x < code.size && code[y].get(x).is_some_and(|module| module.value());
                match (dark, run) {
                    (true, None) => run = Some(x),
                    (false, Some(from)) => {
                        push_run(&mut path, from, y, x.saturating_sub(from));
                        run = None;
                    }
                    (true, Some(_)) | (false, None) => {}
                }
            }
        }
        Some(Self {
            side: code.size.saturating_add(2 * QUIET),
            path,
        })
    }
}

/// A row of dark modules: move there, right, down, back, close.
fn push_run(path: &mut String, x: usize, y: usize, width: usize) {
    use std::fmt::Write as _;
    let (x, y) = (x.saturating_add(QUIET), y.saturating_add(QUIET));
    let written = write!(path, "M{x} {y}h{width}v1h-{width}z");
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_has_its_finders_and_a_quiet_zone() {
        let symbol = Symbol::of("https://op.example/device?user_code=BCDF-GHJK").unwrap();
        // The upper edge of both upper finder patterns: seven modules each, in the first row.
        let first = format!("M{QUIET} {QUIET}h7v1h-7z");
        let last = format!("M{} {QUIET}h7v1h-7z", symbol.side - QUIET - 7);
        assert!(symbol.path.starts_with(&first) && symbol.path.contains(&last));
        let drawn = |c: char| c.is_ascii_digit() || matches!(c, 'M' | 'h' | 'v' | 'z' | ' ' | '-');
        assert!(symbol.path.chars().all(drawn));
    }

    #[test]
    fn what_does_not_fit_has_no_symbol() {
        assert!(Symbol::of(&"x".repeat(5000)).is_none());
    }
}
