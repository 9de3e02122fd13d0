//! Texts of a guest that are kept in part.

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
}
