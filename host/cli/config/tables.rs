//! The tables of a configuration file. All of them are checked, whether a run takes them or not: a mistyped limit must not
//! mean that there is none.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;

use anyhow::Result;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::config::options::{ARGS, CONTROLS, INPUTS, Kind, Options, PROGRAM, RunOption};
use crate::cli::config::paths::rooted;
use crate::cli::config::rights::refusal;
use crate::cli::config::standing::Standing;
use crate::cli::config::suggest::did_you_mean;
use crate::cli::config::value::Value;
use crate::cli::config::version::is_met;
use crate::cli::errors::{Usage, usage};

/// The name of the profile that `[run]` is.
pub const DEFAULT: &str = "default";
const VERSION: &str = "wpool";
const TRUST: &str = "trust";

/// A value in a file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its paths are as the working directory sees them.
    pub value: Value,
    pub line: usize,
    /// Why a file that was only found may not say this.
    pub refusal: Option<String>,
}

/// A table of options.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// As it stands in the file, without brackets.
    pub name: String,
    /// By the names of options.
    pub entries: BTreeMap<String, Entry>,
    /// The profile that a profile inherits from, or a task has, and its line.
    pub profile: Option<(String, usize)>,
}

/// What a file says.
#[derive(Debug, Default)]
pub struct Tables {
    pub run: Table,
    pub profiles: BTreeMap<String, Table>,
    pub tasks: BTreeMap<String, Table>,
    pub trusted: Vec<String>,
}

/// The kind of a table of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Run,
    Profile,
    Task,
}

/// Reads the text of a file.
#[derive(Debug)]
pub struct Reader<'a> {
    pub text: &'a str,
    pub standing: &'a Standing,
    pub options: &'a Options,
}

