//! That the colours of the pages can be told apart.

use crate::Pages;

#[test]
fn the_colours_keep_their_contrast_in_both_schemes() {
    let style = std::str::from_utf8(Pages::new().unwrap().assets().style.bytes)
        .unwrap()
        .to_owned();
    let (light, rest) = style
        .split_once("@media (prefers-color-scheme: dark)")
        .unwrap();
    let (dark, _) = rest.split_once("*, *::before").unwrap();
    let texts = [
        ("ink", "ground"),
        ("ink", "surface"),
        ("ink-soft", "ground"),
        ("ink-soft", "ground-tint"),
        ("ink-soft", "surface"),
        ("ink-soft", "surface-sunk"),
        ("accent", "surface"),
        ("on-accent", "accent"),
        ("on-accent", "accent-strong"),
        ("accent-strong", "accent-soft"),
        ("bad", "bad-soft"),
        ("ink", "warn-soft"),
        ("warn", "warn-soft"),
    ];
    let shapes = [
        ("line-strong", "surface"),
        ("focus", "surface"),
        ("focus", "ground"),
    ];
    for scheme in [light, dark] {
        let colour = |name: &str| {
            luminance(
                scheme
                    .split(&format!("--{name}: #"))
                    .nth(1)
                    .unwrap()
                    .get(..6)
                    .unwrap(),
            )
        };
        let contrast = |(a, b)| {
            let (a, b): (f64, f64) = (colour(a), colour(b));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for pair in texts {
            assert!(contrast(pair) >= 4.5, "{pair:?}");
        }
        for pair in shapes {
            assert!(contrast(pair) >= 3.0, "{pair:?}");
        }
    }
}

/// Relative luminance of a colour, as WCAG 2.2 defines it.
fn luminance(hex: &str) -> f64 {
    let [_, channels @ ..] = u32::from_str_radix(hex, 16).unwrap().to_be_bytes();
    let [red, green, blue] = channels.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
