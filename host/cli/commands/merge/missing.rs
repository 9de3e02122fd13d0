//! The commands that run missing shards.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::cli::commands::merge::manifest::Together;
use crate::cli::journal::{Facts, Text};
use crate::cli::lines::Lines;
use crate::cli::plan::filled;
use crate::cli::shell;
use crate::cli::terminal::say_lines;
use crate::cli::units::plural;

/// Commands that are printed; of more shards, the numbers are.
const MOST_COMMANDS: usize = 20;

/// Tells which shards are missing, and how to run them. `what` was done without them.
pub fn tell(what: &str, together: &Together) {
    let mut text = Lines::default();
    let numbers: Vec<_> = together.missing.keys().copied().collect();
    let of = together.facts.shard.as_ref().map_or(0, |shard| shard.of);
    let (count, verb) = (plural(numbers.len() as u64, "shard"), if numbers.len() == 1 { "is" } else { "are" });
    text.add(format_args!("{what}: {count} of {of} {verb} missing, or not complete: {}", ranges(&numbers)));
    for (number, own) in together.missing.iter().take(MOST_COMMANDS) {
        text.add(format_args!("  {}", command(*number, of, own.as_ref(), &together.facts)));
    }
    if numbers.len() > MOST_COMMANDS {
        text.add("  …, and so on with the other numbers behind --shard");
    }
    say_lines(&text);
}

/// `1-3, 7`.
fn ranges(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if number.checked_sub(1) == Some(*last) => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let shown = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// The command of a shard: that of its own run, or that of another with its number.
pub fn command(number: u32, of: u32, own: Option<&Facts>, other: &Facts) -> String {
    let facts = own.unwrap_or(other);
    let mut words = vec!["wpool run --resume --shard".to_owned(), format!("{number}/{of}")];
    let mut typed = facts.arguments.iter().peekable();
    // Behind `--` stand arguments of the program.
    while let Some(argument) = typed.next_if(|argument| argument.as_bytes() != b"--") {
        let name = argument.to_str().unwrap_or_default();
        match name {
            "--shard" | "--shard-count" => drop(typed.next()),
            "--resume" | "--overwrite" => {}
            "-o" | "--output" => {
                words.push(name.to_owned());
                words.extend(typed.next().map(|path| output(path, number, of, own.is_some())));
            }
            _ if name.starts_with("--shard=") || name.starts_with("--shard-count=") => {}
            _ => match name.strip_prefix("--output=").or(name.strip_prefix("-o").filter(|rest| !rest.is_empty())) {
                Some(path) => words.push(format!("-o {}", output(OsStr::new(path), number, of, own.is_some()))),
                None => words.push(word(argument, facts)),
            },
        }
    }
    words.extend(typed.map(|argument| word(argument, facts)));
    if facts.inputs.iter().any(|input| input.as_bytes() == b"-") {
        words.push("< FILE-OF-ROWS".to_owned());
    }
    format!("cd {} && {}", shell::path(&facts.cwd.to_string()), words.join(" "))
}

/// The path of FILE, which for a shard that never ran has to be another one.
fn output(typed: &OsStr, number: u32, of: u32, own: bool) -> String {
    let path = filled(typed.as_ref(), number, of);
    if own || path.as_os_str() != typed {
        shell::path(&path.to_string_lossy())
    } else {
        format!("FILE-OF-SHARD-{number}")
    }
}

/// An argument as a shell reads it. Values of variables may be secrets.
fn word(argument: &Text, facts: &Facts) -> String {
    let text = argument.to_string();
    let secret = facts.env.iter().find_map(|(name, value)| {
        let before = text.strip_suffix(&format!("{name}={value}"))?;
        matches!(before, "" | "--env=").then(|| format!("{before}{name}=…"))
    });
    let text = secret.unwrap_or(text);
    // An option keeps its dashes.
    if text.starts_with('-') && !text.contains(|c: char| c.is_whitespace() || "'\"$`\\*?[]{}()<>|&;#!~".contains(c)) {
        return text;
    }
    if text.starts_with('-') { format!("'{}'", text.replace('\'', r"'\''")) } else { shell::path(&text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_told_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
        assert_eq!(ranges(&[4]), "4");
    }
}
