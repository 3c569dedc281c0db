use super::*;
use crate::authorize::fixture::{NOW, policy, valid};

const NOBODY: Enrolled = Enrolled {
    passkeys: 0,
    totp: false,
    recovery_codes: 0,
    email: false,
    phone: false,
};
const APP: Enrolled = Enrolled {
    totp: true,
    ..NOBODY
};
const APP_AND_CODES: Enrolled = Enrolled {
    recovery_codes: 3,
    ..APP
};
const KEY: Enrolled = Enrolled {
    passkeys: 2,
    ..NOBODY
};

fn with(second_factor: SecondFactor) -> Policy {
    let mut policy = policy();
    policy.acr_values = ["one", "two", "key"].map(str::to_owned).to_vec();
    policy.sign_in.second_factor = second_factor;
    policy
}

fn proofs(methods: &[Method]) -> Vec<Proof> {
    methods
        .iter()
        .map(|method| {
            if *method == Method::Passkey {
                Proof::passkey(false, NOW)
            } else {
                Proof::new(*method, NOW)
            }
        })
        .collect()
}

fn required(strength: Strength) -> Demand<'static> {
    Demand {
        required: Some(strength),
        wished: None,
        client: None,
        confirm: false,
        newcomer: false,
        changes: false,
    }
}

fn wished(strength: Strength) -> Demand<'static> {
    Demand {
        required: None,
        wished: Some(strength),
        client: None,
        confirm: false,
        newcomer: false,
        changes: false,
    }
}

#[test]
fn a_telephone_is_a_second_step_only_where_it_is_listed_and_never_a_first_one() {
    let phone = Enrolled {
        phone: true,
        ..NOBODY
    };
    let password = [Proof::new(Method::Password, NOW)];
    let text = [Proof::new(Method::Sms, NOW)];
    let none = Demand::default();
    let mut policy = policy();
    assert_eq!(step(&policy, none, &password, phone), Step::Done);
    assert_eq!(phone.reachable(&policy.sign_in), Strength::Single);
    policy.sign_in.second.push(Method::Sms);
    let asked = Step::Second(vec![Method::Sms]);
    assert_eq!(step(&policy, none, &password, phone), asked);
    assert_eq!(phone.reachable(&policy.sign_in), Strength::Multi);
    let both = [password[0].clone(), text[0].clone()];
    assert_eq!(step(&policy, none, &both, phone), Step::Done);
    assert_eq!(amr_of(&policy, &both), ["pwd", "sms", "mfa"]);
    // It is nothing that a passkey can be asked for instead of.
    let resistant = Demand {
        required: Some(Strength::PhishingResistant),
        ..none
    };
    assert_eq!(step(&policy, resistant, &both, phone), Step::Unreachable);
    assert!(!policy.sign_in.begins_with(Method::Sms));
    assert_ne!(step(&policy, none, &text, phone), Step::Done);
}

#[test]
fn nothing_is_told_of_a_person_before_something_is_proved() {
    use SecondFactor::{Off, Required, WhenEnrolled};
    for second_factor in [Off, WhenEnrolled, Required] {
        let policy = with(second_factor);
        let first = Step::First(policy.sign_in.methods.clone());
        for enrolled in [NOBODY, APP, APP_AND_CODES, KEY] {
            for demand in [Demand::default(), required(Strength::PhishingResistant)] {
                assert_eq!(step(&policy, demand, &[], enrolled), first);
            }
        }
    }
}

