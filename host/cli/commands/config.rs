//! `wpool config`: the options that a run would have, and where each comes from.

use std::ffi::OsString;

use anyhow::Result;
use serde::Serialize;
use wpool::inert;

use crate::cli::args::{Config, ConfigShow};
use crate::cli::config::{Failure, Origin, Setting, Value, Whole, sentence};
use crate::cli::errors::Usage;
use crate::cli::exit::Exit;
use crate::cli::journal::Text;
use crate::cli::lines::Lines;
use crate::cli::print::{Layout, print, print_json};

/// The column of the origins.
const COLUMN: usize = 40;
/// The option whose values may be secrets.
const SECRET: &str = "env";

pub fn config(action: &Config) -> Result<Exit> {
    let Config::Show(typed) = action;
    let whole = whole(typed)?;
    let refused: Vec<_> = whole.refusals().collect();
    if typed.json {
        return print_json(&document(&whole, refused), Layout::Pretty);
    }
    let mut text = Lines::default();
    heads(&whole).for_each(|head| text.add(format_args!("# {head}")));
    text.add("[run]");
    for (option, Setting { value, origin, .. }) in whole.settings() {
        text.add(format_args!(
            "{:<COLUMN$} # {origin}",
            format!("{} = {}", option.name, in_toml(&whole, option.name, &value)?)
        ));
    }
    for left_out in whole.left_out() {
        let (name, Setting { value, origin, .. }) = (&left_out.name, &left_out.setting);
        let line = format!("# left out: {name} = {}", in_toml(&whole, name, value)?);
        text.add(format_args!("{line:<COLUMN$} # {origin}: {}", left_out.why));
    }
    refused.iter().for_each(|refusal| text.add(format_args!("# refused: {refusal}")));
    Ok(print(&text))
}

/// The run of which this was typed.
fn whole(typed: &ConfigShow) -> Result<Whole> {
    let mut words = Vec::new();
    if let Some(file) = &typed.configuration.config {
        words.extend(["--config".into(), file.clone().into_os_string()]);
    }
    if let Some(profile) = &typed.configuration.profile {
        words.extend(["--profile".into(), OsString::from(profile)]);
    }
    words.extend(typed.configuration.no_config.then(|| "--no-config".into()));
    // As behind `wpool plan`, where the whole command stands.
    let run = typed.words.first().is_some_and(|word| word == "run");
    words.extend(typed.words.iter().skip(usize::from(run)).cloned());
    Whole::new(&words).map_err(|failure| match failure {
        Failure::Clap(error) => Usage(format!("behind --: {}", sentence(&error))).into(),
        Failure::Other(error) => error,
    })
}

fn heads(whole: &Whole) -> impl Iterator<Item = String> {
    let files = whole.files.iter().map(|file| format!("file {} ({})", file.shown.display(), file.rights()));
    let profile = whole.profile.iter().map(|profile| format!("profile {profile}"));
    files.chain(profile).chain(whole.task.iter().map(|task| format!("task {task}")))
}

/// A value as a file would have it.
fn in_toml(whole: &Whole, name: &str, value: &Value) -> Result<String> {
    Ok(match value {
        Value::Unset => "false".to_owned(),
        Value::Flag(is_on) => is_on.to_string(),
        Value::Texts(texts) => match &texts[..] {
            [text] if !whole.is_list(name) => in_quotes(&shown(name, text))?,
            texts => {
                let texts = texts.iter().map(|text| in_quotes(&shown(name, text)));
                format!("[{}]", texts.collect::<Result<Vec<_>>>()?.join(", "))
            }
        },
    })
}

/// A text that is in quotes where it is not a number. Strings of JSON are strings of TOML.
fn in_quotes(text: &str) -> Result<String> {
    if text.parse::<i64>().is_ok_and(|number| number.to_string() == text) {
        return Ok(text.to_owned());
    }
    let mut quoted = Vec::new();
    inert::push_json(text, &mut quoted)?;
    Ok(String::from_utf8(quoted)?)
}

/// A value for people. What variables are set to may be a secret.
fn shown(name: &str, text: &OsString) -> String {
    let text = text.to_string_lossy();
    match text.split_once('=') {
        Some((variable, _)) if name == SECRET => format!("{variable}=…"),
        _ => text.into_owned(),
    }
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document {
    files: Vec<Text>,
    profile: Option<String>,
    task: Option<String>,
    options: Vec<Line>,
    left_out: Vec<LeftOut>,
    refused: Vec<String>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    value: serde_json::Value,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
}

#[derive(Serialize)]
struct LeftOut {
    #[serde(flatten)]
    option: Line,
    why: String,
}

fn document(whole: &Whole, refused: Vec<String>) -> Document {
    let left_out = whole.left_out().iter();
    let left_out = left_out.map(|it| LeftOut { option: line(whole, &it.name, &it.setting), why: it.why.clone() });
    Document {
        files: whole.files.iter().map(|file| Text::from(file.shown.as_path())).collect(),
        profile: whole.profile.clone(),
        task: whole.task.clone(),
        options: whole.settings().map(|(option, setting)| line(whole, option.name, &setting)).collect(),
        left_out: left_out.collect(),
        refused,
    }
}

fn line(whole: &Whole, name: &str, setting: &Setting) -> Line {
    let texts = |texts: &[OsString]| texts.iter().map(|text| shown(name, text).into()).collect::<Vec<_>>();
    let value = match &setting.value {
        Value::Unset => serde_json::Value::Null,
        Value::Flag(is_on) => (*is_on).into(),
        Value::Texts(values) => match texts(values) {
            mut one if one.len() == 1 && !whole.is_list(name) => one.remove(0),
            many => many.into(),
        },
    };
    let mut shown =
        Line { name: name.to_owned(), value, origin: "built-in", variable: None, file: None, line: None, table: None };
    match &setting.origin {
        Origin::Typed => shown.origin = "command line",
        Origin::BuiltIn => {}
        Origin::Variable(variable) => (shown.origin, shown.variable) = ("variable", Some(variable.clone())),
        Origin::File { path, line, table } => {
            shown.origin = "file";
            (shown.file, shown.line, shown.table) = (Some(path.as_path().into()), Some(*line), Some(table.clone()));
        }
    }
    shown
}
