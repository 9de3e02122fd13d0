//! The layers that options come from, the strongest first: the command line, variables, the task, its profiles, `[run]`, and
//! the user's file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::cli::config::file::ConfigFile;
use crate::cli::config::options::{Kind, Options, RunOption, WORKERS};
use crate::cli::config::suggest::did_you_mean;
use crate::cli::config::tables::{DEFAULT, Entry, Table};
use crate::cli::config::value::Value;
use crate::cli::errors::usage;

/// Most profiles that inherit from one another. Nobody writes so many, and each is looked at for each of the others.
const DEEPEST: usize = 32;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Typed,
    Variable(String),
    File { path: PathBuf, line: usize, table: String },
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Typed => f.write_str("command line"),
            Origin::Variable(name) => f.write_str(name),
            Origin::File { path, line, table } => write!(f, "{}:{line} [{table}]", path.display()),
            Origin::BuiltIn => f.write_str("built-in"),
        }
    }
}

/// An option with a value.
#[derive(Clone, Debug)]
pub struct Setting {
    pub value: Value,
    pub origin: Origin,
    /// Why this may not be said there.
    pub refusal: Option<String>,
}

impl Setting {
    /// Whether the run looks at the variable by itself.
    pub fn is_read_elsewhere(&self) -> bool {
        self.origin == Origin::Variable(WORKERS.to_owned())
    }
}

/// The settings of one layer, by the names of options.
pub type Layer = BTreeMap<String, Setting>;

/// What was typed. `off` are flags that were turned off by name.
pub fn typed(options: &Options, matches: &ArgMatches, off: &[String]) -> Layer {
    let is_typed = |option: &RunOption<'_>| {
        let found = matches.try_contains_id(option.id()).unwrap_or_default();
        found && matches.value_source(option.id()) == Some(ValueSource::CommandLine)
    };
    let setting = |value| Setting { value, origin: Origin::Typed, refusal: None };
    let value = |option: &RunOption<'_>| match option.kind {
        Kind::Flag => Value::Flag(true),
        Kind::One | Kind::Many(_) => {
            let texts = matches.get_raw(option.id()).into_iter().flatten();
            Value::Texts(texts.map(ToOwned::to_owned).collect())
        }
    };
    let on = options.all().filter(is_typed).map(|option| (option.name.to_owned(), setting(value(&option))));
    on.chain(off.iter().map(|name| (name.clone(), setting(Value::Flag(false))))).collect()
}

/// What variables say. Empty ones say nothing.
pub fn variables(options: &Options) -> Result<Layer> {
    let mut layer = Layer::new();
    for option in options.all().filter(|option| !option.is_operand()) {
        let name = option.variable();
        let Some(text) = std::env::var_os(&name).filter(|text| !text.is_empty()) else { continue };
        let value = match variable(&option, &text) {
            // The run reads it by itself, and says what is wrong with it.
            _ if name == WORKERS => Value::Texts(vec![text]),
            Err(why) => return usage(format!("{name}: {why}")),
            Ok(value) => value,
        };
        layer.insert(option.name.to_owned(), Setting { value, origin: Origin::Variable(name), refusal: None });
    }
    Ok(layer)
}

/// The value of a variable: 1 or 0 for a flag, a line for each value of a list.
fn variable(option: &RunOption<'_>, text: &OsString) -> Result<Value, String> {
    let known = text.to_str();
    let texts = match (option.kind, known) {
        (Kind::Flag, Some("1" | "true" | "yes")) => return Ok(Value::Flag(true)),
        (Kind::Flag, Some("0" | "false" | "no")) => return Ok(Value::Flag(false)),
        (Kind::Flag, _) => return Err(format!("expected 1 or 0, not {}", text.display())),
        (Kind::Many(None), Some(text)) => text.lines().filter(|line| !line.is_empty()).map(OsString::from).collect(),
        (Kind::One | Kind::Many(_), _) => vec![text.clone()],
    };
    texts.iter().try_for_each(|text| option.check(text))?;
    Ok(Value::Texts(texts))
}

/// The files of a run, that of the project before the user's.
#[derive(Debug, Default)]
pub struct Files(pub Vec<ConfigFile>);

impl Files {
    /// A task, and the number of its file.
    pub fn task(&self, name: &str) -> Option<(usize, &Table)> {
        self.0.iter().enumerate().find_map(|(at, file)| Some((at, file.tables.tasks.get(name)?)))
    }

