//! The id that a request carries through the log and back to the client.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// A request's id: sixteen hexadecimal digits. It is no secret and proves nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 16]);

tokio::task_local! {
    /// The id of the request that the current task works on.
    pub static REQUEST_ID: RequestId;
}

impl RequestId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As the value of a header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes ids that do not repeat within a process and hardly between two.
#[derive(Debug)]
pub struct RequestIds {
    start: u64,
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self {
            start: RandomState::new().build_hasher().finish(),
            next: AtomicU64::new(0),
        }
    }
}

impl RequestIds {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The next one.
    #[must_use]
    pub fn next(&self) -> RequestId {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        // A bijection that spreads neighbours (the finalizer of SplitMix64), so that ids look unlike each other.
        let mut mixed = self
            .start
            .wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // Each half byte into a byte of its own, then each into its digit, eight at a time.
        let spread = |half: u64| {
            let wide = (half | (half << 16)) & 0x0000_ffff_0000_ffff;
            let wide = (wide | (wide << 8)) & 0x00ff_00ff_00ff_00ff;
            let wide = (wide | (wide << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
            let letters = (wide.wrapping_add(0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
            wide.wrapping_add(0x3030_3030_3030_3030)
                .wrapping_add(letters.wrapping_mul(u64::from(b'a' - b'9' - 1)))
                .to_be_bytes()
        };
        let mut digits = [0; 16];
        let (high, low) = digits.split_at_mut(8);
        high.copy_from_slice(&spread(mixed >> 32));
        low.copy_from_slice(&spread(mixed & 0xffff_ffff));
        RequestId(digits)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_do_not_repeat() {
        let ids = RequestIds::default();
        let seen: HashSet<[u8; 16]> = (0..10_000).map(|_| ids.next().0).collect();
        assert_eq!(seen.len(), 10_000);
    }

    #[test]
    fn an_id_says_its_number_in_hexadecimal() {
        // The number of the first id is the start itself, mixed.
        for start in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            let ids = RequestIds {
                start,
                next: AtomicU64::new(0),
            };
            let mut mixed = start;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            assert_eq!(ids.next().as_str(), format!("{mixed:016x}"));
        }
    }

    #[test]
    fn an_id_is_sixteen_hexadecimal_digits() {
        let id = RequestIds::default().next();
        assert_eq!(id.as_str().len(), 16);
        assert!(id.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(id.header(), id.as_str());
    }
}
