//! The codec against any bytes, the store against a plain map.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::protocol::state_calls::Delta;
use crate::protocol::state_limits::{MAX_BATCH, MAX_CALL};

fn any_key() -> impl Strategy<Value = String> {
    "[a-d]{0,2}"
}

fn any_value() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        any::<i64>().prop_map(|number| Bytes::from(number.to_string())),
        vec(any::<u8>(), 0..9).prop_map(Bytes::from)
    ]
}

fn any_delta() -> impl Strategy<Value = Delta> {
    prop_oneof![any::<i64>().prop_map(Delta::Signed), any::<u64>().prop_map(Delta::Unsigned)]
}

fn any_request() -> impl Strategy<Value = Request> {
    let key = any_key;
    prop_oneof![
        key().prop_map(|key| Request::Get { key }),
        (key(), any_value()).prop_map(|(key, value)| Request::Set { key, value }),
        key().prop_map(|key| Request::Delete { key }),
        key().prop_map(|key| Request::Exists { key }),
        proptest::option::of(key()).prop_map(|after| Request::ListKeys { after }),
        (key(), any_delta()).prop_map(|(key, delta)| Request::Increment { key, delta }),
        key().prop_map(|key| Request::Watch { key }),
        (key(), 0..40u64, any_value()).prop_map(|(key, version, value)| Request::Swap { key, version, value }),
        vec(key(), 0..4).prop_map(|keys| Request::GetMany { keys }),
        vec((key(), any_value()), 0..4).prop_map(|pairs| Request::SetMany { pairs }),
        vec(key(), 0..4).prop_map(|keys| Request::DeleteMany { keys }),
    ]
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let value = || proptest::option::of(any_value());
    prop_oneof![
        Just(Reply::Done),
        value().prop_map(Reply::Value),
        any::<bool>().prop_map(Reply::Exists),
        (vec(any_key(), 0..4), any::<bool>()).prop_map(|(keys, more)| Reply::Keys { keys, more }),
        any::<i128>().prop_map(Reply::Number),
        (any::<u64>(), value()).prop_map(|(version, value)| Reply::Versioned { version, value }),
        vec(value(), 0..4).prop_map(Reply::Values),
        ".*".prop_map(Reply::Refused),
    ]
}

type Model = BTreeMap<String, Bytes>;

