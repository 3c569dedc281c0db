use serde_json::json;

use super::*;
use crate::client::fixtures::registered;

fn web() -> Client {
    registered(
        "web",
        &json!({
            "redirect_uris": ["https://rp.test/cb", "https://rp.test/q?a=1&b=2"],
            "post_logout_redirect_uris": ["https://rp.test/bye"],
        }),
    )
}

fn native() -> Client {
    registered(
        "native",
        &json!({
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": [
                "http://127.0.0.1/cb", "http://[::1]/cb", "http://127.0.0.1:7000/port?x=1",
                "http://localhost/cb", "https://app.test/cb", "com.example.app:/cb",
            ],
            "post_logout_redirect_uris": ["http://127.0.0.1/bye"],
        }),
    )
}

#[test]
fn nothing_but_the_registered_bytes_matches() {
    //= test RFC9700#4.1.3 redirect URIs are compared as strings, nothing is normalised
    let client = web();
    for good in ["https://rp.test/cb", "https://rp.test/q?a=1&b=2"] {
        assert!(matches(&client, good), "{good}");
    }
    let huge = format!("https://rp.test/cb?{}", "a".repeat(65_536));
    let address = format!("https://[{}]/cb", ":".repeat(10_000));
    let bad: &[&str] = &[
        // AZ-R01
        "https://rp.test/cb/",
        "https://rp.test/cb//",
        "https://rp.test/",
        "https://rp.test",
        "",
        // AZ-R02
        "https://rp.test/CB",
        "https://RP.test/cb",
        "HTTPS://rp.test/cb",
        // AZ-R03
        "https://rp.test/cb?",
        "https://rp.test/cb?x=1",
        "https://rp.test/q?b=2&a=1",
        "https://rp.test/q",
        "https://rp.test/q?a=1",
        "https://rp.test/q?a=1&b=2&c=3",
        // AZ-R04
        "https://rp.test/cb#",
        "https://rp.test/cb#frag",
        "https://rp.test/cb%23x",
        // AZ-R05
        "https://rp.test@evil.test/cb",
        "https://rp.test%40evil.test/cb",
        "https://x:y@rp.test/cb",
        "https://a@b@rp.test@evil.test/cb",
        "https://@rp.test/cb",
        // AZ-R06
        "https://evil.test\\@rp.test/cb",
        "https:\\\\evil.test",
        "https://rp.test\\.evil.test/cb",
        // AZ-R07
        "https://rp.test.evil.test/cb",
        "https://rp.testevil.test/cb",
        "https://rpXtest/cb",
        "https://rp.test/cb.evil.test",
        // AZ-R08
        "https://rp.test/cb/../x",
        "https://rp.test/cb/..;/x",
        "https://rp.test/cb/%2e%2e/x",
        "https://rp.test/cb%2f..%2fx",
        "https://rp.test/./cb",
        "https://rp.test//cb",
        "https://rp.test/x/../cb",
        // AZ-R09
        "https://rp.test:443/cb",
        "https://rp.test:8443/cb",
        "https://rp.test:/cb",
        "http://rp.test/cb",
        "//rp.test/cb",
        "ftp://rp.test/cb",
        "/cb",
        "rp.test/cb",
        // AZ-R10
        "javascript:alert(1)//https://rp.test/cb",
        "JaVaScRiPt:alert(1)",
        "\tjavascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://rp.test/x",
        "file:///etc/passwd",
        "view-source:https://rp.test/cb",
        // AZ-R11
        "https://rp\u{3002}test/cb",
        "https://\u{FF52}\u{FF50}.test/cb",
        "https://rp\u{200D}.test/cb",
        "https://r\u{440}.test/cb",
        "https://xn--rp-.test/cb",
        // AZ-R12
        "https://rp.test/%63b",
        "https://%72p.test/cb",
        "https://rp.test/%2563b",
        // AZ-R13
        "https://rp.test/cb%00",
        "https://rp.test/cb\0",
        "https://rp.test/cb%0d%0aSet-Cookie:%20a=b",
        "https://rp.test/cb%c0%ae",
        "https://rp.test/cb ",
        " https://rp.test/cb",
        "https://rp.test/cb\n",
        // AZ-R15
        "https://rp2.test/cb",
        "https://rp.test/bye",
        // AZ-R16
        &huge,
        &address,
        "https://rp.test:99999999999/cb",
    ];
    for uri in bad {
        assert!(!matches(&client, uri), "{uri:?}");
    }
}

