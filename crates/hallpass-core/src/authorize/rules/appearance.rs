//! `display` and `ui_locales`,
//! [OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest): wishes about the pages.
//! A wish that is not understood is passed over, never an error.

use hallpass_types::Params;
use serde::{Deserialize, Serialize};

/// `display`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Display {
    /// A full page.
    #[default]
    Page,
    /// A window of its own.
    Popup,
    /// A device with a touch screen.
    Touch,
    /// A feature phone.
    Wap,
}

impl Display {
    /// Every value, for discovery.
    pub const ALL: &'static [Self] = &[Self::Page, Self::Popup, Self::Touch, Self::Wap];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }
}

const MAX_LOCALES: usize = 8;
const MAX_TAG: usize = 35;

pub(super) fn display(params: &Params) -> Display {
    params
        .get("display")
        .and_then(|name| Display::ALL.iter().copied().find(|d| d.as_str() == name))
        .unwrap_or_default()
}

pub(crate) fn ui_locales(params: &Params) -> Vec<String> {
    //= OIDC-CORE#3.1.2.1 SHOULD: languages that are not offered are no error
    let is_tag = |tag: &&str| {
        (1..=MAX_TAG).contains(&tag.len())
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    params
        .get("ui_locales")
        .into_iter()
        .flat_map(|text| text.split(' '))
        .filter(is_tag)
        .take(MAX_LOCALES)
        .map(str::to_owned)
        .collect()
}