/// Applies a request to a plain map, and checks the parts of the reply that concern values alone.
fn model(map: &mut Model, request: Request, reply: &Reply) {
    match request {
        Request::Get { key } => assert_eq!(*reply, Reply::Value(map.get(&key).cloned())),
        Request::Set { key, value } => drop(map.insert(key, value)),
        Request::Delete { key } => drop(map.remove(&key)),
        Request::Exists { key } => assert_eq!(*reply, Reply::Exists(map.contains_key(&key))),
        Request::ListKeys { after } => {
            let keys = map.keys().filter(|key| after.as_ref().is_none_or(|after| *key > after)).cloned().collect();
            assert_eq!(*reply, Reply::Keys { keys, more: false });
        }
        Request::Increment { key, .. } => {
            if let Reply::Number(sum) = reply {
                map.insert(key, sum.to_string().into());
            } else {
                assert!(matches!(reply, Reply::Refused(_)), "{reply:?}");
            }
        }
        Request::Watch { key } => match reply {
            Reply::Versioned { value, .. } => assert_eq!(*value, map.get(&key).cloned()),
            other => panic!("{other:?}"),
        },
        Request::Swap { key, version, value } => match reply {
            Reply::Done => drop(map.insert(key, value)),
            Reply::Versioned { version: found, value } => {
                assert_ne!(*found, version);
                assert_eq!(*value, map.get(&key).cloned());
            }
            other => panic!("{other:?}"),
        },
        Request::GetMany { keys } => {
            assert_eq!(*reply, Reply::Values(keys.iter().map(|key| map.get(key).cloned()).collect()));
        }
        Request::SetMany { pairs } => map.extend(pairs),
        Request::DeleteMany { keys } => keys.iter().for_each(|key| drop(map.remove(key))),
    }
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn calls_and_replies_survive_the_wire(request in any_request(), reply in any_reply()) {
        prop_assert_eq!(Request::decode(request.encode().unwrap().into()).unwrap(), request);
        prop_assert_eq!(Reply::decode(reply.encode().into()).unwrap(), reply);
    }

    #[test]
    fn any_bytes_are_a_call_or_an_error(bytes in vec(any::<u8>(), 0..64)) {
        let bytes = Bytes::from(bytes);
        if let Ok(request) = Request::decode(bytes.clone()) {
            prop_assert_eq!(Bytes::from(request.encode().unwrap()), bytes.clone());
        }
        if let Ok(reply) = Reply::decode(bytes.clone()) {
            prop_assert_eq!(Bytes::from(reply.encode()), bytes);
        }
    }

    #[test]
    fn a_part_of_a_call_is_an_error(request in any_request(), reply in any_reply(), cut in 1..10usize) {
        let (call, told) = (Bytes::from(request.encode().unwrap()), Bytes::from(reply.encode()));
        let part = |bytes: &Bytes| bytes.slice(..bytes.len().saturating_sub(cut));
        let longer = |bytes: &Bytes| Bytes::from([bytes, &b"."[..]].concat());
        prop_assert!(Request::decode(part(&call)).is_err() && Request::decode(longer(&call)).is_err());
        prop_assert!(Reply::decode(part(&told)).is_err() && Reply::decode(longer(&told)).is_err());
    }

    #[test]
    fn the_store_does_what_a_map_does_and_counts_it(requests in vec(any_request(), 0..8)) {
        let (state, mut map) = (SharedState::new(), Model::new());
        let (mut writes, mut increments) = (0, 0);
        for request in requests {
            let before = map.clone();
            let (reply, changed) = state.call(request.clone());
            model(&mut map, request.clone(), &reply);
            prop_assert!(changed || map == before);
            writes += u64::from(changed);
            increments += u64::from(matches!((request, reply), (Request::Increment { .. }, Reply::Number(_))));
        }
        let stats = state.stats();
        prop_assert_eq!((stats.writes, stats.increments), (writes, increments));
        let held: Vec<_> = state.lock().store.entries().into_iter().map(|(key, value)| (key.into(), value)).collect();
        prop_assert_eq!(&held, &map.clone().into_iter().collect::<Vec<(String, Bytes)>>());
        let size = map.iter().map(|(key, value)| key.len() + value.len() + ENTRY_COST).sum::<usize>();
        prop_assert_eq!(state.lock().store.size, size);
        let again = SharedState::from_json(&state.to_json()).unwrap();
        prop_assert_eq!(again.lock().store.entries(), state.lock().store.entries());
    }
}

/// The reply to a call.
fn ask(state: &SharedState, request: Request) -> Reply {
    state.call(request).0
}

#[test]
fn a_swap_needs_the_value_that_was_watched_even_if_one_like_it_came_back() {
    let state = SharedState::new();
    let swap = |version, value: &'static str| Request::Swap { key: "k".into(), version, value: value.into() };
    assert_eq!(ask(&state, Request::Watch { key: "k".into() }), Reply::Versioned { version: 0, value: None });
    assert_eq!(ask(&state, swap(0, "a")), Reply::Done);
    assert!(matches!(ask(&state, swap(0, "b")), Reply::Versioned { version: 1, .. }));
    state.set("k", "b").unwrap();
    state.set("k", "a").unwrap();
    let stale = ask(&state, swap(1, "c"));
    assert_eq!(stale, Reply::Versioned { version: 3, value: Some("a".into()) });
    assert_eq!(ask(&state, swap(3, "c")), Reply::Done);
}

