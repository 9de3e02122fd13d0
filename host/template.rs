//! Arguments that are made from a row, in GNU parallel's notation.
//!
//! `{}` is the row and `{.field}` a member of it, when the row is a JSON object; a JSON string stands without its
//! quotes, everything else as its JSON text. `{{}}` is a literal `{}`, and so is `{{.field}}` for `{.field}`. Any
//! other brace is itself.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// One argument, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Part {
    Text(String),
    Row,
    Field(String),
}

impl Template {
    /// Takes an argument apart. Every text is a template.
    pub fn parse(text: &str) -> Template {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            literal.push_str(&rest[..open]);
            rest = &rest[open..];
            if let Some(inner) = rest.strip_prefix('{').and_then(placeholder) {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(if inner.is_empty() { Part::Row } else { Part::Field(inner[1..].to_owned()) });
                rest = &rest[inner.len() + 2..];
            } else if let Some(inner) =
                rest.strip_prefix("{{").and_then(placeholder).filter(|i| rest[i.len() + 3..].starts_with('}'))
            {
                literal.push_str(&rest[1..inner.len() + 3]);
                rest = &rest[inner.len() + 4..];
            } else {
                literal.push('{');
                rest = &rest[1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Text(literal));
        }
        Template(parts)
    }

    /// The argument for one row.
    ///
    /// # Errors
    /// A sentence about the row: it is not UTF-8, not an object, lacks the field, or holds a NUL.
    pub fn expand(&self, row: &[u8]) -> Result<String, String> {
        let mut argument = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => argument.push_str(text),
                Part::Row => argument.push_str(&plain(std::str::from_utf8(row).map_err(|_| "the row is not UTF-8")?)),
                Part::Field(name) => argument.push_str(&plain(field(row, name)?.get())),
            }
        }
        // A guest would see it cut short there.
        if argument.contains('\0') {
            return Err("the row makes an argument with a NUL, which no argument can hold".to_owned());
        }
        Ok(argument)
    }
}

/// What stands before the closing brace, when it is nothing or a dot and a name.
fn placeholder(after_open: &str) -> Option<&str> {
    let inner = &after_open[..after_open.find('}')?];
    let is_field = inner.strip_prefix('.').is_some_and(|name| !name.is_empty() && !name.contains('{'));
    (inner.is_empty() || is_field).then_some(inner)
}

fn field(row: &[u8], name: &str) -> Result<Box<RawValue>, String> {
    let mut object: HashMap<String, Box<RawValue>> = serde_json::from_slice(row)
        .map_err(|_| format!("the row is not a JSON object, so it has no field `{name}`"))?;
    object.remove(name).ok_or_else(|| format!("the row has no field `{name}`"))
}

/// JSON text as an argument; text that is no JSON string is itself.
fn plain(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_fields_replace_their_placeholders() {
        let row = br#"{"name":"a b","n":1.50,"deep":{"x":[1]}}"#;
        for (template, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("--n={.n}", "--n=1.50"),
            ("{.name}/{.deep}", "a b/{\"x\":[1]}"),
            ("{{}} {{.n}} {x} { } }{", "{} {.n} {x} { } }{"),
            ("{{{.n}}}", "{{.n}}"),
        ] {
            assert_eq!(Template::parse(template).expand(row).as_deref(), Ok(expected), "{template}");
        }
        assert_eq!(Template::parse("<{}>").expand(b"\"q\\u0041\"").as_deref(), Ok("<qA>"));
        assert_eq!(Template::parse("<{}>").expand(b"[1, 2] ").as_deref(), Ok("<[1, 2]>"));
    }

    #[test]
    fn a_row_without_the_field_says_which() {
        assert!(Template::parse("{.size}").expand(b"{}").unwrap_err().contains("`size`"));
        assert!(Template::parse("{.size}").expand(b"7").unwrap_err().contains("`size`"));
    }
}
