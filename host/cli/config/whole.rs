//! A run with all of its options: those that were typed, and those of files and variables.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;

use crate::cli::args::Args;
use crate::cli::config::failure::{Failure, is_missing};
use crate::cli::config::file::{ConfigFile, chosen};
use crate::cli::config::find::{Search, Trusted, of_user, project};
use crate::cli::config::layers::{Files, Layer, Origin, Setting, typed, variables};
use crate::cli::config::options::{INPUTS, Kind, Options, PROGRAM, RunOption};
use crate::cli::config::settle::{LeftOut, Settled};
use crate::cli::config::standing::Standing;
use crate::cli::config::value::Value;
use crate::cli::dirs::user_dir;
use crate::cli::errors::{Usage, usage};
use crate::cli::say;

/// Options that say where rows come from.
const ROWS: [&str; 5] = ["files", "files-from", "files0-from", "once", INPUTS];
/// Those that name files by a pattern or a list, and so more than they say themselves.
const LISTED: [&str; 3] = ["files", "files-from", "files0-from"];

/// All options of a run.
#[derive(Debug)]
pub struct Whole {
    options: Options,
    settled: Settled,
    /// What was read, the stronger first.
    pub files: Vec<Standing>,
    pub profile: Option<String>,
    pub task: Option<String>,
    /// A flag was typed with a value.
    has_flag_values: bool,
}

impl Whole {
    /// The options of a run of which these words were typed behind `wpool run`. `None` where only they count.
    pub fn of(words: &[OsString]) -> Result<Option<Whole>, Failure> {
        let whole = Whole::new(words)?;
        let others = whole.settled.settings.values().filter(|setting| !setting.is_read_elsewhere());
        let is_typed = others.into_iter().all(|setting| setting.origin == Origin::Typed);
        Ok(Some(whole).filter(|whole| !is_typed || whole.task.is_some() || whole.has_flag_values))
    }

    /// The same, wherever options come from.
    pub fn new(words: &[OsString]) -> Result<Whole, Failure> {
        let options = Options::new();
        let (words, off) = without_flag_values(&options, words);
        let plain = ["wpool", "run"].into_iter().map(OsString::from).chain(words.iter().cloned());
        if let Err(error) = Args::try_parse_from(plain)
            && !is_missing(&error)
        {
            return Err(Failure::Clap(error));
        }
        let has_flag_values = off.is_some();
        let mut typed = typed(&options, &options.typed(&words), &off.unwrap_or_default());
        let mut variables = variables(&options)?;
        let control = Control::take(&mut typed, &mut variables);
        let files = control.files(&options, is_on(&typed, "quiet"))?;
        files.check()?;
        let task = task(&typed, &files, control.no_config)?;
        let mut layers = vec![typed, variables];
        let mut profile = control.profile;
        if let Some((at, name)) = &task {
            let table = &files.0[*at].tables.tasks[name];
            prefer_patterns(&mut layers[0], table.entries.contains_key("files"));
            layers[0].remove(PROGRAM);
            layers.push(files.layer(*at, table));
            let place = |line: &usize| format!("{}:{line}", files.0[*at].standing.shown.display());
            profile = profile.or(table.profile.as_ref().map(|(name, line)| (name.clone(), Some(*at), place(line))));
        }
        if let Some((name, by, named)) = &profile {
            layers.extend(files.profiles(name, *by, named)?);
        }
        layers.extend(files.runs());
        let settled = Settled::of(&options, layers)?;
        let whole = Whole {
            settled,
            options,
            files: files.0.iter().map(|file| file.standing.clone()).collect(),
            profile: profile.map(|(name, ..)| name),
            task: task.map(|(_, name)| name),
            has_flag_values,
        };
        whole.check_rows()?;
        Ok(whole)
    }

