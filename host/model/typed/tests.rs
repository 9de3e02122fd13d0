//! Properties of the conversion, over random types and values.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

use super::arguments::Parameters;
use super::read::read;
use super::types::{Case, Field, Signature, Type};
use super::value::Value;
use super::write::push;

/// Types of up to some twenty parts.
fn types() -> impl Strategy<Value = Type> {
    let simple = prop_oneof![
        Just(Type::Bool),
        Just(Type::S8),
        Just(Type::U8),
        Just(Type::S16),
        Just(Type::U16),
        Just(Type::S32),
        Just(Type::U32),
        Just(Type::S64),
        Just(Type::U64),
        Just(Type::F32),
        Just(Type::F64),
        Just(Type::Char),
        Just(Type::String),
        (1..5usize).prop_map(|count| Type::Enum(names(count))),
        (1..5usize).prop_map(|count| Type::Flags(names(count))),
    ];
    simple.prop_recursive(3, 20, 4, |inner| {
        let optional = proptest::option::of(inner.clone());
        let fields = |types: Vec<Type>| names(types.len()).into_iter().zip(types);
        prop_oneof![
            inner.clone().prop_map(|ty| Type::List(Box::new(ty))),
            inner.clone().prop_map(|ty| Type::Option(Box::new(ty))),
            vec(inner.clone(), 1..4).prop_map(Type::Tuple),
            vec(inner.clone(), 1..4)
                .prop_map(move |types| Type::Record(fields(types).map(|(name, ty)| Field { name, ty }).collect())),
            vec(optional.clone(), 1..4).prop_map(|types| {
                let cases = names(types.len()).into_iter().zip(types);
                Type::Variant(cases.map(|(name, payload)| Case { name, payload }).collect())
            }),
            (optional.clone(), optional)
                .prop_map(|(ok, err)| Type::Result { ok: ok.map(Box::new), err: err.map(Box::new) }),
        ]
    })
}

/// Names that need care in JSON, too.
fn names(count: usize) -> Vec<String> {
    ["ok", "some", "a-long-name", "b", "c"].into_iter().take(count).map(str::to_owned).collect()
}

/// Values of a type.
fn values(ty: &Type) -> BoxedStrategy<Value> {
    let boxed = |ty: &Option<Box<Type>>| ty.as_deref().map_or(Just(None).boxed(), some_value);
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::F32 => any::<u32>().prop_map(|bits| Value::F32(f32::from_bits(bits))).boxed(),
        Type::F64 => any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))).boxed(),
        Type::Char => any::<char>().prop_map(Value::Char).boxed(),
        Type::String => any::<String>().prop_map(Value::String).boxed(),
        Type::List(_) if ty.is_bytes() => vec(any::<u8>(), 0..5).prop_map(Value::Bytes).boxed(),
        Type::List(element) => vec(values(element), 0..4).prop_map(Value::Many).boxed(),
        Type::Record(fields) => many(fields.iter().map(|field| &field.ty)),
        Type::Tuple(types) => many(types.iter()),
        Type::Enum(names) => (0..names.len()).prop_map(|case| Value::Case(case, None)).boxed(),
        Type::Variant(cases) => {
            let one = |(at, case): (usize, &Case)| {
                let payload = case.payload.as_ref().map_or(Just(None).boxed(), some_value);
                payload.prop_map(move |payload| Value::Case(at, payload)).boxed()
            };
            proptest::strategy::Union::new(cases.iter().enumerate().map(one)).boxed()
        }
        Type::Option(some) => prop_oneof![Just(None), some_value(some)].prop_map(Value::Option).boxed(),
        Type::Result { ok, err } => {
            let ok = boxed(ok).prop_map(|value| Value::Result(Ok(value)));
            prop_oneof![ok, boxed(err).prop_map(|value| Value::Result(Err(value)))].boxed()
        }
        Type::Flags(names) => proptest::sample::subsequence((0..names.len()).collect::<Vec<_>>(), 0..=names.len())
            .prop_map(Value::Flags)
            .boxed(),
        integer => {
            let (least, greatest) = integer.range().expect("only integers are left");
            let number = prop_oneof![least..=greatest, Just(least), Just(greatest)];
            let value = move |n: i128| if least < 0 { Value::Signed(n as i64) } else { Value::Unsigned(n as u64) };
            number.prop_map(value).boxed()
        }
    }
}

fn some_value(ty: &Type) -> BoxedStrategy<Option<Box<Value>>> {
    values(ty).prop_map(|value| Some(Box::new(value))).boxed()
}

fn many<'a>(types: impl Iterator<Item = &'a Type>) -> BoxedStrategy<Value> {
    types.map(values).collect::<Vec<_>>().prop_map(Value::Many).boxed()
}

fn written(ty: &Type, value: &Value) -> String {
    let mut json = Vec::new();
    push(ty, value, &mut json);
    String::from_utf8(json).expect("JSON is UTF-8")
}

