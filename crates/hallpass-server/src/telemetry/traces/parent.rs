//! The header `traceparent` of W3C Trace Context.

use http::HeaderMap;

/// What a caller says of its own span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    /// Whether the caller traces the request.
    pub(super) sampled: bool,
}

impl Parent {
    /// Reads the header. Nothing, if there is none, more than one, or one that is malformed.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all("traceparent").iter();
        let only = all.next().filter(|_| all.next().is_none())?;
        Self::parse(only.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (head, more) = text.split_at_checked(LENGTH)?;
        let mut fields = head.split('-');
        let [version] = bytes::<1>(fields.next()?)?;
        let trace = bytes::<16>(fields.next()?)?;
        let span = bytes::<8>(fields.next()?)?;
        let [flags] = bytes::<1>(fields.next()?)?;
        // A later version may say more, behind another hyphen; this one may not.
        let whole = more.is_empty() || (version != 0 && more.starts_with('-'));
        let there = trace != [0; 16] && span != [0; 8];
        (version != 0xff && whole && there).then_some(Self {
            trace,
            span,
            sampled: flags & 1 == 1,
        })
    }
}

/// Lower-case hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N.checked_mul(2)? {
        return None;
    }
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
    }
    Some(out)
}

/// Version, trace, span and flags with three hyphens.
const LENGTH: usize = 55;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_caller_is_followed() {
        let parent = Parent::parse(GOOD).unwrap();
        assert_eq!(parent.trace[0], 0x0a);
        assert_eq!(parent.span[7], 0x31);
        assert!(parent.sampled);
        assert!(!Parent::parse(&GOOD.replace("-01", "-02")).unwrap().sampled);
        // What a later version adds is not known here.
        assert_eq!(
            Parent::parse(&GOOD.replacen("00", "cc", 1).replace("-01", "-01-what")),
            Some(parent)
        );
    }

    #[test]
    fn what_is_malformed_counts_as_nothing() {
        let nobody = [
            String::new(),
            GOOD.replace("-01", "-0"),
            format!("{GOOD}0"),
            format!("{GOOD}-more"),
            GOOD.replacen("00", "ff", 1),
            GOOD.to_uppercase(),
            GOOD.replace('-', "_"),
            GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            GOOD.replace("b7ad6b7169203331", &"0".repeat(16)),
            GOOD.replace('9', "g"),
            GOOD.replace("-01", "-0é"),
        ];
        for text in nobody {
            assert_eq!(Parent::parse(&text), None, "{text}");
        }
        let mut headers = HeaderMap::new();
        headers.append("traceparent", GOOD.parse().unwrap());
        assert!(Parent::of(&headers).is_some());
        headers.append("traceparent", GOOD.parse().unwrap());
        assert_eq!(Parent::of(&headers), None);
    }
}