    /// A task whose rows are files, and that names none, has to be given some.
    fn check_rows(&self) -> Result<()> {
        let Some(task) = &self.task else { return Ok(()) };
        let files = self.settled.settings.get("files").filter(|it| !it.value.is_set());
        let has_rows = ROWS.iter().any(|name| self.settled.settings.get(*name).is_some_and(|it| it.value.is_set()));
        match files {
            Some(Setting { origin, .. }) if !has_rows => {
                usage(format!("@{task} needs files ({origin}): name them, as in wpool run @{task} 'FOLDER/*'"))
            }
            _ => Ok(()),
        }
    }

    /// What a run keeps as its arguments: nothing is asked of files any more.
    pub fn arguments(&self) -> Vec<OsString> {
        [OsString::from("--no-config")].into_iter().chain(self.settled.words(&self.options)).collect()
    }

    /// Every option that has a value, in the order of the help.
    pub fn settings(&self) -> impl Iterator<Item = (RunOption<'_>, Setting)> {
        self.options.all().filter_map(|option| {
            let settled = self.settled.settings.get(option.name).cloned();
            let built_in = Setting { value: Value::Texts(option.built_in()), origin: Origin::BuiltIn, refusal: None };
            let shows = |setting: &Setting| setting.value.is_set() || setting.origin != Origin::BuiltIn;
            Some((option, settled.unwrap_or(built_in))).filter(|(_, setting)| shows(setting))
        })
    }

    /// Whether an option takes a list.
    pub fn is_list(&self, name: &str) -> bool {
        self.options.find(name).is_some_and(|option| matches!(option.kind, Kind::Many(_)))
    }

    pub fn left_out(&self) -> &[LeftOut] {
        &self.settled.left_out
    }

    /// The folder of a file that was only found and that says which files are rows: they have to lie in it.
    pub fn rows_within(&self) -> Option<&Path> {
        let found = |name: &&str| match &self.settled.settings.get(*name)?.origin {
            Origin::File { path, .. } => self.files.iter().find(|file| file.shown == *path)?.found_in.as_deref(),
            _ => None,
        };
        LISTED.iter().find_map(found)
    }

    /// What a file that was only found may not say, in sentences.
    pub fn refusals(&self) -> impl Iterator<Item = String> {
        self.settled.settings.iter().filter_map(|(name, Setting { origin, refusal, .. })| {
            let (Some(why), Origin::File { path, line, .. }) = (refusal, origin) else { return None };
            let (shown, user) = (path.display(), user_dir("XDG_CONFIG_HOME", ".config").unwrap_or_default());
            let user = user.join("wpool/config.toml");
            Some(format!(
                "{shown}:{line}: {name}: {why}, and a configuration file that was only found grants nothing. If you trust it, \
                 name it (--config {shown}), or add its folder to [trust] in {}; --no-config leaves it out",
                user.display()
            ))
        })
    }

    /// Where options come from, in one line; `None` where it is the command line alone.
    pub fn sources(&self) -> Option<String> {
        let mut sources: Vec<String> = Vec::new();
        for Setting { origin, .. } in self.settled.settings.values() {
            let source = match origin {
                Origin::Typed | Origin::BuiltIn => continue,
                Origin::Variable(name) => name.clone(),
                Origin::File { path, table, .. } => format!("{} [{table}]", path.display()),
            };
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources.sort();
        (!sources.is_empty()).then(|| sources.join(", "))
    }
}

fn is_on(layer: &Layer, name: &str) -> bool {
    layer.get(name).is_some_and(|setting| setting.value.is_set())
}

/// What was said about the files themselves.
struct Control {
    config: Option<PathBuf>,
    no_config: bool,
    /// Its name, the file whose table names it, and who named it.
    profile: Option<(String, Option<usize>, String)>,
}

impl Control {
    /// Takes it out of the layers. What was typed decides over all that variables say.
    fn take(typed: &mut Layer, variables: &mut Layer) -> Control {
        let mut take = |name: &str| {
            let variable = variables.remove(name);
            typed.remove(name).or(variable)
        };
        let text = |setting: &Setting| setting.value.texts().first().cloned();
        let (config, no_config, profile) = (take("config"), take("no-config"), take("profile"));
        let is_typed = |setting: &Option<Setting>| setting.as_ref().is_some_and(|it| it.origin == Origin::Typed);
        let is_off = no_config.as_ref().is_some_and(|setting| setting.value.is_set());
        let no_config = is_off && (is_typed(&no_config) || !is_typed(&config) && !is_typed(&profile));
        let named = |setting: &Setting| match &setting.origin {
            Origin::Variable(name) => name.clone(),
            _ => "--profile".to_owned(),
        };
        let profile = profile
            .as_ref()
            .and_then(|setting| Some((text(setting)?.to_string_lossy().into_owned(), None, named(setting))));
        Control {
            config: config.as_ref().and_then(text).map(PathBuf::from).filter(|_| !no_config),
            profile: profile.filter(|_| !no_config),
            no_config,
        }
    }

