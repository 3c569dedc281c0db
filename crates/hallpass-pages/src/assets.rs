//! Files that the pages load: one stylesheet, the mark, the demo's script.
//!
//! Each is served under a name that contains a hash of its content, so it may be cached for ever and
//! a new version is never mixed with an old page.

use std::{fs, path::Path};

use bytes::Bytes;

use crate::{
    render::PagesError,
    theme::{Picture, Theme},
};

/// `Cache-Control` for every asset.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// Colours, sizes and fonts in both schemes, for other pages that are to look like these.
pub const TOKENS: &str = include_str!("../assets/tokens.css");

/// The mark, as the browser tab shows it.
pub const ICON: &[u8] = include_bytes!("../assets/icon.svg");

/// The stylesheet as it is without a theme.
pub(crate) const STYLE: &str = concat!(
    include_str!("../assets/tokens.css"),
    include_str!("../assets/pages.css")
);

/// A file to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Path below the issuer's, such as `/assets/0123456789abcdef.css`.
    pub path: String,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub bytes: Bytes,
    /// Value of `ETag`, quotes included.
    pub etag: String,
}

impl Asset {
    fn new(extension: &str, content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let hash = hash(&bytes);
        Self {
            path: format!("/assets/{hash:016x}.{extension}"),
            content_type,
            bytes,
            etag: format!("\"{hash:016x}\""),
        }
    }

    fn picture(picture: &Picture) -> Self {
        let kind = picture.kind;
        Self::new(kind.ending(), kind.media_type(), picture.bytes.clone())
    }
}

/// All the files, by use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    /// The stylesheet of all pages.
    pub style: Asset,
    /// The mark, as the browser tab shows it.
    pub icon: Asset,
    /// The script of the demo page.
    pub demo: Asset,
    /// The script for passkeys.
    pub webauthn: Asset,
    /// The operator's logo.
    pub logo: Option<Asset>,
    /// Files for the operator's templates, by their names.
    pub own: Vec<(String, Asset)>,
}

const MAX_FILES: usize = 64;
const MAX_FILE: usize = 1024 * 1024;
/// Endings of files for an operator's templates, and what they are. There are no scripts among them.
const KINDS: &[(&str, &str)] = &[
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("jpg", "image/jpeg"),
    ("avif", "image/avif"),
];

impl Assets {
    /// The files of this version with that stylesheet.
    pub(crate) fn new(style: String, theme: &Theme) -> Self {
        let demo = include_bytes!("../assets/demo.js").as_slice();
        let webauthn = include_bytes!("../assets/webauthn.js").as_slice();
        let icon = theme.icon.as_ref().map(Asset::picture);
        Self {
            style: Asset::new("css", "text/css; charset=utf-8", style),
            icon: icon.unwrap_or_else(|| Asset::new("svg", "image/svg+xml", ICON)),
            demo: Asset::new("js", "text/javascript; charset=utf-8", demo),
            webauthn: Asset::new("js", "text/javascript; charset=utf-8", webauthn),
            logo: theme.logo.as_ref().map(Asset::picture),
            own: Vec::new(),
        }
    }

    /// With the files in `assets` of a folder of templates, if there is such a folder.
    pub(crate) fn with_folder(mut self, folder: Option<&Path>) -> Result<Self, PagesError> {
        let Some(entries) = folder.and_then(|f| fs::read_dir(f.join("assets")).ok()) else {
            return Ok(self);
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let wrong = || PagesError::File(path.display().to_string());
            let name = path.file_name().and_then(|name| name.to_str());
            let ending = path.extension().and_then(|ending| ending.to_str());
            let kind = KINDS.iter().find(|(known, _)| Some(*known) == ending);
            let (Some(name), Some((ending, kind))) = (name, kind) else {
                return Err(wrong());
            };
            let bytes = fs::read(&path).map_err(|_| wrong())?;
            if bytes.len() > MAX_FILE || self.own.len() >= MAX_FILES {
                return Err(wrong());
            }
            self.own
                .push((name.to_owned(), Asset::new(ending, kind, bytes)));
        }
        self.own.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(self)
    }

    /// Every file.
    pub fn all(&self) -> impl Iterator<Item = &Asset> {
        let Self {
            style,
            icon,
            demo,
            webauthn,
            logo,
            own,
        } = self;
        let own = own.iter().map(|(_, asset)| asset);
        [style, icon, demo, webauthn]
            .into_iter()
            .chain(logo)
            .chain(own)
    }

    /// The file at a path below the issuer's.
    pub fn at(&self, path: &str) -> Option<&Asset> {
        self.all().find(|asset| asset.path == path)
    }
}

/// FNV-1a. It tells our own versions apart; nobody can gain from a collision.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_asset_has_its_own_path_and_is_found_by_it() {
        let assets = Assets::new(STYLE.to_owned(), &Theme::default());
        for asset in assets.all() {
            assert_eq!(assets.at(&asset.path), Some(asset));
            assert!(!asset.bytes.is_empty());
        }
        assert_eq!(assets.at("/assets/0000000000000000.css"), None);
        assert_eq!(assets.at("/assets/../Cargo.toml"), None);
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        assert!(
            !STYLE.contains("@import") && !STYLE.contains("http"),
            "stylesheet loads something"
        );
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
