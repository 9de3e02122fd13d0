//! JSON Schema (draft 2020-12) of a function's rows and outputs.

use serde_json::{Map, Value as Json, json};

use super::types::{Field, Signature, Type};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The direction of a value: input may have more forms than output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// The schema of a function's rows.
pub(crate) fn input(signature: &Signature) -> Json {
    let params = &signature.params;
    let types: Vec<Json> = params.iter().map(|param| schema(&param.ty, Way::In)).collect();
    let mut forms = Vec::new();
    if let [single] = types.as_slice() {
        forms.push(single.clone());
    }
    forms.push(record(params, Way::In));
    forms.push(tuple(types));
    named(any_of(forms))
}

/// The schema of a function's outputs. A function's own `err` is a failed task and not an output.
pub(crate) fn output(signature: &Signature) -> Json {
    named(match &signature.result {
        Some(Type::Result { ok, .. }) => optional(ok.as_deref(), Way::Out),
        result => optional(result.as_ref(), Way::Out),
    })
}

fn named(mut schema: Json) -> Json {
    schema["$schema"] = DIALECT.into();
    schema
}

fn schema(ty: &Type, way: Way) -> Json {
    match ty {
        Type::Bool => json!({"type": "boolean"}),
        Type::F32 | Type::F64 => {
            any_of(vec![json!({"type": "number"}), json!({"enum": ["NaN", "Infinity", "-Infinity"]})])
        }
        Type::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Type::String => json!({"type": "string"}),
        Type::List(element) if ty.is_bytes() => {
            let base64 = json!({"type": "string", "contentEncoding": "base64"});
            let array = json!({"type": "array", "items": schema(element, way)});
            if way == Way::In { any_of(vec![base64, array]) } else { base64 }
        }
        Type::List(element) => json!({"type": "array", "items": schema(element, way)}),
        Type::Record(fields) => record(fields, way),
        Type::Tuple(types) => tuple(types.iter().map(|ty| schema(ty, way)).collect()),
        Type::Variant(cases) => {
            any_of(cases.iter().map(|case| variant(&case.name, case.payload.as_ref(), way)).collect())
        }
        Type::Enum(names) => json!({"enum": names}),
        Type::Option(some) if some.is_option() => {
            any_of(vec![json!({"type": "null"}), member("some", schema(some, way))])
        }
        Type::Option(some) => any_of(vec![json!({"type": "null"}), schema(some, way)]),
        Type::Result { ok, err } => {
            any_of(vec![member("ok", optional(ok.as_deref(), way)), member("err", optional(err.as_deref(), way))])
        }
        Type::Flags(names) => json!({"type": "array", "items": {"enum": names}, "uniqueItems": way == Way::Out}),
        integer => integer_schema(integer, way),
    }
}

fn integer_schema(ty: &Type, way: Way) -> Json {
    let Some((least, greatest)) = ty.range() else { return json!({}) };
    // Every bound is in the range of `i64` or `u64`.
    let bound = |bound: i128| i64::try_from(bound).map_or_else(|_| json!(bound as u64), |bound| json!(bound));
    let number = json!({"type": "integer", "minimum": bound(least), "maximum": bound(greatest)});
    if ty.is_wide() && way == Way::In {
        let digits = if least < 0 { "^-?[0-9]+$" } else { "^[0-9]+$" };
        return any_of(vec![number, json!({"type": "string", "pattern": digits})]);
    }
    number
}

fn record(fields: &[Field], way: Way) -> Json {
    let properties: Map<_, _> = fields.iter().map(|field| (field.name.clone(), schema(&field.ty, way))).collect();
    let is_required = |field: &&Field| way == Way::Out || !field.ty.is_option();
    let required: Vec<_> = fields.iter().filter(is_required).map(|field| &field.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn tuple(types: Vec<Json>) -> Json {
    let count = types.len();
    let mut schema = json!({"type": "array", "minItems": count, "maxItems": count});
    // JSON Schema does not allow an empty array of schemas.
    if count > 0 {
        schema["prefixItems"] = types.into();
    }
    schema
}

fn variant(name: &str, payload: Option<&Type>, way: Way) -> Json {
    match payload {
        Some(ty) => member(name, schema(ty, way)),
        None => json!({"const": name}),
    }
}

fn member(name: &str, schema: Json) -> Json {
    let properties: Map<_, _> = [(name.to_owned(), schema)].into_iter().collect();
    json!({"type": "object", "properties": properties, "required": [name], "additionalProperties": false})
}

fn optional(ty: Option<&Type>, way: Way) -> Json {
    ty.map_or_else(|| json!({"type": "null"}), |ty| schema(ty, way))
}

fn any_of(forms: Vec<Json>) -> Json {
    json!({"anyOf": forms})
}
