//! Words of commands that people are told to type.

/// A path as a shell and wpool read it.
pub fn path(path: &str) -> String {
    // A name like an option, or like standard input.
    let path = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
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