#[test]
fn only_the_port_of_a_native_loopback_address_may_differ() {
    //= test RFC8252#7.3 any port is allowed for loopback IP redirect URIs of native apps
    let client = native();
    for good in [
        // AZ-N01
        "http://127.0.0.1:51004/cb",
        "http://[::1]:51004/cb",
        "com.example.app:/cb",
        "http://127.0.0.1/cb",
        "http://[::1]/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb",
        "http://127.0.0.1/port?x=1",
        "http://127.0.0.1:7001/port?x=1",
        "http://localhost/cb",
        "https://app.test/cb",
    ] {
        assert!(matches(&client, good), "{good}");
    }
    for bad in [
        // AZ-N02
        "http://localhost:51004/cb",
        // AZ-N03
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:51004@evil.test/cb",
        "http://127.0.0.1:80evil/cb",
        "http://[::1]evil.test/cb",
        "http://127.0.0.1:80@evil.test:80/cb",
        "http://127.0.0.1:80\\@evil.test/cb",
        // AZ-N05
        "http://127.0.0.1:51004/cb/",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004/cb#",
        "http://127.0.0.1:51004/cb#f",
        "https://127.0.0.1:51004/cb",
        "http://a@127.0.0.1:1/cb",
        "http://a:b@127.0.0.1:1/cb",
        "http://@127.0.0.1:1/cb",
        "http://127.0.0.1:51004",
        "http://127.0.0.1:51004/",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:+80/cb",
        "http://127.0.0.1:80 /cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:99999999999/cb",
        "http://127.0.0.1:80#/cb",
        "http://127.0.0.1:80/port",
        "http://127.0.0.1:80/port?x=2",
        // another spelling of the address
        "http://127.1:51004/cb",
        "http://0x7f000001:51004/cb",
        "http://127.0.0.2:51004/cb",
        "http://[::ffff:127.0.0.1]:51004/cb",
        "http://[0:0:0:0:0:0:0:1]:51004/cb",
        "HTTP://127.0.0.1:51004/cb",
        // AZ-N07
        "com.example.app://cb",
        "COM.example.app:/cb",
        "com.example.app:/cb/",
        "com.example.app:51004/cb",
        "https://app.test:8443/cb",
    ] {
        assert!(!matches(&client, bad), "{bad}");
    }
}

#[test]
fn the_port_of_a_web_client_is_fixed() {
    // AZ-N06
    let client = registered(
        "web",
        &json!({"redirect_uris": ["http://127.0.0.1:8000/cb"]}),
    );
    assert!(matches(&client, "http://127.0.0.1:8000/cb"));
    for bad in ["http://127.0.0.1:8001/cb", "http://127.0.0.1/cb"] {
        assert!(!matches(&client, bad), "{bad}");
    }
}

#[test]
fn uris_after_sign_out_are_a_list_of_their_own() {
    //= test OIDC-RPINITIATED#2 post_logout_redirect_uri equals a registered one
    assert!(matches_post_logout(&web(), "https://rp.test/bye"));
    for bad in [
        "https://rp.test/cb",
        "https://rp.test/bye/",
        "https://rp.test/bye?x=1",
        "https://rp2.test/bye",
        "",
    ] {
        assert!(!matches_post_logout(&web(), bad), "{bad}");
    }
    assert!(matches_post_logout(&native(), "http://127.0.0.1:4000/bye"));
    assert!(!matches_post_logout(&native(), "http://127.0.0.1:4000/cb"));
}

