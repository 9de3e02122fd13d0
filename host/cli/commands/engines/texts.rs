//! Words as scripts and manifests take them.

use crate::cli::shell;

/// Exit codes that come again in every attempt: the run or its input is refused, or some task is not ok. Other ends are
/// worth another attempt, which resumes.
pub const FINAL: [i32; 7] = [2, 4, 100, 101, 102, 103, 106];

/// A command of a shell.
pub fn command(words: &[String]) -> String {
    words.iter().map(|text| word(text)).collect::<Vec<_>>().join(" ")
}

fn word(text: &str) -> String {
    // `shell::path` would take an option for a file.
    match text.strip_prefix('-') {
        Some("") => "-".to_owned(),
        Some(rest) if shell::path(rest).starts_with('\'') || rest.starts_with('-') && !is_plain(rest) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        Some(_) => text.to_owned(),
        None => shell::path(text),
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "-_./:=,+@%".contains(c))
}

/// A string of JSON, and so of YAML.
pub fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A list of strings, on one line.
pub fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| string(word)).collect::<Vec<_>>().join(", "))
}

pub fn codes(codes: &[i32]) -> String {
    format!("[{}]", codes.iter().map(i32::to_string).collect::<Vec<_>>().join(", "))
}

/// The words of a command with more of them behind `wpool run`.
pub fn with(run: &[String], more: &[&str]) -> Vec<String> {
    let (head, rest) = run.split_at(2);
    head.iter().cloned().chain(more.iter().map(|word| (*word).to_owned())).chain(rest.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_for_a_shell() {
        let words = ["wpool", "--resume", "-", "-o", "a b", "--env=A=$(b)", "{shard}", "it's", "-x y", "--"];
        let words = words.map(str::to_owned);
        assert_eq!(command(&words), r"wpool --resume - -o 'a b' '--env=A=$(b)' '{shard}' 'it'\''s' '-x y' --");
        assert_eq!(list(&words[..2]), r#"["wpool", "--resume"]"#);
        assert_eq!(with(&words[..4], &["x"]).join(" "), "wpool --resume x - -o");
    }
}
