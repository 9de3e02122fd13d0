//! A check, in one pass, whether bytes are one JSON value.
//!
//! Every row and every output goes through it, so it neither builds a value nor allocates, and a counter instead of the
//! call stack bounds its depth. Grammar: RFC 8259, and the text must be UTF-8. A property test compares it with
//! `serde_json`.

/// Deepest nesting that is accepted, the same as `serde_json`'s own limit.
pub const MAX_DEPTH: u32 = 128;

/// Deepest nesting of an output that stands in a record as JSON. A record is one level around it, and many readers,
/// wpool's own among them, take 127 levels in all.
pub const MAX_OUTPUT_DEPTH: u32 = 126;

/// Facts about bytes that are one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Valid {
    /// A raw newline or tab stands between two tokens, so the text does not fit into a line as it is.
    pub spaced: bool,
    /// The strings hold printable ASCII only.
    pub ascii: bool,
}

/// The reason why bytes are not one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// Offset in bytes from the beginning.
    pub at: usize,
    pub what: &'static str,
}

/// Checks that `text` is exactly one JSON value, with or without white space around it.
pub(crate) fn check(text: &[u8]) -> Result<Valid, Invalid> {
    check_to(MAX_DEPTH, text)
}

/// As [`check`], of a value that is to stand in a record.
pub(crate) fn check_output(text: &[u8]) -> Result<Valid, Invalid> {
    check_to(MAX_OUTPUT_DEPTH, text)
}

fn check_to(depth: u32, text: &[u8]) -> Result<Valid, Invalid> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(Invalid { at: error.valid_up_to(), what: "not UTF-8" });
    }
    let mut checker = Checker { text, at: 0, depth, valid: Valid { spaced: false, ascii: true } };
    checker.document()?;
    Ok(checker.valid)
}

/// Copies one valid JSON value without the line ends and tabs between its tokens.
pub(crate) fn push_on_one_line(text: &[u8], into: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for &byte in text {
        match byte {
            b'\n' | b'\r' | b'\t' if !in_string => continue,
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
        into.push(byte);
    }
}

/// Marks the first byte, of eight with the lowest first, that ends a run of plain characters in a string (a quote, a
/// backslash, a control character): its high bit is the lowest bit set. Higher bits mean nothing, because subtraction
/// borrows from the byte above. The mark is zero if all eight are plain. The arithmetic is that of `haszero` and
/// `hasless` in Anderson's "Bit Twiddling Hacks".
fn special_bytes(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    let less = |word: u64, than: u8| word.wrapping_sub(EACH * u64::from(than)) & !word;
    let equal = |byte: u8| less(word ^ (EACH * u64::from(byte)), 1);
    (equal(b'"') | equal(b'\\') | less(word, b' ')) & (EACH << 7)
}

/// Whether eight bytes of UTF-8 are all below 0x7f. UTF-8 has no byte 0xff, so nothing is carried to the next byte.
fn is_ascii(word: u64) -> bool {
    const EACH: u64 = u64::MAX / 0xff;
    (word | word.wrapping_add(EACH)) & (EACH << 7) == 0
}

struct Checker<'a> {
    text: &'a [u8],
    at: usize,
    /// Deepest nesting that is accepted.
    depth: u32,
    valid: Valid,
}

/// Open brackets, one bit each: 1 is an object.
#[derive(Clone, Copy)]
struct Nesting {
    objects: u128,
    depth: u32,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        self.objects = self.objects << 1 | u128::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn in_object(self) -> bool {
        self.objects & 1 == 1
    }
}

