//! As much of CBOR ([RFC 8949](https://www.rfc-editor.org/rfc/rfc8949)) as authenticators use: definite lengths, no tags, no
//! floating point, few levels, no key twice.

use crate::Rejected;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Bool(bool),
    Null,
}

/// Levels of a value: attestation statements need three.
const DEPTH: usize = 6;
/// Entries of an array or a map.
const ENTRIES: u64 = 64;

impl<'a> Value<'a> {
    /// The value under a key.
    pub(crate) fn get(&self, key: &Value<'_>) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            Self::Integer(_)
            | Self::Bytes(_)
            | Self::Text(_)
            | Self::Array(_)
            | Self::Bool(_)
            | Self::Null => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self {
            Some(bytes)
        } else {
            None
        }
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    pub(crate) const fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self {
            Some(*number)
        } else {
            None
        }
    }
}

/// Reads one value; what comes behind it is answered, too.
pub(crate) fn read(bytes: &[u8]) -> Result<(Value<'_>, &[u8]), Rejected> {
    let mut reader = Reader { left: bytes };
    let value = reader.value(DEPTH)?;
    Ok((value, reader.left))
}

/// Reads a value that is all there is.
pub(crate) fn read_whole(bytes: &[u8]) -> Result<Value<'_>, Rejected> {
    match read(bytes)? {
        (value, []) => Ok(value),
        _ => Err(Rejected::Malformed),
    }
}

struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], Rejected> {
        let length = usize::try_from(length).map_err(|_| Rejected::Malformed)?;
        let (taken, left) = self
            .left
            .split_at_checked(length)
            .ok_or(Rejected::Malformed)?;
        self.left = left;
        Ok(taken)
    }

    /// The argument of an item, in its shortest form.
    fn argument(&mut self, short: u8) -> Result<u64, Rejected> {
        let (length, least) = match short {
            0..=23 => return Ok(short.into()),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            // 28 to 30 are reserved, 31 is an indefinite length.
            _ => return Err(Rejected::Malformed),
        };
        let mut number = 0_u64;
        for byte in self.take(length)? {
            number = (number << 8) | u64::from(*byte);
        }
        if number < least {
            return Err(Rejected::Malformed);
        }
        Ok(number)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Rejected> {
        let depth = depth.checked_sub(1).ok_or(Rejected::Malformed)?;
        let head = self.take(1)?.first().copied().unwrap_or(0xff);
        let (major, short) = (head >> 5, head & 0x1f);
        if major == 7 {
            return match short {
                20 => Ok(Value::Bool(false)),
                21 => Ok(Value::Bool(true)),
                22 => Ok(Value::Null),
                _ => Err(Rejected::Malformed),
            };
        }
        let argument = self.argument(short)?;
        let number = || i64::try_from(argument).map_err(|_| Rejected::Malformed);
        match major {
            0 => Ok(Value::Integer(number()?)),
            1 => Ok(Value::Integer(!number()?)),
            2 => Ok(Value::Bytes(self.take(argument)?)),
            3 => {
                let text = std::str::from_utf8(self.take(argument)?);
                Ok(Value::Text(text.map_err(|_| Rejected::Malformed)?))
            }
            4 if argument <= ENTRIES => {
                let items = (0..argument).map(|_| self.value(depth));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            5 if argument <= ENTRIES => {
                let mut entries: Vec<(Value<'a>, Value<'a>)> = Vec::new();
                for _ in 0..argument {
                    let key = self.value(depth)?;
                    if entries.iter().any(|(held, _)| *held == key) {
                        return Err(Rejected::Malformed);
                    }
                    entries.push((key, self.value(depth)?));
                }
                Ok(Value::Map(entries))
            }
            _ => Err(Rejected::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_authenticators_write_is_read() {
        for (bytes, value) in [
            (&b"\x00"[..], Value::Integer(0)),
            (b"\x18\x18", Value::Integer(24)),
            (b"\x26", Value::Integer(-7)),
            (b"\x39\x01\x00", Value::Integer(-257)),
            (b"\x42ab", Value::Bytes(b"ab")),
            (b"\x62ab", Value::Text("ab")),
            (b"\x80", Value::Array(vec![])),
            (b"\xf5", Value::Bool(true)),
            (b"\xf6", Value::Null),
            (
                b"\xa1\x01\x81\x02",
                Value::Map(vec![(
                    Value::Integer(1),
                    Value::Array(vec![Value::Integer(2)]),
                )]),
            ),
        ] {
            assert_eq!(read_whole(bytes), Ok(value));
        }
        assert_eq!(read(b"\x00\x01"), Ok((Value::Integer(0), &b"\x01"[..])));
    }

    // PK-09
    #[test]
    fn what_nobody_should_write_is_refused() {
        let deep = [vec![0x81; 10_000], vec![0x00]].concat();
        for bytes in [
            &b""[..],
            b"\x18\x17",
            b"\x19\x00\xff",
            b"\x42a",
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x5f\x41a\xff",
            b"\x9f\xff",
            b"\xbf\xff",
            b"\xa2\x01\x02\x01\x03",
            b"\xc0\x00",
            b"\xf9\x00\x00",
            b"\x62\xff\xfe",
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x00\x00",
            &deep,
        ] {
            assert_eq!(read_whole(bytes), Err(Rejected::Malformed));
        }
    }
}
