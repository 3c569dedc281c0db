//! The files that the pages load, under names that contain a hash of their content.

use bytes::Bytes;
use hallpass_types::sha256;

/// Below the dashboard's path.
pub(crate) const FOLDER: &str = "/assets/";
/// They may be kept for ever: what is changed has another name.
pub(crate) const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// What a page may do. Nothing stands inline, nothing is loaded from elsewhere, and no other page has it in a frame.
pub(crate) const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; base-uri 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// A file.
pub(crate) struct Asset {
    /// Below the dashboard's path.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Bytes,
    pub(crate) etag: String,
}

impl Asset {
    fn new(extension: &str, content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        let hash: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            path: format!("{FOLDER}{hash}.{extension}"),
            content_type,
            bytes,
            etag: format!("\"{hash}\""),
        }
    }
}

/// All files.
pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) script: Asset,
    pub(crate) icon: Asset,
}

impl Default for Assets {
    fn default() -> Self {
        let style = format!(
            "{}{}",
            hallpass_pages::assets::TOKENS,
            include_str!("../assets/dashboard.css")
        );
        let script = include_bytes!("../assets/dashboard.js").as_slice();
        Self {
            style: Asset::new("css", "text/css; charset=utf-8", style),
            script: Asset::new("js", "text/javascript; charset=utf-8", script),
            icon: Asset::new("svg", "image/svg+xml", hallpass_pages::assets::ICON),
        }
    }
}

impl Assets {
    /// A file by what stands behind [`FOLDER`].
    pub(crate) fn named(&self, name: &str) -> Option<&Asset> {
        let all = [&self.style, &self.script, &self.icon];
        all.into_iter()
            .find(|asset| asset.path.strip_prefix(FOLDER) == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_name_alone() {
        let assets = Assets::default();
        let name = assets.style.path.strip_prefix(FOLDER).unwrap();
        assert!(assets.named(name).is_some());
        for other in ["", "../style.css", "dashboard.css"] {
            assert!(assets.named(other).is_none(), "{other}");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_nothing_stands_inline() {
        assert!(!CSP.contains("unsafe") && !CSP.contains("http"));
        let assets = Assets::default();
        let style = std::str::from_utf8(&assets.style.bytes).unwrap();
        assert!(!style.contains("@import") && !style.contains("url("));
    }
}