impl Reader<'_> {
    pub fn tables(&self) -> Result<Tables> {
        let document = DeTable::parse(self.text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            self.wrong(span, format_args!("{}", error.message().replace('\n', ": ")))
        })?;
        let document = document.get_ref();
        // First, for a file for another version may have other keys.
        if let Some((_, value)) = document.iter().find(|(key, _)| key.get_ref() == VERSION) {
            self.check_version(value)?;
        }
        let mut tables = Tables::default();
        for (key, value) in document {
            match key.get_ref().as_ref() {
                VERSION => {}
                "run" => tables.run = self.table("run".to_owned(), self.inner(key, value)?, Part::Run)?,
                "profile" => tables.profiles = self.named(key, value, Part::Profile)?,
                "task" => tables.tasks = self.named(key, value, Part::Task)?,
                TRUST if self.standing.is_users => tables.trusted = self.trusted(self.inner(key, value)?)?,
                TRUST => {
                    let what =
                        format_args!("only your own file, $XDG_CONFIG_HOME/wpool/config.toml, has a table [trust]");
                    return Err(self.wrong(key.span(), what).into());
                }
                other => return Err(self.unknown_table(key.span(), other).into()),
            }
        }
        if let Some(default) = tables.profiles.get(DEFAULT) {
            let line = default.entries.values().map(|entry| entry.line).min();
            let place = self.place(line.unwrap_or(1));
            return usage(format!("{place}: the profile default is the table [run], so write its options there"));
        }
        Ok(tables)
    }

    fn unknown_table(&self, span: Range<usize>, name: &str) -> Usage {
        if self.options.keys().any(|key| key == name) {
            return self.wrong(
                span,
                format_args!("{name} is an option; options stand in [run], [profile.NAME] or [task.NAME]"),
            );
        }
        let hint = did_you_mean(name, ["run", "profile", "task", TRUST, VERSION]);
        self.wrong(span, format_args!("unknown key {name}{hint}"))
    }

    fn check_version(&self, value: &Spanned<DeValue<'_>>) -> Result<()> {
        let own = env!("CARGO_PKG_VERSION");
        let text = value.get_ref().as_str();
        let met = text.ok_or_else(|| "expected a text such as \">=0.2\"".to_owned()).and_then(|text| is_met(text, own));
        match met {
            Ok(true) => Ok(()),
            Ok(false) => {
                let text = text.unwrap_or_default();
                Err(self
                    .wrong(value.span(), format_args!("the file needs wpool {text}, and this is wpool {own}"))
                    .into())
            }
            Err(why) => Err(self.wrong(value.span(), format_args!("wpool: {why}")).into()),
        }
    }

    fn inner<'v>(&self, key: &Spanned<impl AsRef<str>>, value: &'v Spanned<DeValue<'v>>) -> Result<&'v DeTable<'v>> {
        let name = key.get_ref().as_ref();
        let what = format_args!("expected a table, as in [{name}]");
        Ok(value.get_ref().as_table().ok_or_else(|| self.wrong(key.span(), what))?)
    }

    /// The tables of one kind, by their names.
    fn named(
        &self,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        part: Part,
    ) -> Result<BTreeMap<String, Table>> {
        let kind = key.get_ref().as_ref();
        let table = |(key, value): (&Spanned<_>, _)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            if name.is_empty() {
                return Err(self.wrong(key.span(), format_args!("a {kind} needs a name")).into());
            }
            let Some(table) = Spanned::<DeValue<'_>>::get_ref(value).as_table() else {
                let what = format_args!("expected a table of options, as in [{kind}.{name}]; {name} is no table");
                return Err(self.wrong(key.span(), what).into());
            };
            Ok((name.to_string(), self.table(format!("{kind}.{name}"), table, part)?))
        };
        self.inner(key, value)?.iter().map(table).collect()
    }

    fn table(&self, name: String, table: &DeTable<'_>, part: Part) -> Result<Table> {
        let mut read = Table { name, ..Table::default() };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match (name, part) {
                ("inherits", Part::Profile) | ("profile", Part::Task) => {
                    let what = format_args!("{name}: expected the name of a profile");
                    let profile = value.get_ref().as_str().ok_or_else(|| self.wrong(value.span(), what))?;
                    read.profile = Some((profile.to_owned(), self.line(&value.span())));
                }
                _ => {
                    let option = self.options.find(name).filter(|option| is_key(option, part));
                    let option = option.ok_or_else(|| self.unknown(key.span(), name, part))?;
                    read.entries.insert(name.to_owned(), self.entry(&option, value)?);
                }
            }
        }
        match (part, read.entries.get(PROGRAM)) {
            (Part::Task, None) => {
                let place = self.standing.shown.display();
                usage(format!("{place}: [{}] has no program: give it one, as in program = \"task.wasm\"", read.name))
            }
            _ => Ok(read),
        }
    }

    fn unknown(&self, span: Range<usize>, name: &str, part: Part) -> Usage {
        let own: &[&str] = match part {
            Part::Run => &[],
            Part::Profile => &["inherits"],
            Part::Task => &["profile", PROGRAM, INPUTS, ARGS],
        };
        let hint = did_you_mean(name, self.options.keys().chain(own.iter().copied()));
        self.wrong(span, format_args!("unknown key {name}{hint}"))
    }

    fn entry(&self, option: &RunOption<'_>, value: &Spanned<DeValue<'_>>) -> Result<Entry> {
        let span = value.span();
        let written = self.value(option, value)?;
        if let Some(Err(why)) = written.texts().iter().map(|text| option.check(text)).find(Result::is_err) {
            return Err(self.wrong(span, format_args!("{why}")).into());
        }
        let refusal = self.standing.found_in.as_ref().and_then(|folder| refusal(option, &written, folder));
        let base = &self.standing.base;
        let value = match written {
            Value::Texts(texts) => {
                Value::Texts(texts.iter().map(|text| rooted(option, &text.to_string_lossy(), base)).collect())
            }
            other => other,
        };
        Ok(Entry { value, line: self.line(&span), refusal })
    }

    /// A value of the type that its option takes.
    fn value(&self, option: &RunOption<'_>, value: &Spanned<DeValue<'_>>) -> Result<Value> {
        let expected = match option.kind {
            Kind::Flag => "true or false",
            Kind::One => "a text or a number, or false for what is built in",
            Kind::Many(_) => "a list of texts, or one text",
        };
        let wrong = |value: &Spanned<DeValue<'_>>| {
            let what = format_args!("{}: expected {expected}, not {}", option.name, kind(value.get_ref()));
            anyhow::Error::from(self.wrong(value.span(), what))
        };
        let texts = |value: &Spanned<DeValue<'_>>| text(value.get_ref()).ok_or_else(|| wrong(value));
        Ok(match (value.get_ref(), option.kind) {
            (DeValue::Boolean(is_on), Kind::Flag) => Value::Flag(*is_on),
            (DeValue::Boolean(false), Kind::One | Kind::Many(_)) => Value::Unset,
            (DeValue::Array(values), Kind::Many(_)) => Value::Texts(values.iter().map(texts).collect::<Result<_>>()?),
            (_, Kind::One | Kind::Many(_)) => Value::Texts(vec![texts(value)?]),
            (_, Kind::Flag) => return Err(wrong(value)),
        })
    }

    fn trusted(&self, table: &DeTable<'_>) -> Result<Vec<String>> {
        const FOLDERS: &str = "folders";
        if let Some((key, _)) = table.iter().find(|(key, _)| key.get_ref() != FOLDERS) {
            let hint = did_you_mean(key.get_ref(), [FOLDERS]);
            return Err(self.wrong(key.span(), format_args!("unknown key {}{hint}", key.get_ref())).into());
        }
        let Some((_, value)) = table.iter().next() else { return Ok(Vec::new()) };
        let expected =
            format_args!("folders: expected a list of absolute paths, such as \"/home/me/prices\" or \"/srv/jobs/*\"");
        let values = value.get_ref().as_array().ok_or_else(|| self.wrong(value.span(), expected))?;
        let path = |value: &Spanned<DeValue<'_>>| {
            let path = value.get_ref().as_str().filter(|path| path.starts_with('/'));
            Ok(path.ok_or_else(|| self.wrong(value.span(), expected))?.to_owned())
        };
        values.iter().map(path).collect()
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.standing.shown.display())
    }

    fn wrong(&self, span: Range<usize>, what: std::fmt::Arguments<'_>) -> Usage {
        Usage(format!("{}: {what}", self.place(self.line(&span))))
    }
}

