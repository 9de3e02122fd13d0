//! Rows that are the elements of one JSON array. An element becomes a line: the whitespace between its tokens is left out.
//! Here the array is cut; whether an element is JSON is seen where every row is checked.

use wpool::limits::MAX_INPUT;
use wpool::{Input, Rejected};

use crate::cli::plan::LINE_BITS;
use crate::cli::rows::cutter::{Cutter, Take};
use crate::cli::rows::made::Made;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The part that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The array itself; so many bytes of a mark were seen.
    Array(usize),
    /// An element, or the end of an array that has none.
    First,
    Element,
    /// More of an element.
    More,
    /// More of a string in an element.
    Text,
    /// The character behind a backslash.
    Escape,
    /// Nothing.
    End,
}

/// Cuts one array into rows.
#[derive(Debug)]
pub(super) struct Elements {
    /// Number of the file, for tags.
    file: u64,
    /// Position of the element.
    index: u64,
    /// Bytes that were passed.
    passed: u64,
    next: Next,
    /// Brackets of the element that are open.
    depth: u64,
    /// Whitespace was left out behind the last byte.
    spaced: bool,
    /// The element is too long, and its rest is being passed over.
    skipping: bool,
    made: Made,
}

impl Elements {
    /// For the file of this number.
    pub fn of(file: u64) -> Elements {
        Elements {
            file,
            index: 0,
            passed: 0,
            next: Next::Array(0),
            depth: 0,
            spaced: false,
            skipping: false,
            made: Made::default(),
        }
    }

    /// Takes bytes up to the end of an element, or all. Returns how many.
    fn pass(&mut self, bytes: &[u8]) -> Result<usize, &'static str> {
        for (at, byte) in bytes.iter().enumerate() {
            match self.next {
                Next::Text => {
                    let end = memchr::memchr2(b'"', b'\\', &bytes[at..]).map_or(bytes.len(), |end| at + end);
                    self.push(&bytes[at..end]);
                    if let Some(end_byte) = bytes.get(end) {
                        self.push(&[*end_byte]);
                        self.next = if *end_byte == b'"' { Next::More } else { Next::Escape };
                        return Ok(end + 1);
                    }
                    return Ok(end);
                }
                Next::Escape => {
                    self.push(&[*byte]);
                    self.next = Next::Text;
                }
                _ => {
                    if self.token(*byte)? {
                        return Ok(at + 1);
                    }
                }
            }
        }
        Ok(bytes.len())
    }

    /// Takes a byte that is not in a string. Says whether an element ends with it.
    fn token(&mut self, byte: u8) -> Result<bool, &'static str> {
        match (self.next, byte) {
            (Next::Array(seen), _) => self.open(seen, byte).map(|()| false),
            (_, b' ' | b'\t' | b'\n' | b'\r') => {
                self.spaced = true;
                Ok(false)
            }
            (Next::First, b']') => {
                self.next = Next::End;
                Ok(false)
            }
            (Next::First | Next::Element, b',' | b']' | b'}') => Err("an element is missing"),
            (Next::End, _) => Err("there is more behind the end of the array"),
            (Next::More, b'}') if self.depth == 0 => Err("a brace is closed that was not opened"),
            (Next::More, b',' | b']') if self.depth == 0 => {
                self.next = if byte == b',' { Next::Element } else { Next::End };
                self.finish();
                Ok(true)
            }
            _ => {
                self.value(byte);
                Ok(false)
            }
        }
    }

    fn open(&mut self, seen: usize, byte: u8) -> Result<(), &'static str> {
        let is_between = seen == 0 || seen == MARK.len();
        self.next = match byte {
            b'[' if is_between => Next::First,
            b' ' | b'\t' | b'\n' | b'\r' if is_between => self.next,
            _ if MARK.get(seen) == Some(&byte) => Next::Array(seen + 1),
            _ => return Err("it does not begin with [, as a JSON array does"),
        };
        Ok(())
    }

    fn value(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        let is_word = |byte: &u8| !b"{}[],:\"".contains(byte);
        // Two tokens that stand side by side are wrong, and must not become one.
        if std::mem::take(&mut self.spaced) && is_word(&byte) && self.made.len() > 0 {
            let last = self.made.row().last().copied();
            if last.as_ref().is_some_and(is_word) {
                self.push(b" ");
            }
        }
        self.push(&[byte]);
        self.next = if byte == b'"' { Next::Text } else { Next::More };
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.skipping {
            return;
        }
        self.made.row().extend_from_slice(bytes);
        if self.made.len() > MAX_INPUT {
            self.made.give_up();
            self.skipping = true;
        }
    }

    fn finish(&mut self) {
        let tag = self.file << LINE_BITS | self.index;
        self.index += 1;
        self.spaced = false;
        if std::mem::take(&mut self.skipping) {
            self.made.add(Input::rejected(Rejected::TooLong).tagged(tag));
        } else {
            self.made.end(tag);
        }
    }
}

