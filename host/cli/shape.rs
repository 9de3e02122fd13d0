//! The shapes of rows that are not JSON, and the options that make rows of them.
//!
//! Whoever gives a run a table, a document or a compressed file gets a record for each piece of it, and none says what to
//! do. The first rows show what it is, in most cases.

use wpool::Input;

use crate::cli::shell;

/// Bytes of a row that are looked at.
const HEAD: usize = 4 << 10;
/// Rows that are looked at: a single bad row among good ones says nothing.
const ROWS: usize = 3;

/// The result of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It ran, and nothing is wrong with it.
    Fine,
    /// It is JSON, and the program could do nothing with it.
    Unfit,
    /// It is not JSON.
    NotJson,
    TooLong,
}

impl Fate {
    /// By the code of an error, for a row that has one.
    pub fn of(code: &str) -> Fate {
        match code {
            "json" => Fate::NotJson,
            "line-too-long" => Fate::TooLong,
            _ => Fate::Unfit,
        }
    }
}

/// The first rows of a run, until they have shown what they are.
#[derive(Debug, Default)]
pub struct FirstRows {
    heads: Vec<Vec<u8>>,
    file: Option<String>,
    lone: Option<Shape>,
    over: bool,
    /// The program takes arguments, for which the names of files may have been meant.
    pub takes_arguments: bool,
}

impl FirstRows {
    /// Takes note of the next row, which stands at `FILE:LINE`. Gives a hint once the rows are known not to be rows.
    pub fn look(&mut self, row: &Input, place: Option<String>, fate: Fate) -> Option<String> {
        if self.over {
            return None;
        }
        let is_first = self.heads.is_empty() && self.lone.is_none();
        if is_first {
            let file = place.as_deref().and_then(|place| place.rsplit_once(':'));
            self.file = file.map(|(file, _)| file.to_owned()).filter(|file| file != "<stdin>");
        }
        match fate {
            Fate::NotJson => {
                self.heads.push(row.bytes[..row.bytes.len().min(HEAD)].to_vec());
                if self.heads.len() == ROWS { self.judge(false) } else { None }
            }
            Fate::TooLong if is_first => {
                self.lone = Some(Shape::Endless);
                None
            }
            Fate::Unfit if is_first && row.bytes.trim_ascii_start().starts_with(b"[") => {
                self.lone = Some(Shape::Array);
                None
            }
            _ => self.pass(),
        }
    }

    /// Takes note of rows that are what they should be.
    pub fn pass(&mut self) -> Option<String> {
        if self.over { None } else { self.judge(false) }
    }

    /// Says that there are no more rows.
    pub fn end(&mut self) -> Option<String> {
        if self.over { None } else { self.judge(true) }
    }

    /// Gives the hint for what was seen; `all` says that it is the whole input.
    fn judge(&mut self, all: bool) -> Option<String> {
        self.over = true;
        let shape = Shape::of(&self.heads, all).or(self.lone.filter(|_| all && self.heads.is_empty()))?;
        Some(shape.hint(self.file.as_deref(), self.takes_arguments))
    }
}

/// The shapes that a file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// The name of the format, and what unpacks it.
    Packed(&'static str, &'static str),
    Foreign(&'static str),
    Utf16,
    /// Not in UTF-8.
    Encoded,
    Sequence,
    /// One array as a whole.
    Array,
    /// Values that take several lines each.
    Pretty,
    /// A value a line, and a comma behind it.
    Commas,
    Markup,
    /// The name of the format, and the option that makes rows of it.
    Table(&'static str, Option<&'static str>),
    Text,
    /// A line over all bounds.
    Endless,
}

/// How files begin that are no text.
const MAGIC: [(&[u8], Shape); 6] = [
    (b"\xfd7zXZ\0", Shape::Packed("xz", "xz -dc")),
    (b"BZh", Shape::Packed("bzip2", "bzip2 -dc")),
    (b"PK\x03\x04", Shape::Packed("a ZIP archive", "unzip -p")),
    (b"PAR1", Shape::Foreign("Parquet")),
    (b"ORC", Shape::Foreign("ORC")),
    (b"SQLite format 3\0", Shape::Foreign("a database of SQLite")),
];

