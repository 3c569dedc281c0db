//! Who may open a connection to somewhere else. What a client, a person or another provider names is asked for by the guard
//! alone (`hallpass-fetch`); beside it stands what an operator runs, and each of these places says what it is.

use crate::workspace;

/// Files, or folders of them, that dial, and whom.
const DIAL: &[(&str, &str)] = &[
    ("crates/hallpass-fetch/src/", "the guard"),
    (
        "crates/hallpass-mail/src/smtp.rs",
        "the operator's server for mail",
    ),
    (
        "crates/hallpass-server/src/signers.rs",
        "the operator's key service",
    ),
    (
        "crates/hallpass-server/src/commands/signer.rs",
        "a socket of its own, to see whether somebody listens",
    ),
    (
        "crates/hallpass-server/src/shared_limits/redis.rs",
        "the operator's Redis",
    ),
    (
        "crates/hallpass-store-postgres/src/",
        "the operator's database",
    ),
];

/// What opens a connection or looks up a name, in this workspace or in a crate that it could use.
const WAYS: &[&str] = &[
    "TcpStream::connect",
    "UnixStream::connect",
    "UdpSocket::",
    ".connect(",
    "lookup_host(",
    "to_socket_addrs(",
    "client::conn",
    "HttpConnector",
    "HttpsConnector",
    "TlsConnector",
    "SmtpTransport",
    "reqwest::",
    "ureq::",
];

/// Crates of tests and measurements.
const APART: &[&str] = &[
    "crates/hallpass-testkit/",
    "crates/hallpass-testpg/",
    "crates/hallpass-interop/",
];

/// Places that dial and are not known.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    let mut seen = vec![false; DIAL.len()];
    for file in workspace::files(".rs")? {
        let shipped = file.starts_with("crates/") && file.contains("/src/");
        if !shipped || APART.iter().any(|part| file.starts_with(part)) {
            continue;
        }
        let text = workspace::read(&file)?;
        let Some(line) = dialling(&text) else {
            continue;
        };
        match DIAL.iter().position(|(place, _)| file.starts_with(place)) {
            Some(at) => seen.iter_mut().skip(at).take(1).for_each(|s| *s = true),
            None => problems.push(format!("{file}:{line}: opens a connection past the guard")),
        }
    }
    let gone = DIAL.iter().zip(&seen).filter(|(_, seen)| !**seen);
    problems.extend(gone.map(|((place, _), _)| format!("{place}: does not dial any more")));
    Ok(problems)
}

/// The first line that opens a connection, tests not counted.
fn dialling(text: &str) -> Option<usize> {
    let code = text.split("\n#[cfg(test)]\nmod tests").next()?;
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    let dials = |line: &str| is_code(line) && WAYS.iter().any(|way| line.contains(way));
    code.lines().position(dials).map(|at| at.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_and_a_word_about_one_is_not() {
        let dials = "use x;\n\nlet s = TcpStream::connect(address).await?;\n";
        assert_eq!(dialling(dials), Some(3));
        assert_eq!(
            dialling("let (a, b) = http1::client::conn::handshake();"),
            Some(1)
        );
        assert_eq!(dialling("// TcpStream::connect\n/// .connect(\n"), None);
        assert_eq!(dialling("signers::connect(&config)"), None);
        let only_tests = "fn x() {}\n\n#[cfg(test)]\nmod tests {\n  TcpStream::connect(a)\n}\n";
        assert_eq!(dialling(only_tests), None);
    }

    #[test]
    fn nothing_dials_past_the_guard() {
        assert_eq!(problems(), Ok(Vec::new()));
    }
}
