//! The options of `wpool run`, as clap lists them: each has a key in configuration files and a variable.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, ValueHint};

use crate::cli::args::Args;

/// Options that decide over files, and so have a variable and no key.
pub const CONTROLS: [&str; 3] = ["config", "no-config", "profile"];
/// The program and its operands, by their names in clap. A task has keys for them.
pub const PROGRAM: &str = "program";
pub const INPUTS: &str = "inputs";
pub const ARGS: &str = "args";
/// The name of the program in clap.
const TASK: &str = "task";

/// The variable of `--jobs`, which is also read where no file is.
pub const WORKERS: &str = "WPOOL_WORKERS";
/// Options whose variable is not their own name. `WPOOL_SHARD` is the answer to `--shard auto`.
const VARIABLES: [(&str, &str); 2] = [("jobs", WORKERS), ("shard", "WPOOL_RUN_SHARD")];

/// The form of an option's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Flag,
    One,
    /// A list; in one argument the values are separated by this character, if there is one.
    Many(Option<char>),
}

/// All options of `wpool run`.
#[derive(Debug)]
pub struct Options {
    run: Command,
}

/// An option, or an operand.
#[derive(Clone, Copy, Debug)]
pub struct RunOption<'a> {
    arg: &'a Arg,
    /// Its long name without dashes, and its key.
    pub name: &'a str,
    pub kind: Kind,
}

impl Options {
    pub fn new() -> Options {
        let mut whole = Args::command();
        whole.build();
        Options { run: whole.find_subcommand("run").expect("the command exists").clone() }
    }

    /// Every option that has a value or is a flag, and the operands, in the order of the help.
    pub fn all(&self) -> impl Iterator<Item = RunOption<'_>> {
        self.run.get_arguments().filter_map(RunOption::of)
    }

    pub fn find(&self, name: &str) -> Option<RunOption<'_>> {
        self.all().find(|option| option.name == name)
    }

    /// What can stand in a table of options.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let options = self.all().filter(|option| !option.is_operand() && !CONTROLS.contains(&option.name));
        options.map(|option| option.name)
    }

    /// What of the words was typed, although something may be missing.
    pub fn typed(&self, words: &[OsString]) -> ArgMatches {
        let all = [OsString::from("run")].into_iter().chain(words.iter().cloned());
        let lenient = self.run.clone().ignore_errors(true).try_get_matches_from(all);
        // Whoever asks has parsed the words before; only a request for help is still an error.
        lenient.unwrap_or_default()
    }

    /// What clap makes of the words.
    pub fn parse(&self, words: &[OsString]) -> Result<ArgMatches, clap::Error> {
        let all = [OsString::from("run")].into_iter().chain(words.iter().cloned());
        self.run.clone().try_get_matches_from(all)
    }

    /// The arguments that the words need and do not have, as clap shows them.
    pub fn missing(&self, words: &[OsString]) -> BTreeSet<String> {
        let Err(error) = self.parse(words) else { return BTreeSet::new() };
        match error.get(ContextKind::InvalidArg) {
            _ if error.kind() != ErrorKind::MissingRequiredArgument => BTreeSet::new(),
            Some(ContextValue::Strings(missing)) => missing.iter().cloned().collect(),
            _ => BTreeSet::new(),
        }
    }

    /// Whether clap refuses the two beside each other.
    pub fn conflict(&self, one: &str, other: &str) -> bool {
        let (Some(a), Some(b)) = (self.find(one), self.find(other)) else { return false };
        let refuses = |a: RunOption<'_>, b: RunOption<'_>| {
            self.run.get_arg_conflicts_with(a.arg).iter().any(|arg| arg.get_id() == b.arg.get_id())
        };
        let together = self.run.get_groups().filter(|group| {
            let holds = |option: RunOption<'_>| group.get_args().any(|id| id == option.arg.get_id());
            holds(a) && holds(b)
        });
        let excludes = together.cloned().any(|mut group| !group.is_multiple());
        a.name != b.name && (excludes || refuses(a, b) || refuses(b, a))
    }
}

impl<'a> RunOption<'a> {
    fn of(arg: &'a Arg) -> Option<RunOption<'a>> {
        let kind = match arg.get_action() {
            ArgAction::SetTrue => Kind::Flag,
            ArgAction::Set if arg.get_value_delimiter().is_none() => Kind::One,
            ArgAction::Set | ArgAction::Append => Kind::Many(arg.get_value_delimiter()),
            _ => return None,
        };
        let name = match arg.get_id().as_str() {
            TASK => PROGRAM,
            id @ (INPUTS | ARGS) => id,
            _ => arg.get_long()?,
        };
        Some(RunOption { arg, name, kind })
    }

    /// Whether it has no name on the command line.
    pub fn is_operand(&self) -> bool {
        [PROGRAM, INPUTS, ARGS].contains(&self.name)
    }

    /// The name in an [`ArgMatches`].
    pub fn id(&self) -> &'a str {
        self.arg.get_id().as_str()
    }

    /// As people type it.
    pub fn shown(&self) -> String {
        if self.is_operand() { self.name.to_owned() } else { format!("--{}", self.name) }
    }

    /// Its variable.
    pub fn variable(&self) -> String {
        let other = VARIABLES.iter().find(|(name, _)| *name == self.name);
        other.map_or_else(|| format!("WPOOL_{}", self.name.replace('-', "_").to_uppercase()), |it| it.1.to_owned())
    }

    /// Whether a value is the path of a file or a folder, and nothing else.
    pub fn is_path(&self) -> bool {
        matches!(self.arg.get_value_hint(), ValueHint::FilePath | ValueHint::DirPath | ValueHint::AnyPath)
    }

    /// What it is where nobody sets it.
    pub fn built_in(&self) -> Vec<OsString> {
        let defaults = self.arg.get_default_values().iter().map(|value| value.to_string_lossy());
        match self.kind {
            Kind::Flag => Vec::new(),
            Kind::Many(Some(separator)) => {
                defaults.flat_map(|list| list.split(separator).map(OsString::from).collect::<Vec<_>>()).collect()
            }
            Kind::One | Kind::Many(None) => defaults.map(|value| OsString::from(&*value)).collect(),
        }
    }

    /// Says what is wrong with a value, in clap's words.
    pub fn check(&self, value: &OsStr) -> Result<(), String> {
        if self.kind == Kind::Flag {
            return Ok(());
        }
        let names: Vec<_> = self.arg.get_value_names().unwrap_or_default().to_vec();
        let mut arg = Arg::new("value").long("value").action(ArgAction::Append).value_names(names);
        arg = arg.value_parser(self.arg.get_value_parser().clone()).value_delimiter(self.arg.get_value_delimiter());
        let alone = Command::new("run").no_binary_name(true).disable_help_flag(true).arg(arg);
        let mut word = OsString::from("--value=");
        word.push(value);
        let parsed = alone.try_get_matches_from([word]);
        parsed.map(drop).map_err(|error| sentence(&error).replace("'--value", &format!("'{}", self.shown())))
    }
}

/// An error of clap in one line, without what it advises.
pub fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}
