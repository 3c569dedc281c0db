//! URIs in client metadata in their plain form: what is stored is what a browser would use, so that nothing that
//! reads them later can see another scheme or host than was checked here.

use std::net::Ipv6Addr;

/// More bytes than this are refused.
pub(super) const MAX_LEN: usize = 2048;

/// An absolute URI, taken apart without changing a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// In lower case.
    pub(super) scheme: &'a str,
    /// With the brackets of an IPv6 address; empty when there is no authority.
    pub(super) host: &'a str,
    /// What stands behind `#`, which may be empty.
    pub(super) fragment: Option<&'a str>,
}

/// What is wrong with a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Parts<'_> {
    /// Whether the host is one that only this machine reaches.
    //= RFC8252#7.3 MUST: loopback redirects use the loopback IP literal
    //= RFC8252#8.3 exception: localhost is taken too, for development; it is compared like every other host
    pub(super) fn is_loopback(&self) -> bool {
        matches!(self.host, "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Whether it is an https URI, or an http one that does not leave this machine.
    pub(super) fn is_web(&self) -> bool {
        match self.scheme {
            "https" => true,
            "http" => self.is_loopback(),
            _ => false,
        }
    }
}

/// Takes a URI apart.
///
/// Refused are: more than 2048 bytes; characters outside RFC 3986; `*`; broken percent escapes and those of
/// control characters; a scheme not in lower case; user information; for http and https an empty host, a host
/// that a browser would rewrite, a port that is no number from 1 to 65535, and dot segments.
pub(super) fn parse(uri: &str) -> Result<Parts<'_>, Malformed> {
    if uri.len() > MAX_LEN || !uri.bytes().all(allowed) || !escapes_are_sound(uri) {
        return Err(Malformed);
    }
    let (scheme, rest) = uri.split_once(':').ok_or(Malformed)?;
    if !is_scheme(scheme) || rest.is_empty() {
        return Err(Malformed);
    }
    let (rest, fragment) = match rest.split_once('#') {
        Some((_, fragment)) if fragment.contains('#') => return Err(Malformed),
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (rest, None),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            rest.split_at_checked(end).ok_or(Malformed)?
        }
        None => ("", rest),
    };
    let host = host_of(authority)?;
    if matches!(scheme, "http" | "https") && !is_plain_web_uri(uri, host, path) {
        return Err(Malformed);
    }
    Ok(Parts {
        scheme,
        host,
        fragment,
    })
}

/// Everything that RFC 3986 §2 allows but `*`, which means a pattern to too many readers.
const fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b':'
                | b'/'
                | b'?'
                | b'#'
                | b'['
                | b']'
                | b'@'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

fn escapes_are_sound(uri: &str) -> bool {
    uri.split('%').skip(1).all(|piece| {
        piece
            .get(..2)
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .is_some_and(|byte| !byte.is_ascii_control())
    })
}

fn is_scheme(scheme: &str) -> bool {
    scheme
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

/// The host of an authority without user information and with a port that is a number, if there is one.
fn host_of(authority: &str) -> Result<&str, Malformed> {
    if authority.contains('@') {
        return Err(Malformed);
    }
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or(Malformed)?.saturating_add(1);
        authority.split_at_checked(end).ok_or(Malformed)?
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        authority.split_at_checked(end).ok_or(Malformed)?
    };
    if let Some(literal) = host.strip_prefix('[') {
        let literal = literal.strip_suffix(']').ok_or(Malformed)?;
        literal.parse::<Ipv6Addr>().map_err(|_| Malformed)?;
    } else if !host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    {
        return Err(Malformed);
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(host),
        None => Err(Malformed),
        Some(port) => is_port(port).then_some(host).ok_or(Malformed),
    }
}

/// Whether the text is a port number, 1 to 65535.
pub(super) fn is_port(text: &str) -> bool {
    text.len() <= 5
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|port| port != 0)
}

fn is_plain_web_uri(uri: &str, host: &str, path: &str) -> bool {
    //= RFC9110#4.2.1 MUST: an http(s) URI has a host
    if host.is_empty() {
        return false;
    }
    // A browser reads IPv4 addresses in many spellings and decodes international names; only what it leaves
    // as it is stands for the host that was checked.
    let Ok(url) = url::Url::parse(uri) else {
        return false;
    };
    if url.host_str() != Some(host.to_ascii_lowercase().as_str()) {
        return false;
    }
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    !path.split('/').any(|segment| {
        matches!(
            segment.to_ascii_lowercase().replace("%2e", ".").as_str(),
            "." | ".."
        )
    })
}