#[test]
fn https_and_loopback_http_may_be_registered_by_everybody() {
    //= test RFC8252#8.3 localhost is taken too, for development; it is compared like every other host
    //= test OIDC-REG#2 http on a loopback host is taken for development, with any kind of client
    for good in [
        "https://rp.test",
        "https://rp.test/",
        "https://rp.test/cb",
        "https://rp.test:8443/a/b;c=1?dummy1=lorem&dummy2=ipsum",
        "https://RP.test/cb",
        "https://xn--bcher-kva.test/cb",
        "https://192.0.2.7/cb",
        "https://[2001:db8::1]:8443/cb",
        "https://my_host.test/cb",
        "https://rp.test/a%20b//c",
        "https://rp.test/?x=/../",
        "https://rp.test/cb?next=%2F",
        "http://localhost/cb",
        "http://localhost:3000/cb",
        "http://127.0.0.1:8080/cb",
        "http://[::1]/cb",
    ] {
        assert_eq!(validate(good, ApplicationType::Web), Ok(()), "{good}");
        assert_eq!(validate(good, ApplicationType::Native), Ok(()), "{good}");
    }
}

#[test]
fn schemes_of_their_own_are_for_native_clients_and_have_a_dot() {
    //= test RFC8252#7.1 a private-use scheme is a reversed domain name of the app's owner
    //= test RFC8252#8.4 a private-use scheme without a dot is refused
    for own in [
        "com.example.app:/cb",
        "com.example.app:/",
        "com.example.app://cb/x",
        "org.example-1:cb",
    ] {
        assert_eq!(validate(own, ApplicationType::Native), Ok(()), "{own}");
        assert_eq!(
            validate(own, ApplicationType::Web),
            Err(MetadataReason::RedirectUriScheme),
            "{own}"
        );
    }
    for bad in [
        "myapp:/cb",
        "myapp://cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://rp.test/x",
        "file:///etc/passwd",
        "about:blank",
        "view-source:https://rp.test/",
        "ftp://rp.test/",
        "ws://rp.test/",
        "urn:ietf:wg:oauth:2.0:oob",
        "mailto:a",
    ] {
        assert_eq!(
            validate(bad, ApplicationType::Native),
            Err(MetadataReason::RedirectUriScheme),
            "{bad}"
        );
    }
}

#[test]
fn what_is_not_a_plain_absolute_uri_is_not_registered() {
    //= test RFC9110#4.2.1 an http(s) URI has a host
    // RG-02, and what a browser would read differently than it was checked.
    let long = format!("https://rp.test/{}", "a".repeat(uri::MAX_LEN));
    let bad: &[&str] = &[
        "",
        "/cb",
        "rp.test/cb",
        "//rp.test/cb",
        "https:",
        "https:rp.test/cb",
        "https:/rp.test/cb",
        "https://",
        "https:///cb",
        "https://:443/cb",
        "https://rp.test:/cb",
        "https://rp.test:0/",
        "https://rp.test:65536/",
        "https://rp.test:x/",
        "https://u@rp.test/cb",
        "https://u:p@rp.test/cb",
        "https://@rp.test/cb",
        "https://rp.test@evil.test/cb",
        "https://*.rp.test/cb",
        "https://rp.test/*",
        "https://*",
        "*",
        "https://rp.test/a b",
        " https://rp.test/cb",
        "https://rp.test/cb\n",
        "https://rp.test/\tcb",
        "https://rp.test/\0",
        "https://rp.test/%00",
        "https://rp.test/%0d%0a",
        "https://rp.test/%7f",
        "https://rp.test/%1F",
        "https://rp.test/%",
        "https://rp.test/%2",
        "https://rp.test/%zz",
        "https://rp.test/%+1",
        "https://evil.test\\@rp.test/cb",
        "https:\\\\rp.test",
        "https://rp.test/\\evil",
        "https://rp.test/{id}",
        "https://rp.test/<script>",
        "https://rp.test/\"x",
        "https://rp.test/`",
        "https://rp.test/^",
        "https://rp.test/|",
        "https://b\u{FC}cher.test/cb",
        "https://rp\u{3002}test/",
        "https://rp.test/\u{202E}",
        "https://%72p.test/cb",
        "https://xn--rp-.test/cb",
        "https://xn--a.test/",
        "https://127.1/cb",
        "https://0x7f.0.0.1/",
        "https://2130706433/",
        "https://rp.test,evil.test/",
        "https://rp.test;x/",
        "https://[::1/cb",
        "https://[::1]x/cb",
        "https://[fe80::1%25eth0]/",
        "https://[zz]/",
        "https://[0:0:0:0:0:0:0:1]/cb",
        "https://[::]]/cb",
        "https://rp.test/a/../b",
        "https://rp.test/./b",
        "https://rp.test/..",
        "https://rp.test/%2e%2e/b",
        "https://rp.test/a/.%2E",
        "JaVaScRiPt:alert(1)",
        "HTTPS://rp.test/cb",
        "Com.example.app:/cb",
        "\tjavascript:alert(1)",
        "java\nscript:alert(1)",
        "1a.b:/cb",
        ".a.b:/cb",
        "a_b.c:/cb",
        "com.example.app:",
        "com.example.app://u@h/cb",
        "com.example.app://h:x/cb",
        &long,
    ];
    for uri in bad {
        for kind in [ApplicationType::Web, ApplicationType::Native] {
            assert_eq!(
                validate(uri, kind),
                Err(MetadataReason::RedirectUriMalformed),
                "{uri:?}"
            );
        }
    }
}

