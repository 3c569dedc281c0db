use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::client::fixtures::policy;

fn payment() -> DetailType {
    DetailType {
        description: Some("Make a payment".to_owned()),
        members: vec![
            Member {
                kind: MemberKind::Object,
                required: true,
                ..Member::new("amount")
            },
            Member {
                values: vec!["initiate".to_owned(), "status".to_owned()],
                ..Member::new("actions")
            },
            Member {
                kind: MemberKind::Number,
                ..Member::new("priority")
            },
            Member::new("locations"),
        ],
        ..DetailType::new("payment".to_owned())
    }
}

fn one(value: Value) -> Detail {
    parse(&Value::Array(vec![value]).to_string())
        .unwrap()
        .remove(0)
}

#[test]
fn what_is_no_array_of_typed_objects_is_malformed() {
    //= test RFC9396#2 the parameter is a JSON array of objects
    //= test RFC9396#2 every object has a type, which is a string
    //= test RFC9396#2.2 the common members have their types
    let many = json!(vec![json!({"type": "a"}); 33]).to_string();
    let long = json!([{"type": "a", "x": "x".repeat(6000)}]).to_string();
    let deep = format!(
        "[{{\"type\":\"a\",\"x\":{}1{}}}]",
        "[".repeat(20),
        "]".repeat(20)
    );
    for text in [
        "",
        "x",
        "{}",
        "[]",
        "null",
        // What would be good within an array.
        r#"{"type":"a"}"#,
        r#""[{\"type\":\"a\"}]""#,
        "[1]",
        "[null]",
        "[[]]",
        "[{}]",
        r#"[{"type":""}]"#,
        r#"[{"type":1}]"#,
        r#"[{"type":["a"]}]"#,
        r#"[{"type":"a"},{}]"#,
        r#"[{"type":"a","type":"b"}]"#,
        r#"[{"type":"a","locations":"https://a"}]"#,
        r#"[{"type":"a","actions":[1]}]"#,
        r#"[{"type":"a","datatypes":{}}]"#,
        r#"[{"type":"a","privileges":null}]"#,
        r#"[{"type":"a","identifier":[]}]"#,
        r#"[{"type":"a"}] x"#,
        &many,
        &long,
        &deep,
    ] {
        assert_eq!(parse(text), Err(Malformed), "{text:.60}");
    }
    let fine = parse(r#"[{"type":"a"},{"type":"a","identifier":"x","actions":[]}]"#).unwrap();
    assert_eq!(fine.len(), 2);
    assert_eq!(
        to_text(&fine),
        r#"[{"type":"a"},{"actions":[],"identifier":"x","type":"a"}]"#
    );
}

#[test]
fn a_type_takes_what_it_lists_and_nothing_else() {
    //= test RFC9396#5 unknown or missing members, wrong types and invalid values are refused
    let kind = payment();
    let amount = json!({"currency": "EUR", "value": "1.00"});
    for good in [
        json!({"type": "payment", "amount": amount}),
        json!({"type": "payment", "amount": {}, "actions": ["initiate", "status"], "priority": 1.5}),
        json!({"type": "payment", "amount": {}, "actions": [], "locations": ["https://a.test"]}),
    ] {
        assert!(kind.allows(&one(good.clone())), "{good}");
    }
    for bad in [
        json!({"type": "payment"}),
        json!({"type": "Payment", "amount": {}}),
        json!({"type": "payment", "amount": "1.00"}),
        json!({"type": "payment", "amount": null}),
        json!({"type": "payment", "amount": {}, "extra": 1}),
        json!({"type": "payment", "amount": {}, "datatypes": ["x"]}),
        json!({"type": "payment", "amount": {}, "actions": ["initiate", "cancel"]}),
        json!({"type": "payment", "amount": {}, "priority": "1"}),
    ] {
        assert!(!kind.allows(&one(bad.clone())), "{bad}");
    }
    let checked = DetailType {
        check: Some(DetailCheck(Arc::new(|members| {
            members["amount"]["currency"] == "EUR"
        }))),
        ..kind
    };
    assert!(checked.allows(&one(json!({"type": "payment", "amount": amount}))));
    assert!(!checked.allows(&one(
        json!({"type": "payment", "amount": {"currency": "XXX"}})
    )));
}

#[test]
fn a_token_has_no_more_than_what_was_granted_and_is_still_permitted() {
    //= test RFC9396#6 a token request does not get more than what was granted
    //= test RFC9396#7 details that mean nothing at the token's resource are left out
    let mut policy = policy();
    policy.detail_types = vec![payment(), DetailType::new("other".to_owned())];
    let metadata = json!({
        "redirect_uris": ["https://rp.test/cb"], "authorization_details_types": ["payment"],
    });
    let record = crate::client::fixtures::record(
        "rp",
        &metadata,
        crate::client::ClientOrigin::Configuration,
        &policy,
    )
    .unwrap();
    let client = Client::from_record(&record, &policy, None).unwrap();
    let here = one(json!({"type": "payment", "amount": {}, "locations": ["https://a.test"]}));
    let there = one(json!({"type": "payment", "amount": {}, "locations": ["https://b.test"]}));
    let all = one(json!({"type": "payment", "amount": {"value": 1}}));
    let withdrawn = one(json!({"type": "other"}));
    let granted = [here.clone(), there.clone(), all.clone(), withdrawn.clone()];
    let around = (&policy, &client);
    let audience = ["https://a.test".to_owned()];
    assert_eq!(
        narrowed(&granted, None, around, &[]).unwrap(),
        [here.clone(), there, all.clone()]
    );
    assert_eq!(
        narrowed(&granted, None, around, &audience).unwrap(),
        [here, all.clone()]
    );
    assert_eq!(
        narrowed(
            &granted,
            Some(std::slice::from_ref(&all)),
            around,
            &audience
        )
        .unwrap(),
        std::slice::from_ref(&all)
    );
    assert_eq!(
        narrowed(&granted, Some(&[withdrawn]), around, &[]).unwrap(),
        []
    );
    let more = one(json!({"type": "payment", "amount": {"value": 2}}));
    // AZ-28: one that was granted once is not taken twice.
    let twice = vec![all.clone(), all.clone()];
    for asked in [vec![more.clone()], vec![all, more], twice.clone()] {
        assert_eq!(
            narrowed(&granted, Some(&asked), around, &[]),
            Err(NotGranted)
        );
    }
    assert_eq!(
        narrowed(&twice, Some(&twice), around, &[]).unwrap(),
        twice,
        "two were granted"
    );
}
