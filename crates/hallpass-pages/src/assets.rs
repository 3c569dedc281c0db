//! Files that the pages load: one stylesheet, the mark, the demo's script.
//!
//! Each is served under a name that contains a hash of its content, so it may be cached for ever and
//! a new version is never mixed with an old page.

/// `Cache-Control` for every asset.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// A file to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Path below the issuer's, such as `/assets/0123456789abcdef.css`.
    pub path: String,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub bytes: &'static [u8],
    /// Value of `ETag`, quotes included.
    pub etag: String,
}

impl Asset {
    fn new(extension: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = hash(bytes);
        Self {
            path: format!("/assets/{hash:016x}.{extension}"),
            content_type,
            bytes,
            etag: format!("\"{hash:016x}\""),
        }
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
}

impl Assets {
    /// The files of this version.
    pub fn new() -> Self {
        Self {
            style: Asset::new(
                "css",
                "text/css; charset=utf-8",
                include_bytes!("../assets/pages.css"),
            ),
            icon: Asset::new("svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
            demo: Asset::new(
                "js",
                "text/javascript; charset=utf-8",
                include_bytes!("../assets/demo.js"),
            ),
        }
    }

    /// Every file.
    pub fn all(&self) -> [&Asset; 3] {
        let Self { style, icon, demo } = self;
        [style, icon, demo]
    }

    /// The file at a path below the issuer's.
    pub fn at(&self, path: &str) -> Option<&Asset> {
        self.all().into_iter().find(|asset| asset.path == path)
    }
}

impl Default for Assets {
    fn default() -> Self {
        Self::new()
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
        let assets = Assets::new();
        for asset in assets.all() {
            assert_eq!(assets.at(&asset.path), Some(asset));
            assert!(!asset.bytes.is_empty());
        }
        assert_eq!(assets.at("/assets/0000000000000000.css"), None);
        assert_eq!(assets.at("/assets/../Cargo.toml"), None);
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let style = std::str::from_utf8(Assets::new().style.bytes)
            .unwrap()
            .to_owned();
        assert!(
            !style.contains("@import") && !style.contains("http"),
            "stylesheet loads something"
        );
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