#[test]
fn plain_http_leaves_this_machine_never() {
    //= test RFC8252#7.3 loopback redirects use the loopback IP literal
    //= test OIDC-REG#2 web clients use https
    for bad in [
        "http://rp.test/cb",
        "http://127.0.0.2/cb",
        "http://localhost.evil.test/cb",
        "http://0.0.0.0/cb",
        "http://[::2]/cb",
        "http://LOCALHOST/cb",
        "http://localhost./cb",
        "http://192.168.0.1/cb",
    ] {
        for kind in [ApplicationType::Web, ApplicationType::Native] {
            assert_eq!(
                validate(bad, kind),
                Err(MetadataReason::RedirectUriScheme),
                "{bad}"
            );
        }
    }
}

#[test]
fn a_fragment_is_refused_even_an_empty_one() {
    //= test RFC6749#3.1.2 a redirect URI has no fragment, not even an empty one
    for bad in [
        "https://rp.test/cb#",
        "https://rp.test/cb#x",
        "https://rp.test#",
        "com.example.app:/cb#x",
    ] {
        assert_eq!(
            validate(bad, ApplicationType::Native),
            Err(MetadataReason::RedirectUriFragment),
            "{bad}"
        );
    }
}

#[test]
fn a_host_is_shown_only_for_what_the_web_knows() {
    assert_eq!(host("https://rp.test:8443/cb"), Some("rp.test"));
    assert_eq!(host("http://[::1]:80/cb"), Some("[::1]"));
    for none in [
        "com.example.app://host/cb",
        "http://rp.test/",
        "nonsense",
        "",
    ] {
        assert_eq!(host(none), None, "{none}");
    }
}

// AZ-R17: two readers of one query may take different ones of two values.
#[test]
fn a_redirect_uri_brings_nothing_that_answers_bring() {
    //= test RFC6749#3.1 no parameter of an answer stands in it twice, so a redirect URI brings none of them
    for query in [
        "code=x",
        "state=",
        "state",
        "iss=https://evil.test",
        "a=1&error=access_denied",
        "a=1&b=2&response=e.y.s",
        "%63ode=x",
        "cod%65=x&a=1",
        "&&id_token=x",
        "access_token=x",
        "a=?&session_state=x",
    ] {
        for base in ["https://rp.test/cb", "http://127.0.0.1:8000/cb"] {
            let uri = format!("{base}?{query}");
            assert_eq!(
                validate(&uri, ApplicationType::Web),
                Err(MetadataReason::RedirectUriParameter),
                "{uri}"
            );
        }
    }
    for query in [
        "",
        "a=1&b=2",
        "a=code",
        "Code=1",
        "my_code=1",
        "code.x=1",
        "code%20=1",
    ] {
        let uri = format!("https://rp.test/cb?{query}");
        assert_eq!(validate(&uri, ApplicationType::Web), Ok(()), "{uri}");
    }
}

#[test]
fn a_uri_for_after_sign_out_brings_no_state() {
    let bye = |query: &str| {
        validate_post_logout(
            &format!("https://rp.test/bye?{query}"),
            ApplicationType::Web,
        )
    };
    for query in ["state=x", "a=1&st%61te"] {
        assert_eq!(bye(query), Err(MetadataReason::RedirectUriParameter));
    }
    for query in ["a=1", "code=x"] {
        assert_eq!(bye(query), Ok(()));
    }
}