impl Cutter for Elements {
    fn add(&mut self, mut block: &[u8], take: &mut Take<'_>) -> Result<bool, String> {
        while !block.is_empty() {
            let count = match self.pass(block) {
                Ok(count) => count,
                Err(why) => {
                    // The elements before it are right.
                    take(self.made.take());
                    let (at, index) = (self.passed, self.index);
                    return Err(format!("behind byte {at}, at element {index} of the array: {why}"));
                }
            };
            self.passed += count as u64;
            block = &block[count..];
            if self.made.is_full() && !take(self.made.take()) {
                return Ok(false);
            }
        }
        Ok(take(self.made.take()))
    }

    fn end(&mut self, _: &mut Take<'_>) -> Result<bool, String> {
        match self.next {
            Next::End => Ok(true),
            Next::Array(_) => Err("it holds no JSON array".into()),
            _ => Err(format!("the array has no end: the file is cut off in element {}", self.index)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wpool::bulk::Supply;

    use super::*;

    /// The rows of a text that arrives in pieces, and what ended it.
    fn rows(pieces: &[&[u8]]) -> (Vec<String>, Result<bool, String>) {
        let mut elements = Elements::of(0);
        let mut rows = Vec::new();
        let mut take = |batch: Vec<Supply>| {
            rows.extend(batch.into_iter().flat_map(Supply::into_inputs).map(|row| row.bytes));
            true
        };
        let mut added = pieces.iter().try_for_each(|piece| elements.add(piece, &mut take).map(drop)).map(|()| true);
        if added.is_ok() {
            added = elements.end(&mut take);
        }
        (rows.iter().map(|row| String::from_utf8_lossy(row).into_owned()).collect(), added)
    }

    #[test]
    fn elements_are_lines_without_the_space_between_their_tokens() {
        let text =
            "\u{feff} [ {\"a\" : [1, 2],\n\t\"b \\\" ] c\": 1.50} , \"x, y\" ,null,\r\n[ ] , -1e5 ] \n".as_bytes();
        let expected = ["{\"a\":[1,2],\"b \\\" ] c\":1.50}", "\"x, y\"", "null", "[]", "-1e5"];
        for cut in 0..text.len() {
            let (a, b) = text.split_at(cut);
            assert_eq!(rows(&[a, b]), (expected.map(str::to_owned).to_vec(), Ok(true)), "cut at {cut}");
        }
        assert_eq!(rows(&[b"[]"]), (vec![], Ok(true)));
        assert_eq!(rows(&[b"[1 2, tr ue]"]).0, ["1 2", "tr ue"], "what is not JSON stays so");
    }

    #[test]
    fn what_is_not_an_array_is_told_and_elements_before_it_are_rows() {
        for (text, count, why) in [
            ("", 0, "no JSON array"),
            ("{\"a\":1}", 0, "does not begin with ["),
            ("[1,,2]", 1, "an element is missing"),
            ("[1,]", 1, "an element is missing"),
            ("[1", 0, "cut off in element 0"),
            ("[1,\"a", 1, "cut off in element 1"),
            ("[1]x", 1, "behind the end"),
            ("[1}", 0, "not opened"),
        ] {
            let (rows, ended) = rows(&[text.as_bytes()]);
            assert_eq!(rows.len(), count, "{text}");
            let told = ended.expect_err(text);
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn an_element_without_an_end_is_given_up_and_memory_is_bounded() {
        let mut elements = Elements::of(0);
        let mut lengths = Vec::new();
        let mut take = |batch: Vec<Supply>| {
            lengths.extend(batch.into_iter().flat_map(Supply::into_inputs).map(|row| row.bytes.len()));
            true
        };
        elements.add(b"[\"", &mut take).expect("it begins well");
        let long = vec![b'x'; 1 << 20];
        (0..100).for_each(|_| assert_eq!(elements.add(&long, &mut take), Ok(true)));
        assert!(elements.made.len() <= MAX_INPUT);
        elements.add(b"\",7]", &mut take).expect("it ends well");
        assert_eq!(lengths, [0, 1]);
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_bytes_are_the_same_rows_however_they_arrive(
            text in "[\\[\\]{},\" 1a:\\\\]{0,16}",
            cut in any::<prop::sample::Index>(),
        ) {
            let text = text.as_bytes();
            let (a, b) = text.split_at(cut.index(text.len() + 1));
            let (one, two) = (rows(&[text]), rows(&[a, b]));
            prop_assert_eq!(&one.0, &two.0);
            prop_assert_eq!(one.1.is_ok(), two.1.is_ok());
        }
    }
}
