//! What is secret in a configuration.

use super::*;

#[test]
fn a_master_key_has_32_bytes() {
    let config = parse("keys.master_key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE'").unwrap();
    let key = config.keys.master_key.as_ref().unwrap();
    assert_eq!((key[0], key[31]), (0, 1));
    assert!(format!("{config:?}").contains("master_key: Some(\"[redacted]\")"));
    for text in [
        "AAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
        "not base64url!",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEA",
    ] {
        let problem = problem(&format!("keys.master_key = '{text}'"));
        assert_eq!(
            problem,
            "hallpass.toml:1: keys.master_key: must be 32 random bytes in base64url, which are 43 characters"
        );
    }
}

#[test]
fn a_secret_never_stands_in_a_message() {
    #[rustfmt::skip]
    let cases = [
        "[[users]]\nusername = \"a\"\npassword = 1234567890123",
        "[[users]]\nusername = \"a\"\npassword = [\"1234567890123\"]",
        "[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret = 1234567890123",
        "[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret = \"123456789\"",
        "registration.initial_access_tokens = \"1234567890123\"",
        "registration.initial_access_tokens = [1234567890123]",
    ];
    for text in cases {
        let problem = problem(text);
        assert!(!problem.contains("123456789"), "{problem}");
    }
    let text = "[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret = \"0123456789abcdef\"\n\
                [[users]]\nusername = \"a\"\npassword = \"0123456789abcdef\"";
    let printed = format!("{:?}", parse(text).unwrap());
    assert!(!printed.contains("0123456789abcdef"), "{printed}");
}

#[test]
fn a_secret_of_digits_in_the_environment_is_text() {
    let text = "[[clients]]\ngrant_types = ['client_credentials']\nclient_secret = '0123456789abcdef'\nclient_id = \"a\"";
    for secret in [
        "1234567890123456",
        "01234567890123456",
        "1e99999999999999",
        "true-0123456789012345",
    ] {
        let config = parse_with(text, &[("HALLPASS__CLIENTS__0__CLIENT_SECRET", secret)]).unwrap();
        assert_eq!(
            config.clients[0].client_secret.as_ref().unwrap().expose(),
            secret
        );
    }
}

#[test]
fn a_secret_comes_from_a_file_without_its_line_break() {
    let file = TempFile::new("good", "0123456789abcdef\n", 0o600);
    let text = format!(
        "[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret_file = {:?}",
        file.0
    );
    let config = parse(&text).unwrap();
    assert_eq!(
        config.clients[0].client_secret.as_ref().unwrap().expose(),
        "0123456789abcdef"
    );
    assert!(
        !config.clients[0]
            .metadata
            .contains_key("client_secret_file")
    );
}

#[test]
fn a_secret_file_that_is_open_to_all_or_empty_or_missing_is_refused() {
    let open = TempFile::new("open", "0123456789abcdef", 0o604);
    let empty = TempFile::new("empty", "\n", 0o600);
    let missing = PathBuf::from("/nowhere/secret");
    for (path, expected) in [
        (&open.0, "is open to every user"),
        (&empty.0, "is empty"),
        (&missing, "cannot read"),
    ] {
        for (text, setting) in [
            (
                format!(
                    "[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret_file = {path:?}"
                ),
                "clients[0].client_secret_file",
            ),
            (
                format!("[[users]]\nusername = \"a\"\n\npassword_file = {path:?}"),
                "users[0].password_file",
            ),
            (
                format!("[registration]\n\ninitial_access_tokens_file = {path:?}"),
                "registration.initial_access_tokens_file",
            ),
        ] {
            let problem = problem(&text);
            assert!(
                problem.contains(setting) && problem.contains(expected),
                "{problem}"
            );
            assert!(problem.starts_with("hallpass.toml:"), "{problem}");
        }
    }
}

#[test]
fn a_secret_given_twice_is_refused() {
    let file = TempFile::new("twice", "0123456789abcdef", 0o600);
    let text = format!(
        "[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret = \"0123456789abcdef\"\nclient_secret_file = {:?}",
        file.0
    );
    assert!(problem(&text).contains("clients[0].client_secret: is given both here and by"));
}