/// Whether an option has a key in a table of this kind.
fn is_key(option: &RunOption<'_>, part: Part) -> bool {
    if option.is_operand() { part == Part::Task } else { !CONTROLS.contains(&option.name) }
}

/// A text, or a number as it would be typed.
fn text(value: &DeValue<'_>) -> Option<OsString> {
    match value {
        // No argument can have a NUL either.
        DeValue::String(text) => Some(text.as_ref().into()).filter(|_| !text.contains('\0')),
        DeValue::Integer(number) => {
            i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string().into())
        }
        // Written without an exponent, which most options do not take.
        DeValue::Float(number) => {
            number.as_str().parse::<f64>().ok().filter(|it| it.is_finite()).map(|it| it.to_string().into())
        }
        _ => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(text) if text.contains('\0') => "a text with a NUL",
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "this number",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    thread_local! {
        static OPTIONS: Options = Options::new();
    }

    /// Lines that are right, nearly right, or anything.
    fn line() -> impl Strategy<Value = String> {
        let key = prop::sample::select(
            &[
                "wpool", "timeout", "values", "dir", "header", "redo", "memroy", "inherits", "profile", "program",
                "args",
            ][..],
        );
        let value = prop::sample::select(
            &[
                "true",
                "false",
                "1",
                "-1",
                "1.5",
                "nan",
                "0xff",
                "\">=0.1\"",
                "\"1s\"",
                "[]",
                "[\"a\", 1]",
                "{a = 1}",
                "\"\"",
                "1979-01-01",
            ][..],
        );
        let table =
            prop::sample::select(&["[run]", "[profile.a]", "[profile.b]", "[task.t]", "[trust]", "[[run]]", "[x]"][..]);
        prop_oneof![
            5 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
            3 => table.prop_map(str::to_owned),
            1 => "[a-z.=\\[\\]{}\"'#,0-9\u{e9}\u{1b} ]{0,12}",
        ]
    }

    proptest! {
        // Each value is checked by a command line of its own.
        #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

        #[test]
        fn every_text_is_tables_or_refused_with_a_line(lines in prop::collection::vec(line(), 0..8), is_users in any::<bool>()) {
            let text = lines.join("\n");
            let mut standing = Standing::named(Path::new("wpool.toml"));
            standing.is_users = is_users;
            let read = OPTIONS.with(|options| Reader { text: &text, standing: &standing, options }.tables());
            if let Err(error) = read {
                let error = error.to_string();
                prop_assert!(error.starts_with("wpool.toml:"), "{text}: {error}");
            }
        }
    }
}
