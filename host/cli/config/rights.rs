//! What a file may say that was only found: anybody whose files lie around can have put it there, and a guest of an earlier
//! run, too. So it grants nothing. It chooses among what is harmless, and names files of its own folder alone.

use std::ffi::OsStr;
use std::path::Path;

use crate::cli::config::options::{PROGRAM, RunOption};
use crate::cli::config::paths::{self, Parts, Way};
use crate::cli::config::value::Value;
use crate::cli::scripts::ScriptLanguage;
use crate::cli::within::{Stray, stray, stray_text};

/// Options that give a program nothing, and whose values name no files.
const HARMLESS: &[&str] = &[
    "lines",
    "csv",
    "tsv",
    "json-array",
    "input-format",
    "header",
    "files-order",
    "stdin",
    "call",
    "alloc",
    "once",
    "strict-input",
    "init-timeout",
    "init-each",
    "out-name",
    "output-type",
    "success-codes",
    "unordered",
    "values",
    "receipts",
    "with-input",
    "key",
    "output-format",
    "only",
    "resume",
    "resume-across-programs",
    "redo",
    "resume-damaged",
    "durable",
    "no-journal",
    "shard",
    "shard-count",
    "order",
    "timeout",
    "cpu-time",
    "fuel",
    "memory",
    "max-output",
    "compile-timeout",
    "compile-memory",
    "deterministic",
    "seed",
    "scratch",
    "state",
    "jobs",
    "isolation",
    "verify-isolation",
    "chunksize",
    "no-cache",
    "retries",
    "retry-on",
    "retry-delay",
    "crash-limit",
    "max-tasks-per-worker",
    "halt",
    "max-fail",
    "deadline",
    "grace",
    "verify",
    "verify-fail",
    "args",
    "progress",
    "slow",
    "show-output",
    "dry-run",
    "quiet",
    "verbose",
    "ci",
    "events-tasks",
    "expect",
    "expect-by",
];
/// Options that name files of the folder, beside those whose value is a path by itself.
const NAMING: &[&str] = &["files", "init-arg", "history", "shard-by"];

