//! Texts made from a row, in the notation of GNU parallel: arguments, standard input, names of output files.
//!
//! `{}` is the row and `{.field}` a member of it, if the row is a JSON object. A JSON string stands without its quotes,
//! everything else as its JSON text. A row with a name, such as a file, is its name for `{}`, and has parts: `{name}`
//! is the file's name, `{stem}` is the name without its last extension, `{ext}` the extension, `{dir}` the folder.
//! `{id}` is the row's position, where it is known. Doubled braces are literal: `{{}}` is `{}`, `{{.field}}` is
//! `{.field}`, and so on. Any other brace is itself.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::model::task::Input;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Part {
    Text(String),
    Row,
    Field(String),
    Name(NamePart),
    Id,
}

/// A part of a row's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum NamePart {
    Name,
    Stem,
    Ext,
    Dir,
}

/// The values that fill a template.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The input itself.
    pub bytes: &'a [u8],
    /// The name of the input, if it has one.
    pub name: Option<&'a str>,
    /// Whether the bytes are JSON, so that a string stands without its quotes. Text stands as it is.
    pub json: bool,
    /// The row's position, if it is known. Workers do not know it.
    pub id: Option<u64>,
}

impl<'a> Row<'a> {
    /// The row of an input, with an unknown position.
    pub fn of(input: &'a Input, json: bool) -> Self {
        Row { bytes: &input.bytes, name: input.name.as_deref(), json, id: None }
    }
}

impl Template {
    /// Parses a text. Every text is a template.
    pub fn parse(text: &str) -> Template {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            literal.push_str(&rest[..open]);
            rest = &rest[open..];
            if let Some((part, length)) = rest.strip_prefix('{').and_then(placeholder) {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(part);
                rest = &rest[length + 2..];
            } else if let Some((_, length)) =
                rest.strip_prefix("{{").and_then(placeholder).filter(|(_, length)| rest[length + 3..].starts_with('}'))
            {
                literal.push_str(&rest[1..length + 3]);
                rest = &rest[length + 4..];
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

    /// The part of a path that is the same for all rows, and the rest, which is made from the row. The rest begins behind the
    /// last slash before a placeholder; without a placeholder there is none.
    pub fn of_path(path: &str) -> (String, Option<Template>) {
        let mut ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let Some(end) = ends.find(|end| !Template::parse(&path[..*end]).is_fixed()) else {
            return (Template::parse(path).literal(), None);
        };
        let begin = path[..end].rfind('/').map_or(0, |at| at + 1);
        (Template::parse(&path[..begin]).literal(), Some(Template::parse(&path[begin..])))
    }

    /// A template that is this text for all rows.
    pub fn escaped(text: &str) -> String {
        let mut escaped = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            escaped.push_str(&rest[..open]);
            rest = &rest[open..];
            let length = placeholder(&rest[1..]).map_or(1, |(_, length)| length + 2);
            match length {
                1 => escaped.push('{'),
                _ => escaped.extend(["{", &rest[..length], "}"]),
            }
            rest = &rest[length..];
        }
        escaped + rest
    }

    /// The parts that are the same for all rows.
    fn literal(&self) -> String {
        self.0.iter().map(|part| if let Part::Text(text) = part { &**text } else { "" }).collect()
    }

    /// A placeholder in the template that only a row with a name can fill, if there is one.
    pub fn needs_name(&self) -> Option<&'static str> {
        self.0.iter().find_map(|part| if let Part::Name(part) = part { Some(part.placeholder()) } else { None })
    }

    /// Whether the text is the same for all rows.
    pub fn is_fixed(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Whether the template has an `{id}`.
    pub fn needs_id(&self) -> bool {
        self.0.contains(&Part::Id)
    }

    /// The text for one row.
    ///
    /// # Errors
    /// A sentence about the row: it is not UTF-8, is not an object, lacks the field, or has no name.
    pub fn expand(&self, row: Row<'_>) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Row => match row.name {
                    Some(name) => text.push_str(name),
                    None => {
                        let whole = std::str::from_utf8(row.bytes).map_err(|_| "the row is not UTF-8")?;
                        if row.json { text.push_str(&plain(whole)) } else { text.push_str(whole) }
                    }
                },
                Part::Field(name) => text.push_str(&plain(member(row.bytes, name)?)),
                Part::Name(part) => {
                    let name = row.name.ok_or_else(|| format!("the row has no name for `{}`", part.placeholder()))?;
                    text.push_str(&part.of(name));
                }
                Part::Id => text.push_str(&row.id.ok_or("`{id}` is not known here")?.to_string()),
            }
        }
        Ok(text)
    }

    /// [`Template::expand`], for an argument of a program.
    ///
    /// # Errors
    /// As [`Template::expand`], and if the row makes an argument with a NUL.
    pub fn argument(&self, row: Row<'_>) -> Result<String, String> {
        let argument = self.expand(row)?;
        // A guest would read an argument only up to its NUL.
        if argument.contains('\0') {
            return Err("the row makes an argument with a NUL, which no argument can hold".to_owned());
        }
        Ok(argument)
    }
}

