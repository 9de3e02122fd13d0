//! Words of commands that people are told to type.

/// A path as a shell and wpool read it.
pub fn path(path: &str) -> String {
    // A name like an option, or like standard input.
    if path.starts_with('-') { word(&format!("./{path}")) } else { word(path) }
}

/// A word as a shell reads it, which may be an option.
pub fn word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_is_one_word_and_no_option() {
        for (path, word) in [
            ("a/b.jsonl", "a/b.jsonl"),
            ("-", "./-"),
            ("-q", "./-q"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$(a);*", "'$(a);*'"),
            ("", "''"),
        ] {
            assert_eq!(super::path(path), word);
        }
    }
}
