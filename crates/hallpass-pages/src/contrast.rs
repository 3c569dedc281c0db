//! That the colours of the pages can be told apart (WCAG 2.2, 1.4.3 and 1.4.11).

use std::collections::BTreeMap;

use crate::theme::Colour;

/// Colours by the names of their tokens.
pub(crate) type Palette = BTreeMap<String, Colour>;

/// Texts and what they stand on: at least 4.5 to 1.
pub(crate) const TEXTS: &[(&str, &str)] = &[
    ("ink", "ground"),
    ("ink", "surface"),
    ("ink", "surface-sunk"),
    ("ink-soft", "ground"),
    ("ink-soft", "ground-tint"),
    ("ink-soft", "surface"),
    ("ink-soft", "surface-sunk"),
    ("accent", "surface"),
    ("accent-strong", "surface"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("accent-strong", "accent-soft"),
    ("bad", "bad-soft"),
    ("ink", "warn-soft"),
    ("warn", "warn-soft"),
];

/// Edges that say where something is: at least 3 to 1.
pub(crate) const SHAPES: &[(&str, &str)] = &[
    ("line-strong", "surface"),
    ("focus", "surface"),
    ("focus", "ground"),
];

/// The first pair of a palette that cannot be told apart: its names, its contrast, and what it should have.
pub(crate) fn weakest(palette: &Palette) -> Option<(&'static str, &'static str, f64, f64)> {
    let texts = TEXTS.iter().map(|pair| (pair, 4.5));
    let shapes = SHAPES.iter().map(|pair| (pair, 3.0));
    texts.chain(shapes).find_map(|((above, below), least)| {
        let found = contrast(*palette.get(*above)?, *palette.get(*below)?);
        (found < least).then_some((*above, *below, found, least))
    })
}

/// Contrast of two colours: 1 for the same, 21 for black on white.
pub(crate) fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Relative luminance of a colour, as WCAG 2.2 defines it.
fn luminance(colour: Colour) -> f64 {
    let [red, green, blue] = colour.0.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::built_in;

    #[test]
    fn the_colours_keep_their_contrast_in_both_schemes() {
        for palette in built_in() {
            assert!(palette.len() > 15);
            for (above, below) in TEXTS.iter().chain(SHAPES) {
                assert!(palette.contains_key(*above), "{above}");
                assert!(palette.contains_key(*below), "{below}");
            }
            assert_eq!(weakest(&palette), None);
        }
    }

    #[test]
    fn black_on_white_is_21_to_1() {
        let colour = |hex| Colour::parse(hex).unwrap();
        assert!((contrast(colour("#000000"), colour("#ffffff")) - 21.0).abs() < 1e-9);
        assert!((contrast(colour("#767676"), colour("#ffffff")) - 4.54).abs() < 0.01);
    }
}