    /// What a profile says, and all that it inherits. `by` is the file whose table names it, if it was not typed.
    pub fn profiles(&self, name: &str, by: Option<usize>, named: &str) -> Result<Vec<Layer>> {
        let tables = self.inherited(name, by, named)?;
        Ok(tables.into_iter().map(|(at, table)| self.layer(at, table)).collect())
    }

    /// A profile and those that it inherits from, each with its file.
    fn inherited(&self, name: &str, by: Option<usize>, named: &str) -> Result<Vec<(usize, &Table)>> {
        let (mut name, mut by, mut named) = (name, by, named.to_owned());
        let (mut tables, mut chain) = (Vec::new(), Vec::new());
        while name != DEFAULT {
            let mut files = self.known_to(by);
            let Some((at, table)) = files.find_map(|(at, file)| Some((at, file.tables.profiles.get(name)?))) else {
                return usage(format!("{named}: {}", self.no_profile(name, by)));
            };
            if chain.contains(&(at, name)) {
                let names: Vec<_> = chain.iter().map(|(_, name)| *name).chain([name]).collect();
                return usage(format!("{named}: profiles inherit in a circle: {}", names.join(" -> ")));
            }
            if chain.len() == DEEPEST {
                return usage(format!("{named}: more than {DEEPEST} profiles inherit from one another"));
            }
            tables.push((at, table));
            chain.push((at, name));
            let Some((inherited, line)) = &table.profile else { break };
            named = format!("{}:{line}", self.0[at].standing.shown.display());
            (name, by) = (inherited, Some(at));
        }
        Ok(tables)
    }

    /// The files in which a profile is looked for that a table of this file names. What a file that was only found names is in
    /// that file: the user's own profiles may grant something.
    fn known_to(&self, by: Option<usize>) -> impl Iterator<Item = (usize, &ConfigFile)> {
        let is_alone = by.and_then(|by| self.0.get(by)).is_some_and(|file| file.standing.found_in.is_some());
        self.0.iter().enumerate().skip(by.unwrap_or_default()).take(if is_alone { 1 } else { usize::MAX })
    }

    fn no_profile(&self, name: &str, by: Option<usize>) -> String {
        let files: Vec<_> = self.known_to(by).map(|(_, file)| file).collect();
        let Some(last) = self.0.last() else {
            return format!("there is no profile {name}, because no configuration file was found");
        };
        let names = files.iter().flat_map(|file| file.tables.profiles.keys());
        let hint = did_you_mean(name, names.map(String::as_str).chain([DEFAULT]));
        let of_user = files.len() < self.0.len() && by == Some(0) && last.tables.profiles.contains_key(name);
        let why = if of_user { ", and a configuration file that was only found gets none of yours" } else { "" };
        format!("there is no [profile.{name}] in {}{why}{hint}", shown(files))
    }

    /// Says that there is no task of this name.
    pub fn no_task(&self, name: &str) -> String {
        let tip = "a file of this name is given as ./@";
        if self.0.is_empty() {
            return format!("@{name}: tasks stand in a configuration file, and none was found; {tip}{name}");
        }
        let names = self.0.iter().flat_map(|file| file.tables.tasks.keys());
        let hint = did_you_mean(name, names.map(String::as_str));
        format!("@{name}: there is no [task.{name}] in {}{hint}; {tip}{name}", shown(self.0.iter()))
    }

    /// Checks that every profile that is named exists, and that none inherits from itself.
    pub fn check(&self) -> Result<()> {
        for (at, file) in self.0.iter().enumerate() {
            let place = |line: usize| format!("{}:{line}", file.standing.shown.display());
            for table in file.tables.profiles.values().chain(file.tables.tasks.values()) {
                if let Some((profile, line)) = &table.profile {
                    self.inherited(profile, Some(at), &place(*line))?;
                }
            }
        }
        Ok(())
    }

    /// What a table says.
    pub fn layer(&self, file: usize, table: &Table) -> Layer {
        let path = &self.0[file].standing.shown;
        let setting = |(name, entry): (&String, &Entry)| {
            let origin = Origin::File { path: path.clone(), line: entry.line, table: table.name.clone() };
            (name.clone(), Setting { value: entry.value.clone(), origin, refusal: entry.refusal.clone() })
        };
        table.entries.iter().map(setting).collect()
    }

    /// `[run]` of each file.
    pub fn runs(&self) -> impl Iterator<Item = Layer> {
        self.0.iter().enumerate().map(|(at, file)| self.layer(at, &file.tables.run))
    }
}

fn shown<'a>(files: impl IntoIterator<Item = &'a ConfigFile>) -> String {
    let names: Vec<_> = files.into_iter().map(|file| file.standing.shown.display().to_string()).collect();
    names.join(" or ")
}