#[test]
fn what_is_missing_follows_from_policy_demand_and_what_the_person_has() {
    use Method::{EmailCode, Passkey, Password, RecoveryCode, Totp};
    use SecondFactor::{Off, Required, WhenEnrolled};
    use Strength::{Multi, PhishingResistant, Single};
    let none = Demand::default();
    let second = |methods: &[Method]| Step::Second(methods.to_vec());
    let cases: Vec<(SecondFactor, Demand<'_>, &[Method], Enrolled, Step)> = vec![
        (Off, none, &[Password], NOBODY, Step::Done),
        (Off, none, &[Password], APP, Step::Done),
        (WhenEnrolled, none, &[Password], NOBODY, Step::Done),
        (WhenEnrolled, none, &[Password], KEY, Step::Done),
        (WhenEnrolled, none, &[Password], APP, second(&[Totp])),
        (WhenEnrolled, none, &[EmailCode], APP, second(&[Totp])),
        (
            WhenEnrolled,
            none,
            &[Password],
            APP_AND_CODES,
            second(&[Totp, RecoveryCode]),
        ),
        (WhenEnrolled, none, &[Password, Totp], APP, Step::Done),
        (
            WhenEnrolled,
            none,
            &[Password, RecoveryCode],
            APP,
            Step::Done,
        ),
        (WhenEnrolled, none, &[Passkey], APP, Step::Done),
        (Required, none, &[Password], NOBODY, Step::Enrol),
        (Required, none, &[Password], KEY, second(&[Passkey])),
        (Required, none, &[Passkey], KEY, Step::Done),
        // Two of one kind are one factor.
        (
            WhenEnrolled,
            none,
            &[Password, EmailCode],
            APP,
            second(&[Totp]),
        ),
        (Off, required(Multi), &[Password], APP, second(&[Totp])),
        (Off, required(Multi), &[Password], NOBODY, Step::Unreachable),
        (
            Off,
            required(PhishingResistant),
            &[Password, Totp],
            APP,
            Step::Unreachable,
        ),
        (
            Off,
            required(PhishingResistant),
            &[Password],
            Enrolled {
                passkeys: 1,
                ..APP_AND_CODES
            },
            second(&[Passkey]),
        ),
        (Off, required(Single), &[Password], NOBODY, Step::Done),
        // A wish is for those who can.
        (Off, wished(Multi), &[Password], NOBODY, Step::Done),
        (Off, wished(Multi), &[Password], APP, second(&[Totp])),
        (Off, wished(PhishingResistant), &[Password], APP, Step::Done),
        (
            Off,
            wished(PhishingResistant),
            &[Password],
            KEY,
            second(&[Passkey]),
        ),
    ];
    for (second_factor, demand, methods, enrolled, expected) in cases {
        let found = step(&with(second_factor), demand, &proofs(methods), enrolled);
        assert_eq!(
            found, expected,
            "{second_factor:?} {demand:?} {methods:?} {enrolled:?}"
        );
    }
}

#[test]
fn a_way_that_the_policy_does_not_have_is_not_offered() {
    let mut policy = with(SecondFactor::WhenEnrolled);
    policy.sign_in.second = vec![Method::RecoveryCode];
    let password = proofs(&[Method::Password]);
    let phone = Enrolled {
        phone: true,
        ..NOBODY
    };
    let demand = required(Strength::Multi);
    assert_eq!(
        step(&policy, demand, &password, phone),
        Step::Unreachable,
        "never let in for want of a way"
    );
}

#[test]
fn an_app_stays_a_factor_when_the_issuer_offers_apps_no_more() {
    use Method::{Passkey, Password, RecoveryCode, Totp};
    use SecondFactor::{Off, Required, WhenEnrolled};
    let none = Demand::default();
    let second = |methods: &[Method]| Step::Second(methods.to_vec());
    let password = proofs(&[Password]);
    let app_and_key = Enrolled {
        passkeys: 1,
        ..APP_AND_CODES
    };
    for (second_factor, enrolled, expected) in [
        // Not dropped, and not the end of the account.
        (WhenEnrolled, APP, second(&[Totp])),
        (Required, APP, second(&[Totp])),
        // Codes that are used up are no way to sign in for long.
        (WhenEnrolled, APP_AND_CODES, second(&[Totp, RecoveryCode])),
        // What is still offered takes its place.
        (WhenEnrolled, app_and_key, second(&[Passkey, RecoveryCode])),
        // Nobody sets something new up with a password alone where there is an app.
        (Required, NOBODY, Step::Enrol),
        (Off, APP, Step::Done),
    ] {
        let mut policy = with(second_factor);
        policy.sign_in.second = vec![Passkey, RecoveryCode];
        assert_eq!(
            step(&policy, none, &password, enrolled),
            expected,
            "{second_factor:?} {enrolled:?}"
        );
    }
    let mut policy = with(WhenEnrolled);
    policy.sign_in.second = vec![Passkey];
    let both = proofs(&[Password, Totp]);
    assert_eq!(step(&policy, none, &both, APP), Step::Done);
    assert_eq!(APP.reachable(&policy.sign_in), Strength::Multi);
    // It is no passkey for that.
    let demand = required(Strength::PhishingResistant);
    assert_eq!(step(&policy, demand, &both, APP), Step::Unreachable);
}