/// What is to be known of an option before a found file may set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Harmless,
    /// Its paths stay in the folder.
    Below,
    /// A directory to read, in the folder.
    Grant,
    /// The strictest value alone.
    Strictest(&'static str),
    /// A program that only has to be read.
    Program,
    /// Never, because of this.
    Never(&'static str),
}

fn rule(option: &RunOption<'_>) -> Rule {
    match option.name {
        "env" => Rule::Never("gives the program values of the environment"),
        "interrupt" => Rule::Never("decides how a task is stopped"),
        "overwrite" => Rule::Never("lets existing files be replaced"),
        "resume-drop-gone" => Rule::Never("lets records be dropped"),
        "out-dir" | "state-out" => Rule::Never("lets the program choose the content of files"),
        "sandbox" => Rule::Strictest("strict"),
        "dir" => Rule::Grant,
        PROGRAM => Rule::Program,
        name if HARMLESS.contains(&name) => Rule::Harmless,
        name if NAMING.contains(&name) || option.is_path() || option.is_operand() => Rule::Below,
        // Whoever adds an option decides.
        _ => Rule::Never("is not known to be harmless"),
    }
}

/// Why a file in `folder` that was only found may not give an option this value. Values are as they are written in the file.
pub fn refusal(option: &RunOption<'_>, value: &Value, folder: &Path) -> Option<String> {
    let rule = rule(option);
    // To leave out what the user's own file says can weaken it.
    let weakens = *value == Value::Unset && matches!(rule, Rule::Strictest(_));
    if !value.is_set() && !weakens {
        return None;
    }
    let texts = value.texts().iter().map(|text| text.to_string_lossy());
    match rule {
        Rule::Harmless => None,
        Rule::Never(why) => Some(why.to_owned()),
        Rule::Strictest(strictest) if value.texts() == [OsStr::new(strictest)] => None,
        Rule::Strictest(strictest) => Some(format!("is weaker than {strictest}")),
        Rule::Below => texts.into_iter().find_map(|text| outside(option, &text, folder)),
        Rule::Grant => texts.into_iter().find_map(|text| match paths::mode(&text) {
            Some(":rw") => Some(format!("{text} lets the program write")),
            _ => outside(option, &text, folder),
        }),
        Rule::Program => texts.into_iter().find_map(|text| {
            let path = folder.join(&*text);
            // A pipe may give a script.
            let is_other = path.exists() && !path.is_file();
            if is_other || ScriptLanguage::of(&path).is_some() {
                return Some(format!("{text} is built, or read, by tools that run outside of the sandbox"));
            }
            outside(option, &text, folder)
        }),
    }
}

/// Says that a path leads out of a folder, or to what is hidden in it.
fn outside(option: &RunOption<'_>, text: &str, folder: &Path) -> Option<String> {
    if let Some(why) = beside_paths(option, text) {
        return Some(format!("{text} {why}"));
    }
    let (way, Parts { path, .. }) = paths::path(option, text)?;
    let says = |stray: Stray| Some(format!("{path} {stray}"));
    let kept = folder.join(format!("{path}.wpool"));
    let is_there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
    if way == Way::Run && !path.contains('/') && !is_there(&folder.join(path)) && !is_there(&kept) {
        // The name of a run.
        return None;
    }
    let inner = match Path::new(path).strip_prefix(folder) {
        Ok(inner) => inner,
        Err(_) if Path::new(path).is_absolute() => return says(Stray::Out),
        Err(_) => Path::new(path),
    };
    if let Some(stray) = stray_text(Some(inner)) {
        return says(stray);
    }
    let fixed = folder.join(&*paths::fixed(way, inner.to_str()?));
    match stray(&fixed, folder).or_else(|| stray(&kept, folder).filter(|_| way == Way::Run)) {
        None if way == Way::Grant && std::fs::canonicalize(&fixed).is_ok_and(|real| real == folder) => {
            Some(format!("{text} reaches the whole folder, with all that is hidden in it"))
        }
        None => None,
        Some(stray) => says(stray),
    }
}

/// Why a value may not be there that names no path, and yet something of the user's.
fn beside_paths(option: &RunOption<'_>, text: &str) -> Option<&'static str> {
    match option.name {
        "events" if text.starts_with("fd:") => Some("writes to what somebody else has opened"),
        "python-path" if text == "venv" => Some("is a folder that a variable of yours names"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;
    use crate::cli::config::options::{CONTROLS, Options};

    fn refused(name: &str, text: &str, folder: &Path) -> bool {
        let options = Options::new();
        refusal(&options.find(name).expect("an option"), &Value::Texts(vec![text.into()]), folder).is_some()
    }

    #[test]
    fn every_option_was_thought_of() {
        let options = Options::new();
        let unknown = options.all().filter(|option| !CONTROLS.contains(&option.name));
        let unknown: Vec<_> = unknown.filter(|it| rule(it) == Rule::Never("is not known to be harmless")).collect();
        assert!(unknown.is_empty(), "a found file cannot set these, and nobody has said why: {unknown:?}");
    }

    #[test]
    fn no_variable_means_two_things() {
        let options = Options::new();
        let mut variables: Vec<_> = options.all().filter(|it| !it.is_operand()).map(|it| it.variable()).collect();
        // These mean something else.
        variables.extend(["WPOOL_SHARD", "WPOOL_RUNTIMES"].map(str::to_owned));
        let all = variables.len();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), all);
    }

    /// Values of options that name what is in the folder.
    const INSIDE: &[(&str, &str)] = &[
        ("output", "out.jsonl"),
        ("output", "data/new/out.jsonl"),
        ("output", "-"),
        ("failed", "./out"),
        ("dir", "data::/in:ro"),
        ("dir", "data/{id}::/in"),
        ("dir", "in{x}::/in"),
        ("files", "data/*.jpg"),
        ("init-arg", "{\"path\":\"/etc\"}"),
        ("init-arg", "@data/table"),
        ("history", "20261129"),
        ("sandbox", "strict"),
        ("program", "task.wasm"),
        ("inputs", "rows.jsonl"),
    ];

    /// Values that name what is elsewhere or hidden, or that grant more than reading.
    const REFUSED: &[(&str, &str)] = &[
        ("output", "/tmp/out"),
        ("output", "../out"),
        ("output", "data/../../out"),
        ("output", "away/out"),
        ("failed", ".git/config"),
        ("failed", "data/.git/config"),
        ("failed", "plain/config"),
        ("dir", "plain::/in"),
        ("output", "nowhere"),
        ("events", "fd:3"),
        ("python-path", "venv"),
        ("state-in", "data/link"),
        ("dir", "data:rw"),
        ("dir", "data::/in:rw"),
        ("dir", "/etc"),
        ("dir", ".::/in"),
        ("dir", "data/..::/in"),
        ("dir", "{id}::/in"),
        ("dir", "{a}/../..::/in"),
        ("dir", "away::/in:ro"),
        ("dir", "away{x}::/in:ro"),
        ("dir", "away{{.x}}/{id}::/in:ro"),
        ("dir", "..::/in"),
        ("dir", "../{id}::/in"),
        ("files", "/etc/*"),
        ("files", "away/*"),
        ("files", "*/../../x"),
        ("init-arg", "@/etc/passwd"),
        ("init-arg", "@data/link"),
        ("history", "../out"),
        ("history", "kept"),
        ("shard-by", "time:/tmp/out"),
        ("files-from", "/etc/list"),
        ("python-path", "/usr/lib"),
        ("inputs", "/etc/passwd"),
        ("program", "/bin/x.wasm"),
        ("program", "data"),
        ("program", "task.py"),
        ("program", "task.ts"),
        ("env", "A"),
        ("env", "A=b"),
        ("sandbox", "off"),
        ("sandbox", "auto"),
        ("interrupt", "kill"),
        ("out-dir", "data"),
        ("state-out", "data/x"),
    ];

    /// A folder with links that lead out of it, and to what is hidden in it.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().canonicalize().expect("a path");
        std::fs::create_dir_all(at.join("data/.git")).expect("a folder");
        std::fs::create_dir(at.join("in{x}")).expect("a folder");
        let out = ["away", "away{x}", "away{.x}"].map(|name| (name, "/etc"));
        let others = [("data/link", "/etc/passwd"), ("plain", "data/.git"), ("nowhere", "new"), ("kept.wpool", "/tmp")];
        for (name, to) in out.into_iter().chain(others) {
            symlink(to, at.join(name)).expect("a link");
        }
        (folder, at)
    }

    #[test]
    fn a_found_file_names_what_is_in_its_folder() {
        let (_folder, at) = folder();
        for (name, text) in INSIDE {
            assert!(!refused(name, text, &at), "{name} {text}");
        }
        let below = at.join("data/x").display().to_string();
        assert!(!refused("output", &below, &at), "an absolute path that stays in the folder");
    }

    #[test]
    fn a_found_file_names_nothing_else_and_lets_nothing_be_written() {
        let (_folder, at) = folder();
        for (name, text) in REFUSED {
            assert!(refused(name, text, &at), "{name} {text}");
        }
    }
}
