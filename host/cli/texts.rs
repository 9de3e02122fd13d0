//! Parts of texts that are too long, cut between characters.

/// The first bytes of a text.
pub fn head(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// The first bytes of a text, with a mark if there are more.
pub fn cut(text: &str, most: usize) -> String {
    let head = head(text, most);
    if head.len() < text.len() { format!("{head}…") } else { head.to_owned() }
}

/// The first characters of a text, with a mark if there are more.
pub fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The beginning of a hash in hexadecimal digits, for people.
pub fn short_hash(hash: &str) -> &str {
    head(hash, 12)
}

/// The last bytes of a text.
pub fn tail(text: &str, most: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(most))..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!((head("éé", 3), tail("éé", 3)), ("é", "é"));
        assert_eq!((head("short", 9), tail("short", 9)), ("short", "short"));
        assert_eq!((cut("short", 5), cut("éé", 3)), ("short".to_owned(), "é…".to_owned()));
        assert_eq!((short("éé", 2), short("ééé", 2)), ("éé".to_owned(), "éé…".to_owned()));
    }
}
