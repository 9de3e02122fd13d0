//! Tables of text, CSV and TSV, by RFC 4180: a field that holds the separator, a quote or a line end stands between
//! quotes, and a quote in it is doubled. Lines end in LF or CRLF. A quote inside a field that does not begin with one is a
//! character like any other.

use std::borrow::Cow;

/// Finds where records end, in bytes that come piece by piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// A quoted field was begun and has not ended.
    pub quoted: bool,
    /// Bytes of the record that were looked at.
    pub scanned: usize,
}

impl Ends {
    /// The end of the record that `bytes` begin with, behind its newline. `None` where it has none yet: then the next call
    /// gets the same bytes and more.
    pub fn find(&mut self, bytes: &[u8], separator: u8) -> Option<usize> {
        let mut at = self.scanned;
        loop {
            self.scanned = bytes.len();
            if self.quoted {
                let quote = at + memchr::memchr(b'"', &bytes[at..])?;
                match bytes.get(quote + 1) {
                    // The next byte says whether it is the first of two.
                    None => {
                        self.scanned = quote;
                        return None;
                    }
                    Some(b'"') => at = quote + 2,
                    Some(_) => {
                        self.quoted = false;
                        at = quote + 1;
                    }
                }
            } else {
                let found = at + memchr::memchr2(b'\n', b'"', &bytes[at..])?;
                at = found + 1;
                if bytes[found] == b'\n' {
                    *self = Ends::default();
                    return Some(at);
                }
                self.quoted = found == 0 || bytes[found - 1] == separator;
            }
        }
    }
}

/// A record without its line end.
pub fn bare(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// The fault of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The place in the record.
    pub at: usize,
    pub what: Cow<'static, str>,
}

impl Flaw {
    pub fn new(at: usize, what: impl Into<Cow<'static, str>>) -> Flaw {
        Flaw { at, what: what.into() }
    }

    /// The flaw of a record that begins in a line, with its place.
    pub fn located(&self, record: &[u8], line: u64) -> String {
        let before = &record[..self.at.min(record.len())];
        let lines = memchr::memchr_iter(b'\n', before).count() as u64;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
        format!("line {}, column {column}: {}", line + lines, self.what)
    }
}

/// The fields of a record, without its line end, and where each begins.
pub fn fields(record: &str, separator: u8) -> Fields<'_> {
    Fields { record, separator, next: Some(0) }
}

/// Fields of a record. Nothing follows a flaw.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    record: &'a str,
    separator: u8,
    next: Option<usize>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(usize, Cow<'a, str>), Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.next.take()?;
        let rest = &self.record[begin..];
        if rest.starts_with('"') {
            return Some(self.quoted(begin));
        }
        let end = memchr::memchr(self.separator, rest.as_bytes());
        self.next = end.map(|end| begin + end + 1);
        Some(Ok((begin, rest[..end.unwrap_or(rest.len())].into())))
    }
}

impl<'a> Fields<'a> {
    fn quoted(&mut self, begin: usize) -> Result<(usize, Cow<'a, str>), Flaw> {
        let bytes = self.record.as_bytes();
        let (mut from, mut doubled) = (begin + 1, false);
        let end = loop {
            let Some(quote) = memchr::memchr(b'"', &bytes[from..]) else {
                return Err(Flaw::new(begin, "the quote that begins here is never closed"));
            };
            let quote = from + quote;
            if bytes.get(quote + 1) != Some(&b'"') {
                break quote;
            }
            (from, doubled) = (quote + 2, true);
        };
        match bytes.get(end + 1) {
            None => {}
            Some(byte) if *byte == self.separator => self.next = Some(end + 2),
            Some(_) => return Err(Flaw::new(end + 1, "there is text behind the closing quote of a field")),
        }
        let text = &self.record[begin + 1..end];
        Ok((begin, if doubled { text.replace("\"\"", "\"").into() } else { text.into() }))
    }
}

/// Appends a field as a table holds it.
pub fn push_field(text: &str, separator: u8, record: &mut Vec<u8>) {
    let special = |byte: &u8| [separator, b'"', b'\n', b'\r'].contains(byte);
    if !text.as_bytes().iter().any(special) {
        record.extend_from_slice(text.as_bytes());
        return;
    }
    record.push(b'"');
    record.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    record.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(record: &str) -> Result<Vec<String>, Flaw> {
        fields(record, b',').map(|field| field.map(|(_, text)| text.into_owned())).collect()
    }

    #[test]
    fn fields_are_those_of_rfc_4180() {
        for (record, expected) in [
            ("", &[""][..]),
            ("a", &["a"]),
            (",", &["", ""]),
            ("a,\"b\",", &["a", "b", ""]),
            ("\"a,b\",\"c\nd\",\"e\"\"f\"", &["a,b", "c\nd", "e\"f"]),
            ("\"\",\"\"\"\"", &["", "\""]),
            ("5\" pipe, a ", &["5\" pipe", " a "]),
        ] {
            assert_eq!(read(record).as_deref(), Ok(&expected.iter().map(|it| it.to_string()).collect::<Vec<_>>()[..]));
        }
        assert_eq!(read("a,\"b\"c").map_err(|flaw| flaw.at), Err(5));
        assert_eq!(read("a,\"b").map_err(|flaw| flaw.at), Err(2));
        let flaw = Flaw::new(6, "so");
        assert_eq!(flaw.located(b"\"a\nb\",c", 7), "line 8, column 4: so");
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn what_is_written_is_read_again_wherever_it_is_cut(
            table in prop::collection::vec(prop::collection::vec("[a\"\r\n\t,\u{e9}]{0,4}", 1..4), 1..5),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let mut text = Vec::new();
            for row in &table {
                for (at, field) in row.iter().enumerate() {
                    if at > 0 {
                        text.push(b',');
                    }
                    push_field(field, b',', &mut text);
                }
                text.extend_from_slice(b"\r\n");
            }
            let mut marks: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            marks.push(text.len());
            marks.sort_unstable();
            let (mut ends, mut start, mut found) = (Ends::default(), 0, Vec::new());
            for mark in marks {
                while let Some(end) = ends.find(&text[start..mark], b',') {
                    found.push(read(std::str::from_utf8(bare(&text[start..start + end])).expect("whole")).expect("right"));
                    start += end;
                }
            }
            prop_assert_eq!(found, table);
        }

        #[test]
        fn no_record_is_too_strange_to_be_read_or_refused(record in "[a,\"\n]{0,12}") {
            let _ = read(&record);
        }
    }
}