    /// Reads the files.
    fn files(&self, options: &Options, quiet: bool) -> Result<Files> {
        if self.no_config {
            return Ok(Files::default());
        }
        let users = of_user()?.map(|(file, standing)| ConfigFile::read(file, standing, options)).transpose()?;
        let trusted = Trusted(users.as_ref().map(|file| file.tables.trusted.clone()).unwrap_or_default());
        let projects = match &self.config {
            Some(path) => Some((chosen(path)?, Standing::named(path))),
            None => match project(&trusted)? {
                Search::Nothing => None,
                Search::Found(file, standing) => Some((file, standing)),
                Search::Ignored(path, why) => {
                    if !quiet {
                        let path = path.display();
                        say(format_args!("{path} {why}, and is not read; --config {path} reads it"));
                    }
                    None
                }
            },
        };
        let projects = projects.map(|(file, standing)| ConfigFile::read(file, standing, options)).transpose()?;
        Ok(Files(projects.into_iter().chain(users).collect()))
    }
}

/// The task that was typed in place of a program, and the number of its file.
fn task(typed: &Layer, files: &Files, no_config: bool) -> Result<Option<(usize, String)>> {
    let program = typed.get(PROGRAM).and_then(|setting| setting.value.texts().first());
    let Some(name) = program.and_then(|word| word.as_bytes().strip_prefix(b"@")) else { return Ok(None) };
    let name = String::from_utf8_lossy(name);
    match files.task(&name) {
        Some((at, _)) => Ok(Some((at, name.into_owned()))),
        None if program.is_some_and(|word| Path::new(word).exists()) => Ok(None),
        None if no_config => usage(format!("@{name}: tasks stand in a configuration file, and --no-config reads none")),
        None => Err(Usage(files.no_task(&name)).into()),
    }
}

/// Has inputs that were typed replace the patterns of a task whose rows are files.
fn prefer_patterns(typed: &mut Layer, has_files: bool) {
    if has_files
        && !typed.contains_key("files")
        && let Some(inputs) = typed.remove(INPUTS)
    {
        typed.insert("files".to_owned(), inputs);
    }
}

/// The words without the values of flags, and the names of the flags that were turned off; `None` where no flag has a value.
fn without_flag_values(options: &Options, words: &[OsString]) -> (Vec<OsString>, Option<Vec<String>>) {
    let (mut rest, mut off, mut seen) = (Vec::new(), Vec::new(), false);
    let mut words = words.iter();
    for word in words.by_ref() {
        match flag(options, word) {
            Some((name, is_on)) => {
                seen = true;
                if is_on {
                    rest.push(format!("--{name}").into());
                } else {
                    off.push(name);
                }
            }
            None => rest.push(word.clone()),
        }
        if word == "--" {
            // Behind it stand arguments of the program.
            break;
        }
    }
    rest.extend(words.cloned());
    (rest, seen.then_some(off))
}

/// A flag with its value, as in `--quiet=false`.
fn flag(options: &Options, word: &OsStr) -> Option<(String, bool)> {
    let (name, value) = word.to_str()?.strip_prefix("--")?.split_once('=')?;
    let is_on = match value {
        "true" => true,
        "false" => false,
        _ => return None,
    };
    options.find(name).filter(|option| option.kind == Kind::Flag).map(|_| (name.to_owned(), is_on))
}
