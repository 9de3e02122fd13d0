//! Records as a table. Each record is a line of JSON first, so both say the same.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::cli::plan::{Extras, Place, TableFormat};
use crate::cli::table::push_field;

/// Beginnings of a text that a spreadsheet takes as a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The columns of a table of records.
#[derive(Clone, Debug)]
pub struct Columns {
    names: Vec<&'static str>,
    separator: u8,
}

/// A record, of which nothing is copied.
type Members<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

impl Columns {
    /// The columns of records with these members. `named` says that rows have names.
    pub fn new(format: TableFormat, extras: &Extras, named: bool, receipts: bool) -> Columns {
        let place = match extras.place {
            Some(Place::Line) => Some("line"),
            Some(Place::Element) => Some("element"),
            None => None,
        };
        let parts = [
            (true, "id"),
            (named || place.is_some(), "file"),
            (place.is_some(), place.unwrap_or_default()),
            (extras.key.is_some(), "key"),
            (true, "status"),
            (true, "output"),
            (true, "error.code"),
            (true, "error.message"),
            (extras.input.is_some(), "input"),
            (receipts, "receipt"),
        ];
        let names = parts.into_iter().filter_map(|(is_there, name)| is_there.then_some(name)).collect();
        Columns { names, separator: format.separator() }
    }

    /// Appends the header.
    pub fn push_header(&self, lines: &mut Vec<u8>) {
        for (at, name) in self.names.iter().enumerate() {
            self.separate(at, lines);
            lines.extend_from_slice(name.as_bytes());
        }
        lines.push(b'\n');
    }

    /// Appends a record, of which a line of JSON is given.
    pub fn push(&self, record: &[u8], lines: &mut Vec<u8>) {
        let members: Members<'_> = serde_json::from_slice(record).unwrap_or_default();
        let error: Members<'_> =
            members.get("error").and_then(|error| serde_json::from_str(error.get()).ok()).unwrap_or_default();
        for (at, name) in self.names.iter().enumerate() {
            self.separate(at, lines);
            let value = match name.strip_prefix("error.") {
                Some(name) => error.get(name),
                None => members.get(*name),
            };
            if let Some(value) = value {
                self.push_cell(value.get(), lines);
            }
        }
        lines.push(b'\n');
    }

    fn separate(&self, at: usize, lines: &mut Vec<u8>) {
        if at > 0 {
            lines.push(self.separator);
        }
    }

    /// Appends a value: a string as its text, `null` as nothing, and all else as its JSON.
    fn push_cell(&self, json: &str, lines: &mut Vec<u8>) {
        match serde_json::from_str::<String>(json) {
            // A program must not make a formula in the spreadsheet of whoever looks at its outputs.
            Ok(text) if text.starts_with(FORMULA) => push_field(&format!("'{text}"), self.separator, lines),
            Ok(text) => push_field(&text, self.separator, lines),
            Err(_) if json == "null" => {}
            Err(_) => push_field(json, self.separator, lines),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_plain_rules() {
        let extras = Extras { key: Some("k".into()), ..Extras::default() };
        let columns = Columns::new(TableFormat::Csv, &extras, false, false);
        let mut lines = Vec::new();
        columns.push_header(&mut lines);
        for record in [
            r#"{"id":0,"status":"ok","output":"a,\"b\"","key":null}"#,
            r#"{"id":1,"status":"ok","output":{"a":[1,2]},"key":-7}"#,
            r#"{"id":2,"status":"ok","output":"=1+1","key":"-x"}"#,
            r#"{"id":3,"status":"trap","error":{"code":"unreachable","message":"two\nlines"},"key":12345678901234567890123}"#,
        ] {
            columns.push(record.as_bytes(), &mut lines);
        }
        let expected = "id,key,status,output,error.code,error.message\n\
                        0,,ok,\"a,\"\"b\"\"\",,\n\
                        1,-7,ok,\"{\"\"a\"\":[1,2]}\",,\n\
                        2,'-x,ok,'=1+1,,\n\
                        3,12345678901234567890123,trap,,unreachable,\"two\nlines\"\n";
        assert_eq!(String::from_utf8_lossy(&lines), expected);
    }
}
