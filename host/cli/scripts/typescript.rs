//! Scripts in TypeScript: bundled by esbuild, and their types checked by the compiler from npm where it is there.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::SystemTime;

use serde_json::json;

use crate::cli::projects::{Error as ToolError, Found, TSC, read_quietly};
use crate::cli::scripts::bundle::Script;
use crate::cli::scripts::error::Error;
use crate::cli::scripts::esbuild::{self, ESBUILD};
use crate::cli::scripts::inputs::{need, scratch};
use crate::cli::scripts::memo::Memo;
use crate::cli::scripts::source::Source;
use crate::cli::terminal::warn;

/// What a script finds beside the language, as types.
const GLOBALS: &str = include_str!("typescript/globals.d.ts");
/// Asks whether the type of `run` fits. `{script}` is the script.
const CHECK: &str = include_str!("typescript/check.ts");
const NAME_OF_CHECK: &str = "check.ts";

/// The script, with all that it imports.
pub fn collect(source: &Source, paths: &[PathBuf]) -> Result<Script, Error> {
    esbuild::refuse_python_path("TypeScript", paths)?;
    let esbuild = need("typescript", &ESBUILD, &source.folder)?;
    let script = esbuild::bundle(&esbuild, source)?;
    match (TSC.find(&source.folder), &source.file) {
        (Some(tsc), Some(file)) => check(&tsc, source, file)?,
        (Some(_), None) => say_unchecked(source, "tsc reads files only; give the script as a file"),
        (None, _) => say_unchecked(source, &format!("tsc was not found; install it with `{}`", TSC.install)),
    }
    source.check_unchanged()?;
    Ok(Script { language: "typescript".to_owned(), ..script })
}

fn say_unchecked(source: &Source, why: &str) {
    static SAID: Once = Once::new();
    let path = source.shown();
    let path = path.display();
    SAID.call_once(|| warn(format_args!("the types of {path} are not checked: {why}")));
}

/// Checks the types of a script, and that of its `run`. Nothing is done if no file of it has changed since it was right.
fn check(tsc: &Found, source: &Source, path: &Path) -> Result<(), Error> {
    let real = path.canonicalize().map_err(Error::io("read", path))?;
    let config = real.ancestors().skip(1).map(|folder| folder.join("tsconfig.json")).find(|config| config.is_file());
    let memo = Memo::of(&format!("tsc {:?} {CHECK} {GLOBALS} {} {config:?}", tsc.stamp(), real.display()));
    if memo.find(&source.content).is_some() {
        return Ok(());
    }
    let began = SystemTime::now();
    let scratch = scratch("types")?;
    let script = serde_json::Value::from(real.to_string_lossy()).to_string();
    let files = [
        (NAME_OF_CHECK, CHECK.replace("\"script\"", &script)),
        ("globals.d.ts", GLOBALS.to_owned()),
        ("tsconfig.json", project(config.as_deref()).to_string()),
    ];
    for (name, content) in files {
        let path = scratch.path().join(name);
        std::fs::write(&path, content).map_err(Error::io("write", &path))?;
    }
    let project = scratch.path().to_string_lossy().into_owned();
    let printed = read_quietly(&mut tsc.call(&source.folder, ["-p", &project, "--pretty", "false", "--listFiles"]));
    let listed = printed.map_err(|error| refused(error, path, scratch.path(), config.as_deref()))?;
    let listed = String::from_utf8_lossy(&listed);
    let files =
        listed.lines().map(PathBuf::from).filter(|file| file.is_absolute() && !file.starts_with(scratch.path()));
    memo.keep(&source.content, began, &files.chain(config).collect::<Vec<_>>(), b"");
    Ok(())
}

/// The settings of the check: those of the user, if there are any.
fn project(user: Option<&Path>) -> serde_json::Value {
    let always = json!({
        "noEmit": true, "composite": false, "incremental": false, "declaration": false, "allowImportingTsExtensions": true,
        "skipLibCheck": true, "rootDir": "/", "module": "esnext", "moduleResolution": "bundler",
    });
    let (mut files, mut options) = (vec![NAME_OF_CHECK], always);
    if user.is_none() {
        files.push("globals.d.ts");
        options["strict"] = true.into();
        options["resolveJsonModule"] = true.into();
        options["types"] = json!([]);
        options["target"] = "es2024".into();
        options["lib"] = json!(["esnext"]);
    }
    let mut project = json!({ "compilerOptions": options, "files": files, "include": [] });
    if let Some(user) = user {
        project["extends"] = user.to_string_lossy().into();
    }
    project
}

/// The errors that tsc printed. Those about the check itself are about the type of `run`.
fn refused(error: ToolError, path: &Path, scratch: &Path, config: Option<&Path>) -> Error {
    let ToolError::Printed { printed, .. } = error else { return error.into() };
    let is_listed = |line: &&str| !Path::new(line).is_absolute() || line.contains("): error ");
    // The check has settings of its own, which begin with those of the user.
    let settings = format!("{}/tsconfig.json(", scratch.file_name().unwrap_or_default().to_string_lossy());
    let mut is_of_settings = false;
    let lines = printed.lines().filter(is_listed).filter_map(|line| {
        if let Some((_, rest)) = line.split_once(&settings) {
            is_of_settings = true;
            let text = rest.split_once("): ").map_or(rest, |(_, text)| text);
            return Some(config.map_or(text.to_owned(), |config| format!("{}: {text}", config.display())));
        }
        // What tsc proposes for them has the paths of the check.
        is_of_settings &= line.starts_with(' ');
        match line.split_once(&format!("{NAME_OF_CHECK}(")) {
            _ if is_of_settings => None,
            Some((_, rest)) => Some(of_check(rest, path)),
            None => Some(without_node(&line.replace(&format!("{}/", scratch.display()), ""))),
        }
    });
    Error::Refused { text: lines.collect::<Vec<_>>().join("\n") }
}

/// An error without the advice to install the types of Node, which no task has.
fn without_node(line: &str) -> String {
    match line.split_once(" Do you need to install type definitions for node?") {
        Some((error, _)) => format!("{error} Tasks have no Node: no files, no processes, no environment."),
        None => line.to_owned(),
    }
}

/// The text for an error in the check: `3,7): error TS2322: TEXT`.
fn of_check(rest: &str, path: &Path) -> String {
    let number: usize = rest.split(',').next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let line = CHECK.lines().nth(number.saturating_sub(1)).unwrap_or_default();
    let text = rest.split_once(": error ").map_or(rest, |(_, text)| text);
    let path = path.display();
    match line.split_whitespace().nth(1) {
        Some("parameters:") => format!("{path}: run has one parameter, the row ({text})"),
        Some("result:") => format!("{path}: run returns a value that JSON cannot hold ({text})"),
        _ => format!("{path}: it exports no function run ({text})"),
    }
}