fn function(params: Vec<Type>) -> Parameters {
    let params = params.into_iter().enumerate().map(|(at, ty)| Field { name: format!("p{at}"), ty }).collect();
    Parameters::new(&Signature { params, result: None })
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn json_to_a_value_and_back_is_the_same_json(
        (ty, value) in types().prop_flat_map(|ty| { let values = values(&ty); (Just(ty), values) })
    ) {
        let json = written(&ty, &value);
        prop_assert!(crate::model::json::check(json.as_bytes()).is_ok(), "{json}");
        let read = read::<Value>(&ty, json.as_bytes());
        let Ok(read) = read else { return Err(TestCaseError::fail(format!("{json} as {ty}: {read:?}"))) };
        prop_assert_eq!(written(&ty, &read), json);
        // A value that is not itself is a NaN.
        #[allow(clippy::eq_op, reason = "only a NaN differs from itself")]
        if value == value {
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn noise_is_refused_or_read_and_never_more(
        ty in types(),
        noise in "[\\[\\]{}\":,a-csometruflNaI0-9.eE+\\- ]{0,24}",
    ) {
        if let Ok(value) = read::<Value>(&ty, noise.as_bytes()) {
            prop_assert!(crate::model::json::check(noise.as_bytes()).is_ok(), "{noise}");
            let json = written(&ty, &value);
            prop_assert_eq!(written(&ty, &read(&ty, json.as_bytes()).expect("it was read before")), json);
        }
        for function in [function(vec![ty.clone()]), function(vec![ty.clone(), ty])] {
            prop_assert_eq!(function.check(noise.as_bytes()), function.read(noise.as_bytes()).map(drop));
        }
    }
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn any_bytes_are_refused_or_read(ty in types(), noise in vec(any::<u8>(), 0..40)) {
        let _ = read::<Value>(&ty, &noise);
        let _ = function(vec![ty]).text(&noise);
    }

    #[test]
    fn arguments_are_the_same_by_name_and_by_position(
        (types, values) in vec(types(), 2..4).prop_flat_map(|types| {
            let values = types.iter().map(values).collect::<Vec<_>>();
            (Just(types), values)
        })
    ) {
        let texts: Vec<_> = types.iter().zip(&values).map(|(ty, value)| written(ty, value)).collect();
        let members: Vec<_> = texts.iter().enumerate().map(|(at, text)| format!("\"p{at}\":{text}")).rev().collect();
        let function = function(types);
        let by_name = function.read(format!("{{{}}}", members.join(",")).as_bytes());
        let by_position = function.read(format!("[{}]", texts.join(",")).as_bytes());
        prop_assert!(by_name.is_ok(), "{:?}", by_name);
        prop_assert_eq!(format!("{by_name:?}"), format!("{by_position:?}"));
    }
}

fn record() -> Type {
    let field = |name: &str, ty| Field { name: name.into(), ty };
    let price = Type::Option(Box::new(Type::F64));
    let item = Type::Record(vec![field("count", Type::U8), field("price", price)]);
    Type::Record(vec![field("items", Type::List(Box::new(item))), field("note/~", Type::String)])
}

/// A change of a text: a place, bytes to remove there, and a text to insert.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, &'static str)> {
    let texts = ["", "", "null", "0", "-1", "300", "1.5", "\"", "[]", "{}", "{\"ok\":1}", ",", "\\u0041", "]", "}"];
    (any::<prop::sample::Index>(), 0..3usize, prop::sample::select(texts.to_vec()))
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn a_row_is_checked_as_it_is_read(
        (types, values) in vec(types(), 1..3).prop_flat_map(|types| {
            let values = types.iter().map(values).collect::<Vec<_>>();
            (Just(types), values)
        }),
        by_name in any::<bool>(),
        change in proptest::option::of(change()),
    ) {
        let texts: Vec<_> = types.iter().zip(&values).map(|(ty, value)| written(ty, value)).collect();
        let mut row = if by_name {
            let members = texts.iter().enumerate().map(|(at, text)| format!("\"p{at}\":{text}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        } else {
            format!("[{}]", texts.join(","))
        }
        .into_bytes();
        if let Some((place, out, text)) = change {
            let at = place.index(row.len());
            row.splice(at..row.len().min(at + out), text.bytes());
        }
        let function = function(types);
        prop_assert_eq!(function.check(&row), function.read(&row).map(drop), "{}", String::from_utf8_lossy(&row));
    }
}

#[test]
fn flags_that_are_named_again_and_again_are_set_once() {
    let flags = Type::Flags(vec!["r".into(), "w".into(), "x".into()]);
    assert_eq!(read(&flags, br#"["x","r","x","x"]"#), Ok(Value::Flags(vec![0, 2])));
    assert_eq!(read::<Value>(&flags, br#"["x","x",1]"#).unwrap_err().pointer, "/2");
}

#[test]
fn a_mismatch_names_its_place_and_what_was_expected_and_found() {
    let twice = Type::Option(Box::new(Type::Option(Box::new(Type::U8))));
    let variant = Type::Variant(vec![
        Case { name: "x".into(), payload: Some(Type::U8) },
        Case { name: "y".into(), payload: None },
    ]);
    for (ty, json, expected) in [
        (Type::U8, "256", "expected u8 (0 to 255), found 256"),
        (Type::U8, "-1", "expected u8 (0 to 255), found -1"),
        (Type::U8, "1.5", "expected u8, found 1.5"),
        (Type::S64, "1e30", "expected s64, found 1e30"),
        (Type::U64, "\"18446744073709551616\"", "expected u64 (0 to 18446744073709551615), found 18446744073709551616"),
        (Type::F32, "1e39", "expected f32 (up to 3.4028235e38), found 1e39"),
        (Type::Char, "\"ab\"", "expected char, found \"ab\""),
        (Type::String, "null", "expected string, found null"),
        (Type::Enum(vec!["red".into(), "green".into()]), "\"blue\"", "expected enum { red, green }, found \"blue\""),
        (
            record(),
            r#"{"items":[{"count":1},{"count":"2"}],"note/~":""}"#,
            "at /items/1/count: expected u8, found \"2\"",
        ),
        (record(), r#"{"items":[],"note/~":7}"#, "at /note~1~0: expected string, found 7"),
        (
            record(),
            r#"{"items":[{"price":1}],"note/~":""}"#,
            "at /items/0: expected the member \"count\": u8, found none",
        ),
        (
            record(),
            r#"{"items":[{"count":1,"cuont":2}],"note/~":""}"#,
            "at /items/0: expected record { count: u8, price: option<f64> }, found the unknown member \"cuont\"",
        ),
        (
            record(),
            r#"{"items":[{"count":1,"count":2}],"note/~":""}"#,
            "at /items/0: expected record { count: u8, price: option<f64> }, found the member \"count\" twice",
        ),
        (
            Type::List(Box::new(Type::U8)),
            "\"%%\"",
            "expected base64 or an array of numbers, found \"%%\" (Invalid symbol 37, offset 0.)",
        ),
        (Type::Flags(vec!["r".into(), "w".into()]), "[\"r\",1]", "at /1: expected enum { r, w }, found 1"),
        (Type::U64, "\"+7\"", "expected u64, found \"+7\""),
        (Type::Tuple(vec![Type::Bool]), "[true,1]", "expected tuple<bool>, found an array of more than 1"),
        (twice, "7", r#"expected option<option<u8>> (null, {"some":null} or {"some":…}), found 7"#),
        (variant.clone(), "\"x\"", "expected variant { x(u8), y }, found \"x\""),
        (variant, r#"{"x":300}"#, "at /x: expected u8 (0 to 255), found 300"),
    ] {
        assert_eq!(read::<Value>(&ty, json.as_bytes()).unwrap_err().to_string(), expected, "{json}");
    }
}

#[test]
fn input_is_taken_in_more_forms_than_output_has() {
    let bytes = Type::List(Box::new(Type::U8));
    for (ty, json, value) in [
        (Type::U64, "\"18446744073709551615\"", Value::Unsigned(u64::MAX)),
        (Type::S64, "\"-9223372036854775808\"", Value::Signed(i64::MIN)),
        (Type::U8, "2.0", Value::Unsigned(2)),
        (Type::F64, "3", Value::F64(3.0)),
        (bytes.clone(), "[1,2,255]", Value::Bytes(vec![1, 2, 255])),
        (bytes, "\"AQL/\"", Value::Bytes(vec![1, 2, 255])),
        (
            record(),
            " { \"note/~\" : \"\" , \"items\" : [ ] } ",
            Value::Many(vec![Value::Many(vec![]), Value::String(String::new())]),
        ),
    ] {
        assert_eq!(read(&ty, json.as_bytes()), Ok(value), "{json}");
    }
}

#[test]
fn a_single_parameter_is_the_bare_value_or_is_named() {
    let number = function(vec![Type::U8]);
    for row in ["7", "{\"p0\":7}", "[7]"] {
        assert_eq!(number.read(row.as_bytes()), Ok(vec![Value::Unsigned(7)]), "{row}");
    }
    let message = |row: &str| number.read(row.as_bytes()).unwrap_err().message;
    assert_eq!(message("{\"p0\":700}"), "at /p0: expected u8 (0 to 255), found 700");
    assert_eq!(message("\"x\""), "expected u8, found \"x\"");
    assert_eq!(message("x"), "not JSON: expected a value in column 1");
    let nested = function(vec![Type::List(Box::new(Type::List(Box::new(Type::Bool))))]);
    assert_eq!(nested.read(b"[[true]]"), Ok(vec![Value::Many(vec![Value::Many(vec![Value::Bool(true)])])]));
    for row in ["{}", "[]"] {
        assert_eq!(function(vec![]).read(row.as_bytes()), Ok(vec![]), "{row}");
    }
}
