//! Rows that are records of a table: objects of strings, by the names in its header.

use bytes::{Buf, Bytes, BytesMut};
use wpool::limits::MAX_INPUT;
use wpool::output::push_string;
use wpool::{Input, Rejected};

use crate::cli::plan::{Header, LINE_BITS, Table};
use crate::cli::rows::cutter::{Cutter, Take};
use crate::cli::rows::made::Made;
use crate::cli::table::{Ends, Flaw, bare, fields};
use crate::cli::units::plural;

/// The mark that some editors put at the beginning of a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts one table into rows.
#[derive(Debug)]
pub(super) struct Records {
    table: Table,
    /// Number of the file, for tags.
    file: u64,
    /// The line in which the next record begins.
    line: u64,
    /// The beginning of a record whose end has not been read.
    rest: BytesMut,
    ends: Ends,
    /// The line of a record that is too long, whose rest is being passed over.
    skipping: Option<u64>,
    begun: bool,
    /// The text before the value of each column, once the header is known.
    keys: Vec<Vec<u8>>,
    made: Made,
}

impl Records {
    /// For the file of this number.
    pub fn of(file: u64, table: Table) -> Records {
        let keys = table.names.as_deref().map(keys).unwrap_or_default();
        Records {
            table,
            file,
            line: 1,
            rest: BytesMut::new(),
            ends: Ends::default(),
            skipping: None,
            begun: false,
            keys,
            made: Made::default(),
        }
    }

    /// Takes a record, with its line end if it has one.
    fn record(&mut self, record: &[u8]) -> Result<(), String> {
        let (line, text) = (self.line, bare(record));
        self.line += memchr::memchr_iter(b'\n', record).count() as u64;
        let skipped = self.skipping.take();
        if skipped.is_some() || text.len() > MAX_INPUT {
            return self.too_long(skipped.unwrap_or(line));
        }
        if text.is_empty() {
            return Ok(());
        }
        // Without its newline alone, so that `--failed` writes the line as it was.
        let origin = || Bytes::copy_from_slice(record.strip_suffix(b"\n").unwrap_or(record));
        if self.keys.is_empty() {
            return self.header(text, line, origin());
        }
        let tag = self.file << LINE_BITS | line;
        match self.object(text) {
            Ok(()) if self.table.keeps => self.made.end_with(tag, origin()),
            Ok(()) => self.made.end(tag),
            Err(flaw) => {
                self.made.give_up();
                let why = Rejected::because(self.table.name(), flaw.located(text, line));
                self.made.add(Input::new(origin()).reject(why).tagged(tag));
            }
        }
        Ok(())
    }

    fn too_long(&mut self, line: u64) -> Result<(), String> {
        if self.keys.is_empty() {
            return Err(format!("line {line}: the header is longer than {} MiB", MAX_INPUT >> 20));
        }
        self.made.add(Input::rejected(Rejected::TooLong).tagged(self.file << LINE_BITS | line));
        Ok(())
    }

    /// Makes the object of a record.
    fn object(&mut self, text: &[u8]) -> Result<(), Flaw> {
        let text = utf8(text)?;
        let mut count = 0;
        for field in fields(text, self.table.separator()) {
            let (at, value) = field?;
            let Some(key) = self.keys.get(count) else {
                let (all, names) = (fields(text, self.table.separator()).count(), self.keys.len());
                return Err(Flaw::new(at, format!("a record of {all} fields, and the header has {names}")));
            };
            let row = self.made.row();
            row.extend_from_slice(key);
            push_value(&value, row);
            count += 1;
        }
        let names = self.keys.len();
        if count < names {
            let fields = plural(count as u64, "field");
            return Err(Flaw::new(text.len(), format!("the record ends after {fields}, and the header has {names}")));
        }
        self.made.row().push(b'}');
        Ok(())
    }

    /// Takes the header.
    fn header(&mut self, text: &[u8], line: u64, origin: Bytes) -> Result<(), String> {
        let named = utf8(text).and_then(|text| names(text, self.table.separator()));
        let names = named.map_err(|flaw| format!("the header of the table: {}", flaw.located(text, line)))?;
        let header = Header { names, text: origin };
        let first = self.table.header.get_or_init(|| header.clone());
        if first.names != header.names {
            return Err(format!(
                "line {line}: its header is another than that of the first table; run tables of different columns by \
                 themselves"
            ));
        }
        self.keys = keys(&header.names);
        Ok(())
    }

    /// Passes over what was read of a record that is too long, but for what the next bytes are compared with.
    fn skip(&mut self) {
        let kept = self.ends.scanned.saturating_sub(1);
        self.skipping.get_or_insert(self.line);
        let passed = &self.rest[..kept];
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.rest.advance(kept);
        self.ends.scanned -= kept;
    }

    fn whole_records(&mut self, mut rest: BytesMut, take: &mut Take<'_>) -> Result<bool, String> {
        while let Some(end) = self.ends.find(&rest, self.table.separator()) {
            let record = rest.split_to(end);
            self.record(&record)?;
            if self.made.is_full() && !take(self.made.take()) {
                return Ok(false);
            }
        }
        self.rest = rest;
        Ok(true)
    }
}

impl Cutter for Records {
    fn add(&mut self, block: &[u8], take: &mut Take<'_>) -> Result<bool, String> {
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(block);
        if !self.begun {
            if rest.len() < MARK.len() && MARK.starts_with(&rest) {
                self.rest = rest;
                return Ok(true);
            }
            self.begun = true;
            if rest.starts_with(MARK) {
                rest.advance(MARK.len());
            }
        }
        if !self.whole_records(rest, take)? {
            return Ok(false);
        }
        if self.rest.len() > MAX_INPUT || self.skipping.is_some() {
            self.skip();
        }
        Ok(take(self.made.take()))
    }

    fn end(&mut self, take: &mut Take<'_>) -> Result<bool, String> {
        let rest = std::mem::take(&mut self.rest);
        if self.skipping.is_some() || !rest.is_empty() {
            self.record(&rest)?;
        }
        Ok(take(self.made.take()))
    }
}

fn utf8(text: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(text).map_err(|error| Flaw::new(error.valid_up_to(), "the text is not UTF-8 from here"))
}

/// The names in a header, each of which has to be another.
fn names(text: &str, separator: u8) -> Result<Vec<String>, Flaw> {
    let mut names: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for field in fields(text, separator) {
        let (at, name) = field?;
        if name.is_empty() {
            return Err(Flaw::new(at, format!("the name of column {} is empty", names.len() + 1)));
        }
        if name.contains(['\r', '\0']) {
            let why = "a carriage return or a NUL in a name: lines end in LF or CRLF, and text is UTF-8";
            return Err(Flaw::new(at, why));
        }
        if !known.insert(name.clone().into_owned()) {
            return Err(Flaw::new(at, format!("the name {name:?} stands there twice")));
        }
        names.push(name.into_owned());
    }
    Ok(names)
}

/// The text before the value of each column.
fn keys(names: &[String]) -> Vec<Vec<u8>> {
    let key = |(at, name): (usize, &String)| {
        let mut key = vec![if at == 0 { b'{' } else { b',' }];
        push_string(name, &mut key);
        key.push(b':');
        key
    };
    names.iter().enumerate().map(key).collect()
}

/// Appends a text as a JSON string.
fn push_value(text: &str, row: &mut Vec<u8>) {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' || byte == b' ';
    if text.bytes().all(plain) {
        row.push(b'"');
        row.extend_from_slice(text.as_bytes());
        row.push(b'"');
    } else {
        push_string(text, row);
    }
}
