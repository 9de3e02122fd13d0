//! What most rows of JSON are put through: read as a value, one member more, written again.

use serde_json::{Value, json};

raw::task!(transform);

fn transform(row: &[u8]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(row).expect("rows are JSON");
    if let Value::Object(members) = &mut value {
        members.insert("seen".to_owned(), json!(true));
    }
    serde_json::to_vec(&value).expect("a value can be written")
}