impl Checker<'_> {
    fn document(&mut self) -> Result<(), Invalid> {
        let mut open = Nesting { objects: 0, depth: 0 };
        loop {
            self.value_start(&mut open)?;
            loop {
                self.space();
                if open.depth == 0 {
                    return if self.at == self.text.len() { Ok(()) } else { self.fail("text after the value") };
                }
                match self.next() {
                    Some(b',') => break,
                    Some(b'}') if open.in_object() => open.pop(),
                    Some(b']') if !open.in_object() => open.pop(),
                    found if open.in_object() => return self.refuse(found, "expected ',' or '}'"),
                    found => return self.refuse(found, "expected ',' or ']'"),
                }
            }
            if open.in_object() {
                self.space();
                self.key()?;
            }
        }
    }

    /// Reads a scalar, an empty bracket, or opening brackets up to the first scalar inside them.
    fn value_start(&mut self, open: &mut Nesting) -> Result<(), Invalid> {
        loop {
            self.space();
            let object = match self.next() {
                Some(b'"') => return self.string(),
                Some(b'{') => true,
                Some(b'[') => false,
                Some(b'-') => return self.number_after_minus(),
                Some(b'0') => return self.fraction(),
                Some(b'1'..=b'9') => return self.integer_and_fraction(),
                Some(b't') => return self.word(b"rue"),
                Some(b'f') => return self.word(b"alse"),
                Some(b'n') => return self.word(b"ull"),
                found => return self.refuse(found, "expected a value"),
            };
            if open.depth == self.depth {
                return self.fail("nested too deeply");
            }
            open.push(object);
            self.space();
            match (object, self.peek()) {
                (true, Some(b'}')) | (false, Some(b']')) => {
                    self.at += 1;
                    open.pop();
                    return Ok(());
                }
                (true, _) => self.key()?,
                (false, _) => {}
            }
        }
    }

    fn key(&mut self) -> Result<(), Invalid> {
        self.expect(b'"', "expected a key in quotes")?;
        self.string()?;
        self.space();
        self.expect(b':', "expected ':'")
    }

    fn string(&mut self) -> Result<(), Invalid> {
        loop {
            self.plain_text();
            match self.next() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => self.escape()?,
                found @ Some(0..=0x1f) => return self.refuse(found, "control character in a string"),
                Some(byte) => self.valid.ascii &= byte < 0x7f,
                None => return self.fail("string without an end"),
            }
        }
    }

    /// Skips plain characters of a string, many at a time, up to the first other one or to the last few bytes.
    fn plain_text(&mut self) {
        while let Some(chunk) = self.text[self.at..].first_chunk::<32>() {
            let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            // Without a branch for each byte, so that the loop becomes a few instructions for the whole chunk.
            if chunk.iter().fold(false, |any, byte| any | is_special(byte)) {
                break;
            }
            self.valid.ascii &= chunk.iter().fold(true, |all, byte| all & (*byte < 0x7f));
            self.at += chunk.len();
        }
        while let Some(chunk) = self.text[self.at..].first_chunk::<8>() {
            let word = u64::from_le_bytes(*chunk);
            let special = special_bytes(word);
            // This includes bytes behind the end of the string: at worst an output is looked at a second time.
            self.valid.ascii &= is_ascii(word);
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8;
                return;
            }
            self.at += chunk.len();
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => self.code_unit(),
            found => self.refuse(found, "unknown escape"),
        }
    }

    /// The rest of an escape by number. RFC 8259 allows half of a surrogate pair. Many readers do not: a whole record
    /// would be unreadable for them because of one such output.
    fn code_unit(&mut self) -> Result<(), Invalid> {
        let start = self.at;
        let lone = Err(Invalid { at: start, what: "half of a surrogate pair" });
        match self.four_digits()? {
            0xd800..0xdc00 if self.text[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                if matches!(self.four_digits()?, 0xdc00..0xe000) { Ok(()) } else { lone }
            }
            0xd800..0xe000 => lone,
            _ => Ok(()),
        }
    }

    fn four_digits(&mut self) -> Result<u32, Invalid> {
        let mut unit = 0;
        for _ in 0..4 {
            let found = self.next();
            let digit = found.and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return self.refuse(found, "expected four hexadecimal digits") };
            unit = unit << 4 | digit;
        }
        Ok(unit)
    }

    fn number_after_minus(&mut self) -> Result<(), Invalid> {
        match self.next() {
            Some(b'0') => self.fraction(),
            Some(b'1'..=b'9') => self.integer_and_fraction(),
            found => self.refuse(found, "expected a digit"),
        }
    }

    fn integer_and_fraction(&mut self) -> Result<(), Invalid> {
        self.digits();
        self.fraction()
    }

    fn fraction(&mut self) -> Result<(), Invalid> {
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), Invalid> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return self.fail("expected a digit");
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn word(&mut self, rest: &[u8]) -> Result<(), Invalid> {
        if !self.text[self.at..].starts_with(rest) {
            return Err(Invalid { at: self.at - 1, what: "expected a value" });
        }
        self.at += rest.len();
        Ok(())
    }

    fn space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            self.valid.spaced |= byte != b' ';
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Invalid> {
        match self.next() {
            Some(found) if found == byte => Ok(()),
            found => self.refuse(found, what),
        }
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, Invalid> {
        Err(Invalid { at: self.at, what })
    }

    /// Fails at the byte that was just read, or at the end of the text if the byte is missing.
    fn refuse<T>(&self, found: Option<u8>, what: &'static str) -> Result<T, Invalid> {
        Err(Invalid { at: self.at - usize::from(found.is_some()), what })
    }
}

#[cfg(test)]
mod tests;