#[test]
fn who_has_just_made_the_account_sets_up_what_a_request_demands_and_nobody_else_does() {
    let password = proofs(&[Method::Password]);
    let multi = required(Strength::Multi);
    let new = Demand {
        newcomer: true,
        ..multi
    };
    for second_factor in [SecondFactor::Off, SecondFactor::WhenEnrolled] {
        let policy = with(second_factor);
        assert_eq!(step(&policy, multi, &password, NOBODY), Step::Unreachable);
        assert_eq!(step(&policy, new, &password, NOBODY), Step::Enrol);
        let done = Demand {
            newcomer: true,
            ..Demand::default()
        };
        assert_eq!(step(&policy, done, &password, NOBODY), Step::Done);
    }
    // An app does not reach that, so none is set up for it.
    let key = Demand {
        required: Some(Strength::PhishingResistant),
        ..new
    };
    let mut policy = with(SecondFactor::WhenEnrolled);
    assert_eq!(step(&policy, key, &password, NOBODY), Step::Unreachable);
    policy.sign_in.second = vec![Method::Passkey];
    assert_eq!(step(&policy, new, &password, NOBODY), Step::Unreachable);
}

#[test]
fn amr_names_what_was_used_and_nothing_else() {
    //= test RFC8176#2 values of amr are those of the registry, so that clients can read them
    use Method::{EmailCode, Passkey, Password, RecoveryCode, Totp, Upstream};
    let policy = with(SecondFactor::Off);
    let cases: [(&[Method], &[&str], Option<&str>); 8] = [
        (&[], &[], None),
        (&[Password], &["pwd"], Some("one")),
        (&[EmailCode], &["otp"], Some("one")),
        (&[Upstream], &[], Some("one")),
        (&[Password, Totp], &["pwd", "otp", "mfa"], Some("two")),
        (
            &[Password, RecoveryCode],
            &["pwd", "otp", "mfa"],
            Some("two"),
        ),
        (&[Password, EmailCode], &["pwd", "otp"], Some("one")),
        (&[Passkey], &["hwk", "user", "mfa"], Some("key")),
    ];
    for (methods, words, acr) in cases {
        let proofs = proofs(methods);
        assert_eq!(amr_of(&policy, &proofs), words, "{methods:?}");
        let strength = strength_of(&policy, &proofs);
        assert_eq!(acr_of(&policy, strength).as_deref(), acr, "{methods:?}");
    }
    assert_eq!(Proof::passkey(true, NOW).amr, ["swk", "user", "mfa"]);
}

#[test]
fn the_time_of_a_sign_in_is_that_of_its_oldest_proof() {
    let mut proofs = proofs(&[Method::Password, Method::Totp]);
    proofs[1].at = NOW.plus(100);
    assert_eq!(time_of(&proofs), Some(NOW));
    assert_eq!(time_of(&[]), None);
}

#[test]
fn an_operator_says_what_a_class_demands() {
    //= test OIDC-CORE#5.5.1.1 an essential acr is one of the listed values, any of them
    //= test OIDC-CORE#3.1.2.1 acr_values are in order of preference
    let mut policy = with(SecondFactor::Off);
    policy.sign_in.demands = vec![Strength::Single, Strength::PhishingResistant];
    for (strength, acr) in [
        (None, None),
        (Some(Strength::Single), Some("one")),
        (Some(Strength::Multi), Some("one")),
        (Some(Strength::PhishingResistant), Some("key")),
    ] {
        assert_eq!(acr_of(&policy, strength).as_deref(), acr);
    }
    let valid = valid(&[]);
    let request = RequestOf {
        essential: &["key", "one"],
        wished: &["other", "two"],
    }
    .on(valid.request());
    assert_eq!(required_by(&policy, &request), Some(Strength::Single));
    for (can_reach, wished) in [
        (
            Strength::PhishingResistant,
            Some(Strength::PhishingResistant),
        ),
        (Strength::Multi, None),
    ] {
        assert_eq!(wished_by(&policy, &request, can_reach), wished);
    }
    // Of several that can be reached the one that is named first counts.
    let policy = with(SecondFactor::Off);
    for (wished, can_reach, liked) in [
        (&["two", "one"][..], Strength::Multi, Some(Strength::Multi)),
        (&["two", "one"], Strength::Single, Some(Strength::Single)),
        (&["one", "two"], Strength::Multi, Some(Strength::Single)),
        (&["key"], Strength::Multi, None),
    ] {
        let essential = &[][..];
        let request = RequestOf { essential, wished }.on(valid.request());
        assert_eq!(wished_by(&policy, &request, can_reach), liked, "{wished:?}");
    }
}

