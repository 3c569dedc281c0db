//! How the pages look: an operator's logo, colours, corners and fonts over the built-in design.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;

use crate::{
    assets::STYLE,
    contrast::{Palette, contrast, weakest},
};

/// A colour without transparency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub(crate) [u8; 3]);

impl Colour {
    /// Reads `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let [_, channels @ ..] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Self(channels))
    }

    /// So many hundredths of another colour mixed in.
    fn mixed(self, other: Self, hundredths: u16) -> Self {
        let mut out = self.0;
        for (own, other) in out.iter_mut().zip(other.0) {
            let own_part = u16::from(*own).saturating_mul(100_u16.saturating_sub(hundredths));
            let mixed = own_part.saturating_add(u16::from(other).saturating_mul(hundredths));
            *own = u8::try_from(mixed.saturating_add(50) / 100).unwrap_or(u8::MAX);
        }
        Self(out)
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// A picture that the pages load from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its kind.
    pub kind: PictureKind,
    /// The file.
    pub bytes: Bytes,
}

/// Kinds of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureKind {
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Network Graphics.
    Png,
    /// WebP.
    Webp,
}

impl PictureKind {
    /// By the ending of a file's name.
    #[must_use]
    pub fn of(ending: &str) -> Option<Self> {
        let kinds = [Self::Svg, Self::Png, Self::Webp];
        kinds.into_iter().find(|kind| kind.ending() == ending)
    }

    pub(crate) const fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }
}

/// What an operator wants to look otherwise. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// Stands in place of mark and name.
    pub logo: Option<Picture>,
    /// In the tab of the browser.
    pub icon: Option<Picture>,
    /// Colours where the browser wants a light page, by token. What follows from `accent` is made from it.
    pub light: BTreeMap<String, Colour>,
    /// Colours where it wants a dark one.
    pub dark: BTreeMap<String, Colour>,
    /// Radius of fields and buttons in pixels; cards have twice of it.
    pub radius: Option<u8>,
    /// Font families with commas between, as installed on the computers of the people.
    pub font: Option<String>,
}

/// A theme that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ThemeError {
    /// The design has no colour of that name.
    #[error("there is no colour {name:?}; there are {known}")]
    Unknown {
        /// What was named.
        name: String,
        /// All names, with commas between.
        known: String,
    },
    /// Two colours cannot be told apart.
    #[error(
        "{above:?} on {below:?} has a contrast of {found:.1} in the {scheme} scheme; people need {least:.1}"
    )]
    Contrast {
        /// `light` or `dark`.
        scheme: &'static str,
        /// Token of the text.
        above: &'static str,
        /// Token of what it stands on.
        below: &'static str,
        /// The contrast.
        found: f64,
        /// What it must be at least.
        least: f64,
    },
    /// The corners are too round.
    #[error("the radius is at most 32 pixels")]
    Radius,
    /// The fonts are not a list of names.
    #[error("the fonts are names with commas between, of letters, digits, spaces and hyphens")]
    Font,
}

const SCHEMES: [&str; 2] = ["light", "dark"];
/// Between the colours of both schemes in the stylesheet.
const DARK: &str = "@media (prefers-color-scheme: dark)";