impl NamePart {
    const ALL: [NamePart; 4] = [NamePart::Name, NamePart::Stem, NamePart::Ext, NamePart::Dir];

    fn placeholder(self) -> &'static str {
        match self {
            NamePart::Name => "{name}",
            NamePart::Stem => "{stem}",
            NamePart::Ext => "{ext}",
            NamePart::Dir => "{dir}",
        }
    }

    /// Every path has all parts: without an extension it is empty, and without a folder it is the current one.
    fn of(self, name: &str) -> String {
        let path = Path::new(name);
        let part = match self {
            NamePart::Name => path.file_name(),
            NamePart::Stem => path.file_stem(),
            NamePart::Ext => path.extension(),
            NamePart::Dir => match path.parent() {
                Some(dir) if dir.as_os_str().is_empty() => Some(".".as_ref()),
                dir => dir.map(Path::as_os_str),
            },
        };
        part.unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The placeholder before the closing brace, if there is one, and its length between the braces.
fn placeholder(after_open: &str) -> Option<(Part, usize)> {
    let inner = &after_open[..after_open.find('}')?];
    let part = match inner {
        "" => Part::Row,
        "id" => Part::Id,
        _ => match inner.strip_prefix('.') {
            Some(field) => (!field.is_empty() && !field.contains('{')).then(|| Part::Field(field.to_owned()))?,
            None => {
                let is_it = |part: &NamePart| part.placeholder().trim_matches(['{', '}']) == inner;
                Part::Name(NamePart::ALL.into_iter().find(is_it)?)
            }
        },
    };
    Some((part, inner.len()))
}

/// The JSON text of a member of a row. The other members are skipped: a row of a million members takes no memory here.
///
/// # Errors
/// A sentence about the row: it is not an object, or lacks the member.
pub fn member<'a>(row: &'a [u8], name: &str) -> Result<&'a str, String> {
    let mut json = serde_json::Deserializer::from_slice(row);
    let found = json.deserialize_map(Member(name)).and_then(|found| json.end().map(|()| found));
    let found = found.map_err(|_| format!("the row is not a JSON object, so it has no field `{name}`"))?;
    found.ok_or_else(|| format!("the row has no field `{name}`"))
}

/// Finds the last member of an object with this name, as JSON text.
struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(IsIt(self.0))? {
            let value: &RawValue = map.next_value()?;
            if is_it {
                found = Some(value.get());
            }
        }
        Ok(found)
    }
}