struct RequestOf<'a> {
    essential: &'a [&'a str],
    wished: &'a [&'a str],
}

impl RequestOf<'_> {
    fn on(&self, request: &crate::authorize::RequestRecord) -> crate::authorize::RequestRecord {
        let texts = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        crate::authorize::RequestRecord {
            essential_acr: texts(self.essential),
            acr_values: texts(self.wished),
            ..request.clone()
        }
    }
}

fn client(methods: &[Method], second_factor: Option<SecondFactor>) -> ClientSignIn {
    ClientSignIn {
        methods: methods.to_vec(),
        second_factor,
    }
}

fn of(client: &ClientSignIn) -> Demand<'_> {
    Demand {
        client: Some(client),
        ..Demand::default()
    }
}

#[test]
fn a_client_takes_only_the_ways_that_it_names_in_its_order() {
    let policy = with(SecondFactor::WhenEnrolled);
    let only = client(
        &[Method::Upstream, Method::Passkey, Method::MagicLink],
        None,
    );
    // Of what it names the issuer has no links.
    let first = Step::First(vec![Method::Upstream, Method::Passkey]);
    assert_eq!(step(&policy, of(&only), &[], NOBODY), first);
    let password = proofs(&[Method::Password]);
    assert_eq!(step(&policy, of(&only), &password, KEY), first);
    let both = proofs(&[Method::Password, Method::Passkey]);
    assert_eq!(step(&policy, of(&only), &both, KEY), Step::Done);
    // A second factor of another way does not stand in for the first.
    let codes = proofs(&[Method::Password, Method::Totp]);
    assert_eq!(step(&policy, of(&only), &codes, APP), first);
}

#[test]
fn a_client_may_ask_for_more_or_less_than_the_issuer() {
    let password = proofs(&[Method::Password]);
    let more = client(&[], Some(SecondFactor::Required));
    let less = client(&[], Some(SecondFactor::Off));
    let policy = with(SecondFactor::WhenEnrolled);
    assert_eq!(step(&policy, of(&more), &password, NOBODY), Step::Enrol);
    assert_eq!(step(&policy, of(&less), &password, APP), Step::Done);
    let strict = with(SecondFactor::Required);
    assert_eq!(step(&strict, of(&less), &password, APP), Step::Done);
    // A request may still demand what the client does not.
    let demand = Demand {
        required: Some(Strength::Multi),
        ..of(&less)
    };
    let second = Step::Second(vec![Method::Totp]);
    assert_eq!(step(&policy, demand, &password, APP), second);
}

#[test]
fn a_session_of_a_client_that_asks_less_opens_no_other() {
    let policy = with(SecondFactor::WhenEnrolled);
    let (any, less) = (client(&[], None), client(&[], Some(SecondFactor::Off)));
    let strict = client(&[], Some(SecondFactor::Required));
    let mut session = crate::authorize::fixture::session(0);
    session.proofs = proofs(&[Method::Password]);
    assert!(any.is_content(&policy, &session) && !strict.is_content(&policy, &session));
    session.lowered = true;
    assert!(less.is_content(&policy, &session));
    assert!(!any.is_content(&policy, &session) && !strict.is_content(&policy, &session));
    session.lowered = false;
    // One from before more was demanded of everybody opens nothing either.
    let everybody = with(SecondFactor::Required);
    assert!(!any.is_content(&everybody, &session) && less.is_content(&everybody, &session));
    session.proofs = proofs(&[Method::Password, Method::Totp]);
    assert!(strict.is_content(&policy, &session) && any.is_content(&everybody, &session));
    let keys = client(&[Method::Passkey], None);
    assert!(any.takes(&session) && !keys.takes(&session));
    // What an older version noted says nothing of the way.
    session.proofs.clear();
    assert!(any.takes(&session) && !keys.takes(&session));
}