#[test]
fn counters_are_decimal_and_stay_within_their_type() {
    let state = SharedState::from_json(br#"{"n": 41, "max": 18446744073709551615, "x": "1.5"}"#).unwrap();
    let add = |key: &str, delta| ask(&state, Request::Increment { key: key.into(), delta });
    assert_eq!(add("n", Delta::Unsigned(1)), Reply::Number(42));
    assert_eq!(add("n", Delta::Signed(-43)), Reply::Number(-1));
    assert_eq!(add("new", Delta::Signed(i64::MIN)), Reply::Number(i128::from(i64::MIN)));
    let refused = |reply| matches!(reply, Reply::Refused(_));
    assert!(refused(add("n", Delta::Unsigned(0))), "-1 is not a u64");
    assert!(refused(add("new", Delta::Signed(-1))));
    assert!(refused(add("max", Delta::Unsigned(1))));
    assert!(refused(add("max", Delta::Signed(-1))), "the sum is not an s64");
    assert!(refused(add("x", Delta::Signed(1))));
    assert_eq!(state.get("n").unwrap(), "-1");
    assert_eq!(state.stats().increments, 3);
}

#[test]
fn nothing_is_accepted_beyond_the_limits() {
    let state = SharedState::new();
    let long = "k".repeat(MAX_KEY + 1);
    assert_eq!(state.set(&long, ""), Err(StateError::Key(MAX_KEY + 1)));
    assert_eq!(state.set("k", vec![0; MAX_VALUE + 1]), Err(StateError::Value(MAX_VALUE + 1)));
    let keys = vec![String::new(); MAX_BATCH + 1];
    assert_eq!(Request::GetMany { keys }.encode(), Err(StateError::BatchKeys(MAX_BATCH + 1)));
    let value = Bytes::from(vec![0; MAX_VALUE]);
    let pairs = vec![("k".to_owned(), value.clone()); 4];
    assert!(matches!(Request::SetMany { pairs }.encode(), Err(StateError::Batch(size)) if size > MAX_CALL));
    let mut held = 0;
    while state.set(&format!("{held}"), value.clone()).is_ok() {
        held += 1;
    }
    assert_eq!(held, 63, "64 MiB less what the entries cost");
    assert_eq!(state.set("another", value.clone()), Err(StateError::Full));
    state.set("0", "replaced").unwrap();
    state.set("another", value).unwrap();
    let keys = vec!["1".to_owned(); 4];
    assert!(matches!(ask(&state, Request::GetMany { keys }), Reply::Refused(why) if why.contains("in parts")));
}

#[test]
fn a_value_that_stays_keeps_nothing_else_of_its_call() {
    let pairs = vec![("long".to_owned(), Bytes::from(vec![7; 1000])), ("short".to_owned(), Bytes::from("7"))];
    let value = Bytes::from(vec![8; 1000]);
    for request in [
        Request::SetMany { pairs },
        Request::Set { key: "k".into(), value: value.clone() },
        Request::Swap { key: "k".into(), version: 0, value },
    ] {
        let call = Bytes::from(request.encode().unwrap());
        let values = match Request::decode(call.clone()).unwrap() {
            Request::SetMany { pairs } => pairs.into_iter().map(|(_, value)| value).collect(),
            Request::Set { value, .. } | Request::Swap { value, .. } => vec![value],
            other => panic!("{other:?}"),
        };
        assert!(values.iter().all(|value| !call.as_ptr_range().contains(&value.as_ptr())), "{request:?}");
    }
}

#[test]
fn keys_come_in_pages_without_gaps() {
    let state = SharedState::new();
    let all: Vec<String> = (0..20_000).map(|number| format!("{number:05}")).collect();
    all.iter().for_each(|key| state.set(key, "").unwrap());
    let (mut listed, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let Reply::Keys { keys, more } = ask(&state, Request::ListKeys { after }) else { panic!("no keys") };
        after = keys.last().cloned();
        listed.extend(keys);
        pages += 1;
        if !more {
            break;
        }
    }
    assert_eq!(listed, all);
    assert!(pages > 3, "{pages}");
}

#[test]
fn a_file_holds_text_as_text_and_other_bytes_as_base64() {
    let state = SharedState::from_json(
        br#"{"t": "a\u00e9", "b": {"base64": "/wA="}, "n": 1.50, "o": {"base64": "", "x": [ 1 ]}}"#,
    )
    .unwrap();
    assert_eq!(state.get("b").unwrap(), &[255, 0][..]);
    assert_eq!(state.get("n").unwrap(), "1.50");
    let expected = "{\n\"b\":{\"base64\":\"/wA=\"},\n\"n\":\"1.50\",\n\"o\":\"{\\\"base64\\\": \\\"\\\", \\\"x\\\": [ 1 ]}\",\n\"t\":\"a\u{e9}\"\n}\n";
    assert_eq!(String::from_utf8(state.to_json()).unwrap(), expected);
    assert_eq!(SharedState::new().to_json(), b"{}\n");
    for (wrong, why) in [("[]", "invalid type"), ("{", "EOF"), (r#"{"k": {"base64": "?"}}"#, "\"k\" is not base64")] {
        let error = SharedState::from_json(wrong.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
