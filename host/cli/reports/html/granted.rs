//! What the program of a run was given, and how the run is made again.

use serde_json::Value;

use crate::cli::journal::Facts;
use crate::cli::reports::account::{Account, End};
use crate::cli::reports::html::text::{Inline, put};
use crate::cli::shell;
use crate::cli::texts::cut;
use crate::cli::units::show_size;

/// Bytes of a text, and of a whole command.
const TEXT: usize = 400;
const COMMAND: usize = 8 << 10;
/// Members of a list.
const MOST: usize = 40;

/// The section of the grants and limits.
pub fn granted(account: &Account) -> String {
    let facts = &account.facts;
    let mut page = String::from("<section id=granted><h2>What the program was given</h2>\n<dl class=facts>\n");
    let mut line = |name: &str, value: String| put!(page, "<div><dt>{name}<dd>{}</div>\n", Inline(value));
    let program = &facts.program;
    line("program", cut(&program.path.to_string(), TEXT));
    if !program.hash.is_empty() {
        line("BLAKE3", program.hash.clone());
    }
    line("rows", list(facts.inputs.iter().map(ToString::to_string), "none"));
    if let Some(shard) = &facts.shard {
        let numbers = shard.numbers.iter().map(u32::to_string);
        line("shards", format!("{} of {}", list(numbers, "none"), shard.of));
    }
    line("network", "none".to_owned());
    line("files", list(dirs(facts).into_iter(), "none"));
    if let Some(scratch) = json(facts, "--scratch") {
        let size = scratch.get("size").and_then(Value::as_u64).unwrap_or_default();
        let guest = scratch.get("guest").and_then(Value::as_str).unwrap_or_default();
        line("scratch", format!("{}, {} for each task", cut(guest, TEXT), show_size(size)));
    }
    let names = facts.env.iter().map(|(name, _)| name.clone());
    line("variables", list(names, "none"));
    for (setting, name, unset) in [
        ("shared state", "shared state", "none"),
        ("--memory", "memory", "none"),
        ("--timeout", "time of a task", "no limit"),
        ("--cpu-time", "processor time", "no limit"),
        ("--fuel", "fuel", "no limit"),
        ("--max-output", "output", "none"),
        ("--isolation", "instances", "none"),
        ("--deterministic", "deterministic", "false"),
        ("--retries", "retries", "0"),
    ] {
        let value = facts.settings.get(setting).map_or("none", String::as_str);
        let size = matches!(setting, "--memory" | "--max-output").then(|| value.parse().ok().map(show_size)).flatten();
        line(name, size.unwrap_or_else(|| if value == "none" { unset.to_owned() } else { cut(value, TEXT) }));
    }
    page += "</dl>\n";
    page += &settings(facts);
    page + "</section>\n"
}

/// All settings, without the values of variables, which may be secrets.
fn settings(facts: &Facts) -> String {
    let mut page = String::new();
    let shown: Vec<_> = facts.settings.iter().filter(|(name, _)| *name != "--env").take(100).collect();
    if shown.is_empty() {
        return page;
    }
    put!(page, "<details><summary>All settings on which records depend</summary>\n<dl class=facts>\n");
    for (name, value) in shown {
        put!(page, "<div><dt>{}<dd>{}</div>\n", Inline(name), Inline(cut(value, TEXT)));
    }
    page + "</dl></details>\n"
}

/// Directories as `host → guest, read only`.
fn dirs(facts: &Facts) -> Vec<String> {
    let all = json(facts, "--dir").and_then(|dirs| dirs.as_array().cloned()).unwrap_or_default();
    let text = |dir: &Value, member: &str| dir.get(member).and_then(Value::as_str).unwrap_or("?").to_owned();
    let shown = all.iter().map(|dir| {
        let is_writable = dir.get("writable").and_then(Value::as_bool).unwrap_or_default();
        let rights = if is_writable { "read and write" } else { "read only" };
        format!("{} as {}, {rights}", text(dir, "host"), text(dir, "guest"))
    });
    shown.collect()
}

fn json(facts: &Facts, setting: &str) -> Option<Value> {
    serde_json::from_str(facts.settings.get(setting)?).ok()
}

fn list(all: impl Iterator<Item = String>, none: &str) -> String {
    let mut all = all.map(|text| cut(&text, TEXT));
    let mut shown: Vec<_> = all.by_ref().take(MOST).collect();
    match all.count() {
        0 => {}
        more => shown.push(format!("{more} more")),
    }
    if shown.is_empty() { none.to_owned() } else { shown.join(", ") }
}

/// The section of the commands.
pub fn again(account: &Account) -> String {
    let facts = &account.facts;
    let mut page = String::from("<section id=again><h2>Run it again</h2>\n");
    let mut command = |what: &str, words: String| {
        put!(page, "<p>{what}</p>\n<pre class=cmd tabindex=0>{}</pre>\n", Inline(cut(&words, COMMAND)));
    };
    let typed: Vec<_> = facts.typed_words().iter().map(|word| shell::word(word)).collect();
    let cd = format!("cd {} && ", shell::path(&facts.cwd.to_string()));
    let is_resumable = !facts.is_merged() && account.kept.is_some();
    if !facts.is_merged() {
        command("All of it:", format!("{cd}wpool run {}", typed.join(" ")));
    }
    let is_complete = facts.ended.as_ref().is_some_and(|ended| ended.complete);
    if is_resumable && !is_complete && account.end != End::Running {
        command("The rows that have no record yet:", format!("{cd}wpool run {}", resumed(typed)));
    }
    if let Some(output) = account.kept.as_ref().map(|output| shell::path(&output.to_string_lossy())) {
        if is_resumable && account.not_ok() > 0 {
            command("The tasks that are not ok:", format!("wpool rerun {output} --failed"));
        }
        command("This page:", format!("wpool report {output} --html report.html --overwrite"));
    }
    if !facts.env.is_empty() && !facts.is_merged() {
        page += "<p class=note>Values of variables are not shown; <code>…</code> stands for them.</p>\n";
    }
    page + "</section>\n"
}

/// The words of a command that resumes.
fn resumed(typed: Vec<String>) -> String {
    let is_own = |word: &String| word == "--resume" || word == "--overwrite";
    let end = typed.iter().position(|word| word == "--").unwrap_or(typed.len());
    let before = typed[..end].iter().filter(|word| !is_own(word)).cloned();
    before.chain(["--resume".to_owned()]).chain(typed[end..].iter().cloned()).collect::<Vec<_>>().join(" ")
}