#[test]
fn a_code_by_mail_is_a_second_factor_only_where_the_issuer_says_so() {
    let mailed = Enrolled {
        email: true,
        ..NOBODY
    };
    let mut policy = with(SecondFactor::Required);
    let password = proofs(&[Method::Password]);
    let both = proofs(&[Method::Password, Method::EmailCode]);
    let demand = Demand::default();
    assert_eq!(step(&policy, demand, &password, mailed), Step::Enrol);
    assert_eq!(strength_of(&policy, &both), Some(Strength::Single));
    policy.sign_in.second.push(Method::EmailCode);
    let second = Step::Second(vec![Method::EmailCode]);
    assert_eq!(step(&policy, demand, &password, mailed), second);
    assert_eq!(strength_of(&policy, &both), Some(Strength::Multi));
    assert_eq!(step(&policy, demand, &both, mailed), Step::Done);
    // Who came by mail has shown the mailbox already.
    for first in [Method::EmailCode, Method::MagicLink, Method::Upstream] {
        let by_mail = proofs(&[first]);
        assert_eq!(step(&policy, demand, &by_mail, mailed), Step::Enrol);
    }
    // A wish that they cannot fulfil refuses nobody.
    policy.sign_in.second_factor = SecondFactor::Off;
    policy.sign_in.methods.push(Method::EmailCode);
    let by_mail = proofs(&[Method::EmailCode]);
    assert_eq!(
        step(&policy, wished(Strength::Multi), &by_mail, mailed),
        Step::Done
    );
    let must = required(Strength::Multi);
    assert_eq!(step(&policy, must, &by_mail, mailed), Step::Unreachable);
}

#[test]
fn a_browser_keeps_a_session_as_the_issuer_and_the_person_say() {
    for (remember, unasked, asked) in [
        (Remember::Always, true, true),
        (Remember::Ask, false, true),
        (Remember::Never, false, false),
    ] {
        let rules = SignInPolicy {
            remember,
            ..SignInPolicy::default()
        };
        assert_eq!((rules.keeps(false), rules.keeps(true)), (unasked, asked));
    }
}

// LG-19
#[test]
fn whoever_changes_how_they_sign_in_shows_what_they_have_set_up() {
    let mut policy = with(SecondFactor::Off);
    policy.sign_in.second.push(Method::EmailCode);
    let changes = Demand {
        changes: true,
        ..Demand::default()
    };
    let password = proofs(&[Method::Password]);
    let mailed = proofs(&[Method::Password, Method::EmailCode]);
    let mail = Enrolled {
        email: true,
        ..NOBODY
    };
    let codes = Enrolled {
        recovery_codes: 3,
        email: true,
        ..KEY
    };
    for (enrolled, ways) in [
        (KEY, &[Method::Passkey][..]),
        (APP, &[Method::Totp]),
        (codes, &[Method::Passkey, Method::RecoveryCode]),
    ] {
        let asked = Step::Second(ways.to_vec());
        for little in [&password, &mailed, &proofs(&[Method::Upstream])] {
            assert_eq!(step(&policy, changes, little, enrolled), asked);
            assert_eq!(
                step(&policy, Demand::default(), little, enrolled),
                Step::Done
            );
        }
        for own in [Method::Passkey, Method::Totp, Method::RecoveryCode] {
            let both = proofs(&[Method::Password, own]);
            assert_eq!(step(&policy, changes, &both, enrolled), Step::Done);
        }
    }
    // Who has nothing begins with what they have.
    for nothing in [NOBODY, mail] {
        assert_eq!(step(&policy, changes, &password, nothing), Step::Done);
    }
    // Words that an embedding program, or an older version, noted.
    let told = |amr: &[&str]| {
        let mut proof = Proof::new(Method::Other, NOW);
        proof.amr = amr.iter().map(|word| (*word).to_owned()).collect();
        owed(&policy, &[proof], KEY)
    };
    assert!(told(&["pwd", "otp", "mfa"]).is_empty());
    assert_eq!(told(&["pwd", "otp"]), [Method::Passkey]);
    // What is not offered cannot be shown; an app that was, can.
    policy.sign_in.second = vec![Method::RecoveryCode];
    policy.sign_in.methods = vec![Method::Password];
    assert!(owed(&policy, &password, KEY).is_empty());
    assert_eq!(owed(&policy, &password, APP), [Method::Totp]);
    let phone = Enrolled {
        phone: true,
        ..NOBODY
    };
    assert!(owed(&policy, &password, phone).is_empty());
    // A passkey that only begins a sign-in is one all the same.
    policy.sign_in.methods.push(Method::Passkey);
    assert_eq!(owed(&policy, &password, KEY), [Method::Passkey]);
}

