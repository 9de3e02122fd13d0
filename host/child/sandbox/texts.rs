//! Texts of a guest that are kept in part.

/// Most bytes of a text that are kept: as many as of a task's stderr by default.
pub(super) const MOST: usize = 64 << 10;

/// Cuts a text that is longer than so many bytes to its beginning and its end, with a mark between them, as it is done
/// to stderr.
pub(super) fn ends(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let head = &text[..text.floor_char_boundary(most / 2)];
    let tail = &text[text.ceil_char_boundary(text.len() - most / 2)..];
    format!("{head}{}{tail}", mark(text.len() - head.len() - tail.len()))
}

/// The beginning and the end of bytes, with the mark between them if there is room, in at most so many bytes. Text stays
/// text: no character is cut.
pub(super) fn ends_of(bytes: &[u8], most: usize) -> Vec<u8> {
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // A character has at most four bytes. Bytes that are not text may be cut anywhere.
    let before = |at: usize| (at.saturating_sub(3)..=at).rev().find(|at| !is_inside(*at)).unwrap_or(at);
    let after = |at: usize| (at..at + 4).find(|at| !is_inside(*at)).unwrap_or(at);
    let room = most.saturating_sub(mark(bytes.len()).len());
    if room < MOST_OF_A_MARK {
        return bytes[..before(most.min(bytes.len()))].to_vec();
    }
    let (head, tail) = (&bytes[..before(room / 2)], &bytes[after(bytes.len() - room / 2)..]);
    [head, mark(bytes.len() - head.len() - tail.len()).as_bytes(), tail].concat()
}

/// Bytes below which a mark would take more room than the text around it.
const MOST_OF_A_MARK: usize = 40;

/// The mark that stands for so many bytes.
pub(super) fn mark(dropped: usize) -> String {
    format!("\n[{dropped} bytes dropped]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_ends_and_whole_characters() {
        assert_eq!(ends("short".into(), 5), "short");
        assert_eq!(ends("0123456789".into(), 4), "01\n[6 bytes dropped]\n89");
        assert_eq!(ends("äöüß".into(), 6), "ä\n[4 bytes dropped]\nß");
    }

    #[test]
    fn cut_bytes_keep_whole_characters_and_their_limit() {
        assert_eq!(ends_of(b"12345", 4), b"1234");
        assert_eq!(ends_of("aäö".as_bytes(), 2), b"a");
        assert_eq!(ends_of(b"", 0), b"");
        let text = "ä".repeat(500);
        for most in 0..300 {
            let cut = ends_of(text.as_bytes(), most);
            assert!(cut.len() <= most && std::str::from_utf8(&cut).is_ok(), "{most}");
        }
        let cut = String::from_utf8(ends_of(text.as_bytes(), 100)).unwrap_or_default();
        assert!(cut.starts_with("ää") && cut.contains(" bytes dropped]") && cut.ends_with("ää"), "{cut}");
        assert_eq!(ends_of(&[0x80; 200], 10), [0x80; 10]);
    }
}