impl Theme {
    /// The stylesheet with this theme, and the colour behind the page in both schemes.
    ///
    /// # Errors
    /// The theme cannot be, or the pages could not be read in it.
    pub(crate) fn style(&self) -> Result<(String, [Colour; 2]), ThemeError> {
        let base = built_in();
        let own = self.palettes(&base);
        let mut grounds = [Colour([0; 3]); 2];
        for (((scheme, base), own), ground) in SCHEMES.iter().zip(&base).zip(&own).zip(&mut grounds)
        {
            if let Some(name) = own.keys().find(|name| !base.contains_key(*name)) {
                let known: Vec<&str> = base.keys().map(String::as_str).collect();
                return Err(ThemeError::Unknown {
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
            let mut whole = base.clone();
            whole.extend(own.iter().map(|(name, colour)| (name.clone(), *colour)));
            if let Some((above, below, found, least)) = weakest(&whole) {
                return Err(ThemeError::Contrast {
                    scheme,
                    above,
                    below,
                    found,
                    least,
                });
            }
            if let Some(colour) = whole.get("ground") {
                *ground = *colour;
            }
        }
        let [light, dark] = own.map(|palette| declarations(&palette));
        let mut root = light;
        if let Some(radius) = self.radius {
            if radius > 32 {
                return Err(ThemeError::Radius);
            }
            let card = radius.saturating_mul(2);
            let _: std::fmt::Result =
                write!(root, " --radius: {radius}px; --radius-card: {card}px;");
        }
        if let Some(font) = &self.font {
            let _: std::fmt::Result = write!(root, " --font: {};", families(font)?);
        }
        let mut style = STYLE.to_owned();
        if !root.is_empty() {
            let _: std::fmt::Result = write!(style, "\n:root {{{root} }}\n");
        }
        if !dark.is_empty() {
            let _: std::fmt::Result = write!(style, "\n{DARK} {{ :root {{{dark} }} }}\n");
        }
        Ok((style, grounds))
    }

    /// The colours that differ, with what follows from them.
    fn palettes(&self, base: &[Palette; 2]) -> [Palette; 2] {
        let [base_light, base_dark] = base;
        let (mut light, mut dark) = (self.light.clone(), self.dark.clone());
        if let (Some(accent), None) = (light.get("accent"), dark.get("accent")) {
            dark.insert("accent".to_owned(), lightened(*accent, base_dark, &dark));
        }
        follow(&mut light, base_light, BLACK, 88);
        follow(&mut dark, base_dark, WHITE, 82);
        [light, dark]
    }
}

const BLACK: Colour = Colour([0; 3]);
const WHITE: Colour = Colour([255; 3]);

/// Makes what follows from `accent`, where it is not said.
fn follow(own: &mut Palette, base: &Palette, towards: Colour, softness: u16) {
    let Some(accent) = own.get("accent").copied() else {
        return;
    };
    let surface = own.get("surface").or_else(|| base.get("surface"));
    let surface = surface.copied().unwrap_or(WHITE);
    let strong = *own
        .entry("accent-strong".to_owned())
        .or_insert_with(|| accent.mixed(towards, 24));
    own.entry("accent-soft".to_owned())
        .or_insert_with(|| accent.mixed(surface, softness));
    own.entry("on-accent".to_owned()).or_insert_with(|| {
        let dark = accent.mixed(BLACK, 85);
        let least = |ink| contrast(ink, accent).min(contrast(ink, strong));
        if least(WHITE) >= least(dark) {
            WHITE
        } else {
            dark
        }
    });
}

/// The colour, as much lighter as it needs to be read on a dark page.
fn lightened(accent: Colour, base: &Palette, own: &Palette) -> Colour {
    let surface = own.get("surface").or_else(|| base.get("surface"));
    let surface = surface.copied().unwrap_or(BLACK);
    (0..=100)
        .step_by(5)
        .map(|part| accent.mixed(WHITE, part))
        .find(|colour| contrast(*colour, surface) >= 8.0)
        .unwrap_or(WHITE)
}

fn declarations(palette: &Palette) -> String {
    palette
        .iter()
        .fold(String::new(), |mut out, (name, colour)| {
            let _: std::fmt::Result = write!(out, " --{name}: {colour};");
            out
        })
}

/// A list of font families for the stylesheet, with those of the system behind.
fn families(list: &str) -> Result<String, ThemeError> {
    let mut out = String::new();
    for name in list.split(',').map(str::trim) {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_name) {
            return Err(ThemeError::Font);
        }
        let _: std::fmt::Result = write!(out, "\"{name}\", ");
    }
    out.push_str("ui-sans-serif, system-ui, sans-serif");
    Ok(out)
}

/// The colours of the built-in design: light and dark.
pub(crate) fn built_in() -> [Palette; 2] {
    let (light, rest) = STYLE.split_once(DARK).unwrap_or((STYLE, ""));
    let dark = rest
        .split_once("*, *::before")
        .map_or(rest, |(dark, _)| dark);
    [light, dark].map(|scheme| {
        scheme
            .split("--")
            .skip(1)
            .filter_map(|rest| {
                let (name, value) = rest.split_once(':')?;
                let value = value.trim_start().get(..7)?;
                Some((name.to_owned(), Colour::parse(value)?))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(light: &[(&str, &str)]) -> Theme {
        let colours = light
            .iter()
            .map(|(name, hex)| ((*name).to_owned(), Colour::parse(hex).unwrap()))
            .collect();
        Theme {
            light: colours,
            ..Theme::default()
        }
    }

    #[test]
    fn the_default_theme_changes_nothing() {
        let (style, [light, dark]) = Theme::default().style().unwrap();
        assert_eq!(style, STYLE);
        assert_eq!(
            (light.to_string(), dark.to_string()),
            ("#f4f1ea".to_owned(), "#0e1413".to_owned())
        );
    }

    #[test]
    fn one_colour_is_enough_for_both_schemes() {
        for accent in ["#0b5fff", "#8a1c7c", "#b3261e", "#1d1d1f", "#00695c"] {
            let (style, _) = with(&[("accent", accent)]).style().unwrap();
            let own = style.strip_prefix(STYLE).unwrap();
            assert!(own.contains(&format!("--accent: {accent};")), "{own}");
            assert_eq!(own.matches("--accent-strong: #").count(), 2, "{own}");
            assert_eq!(own.matches("--on-accent: #").count(), 2, "{own}");
        }
    }

    #[test]
    fn colours_that_cannot_be_told_apart_are_refused() {
        for (colours, above, below) in [
            (&[("accent", "#ffe14d")][..], "accent", "surface"),
            (&[("ink", "#cccccc")], "ink", "ground"),
            (&[("focus", "#f0f0f0")], "focus", "surface"),
            (
                &[("accent", "#0b5fff"), ("on-accent", "#0b5fff")],
                "on-accent",
                "accent",
            ),
        ] {
            let refused = with(colours).style().unwrap_err();
            assert!(
                matches!(refused, ThemeError::Contrast { scheme: "light", above: a, below: b, .. } if (a, b) == (above, below)),
                "{refused}"
            );
        }
    }

    #[test]
    fn only_colours_of_the_design_and_of_six_digits_are_taken() {
        let refused = with(&[("akzent", "#000000")]).style().unwrap_err();
        assert!(refused.to_string().contains("accent-soft"), "{refused}");
        for text in [
            "", "#fff", "000000", "#00000g", "#0000000", "red", "#+1-2+3", "#é1234",
        ] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn fonts_cannot_end_the_declaration() {
        let font = |list: &str| {
            let theme = Theme {
                font: Some(list.to_owned()),
                ..Theme::default()
            };
            theme.style().map(|(style, _)| style)
        };
        assert!(
            font("Fira Sans, Noto Kufi Arabic")
                .unwrap()
                .contains("--font: \"Fira Sans\", \"Noto Kufi Arabic\", ui-sans-serif")
        );
        for list in ["", "a,,b", "x;}", "x\"y", "url(x)", "a\nb", "x/*"] {
            assert_eq!(font(list), Err(ThemeError::Font), "{list}");
        }
    }

    #[test]
    fn corners_are_round_within_reason() {
        let round = |radius| {
            Theme {
                radius: Some(radius),
                ..Theme::default()
            }
            .style()
        };
        assert!(
            round(0)
                .unwrap()
                .0
                .contains("--radius: 0px; --radius-card: 0px;")
        );
        assert_eq!(round(33), Err(ThemeError::Radius));
    }
}
