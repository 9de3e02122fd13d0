//! The rooms of `host/`, and the folders of the command line, name each other in one direction, by the tables in
//! `docs/design/architecture.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::root;
use crate::tidy::{Source, sources};

/// What each may name.
type Table = BTreeMap<String, BTreeSet<String>>;

/// The table of the page with this head.
fn table(head: &str) -> Table {
    let page = fs::read_to_string(root().join("docs/design/architecture.md")).expect("a page");
    let (_, rows) = page.split_once(&format!("| {head} | may name |\n|---|---|\n")).expect("the table");
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let (room, named) = (cells.next()?, cells.next()?);
        Some((room.to_owned(), named.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect()))
    };
    rows.lines().map_while(row).collect()
}

/// Which part of a tree a file is in, if it is in one: the next name on its path.
fn part(tree: &str, name: &str) -> Option<String> {
    let inner = Path::new(name.strip_prefix(tree)?);
    Some(inner.iter().next()?.to_str()?.to_owned())
}

/// The names that stand behind a path in code, be it alone or in braces.
fn named(code: &str, path: &str) -> BTreeSet<String> {
    let paths = code.match_indices(path).filter(|(at, _)| !code[..*at].ends_with('$'));
    let behind = paths.map(|(at, _)| &code[at + path.len()..]);
    let members = behind.flat_map(|rest| rest.strip_prefix('{').map_or(vec![rest], members));
    let name =
        |text: &str| text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
    members.filter_map(name).filter(|name| !name.is_empty()).collect()
}

/// The members of a group, up to the brace that closes it; what inner braces hold is below one of them.
pub fn members(group: &str) -> Vec<&str> {
    let (mut members, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    members
}

/// What a source names that its part of a tree may not. `path` begins what it names.
fn violations(source: &Source, (tree, path): (&str, &str), table: &Table) -> Vec<String> {
    let Some(own) = part(tree, &source.name).map(|own| own.trim_end_matches(".rs").to_owned()) else {
        return Vec::new();
    };
    let Some(allowed) = table.get(&own) else { return vec![format!("{}: {own} is not in the table", source.name)] };
    let code: String = source.code().map(|(_, line)| line + "\n").collect();
    let is_wrong = |name: &String| *name != own && !allowed.contains(name);
    named(&code, path).into_iter().filter(is_wrong).map(|name| format!("{}: {path}{name}", source.name)).collect()
}

/// Files that are compiled for tests alone.
fn is_test(name: &str) -> bool {
    let file = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    name.contains("/tests/")
        || ["tests", "json_tests", "hostile", "cases", "properties", "cuts", "salvage"].contains(&file.as_str())
}

pub fn shipped() -> Vec<Source> {
    let crates = ["host/lib.rs", "host/main.rs"];
    sources("host").into_iter().filter(|it| !is_test(&it.name) && !crates.contains(&it.name.as_str())).collect()
}

/// Rooms name each other behind `crate::`.
const ROOMS: (&str, &str) = ("host/", "crate::");
/// Folders of the command line behind `crate::cli::`.
const FOLDERS: (&str, &str) = ("host/cli/", "crate::cli::");

/// What the folders of the command line name, without the files beside them, which all may name.
fn folders_named(source: &Source, table: &Table) -> Vec<String> {
    let is_file = part(FOLDERS.0, &source.name).is_none_or(|own| own.ends_with(".rs"));
    let wrong = if is_file { Vec::new() } else { violations(source, FOLDERS, table) };
    let names_folder = |wrong: &String| table.keys().any(|folder| wrong.ends_with(&format!("crate::cli::{folder}")));
    wrong.into_iter().filter(|wrong| names_folder(wrong) || wrong.ends_with("the table")).collect()
}

#[test]
fn rooms_name_what_the_table_allows() {
    let table = table("room");
    let wrong: Vec<_> = shipped().iter().flat_map(|source| violations(source, ROOMS, &table)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let rooms = shipped().into_iter().filter_map(|source| part(ROOMS.0, &source.name));
    let rooms: BTreeSet<_> = rooms.map(|room| room.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(rooms, table.into_keys().collect(), "every room has a row, and every row a room");
}

#[test]
fn folders_of_the_command_line_name_what_the_table_allows() {
    let table = table("folder of `cli`");
    let wrong: Vec<_> = shipped().iter().flat_map(|source| folders_named(source, &table)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let folders = shipped().into_iter().filter_map(|source| part(FOLDERS.0, &source.name));
    let folders: BTreeSet<_> = folders.filter(|name| !name.ends_with(".rs")).collect();
    assert_eq!(folders, table.into_keys().collect(), "every folder has a row, and every row a folder");
}

#[test]
fn a_path_that_leads_up_is_found() {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let (rooms, folders) = (table("room"), table("folder of `cli`"));
    for (name, text, count) in [
        ("host/model/task.rs", "use crate::pool::Pool;", 1),
        ("host/model/task.rs", "use crate::{model, pool::Pool, spawn};", 2),
        ("host/model/task.rs", "use crate::{\n    model::task,\n    image,\n};", 1),
        ("host/protocol/wire/mod.rs", "    let x = crate::spawn::signal::name(9);", 1),
        ("host/child/worker/mod.rs", "use crate::config::PoolConfig;", 1),
        ("host/cli/plan/mod.rs", "use crate::pool::Pool;", 1),
        ("host/new/mod.rs", "", 1),
        ("host/pool/mod.rs", "use crate::image::Image;", 0),
        ("host/pool/mod.rs", "use crate::model::{limits::{MAX_INPUT, Limits}, task};", 0),
        ("host/model/task.rs", "// use crate::pool::Pool;", 0),
    ] {
        assert_eq!(violations(&source(name, text), ROOMS, &rooms).len(), count, "{name}: {text}");
    }
    for (name, text, count) in [
        ("host/cli/plan/mod.rs", "use crate::cli::run::run;", 1),
        ("host/cli/plan/mod.rs", "use crate::cli::{args, exit, records};", 1),
        ("host/cli/new/mod.rs", "", 1),
        ("host/cli/run/mod.rs", "use crate::cli::{args, plan, say};", 0),
        ("host/cli/exit.rs", "use crate::cli::journal;", 0),
    ] {
        assert_eq!(folders_named(&source(name, text), &folders).len(), count, "{name}: {text}");
    }
}
