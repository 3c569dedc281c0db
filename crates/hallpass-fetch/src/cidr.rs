//! Address ranges in the usual `address/length` form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of IP addresses: `10.0.0.0/8`, `fd00::/8`, or one address alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    first: u128,
    length: u8,
    v4: bool,
}

/// Why a text is not an address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CidrError {
    /// The part before the slash is no IP address.
    Address,
    /// The part after the slash is no length that fits the address.
    Length,
    /// The address has bits set behind the length.
    HostBits,
}

impl Cidr {
    /// Whether `address` lies in the range. An IPv4 address written as `::ffff:a.b.c.d` counts as that IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, v4) = bits(address.to_canonical());
        v4 == self.v4 && bits & mask(self.length, self.v4) == self.first
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| CidrError::Address)?;
        let (first, v4) = bits(address);
        let longest = if v4 { 32 } else { 128 };
        let length = match length {
            None => longest,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| CidrError::Length)?
            }
            Some(_) => return Err(CidrError::Length),
        };
        if length > longest {
            return Err(CidrError::Length);
        }
        if first & !mask(length, v4) != 0 {
            return Err(CidrError::HostBits);
        }
        Ok(Self { first, length, v4 })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.v4 {
            let address = Ipv4Addr::from_bits(u32::try_from(self.first).unwrap_or(u32::MAX));
            write!(f, "{address}/{}", self.length)
        } else {
            write!(f, "{}/{}", Ipv6Addr::from_bits(self.first), self.length)
        }
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "not an IP address",
            Self::Length => "the length behind the slash does not fit the address",
            Self::HostBits => "the address has bits set behind its length",
        })
    }
}

impl std::error::Error for CidrError {}

fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), true),
        IpAddr::V6(v6) => (v6.to_bits(), false),
    }
}

/// The leading `length` bits of 32 or 128.
fn mask(length: u8, v4: bool) -> u128 {
    let width: u32 = if v4 { 32 } else { 128 };
    let all = u128::MAX
        .checked_shr(128_u32.saturating_sub(width))
        .unwrap_or(0);
    let host = width.saturating_sub(u32::from(length));
    all & u128::MAX.checked_shl(host).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_what_lies_in_it_and_nothing_else() {
        #[rustfmt::skip]
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "::a00:1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "8.8.8.8", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::1", "::1", true),
            ("::1/128", "::2", false),
        ];
        for (range, address, inside) in cases {
            let range: Cidr = range.parse().unwrap();
            assert_eq!(
                range.contains(address.parse().unwrap()),
                inside,
                "{range} {address}"
            );
        }
    }

    #[test]
    fn a_text_that_is_no_range_is_refused() {
        #[rustfmt::skip]
        let cases = [
            ("", CidrError::Address),
            ("localhost", CidrError::Address),
            ("10.0.0/8", CidrError::Address),
            ("10.0.0.0/", CidrError::Length),
            ("10.0.0.0/33", CidrError::Length),
            ("10.0.0.0/+8", CidrError::Length),
            ("::/129", CidrError::Length),
            ("10.0.0.0/8/8", CidrError::Length),
            ("10.0.0.1/8", CidrError::HostBits),
            ("fd00::1/8", CidrError::HostBits),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Cidr>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_range_prints_as_it_is_read() {
        for text in ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
    }
}