#[test]
fn codes_that_open_the_door_are_shown_before_an_app_is_set_up_on_the_way() {
    let mut policy = with(SecondFactor::Required);
    policy.sign_in.methods.push(Method::RecoveryCode);
    policy.sign_in.second = vec![Method::Totp];
    let codes = Enrolled {
        recovery_codes: 3,
        ..NOBODY
    };
    let password = proofs(&[Method::Password]);
    let by_code = proofs(&[Method::RecoveryCode]);
    let usual = Demand::default();
    assert_eq!(step(&policy, usual, &password, codes), Step::Unreachable);
    assert_eq!(step(&policy, usual, &by_code, codes), Step::Enrol);
    assert_eq!(step(&policy, usual, &password, NOBODY), Step::Enrol);
}

#[test]
fn methods_have_the_names_that_they_are_stored_by() {
    for method in Method::NAMED {
        assert_eq!(Method::parse(method.as_str()), Some(*method));
        assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
    }
    assert_eq!(Method::parse("other"), None);
    for name in ["off", "when_enrolled", "required"] {
        assert_eq!(
            SecondFactor::parse(name).map(SecondFactor::as_str),
            Some(name)
        );
    }
    assert_eq!(SecondFactor::parse("never"), None);
}

#[test]
fn an_unusual_sign_in_is_confirmed_by_whoever_has_set_up_more_than_a_password() {
    let confirm = Demand {
        confirm: true,
        ..Demand::default()
    };
    let key_and_mail = Enrolled { email: true, ..KEY };
    let mail = Enrolled {
        email: true,
        ..NOBODY
    };
    let policy = with(SecondFactor::WhenEnrolled);
    let password = proofs(&[Method::Password]);
    let ask = |enrolled, proofs: &[Proof]| step(&policy, confirm, proofs, enrolled);
    let both = Step::Second(vec![Method::Passkey, Method::EmailCode]);
    assert_eq!(ask(key_and_mail, &password), both);
    assert_eq!(ask(KEY, &password), Step::Done, "the key may be lost");
    let codes = Enrolled {
        recovery_codes: 3,
        ..KEY
    };
    let held = Step::Second(vec![Method::Passkey, Method::RecoveryCode]);
    assert_eq!(ask(codes, &password), held);
    assert_eq!(ask(mail, &password), Step::Done, "nothing is set up");
    assert_eq!(ask(NOBODY, &password), Step::Done);
    for enough in [
        &[Method::Password, Method::EmailCode][..],
        &[Method::Password, Method::RecoveryCode],
        &[Method::Passkey],
        &[Method::RecoveryCode],
    ] {
        assert_eq!(ask(key_and_mail, &proofs(enough)), Step::Done, "{enough:?}");
    }
    let by_mail = proofs(&[Method::MagicLink]);
    assert_eq!(ask(key_and_mail, &by_mail), Step::Done);
    assert_eq!(ask(codes, &by_mail), held);
    for alike in [
        &[Method::EmailCode, Method::Upstream][..],
        &[Method::Upstream, Method::MagicLink, Method::EmailCode],
    ] {
        assert_eq!(ask(codes, &proofs(alike)), held, "{alike:?} are one");
    }
    let off = with(SecondFactor::Off);
    assert_eq!(step(&off, confirm, &password, key_and_mail), Step::Done);
    let usual = Demand::default();
    assert_eq!(step(&policy, usual, &password, key_and_mail), Step::Done);
}