impl Shape {
    fn of(heads: &[Vec<u8>], all: bool) -> Option<Shape> {
        let first = heads.first()?;
        let magic = MAGIC.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, shape)| *shape);
        magic.or_else(|| Shape::of_bytes(first)).or_else(|| {
            let lines: Vec<_> = heads.iter().map(|head| String::from_utf8_lossy(head).trim().to_owned()).collect();
            Shape::of_json(&lines).or_else(|| Shape::of_text(&lines).filter(|_| all || lines.len() > 1))
        })
    }

    fn of_bytes(first: &[u8]) -> Option<Shape> {
        let nuls = first.iter().filter(|byte| **byte == 0).count();
        match std::str::from_utf8(first) {
            _ if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") => Some(Shape::Utf16),
            // Without a mark, every second byte of western text.
            _ if nuls > 0 && nuls + 1 >= first.len() / 2 && nuls <= first.len() / 2 + 1 => Some(Shape::Utf16),
            _ if nuls > 0 => Some(Shape::Foreign("binary data")),
            // A character may be cut off at the end of what is looked at.
            Err(error) if error.error_len().is_some() => Some(Shape::Encoded),
            _ => first.starts_with(b"\x1e").then_some(Shape::Sequence),
        }
    }

    /// JSON in another layout. Only a whole value or its beginning counts, for a line that is cut off looks alike.
    fn of_json(lines: &[String]) -> Option<Shape> {
        let first = lines.first()?;
        let parsed = serde_json::from_str::<serde::de::IgnoredAny>(first.strip_suffix(',').unwrap_or(first));
        let continues = parsed.as_ref().is_err_and(|error| error.is_eof()) && first.ends_with(['{', '[', ',', ':']);
        match first.as_bytes().first()? {
            b'[' if continues || first.ends_with(',') => Some(Shape::Array),
            b'{' if continues => Some(Shape::Pretty),
            b'{' | b'[' if first.ends_with(',') && parsed.is_ok() => Some(Shape::Commas),
            _ => None,
        }
    }

    fn of_text(lines: &[String]) -> Option<Shape> {
        let same = |separator: char| {
            let counts: Vec<_> = lines.iter().map(|line| line.matches(separator).count()).collect();
            counts[0] > 0 && counts.iter().all(|count| *count == counts[0])
        };
        Some(match lines.first()?.chars().next() {
            Some('<') => Shape::Markup,
            // Text that was meant to be JSON and is not.
            Some('{' | '[' | '"') => return None,
            _ if same('\t') => Shape::Table("TSV", Some("--tsv")),
            _ if same(',') => Shape::Table("CSV", Some("--csv")),
            _ if same(';') => Shape::Table("CSV with semicolons", None),
            _ => Shape::Text,
        })
    }

    /// The hint for people. Without a file the rows come from standard input.
    fn hint(self, file: Option<&str>, takes_arguments: bool) -> String {
        let shown = file.map(shell::path);
        let filter = |tool: &str| match &shown {
            Some(file) => format!("`{tool} {file} | wpool …`"),
            None => format!("`… | {tool} | wpool …`"),
        };
        let lines = "--lines takes each line as it is";
        let whole = match &shown {
            Some(file) => format!("--files {file} takes it whole, as one row"),
            None => "--files takes files whole, each as one row".to_owned(),
        };
        let (what, remedy) = match self {
            Shape::Packed(name, tool) => (name, format!("{} reads it", filter(tool))),
            Shape::Foreign(name) => (name, format!("convert it to lines of JSON first; {whole}")),
            Shape::Utf16 => ("UTF-16", format!("{} reads it", filter("iconv -f UTF-16 -t UTF-8"))),
            Shape::Encoded => {
                let filter = filter("iconv -f LATIN1 -t UTF-8");
                ("text that is not UTF-8", format!("{filter} reads it if it is Latin-1; {lines}"))
            }
            Shape::Sequence => ("a sequence of JSON texts", format!("{} makes rows of it", filter("jq --seq -c ."))),
            Shape::Array => ("one JSON array", "--json-array makes a row of each element".to_owned()),
            Shape::Pretty => ("JSON that takes several lines", format!("{} makes rows of it", filter("jq -c ."))),
            Shape::Commas => {
                ("JSON with a comma behind each line", format!("{} makes rows of it", filter("sed 's/,$//'")))
            }
            Shape::Markup => ("XML or HTML", format!("{whole}; {lines}")),
            Shape::Table(name, Some(option)) => (name, format!("{option} makes a row of each record; {lines}")),
            Shape::Table(name, None) => {
                let filter = filter("mlr --icsv --ifs semicolon --ojsonl cat");
                (name, format!("{filter} makes rows of it; {lines}"))
            }
            Shape::Text => ("plain text", lines.to_owned()),
            Shape::Endless => {
                let array = "if it is a JSON array, --json-array makes a row of each element";
                ("one long line", format!("{array}; {whole}"))
            }
        };
        let is_text = matches!(self, Shape::Markup | Shape::Table(..) | Shape::Text);
        let argument = match &shown {
            Some(file) if takes_arguments && is_text => {
                format!("; if it is meant as an argument of the program, put it after --, as in -- {file}")
            }
            _ => String::new(),
        };
        let source = shown.as_deref().unwrap_or("standard input");
        format!("hint: {source} looks like {what}, and a row is a line of JSON: {remedy}{argument}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(rows: &[&[u8]], all: bool) -> Option<Shape> {
        Shape::of(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), all)
    }

    #[test]
    fn one_bad_row_before_good_ones_says_nothing_unless_it_is_sure() {
        for row in ["{\"bad", "{bad}", "\"open", "word", "a,b", "{'a': 1}", "[1,2"] {
            assert_eq!(shape(&[row.as_bytes()], false), None, "{row}");
        }
        assert_eq!(shape(&[b"{"], false), Some(Shape::Pretty));
        assert_eq!(shape(&[b"BZh9"], false), Some(Shape::Packed("bzip2", "bzip2 -dc")));
        assert_eq!(shape(&["{\"a\":\"\u{fc}".as_bytes()], true), None, "a row that is cut off is what it is");
    }

    #[test]
    fn text_in_utf_16_is_known_without_a_mark() {
        let text: Vec<u8> = "{\"a\":1}".bytes().flat_map(|byte| [byte, 0]).collect();
        assert_eq!(shape(&[&text], true), Some(Shape::Utf16));
        let text: Vec<u8> = "{\"a\":1}".bytes().flat_map(|byte| [0, byte]).collect();
        assert_eq!(shape(&[&text], true), Some(Shape::Utf16));
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_bytes_have_a_shape_or_none(
            rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..4),
            (all, command) in any::<(bool, bool)>(),
        ) {
            let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
            if let Some(shape) = shape(&rows, all) {
                prop_assert!(shape.hint(Some("a"), command).starts_with("hint: a looks like "));
            }
        }
    }
}
