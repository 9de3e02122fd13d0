//! What was learned, for people and for programs.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use wpool::inert;

use super::advice::{Advice, Needed};
use super::seen::Seen;
use crate::cli::lines::Lines;
use crate::cli::shell;
use crate::cli::units::plural;

/// Denials that people are told.
const MOST_TOLD: usize = 10;

/// What was learned.
#[derive(Debug, Serialize)]
pub struct Lesson {
    /// Rows that ran.
    rows: u64,
    /// How many ended with which status.
    ends: BTreeMap<&'static str, u64>,
    /// The words of the options.
    flags: Vec<String>,
    /// The same as a table of a configuration file.
    task: String,
    denied: Vec<Denial>,
    used: Used,
    notes: Vec<String>,
    #[serde(skip)]
    first_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Denial {
    what: String,
    /// How many tasks were denied it, and how many of these are not ok.
    tasks: u64,
    not_ok: u64,
}

#[derive(Debug, Serialize)]
struct Used {
    dirs: Vec<String>,
    env: bool,
    interfaces: Vec<String>,
}

impl Lesson {
    pub fn new(program: &Path, seen: &Seen, Advice { needed, notes }: Advice) -> Lesson {
        let denied = seen.denied.iter().map(|(denial, denied)| Denial {
            what: denial.to_string(),
            tasks: denied.tasks,
            not_ok: denied.not_ok,
        });
        let mode = |written: bool| if written { "rw" } else { "ro" };
        Lesson {
            rows: seen.rows,
            ends: seen.ends.iter().map(|(status, count)| (status.as_str(), *count)).collect(),
            flags: flags(&needed),
            task: table(program, &needed),
            denied: denied.collect(),
            used: Used {
                dirs: seen.dirs.iter().map(|(guest, written)| format!("{guest}:{}", mode(*written))).collect(),
                env: seen.env,
                interfaces: seen.interfaces.iter().cloned().collect(),
            },
            notes,
            first_error: seen.first_error.clone(),
        }
    }

    /// The options, as words of a shell; nothing if none is needed. Options in quotes are none of them: `$(…)` reads no quotes,
    /// and would take what a program has put between two blanks of a path for an option.
    pub fn flags_line(&self) -> Lines {
        Some(self.words()).filter(|words| !words.is_empty() && !self.has_quotes()).into_iter().collect()
    }

    fn words(&self) -> String {
        self.flags.iter().map(|word| shell::word(word)).collect::<Vec<_>>().join(" ")
    }

    fn has_quotes(&self) -> bool {
        self.flags.iter().any(|word| shell::word(word) != *word)
    }

    /// All but the options.
    pub fn told(&self) -> Lines {
        let mut lines = Lines::default();
        let ends = self.ends.iter().map(|(status, count)| format!("{count} {status}")).collect::<Vec<_>>().join(", ");
        lines.add(format_args!("{} ran: {ends}", plural(self.rows, "row")));
        if let Some(error) = &self.first_error {
            lines.add(format_args!("the first that is not ok: {error}"));
        }
        for Denial { what, tasks, .. } in self.denied.iter().take(MOST_TOLD) {
            lines.add(format_args!("denied {what} in {}", plural(*tasks, "task")));
        }
        match self.denied.len().saturating_sub(MOST_TOLD) {
            0 => {}
            more => lines.add(format_args!("and {more} more, which --json lists")),
        }
        self.notes.iter().for_each(|note| lines.add(format_args!("note: {note}")));
        if self.flags.is_empty() {
            let why = if self.denied.is_empty() { "it needs no grants" } else { "no grant would give it more" };
            lines.add(format_args!("{why}. For wpool.toml:"));
        } else if self.has_quotes() {
            lines.add("the options, to paste, since `$(…)` does not read the quotes in them:");
            lines.add(self.words());
            lines.add("For wpool.toml:");
        } else {
            lines.add("the options are on standard output. For wpool.toml:");
        }
        self.task.lines().for_each(|line| lines.add(line));
        lines
    }
}

/// The options of a run.
fn flags(needed: &Needed) -> Vec<String> {
    let Needed { dir, scratch, env, state, state_in } = needed;
    let options = |name: &'static str, values: &[String]| {
        let words = values.iter().flat_map(move |value| [name.to_owned(), value.clone()]);
        words.collect::<Vec<_>>()
    };
    let mut words = options("--dir", dir);
    words.extend(options("--scratch", scratch.as_slice()));
    words.extend(options("--env", env));
    words.extend(state.then(|| "--state".to_owned()));
    words.extend(options("--state-in", state_in.as_slice()));
    words
}

/// A task's table of wpool.toml. Its keys are the names of the options.
fn table(program: &Path, needed: &Needed) -> String {
    let Needed { dir, scratch, env, state, state_in } = needed;
    let name = program.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut table = format!("[task.{}]\nprogram = {}\n", key(&name), string(&program.to_string_lossy()));
    let list = |values: &[String]| values.iter().map(|value| string(value)).collect::<Vec<_>>().join(", ");
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            table += &format!("{key} = {value}\n");
        }
    };
    line("dir", (!dir.is_empty()).then(|| format!("[{}]", list(dir))));
    line("scratch", scratch.as_deref().map(string));
    line("env", (!env.is_empty()).then(|| format!("[{}]", list(env))));
    line("state", state.then(|| "true".to_owned()));
    line("state-in", state_in.as_deref().map(string));
    table
}

/// A key of TOML.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { string(name) }
}

/// A string of TOML, without a character that acts on a terminal.
fn string(text: &str) -> String {
    let mut string = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            c if inert::is_active(c) => string += &format!("\\U{:08X}", u32::from(c)),
            c => string.push(c),
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn options_and_table_say_the_same() {
        let needed = Needed {
            dir: texts(&["photos::/in:ro", "o::/o:rw"]),
            scratch: Some("/tmp".into()),
            env: texts(&["LANG"]),
            state: true,
            state_in: None,
        };
        let words = "--dir photos::/in:ro --dir o::/o:rw --scratch /tmp --env LANG --state";
        assert_eq!(flags(&needed).join(" "), words);
        let expected = "[task.thumbnail]\nprogram = \"guest-tasks/thumbnail.wasm\"\n\
                        dir = [\"photos::/in:ro\", \"o::/o:rw\"]\nscratch = \"/tmp\"\nenv = [\"LANG\"]\nstate = true\n";
        assert_eq!(table(Path::new("guest-tasks/thumbnail.wasm"), &needed), expected);
    }

    #[test]
    fn names_of_others_are_one_string_of_toml() {
        assert_eq!(string("a\"b\\c\n\u{202e}"), r#""a\"b\\c\U0000000A\U0000202E""#);
        assert_eq!([key("a-b_1"), key("a.b"), key("")], ["a-b_1", "\"a.b\"", "\"\""]);
    }
}