/// Reads a name and compares it with this one.
struct IsIt<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsIt<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for IsIt<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// JSON text as an argument. Text that is not a JSON string stays as it is.
fn plain(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn every_text_is_a_template_and_what_it_needs_is_all_that_it_needs(
            text in "([{}.]|id|stem|name|dir|a|\u{e9}|\u{0}){0,10}",
            row in "[{}:\",a1\u{e9}\u{0}]{0,8}",
            name in proptest::option::of("[a./\u{e9}]{0,6}"),
        ) {
            let template = Template::parse(&text);
            let filled = Row { bytes: row.as_bytes(), name: name.as_deref(), json: true, id: Some(7) };
            let expanded = template.expand(filled);
            let holds_nul = expanded.as_ref().is_ok_and(|made| made.contains('\0'));
            prop_assert_eq!(template.argument(filled).is_ok(), expanded.is_ok() && !holds_nul);
            if expanded.is_err() {
                prop_assert!(text.contains("{.") || template.needs_name().is_some(), "{expanded:?}");
            }
            let unknown = template.expand(Row { id: None, ..filled });
            prop_assert_eq!(unknown.is_ok(), expanded.is_ok() && !template.needs_id());
        }

        #[test]
        fn an_escaped_text_is_itself(text in "([{}./a ]|id){0,10}") {
            let escaped = Template::escaped(&text);
            let template = Template::parse(&escaped);
            prop_assert!(template.is_fixed(), "{escaped}");
            prop_assert_eq!(template.expand(row(b"1")), Ok(text.clone()));
            if !text.contains("/}") {
                prop_assert_eq!(Template::of_path(&escaped), (text, None));
            }
        }

        #[test]
        fn a_path_is_its_two_parts(parts in proptest::collection::vec("a|/|\\{\\.a\\}|\\{\\{\\.a\\}\\}|\\{x\\}", 0..7)) {
            let (text, row) = (parts.concat(), row(b"{\"a\":1}"));
            let (fixed, rest) = Template::of_path(&text);
            prop_assert_eq!(rest.is_none(), Template::parse(&text).is_fixed());
            prop_assert!(rest.is_none() || fixed.is_empty() || fixed.ends_with('/'));
            let rest = rest.map_or(Ok(String::new()), |rest| rest.expand(row));
            prop_assert_eq!(rest.map(|rest| fixed + &rest), Template::parse(&text).expand(row));
        }

        #[test]
        fn a_text_with_its_placeholders_doubled_is_itself(text in "[{}.a ]{0,10}") {
            // Placeholders alone: a doubled placeholder may not stand beside another brace.
            for placeholder in ["{}", "{id}", "{stem}", "{.a}"] {
                let plain = text.replace(['{', '}'], "");
                let template = Template::parse(&format!("{plain}{{{placeholder}}}{plain}"));
                let whole = format!("{plain}{placeholder}{plain}");
                prop_assert_eq!(template.expand(row(b"1")), Ok(whole));
            }
        }
    }

    fn row(bytes: &[u8]) -> Row<'_> {
        Row { bytes, name: None, json: true, id: None }
    }

    fn expand(template: &str, row: Row<'_>) -> Result<String, String> {
        Template::parse(template).expand(row)
    }

    #[test]
    fn rows_and_fields_replace_their_placeholders() {
        let object = row(br#"{"name":"a b","n":1.50,"deep":{"x":[1]}}"#);
        for (template, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("--n={.n}", "--n=1.50"),
            ("{.name}/{.deep}", "a b/{\"x\":[1]}"),
            ("{{}} {{.n}} {x} { } }{", "{} {.n} {x} { } }{"),
            ("{{{.n}}}", "{{.n}}"),
        ] {
            assert_eq!(expand(template, object).as_deref(), Ok(expected), "{template}");
        }
        assert_eq!(expand("<{}>", row(b"\"q\\u0041\"")).as_deref(), Ok("<qA>"));
        assert_eq!(expand("<{}>", row(b"[1, 2] ")).as_deref(), Ok("<[1, 2]>"));
        assert_eq!(expand("<{}>", Row { json: false, ..row(b" \"q\" ") }).as_deref(), Ok("< \"q\" >"));
    }

    #[test]
    fn names_and_their_parts_replace_their_placeholders() {
        for (name, expected) in [
            ("a/b/c.tar.gz", "a/b/c.tar.gz c.tar.gz c.tar gz a/b 7"),
            ("c", "c c c  . 7"),
            ("/c.x", "/c.x c.x c x / 7"),
            ("a/.rc", "a/.rc .rc .rc  a 7"),
            ("\"q\"", "\"q\" \"q\" \"q\"  . 7"),
        ] {
            let named = Row { bytes: b"{}", name: Some(name), json: false, id: Some(7) };
            assert_eq!(expand("{} {name} {stem} {ext} {dir} {id}", named).as_deref(), Ok(expected));
            assert_eq!(expand("{{stem}} {{id}} {stems}", named).as_deref(), Ok("{stem} {id} {stems}"));
        }
    }

    #[test]
    fn a_template_says_what_it_needs_of_a_row() {
        assert_eq!(Template::parse("{}{.stem}{{stem}}").needs_name(), None);
        assert_eq!(Template::parse("a{.b}{stem}").needs_name(), Some("{stem}"));
        assert!(expand("{stem}", row(b"1")).unwrap_err().contains("`{stem}`"));
        assert!(Template::parse("{id}").needs_id() && !Template::parse("{{id}}{.id}").needs_id());
        assert!(expand("{id}", row(b"1")).unwrap_err().contains("`{id}`"));
    }

    #[test]
    fn a_row_without_the_field_says_which() {
        assert!(expand("{.size}", row(b"{}")).unwrap_err().contains("`size`"));
        assert!(expand("{.size}", row(b"7")).unwrap_err().contains("`size`"));
    }

    #[test]
    fn a_field_is_the_last_of_its_name_in_a_row_that_is_json() {
        for (object, found) in [
            (&br#"{"n":1,"m":0,"n": [2, 3] }"#[..], Some("[2, 3]")),
            (br#" {"\u006e":1} "#, Some("1")),
            (br#"{"m":{"n":1}}"#, None),
            (br#"{"n":1}}"#, None),
            (br#"{"n":1,}"#, None),
            (br#"["n",1]"#, None),
            (b"{\"n\":1,\"m\":\"\xff\"}", None),
        ] {
            assert_eq!(expand("{.n}", row(object)).ok().as_deref(), found, "{}", String::from_utf8_lossy(object));
        }
    }
}
