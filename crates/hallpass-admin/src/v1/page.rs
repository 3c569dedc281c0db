//! Lists that come in pages.

use hallpass_jose::base64url;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Kind, Problem};

/// One page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Listed<T> {
    /// What was found.
    pub items: Vec<T>,
    /// The `cursor` of the page that follows; null at the end.
    pub next: Option<String>,
}

/// How many are answered when nothing is said.
pub const USUAL: u32 = 50;
/// How many are answered at most.
pub const MOST: u32 = 200;
/// How many are looked through for one page at most, where something is searched.
pub const SEARCHED: usize = 5_000;

/// The number of a page's entries.
///
/// # Errors
/// It is out of range.
pub fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(USUAL);
    if limit == 0 || limit > MOST {
        let problem = Problem::new(Kind::InvalidParameter);
        return Err(problem.about("limit", "is 1 to 200"));
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// The cursor after which a page begins with what comes after `key`.
#[must_use]
pub fn cursor(key: &str) -> String {
    base64url::encode(key)
}

/// What a cursor stands for.
///
/// # Errors
/// It is none of ours.
pub fn after(cursor: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let bytes = base64url::decode(cursor);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let wrong =
        || Problem::new(Kind::InvalidParameter).about("cursor", "is none that was given out");
    text.filter(|text| !text.contains('\0'))
        .map(Some)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_others_are_refused() {
        assert_eq!(after(Some(&cursor("a/ü"))).unwrap().as_deref(), Some("a/ü"));
        assert_eq!(after(None).unwrap(), None);
        for text in ["*", "a b", "_w", &cursor("\0")] {
            assert!(after(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_has_one_entry_at_least_and_two_hundred_at_most() {
        assert_eq!(limit(None).unwrap(), 50);
        assert_eq!(limit(Some(200)).unwrap(), 200);
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(201)).is_err());
    }
}
