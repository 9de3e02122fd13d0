//! Text of others in the logs of CI systems.
//!
//! Some systems obey lines of the log of a job: the runner of GitHub takes `##[NAME]` anywhere in a line and `::NAME::` at
//! its beginning for a command, Azure Pipelines takes `##vso[…]`, and TeamCity `##teamcity[…]`. A program whose output holds
//! such a text would command the job. Under a CI, no `##` and no `::` at the beginning of a line of others' text goes to a
//! log. Values of JSON stay the same.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use wpool::inert;

use crate::cli::streams;

/// Variables that say that a CI reads the log. Those of single systems are there for jobs that have unset `CI`.
const VARIABLES: [&str; 5] = ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "TEAMCITY_VERSION"];

/// A CI was named on the command line.
static NAMED: AtomicBool = AtomicBool::new(false);

/// What text that may come to stand in a log is, and so how it is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// It goes to a file, or nobody obeys it.
    Off,
    /// Lines of JSON.
    Json,
    /// Lines of text.
    Text,
    /// Lines of text for a terminal, which obeys control characters.
    Terminal,
}

impl Guard {
    /// The guard of what goes to standard output, which is JSON or text: tools read a file as it is.
    pub fn of_stdout(guard: Guard) -> Guard {
        static IS_FILE: LazyLock<bool> = LazyLock::new(|| streams::stdout().is_file());
        match guard {
            _ if is_on() && !*IS_FILE => guard,
            Guard::Text if std::io::stdout().is_terminal() => Guard::Terminal,
            _ => Guard::Off,
        }
    }

    /// The text, guarded. It has whole lines.
    pub fn apply(self, text: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Guard::Off => Cow::Borrowed(text),
            Guard::Json => inert_json(text),
            Guard::Text => {
                let text = readable(&String::from_utf8_lossy(text));
                Cow::Owned(inert_text(&text).into_owned().into_bytes())
            }
            Guard::Terminal => Cow::Owned(readable(&String::from_utf8_lossy(text)).into_bytes()),
        }
    }
}

/// Lines and tables with their active characters written out.
fn readable(text: &str) -> String {
    let mut readable = String::with_capacity(text.len());
    for c in text.chars() {
        if inert::is_active(c) && !['\n', '\t'].contains(&c) {
            readable.extend(c.escape_default());
        } else {
            readable.push(c);
        }
    }
    readable
}

/// Whether the log of this process is, or may be, that of a CI.
pub fn is_on() -> bool {
    static FOUND: LazyLock<bool> = LazyLock::new(|| VARIABLES.iter().any(|name| is_set(name)));
    NAMED.load(Ordering::Acquire) || *FOUND
}

/// Says that the log is that of a CI.
pub fn turn_on() {
    NAMED.store(true, Ordering::Release);
}

/// Whether a variable of the environment says yes.
pub fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "false")
}

/// Lines for a log, guarded if that is one of a CI.
pub fn text(text: &str) -> Cow<'_, str> {
    if is_on() { inert_text(text) } else { Cow::Borrowed(text) }
}

/// Lines without what a CI obeys. A blank stands between the two characters that would begin a command.
pub fn inert_text(text: &str) -> Cow<'_, str> {
    let starts = |line: &str| line.trim_start().starts_with("::");
    let lines = || text.split_inclusive(['\n', '\r']);
    if !text.contains("##") && !lines().any(starts) {
        return Cow::Borrowed(text);
    }
    let mut inert = String::with_capacity(text.len() + 16);
    for line in lines() {
        let rest = if starts(line) {
            let (blank, rest) = line.split_at(line.len() - line.trim_start().len());
            inert += blank;
            inert += ": ";
            &rest[1..]
        } else {
            line
        };
        let mut before = ' ';
        for c in rest.chars() {
            if (before, c) == ('#', '#') {
                inert.push(' ');
            }
            inert.push(c);
            before = c;
        }
    }
    Cow::Owned(inert)
}

/// JSON without what a CI obeys, with the same values: `#` stands in strings alone, and there as an escape as well.
fn inert_json(json: &[u8]) -> Cow<'_, [u8]> {
    let mut found = memchr::memmem::find_iter(json, b"##").peekable();
    if found.peek().is_none() {
        return Cow::Borrowed(json);
    }
    let (mut inert, mut done) = (Vec::with_capacity(json.len() + 64), 0);
    // Occurrences do not overlap, and of three in a row the third is left alone.
    for at in found {
        inert.extend_from_slice(&json[done..=at]);
        inert.extend_from_slice(b"\\u0023");
        done = at + 2;
    }
    inert.extend_from_slice(&json[done..]);
    Cow::Owned(inert)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a CI obeys in a line.
    fn commands(line: &str) -> bool {
        let anywhere = ["##[", "##vso[", "##teamcity["];
        anywhere.iter().any(|command| line.contains(command)) || line.trim_start().starts_with("::")
    }

    #[test]
    fn text_is_parted_where_a_command_would_begin() {
        for (text, inert) in [
            ("##[error]x", "# #[error]x"),
            ("a ###[group]", "a # # #[group]"),
            ("::set-env::\n \t::x\na::b", ": :set-env::\n \t: :x\na::b"),
            (":::", ": ::"),
            ("##vso[task]\r\n\u{3000}::##", "# #vso[task]\r\n\u{3000}: :# #"),
        ] {
            assert_eq!(inert_text(text), inert);
        }
        assert!(matches!(inert_text("# title\na::b :: c"), Cow::Borrowed(_)));
    }

    #[test]
    fn values_of_json_stay_the_same() {
        let json = b"{\"a\":\"\\\\##[x]###\",\"b##\":[\"####\"]}";
        let inert = inert_json(json);
        let expected = b"{\"a\":\"\\\\#\\u0023[x]#\\u0023#\",\"b#\\u0023\":[\"#\\u0023#\\u0023\"]}";
        assert_eq!(inert.as_ref(), expected);
        let value = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).expect("JSON");
        assert_eq!(value(&inert), value(json));
        assert!(matches!(inert_json(b"\"# #\""), Cow::Borrowed(_)));
    }

    #[test]
    fn a_table_has_no_character_that_acts_on_a_terminal() {
        assert_eq!(Guard::Terminal.apply(b"a\tb\n##\x1b[2J\r\n").as_ref(), b"a\tb\n##\\u{1b}[2J\\r\n");
        assert_eq!(Guard::Text.apply(b"##\x9b").as_ref(), "# #\u{fffd}".as_bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn nothing_that_a_ci_obeys_is_left(parts in proptest::collection::vec(
            "#{1,4}|:{1,4}|[ \t\u{a0}\u{3000}]|\\[|vso\\[|teamcity\\[|\n|\r\n|stop-commands|\"|\\\\|.", 0..12
        )) {
            let text = parts.concat();
            for line in inert_text(&text).split(['\n', '\r']) {
                prop_assert!(!commands(line), "{line:?}");
            }
            let json = serde_json::to_vec(&text).unwrap();
            let inert = inert_json(&json);
            prop_assert!(!commands(std::str::from_utf8(&inert).unwrap()), "{inert:?}");
            prop_assert_eq!(serde_json::from_slice::<String>(&inert).unwrap(), text);
        }
    }
}
