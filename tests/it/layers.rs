//! The rooms of `host/` name each other in one direction, as the table in `docs/design/architecture.md` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::root;
use crate::tidy::{Source, sources};

/// What each room may name.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(root().join("docs/design/architecture.md")).expect("a page");
    let (_, rows) = page.split_once("| room | may name |\n|---|---|\n").expect("the table");
    let row = |line: &str| {
        let (room, named) = line.strip_prefix("| ")?.split_once(" | ").or(line.strip_prefix("| ")?.split_once(" |"))?;
        let named = named.trim_end_matches(['|', ' ']).split(", ").filter(|name| !name.is_empty());
        Some((room.trim_end_matches([' ', '|']).to_owned(), named.map(str::to_owned).collect()))
    };
    rows.lines().map_while(row).collect()
}

/// The room of a file, if it is in one.
fn room(name: &str) -> Option<String> {
    let inner = Path::new(name.strip_prefix("host/")?);
    let first = inner.iter().next()?.to_str()?.trim_end_matches(".rs");
    (!["lib", "main", "cases"].contains(&first)).then(|| first.to_owned())
}

/// The rooms of the own crate that a line of code names.
fn named(line: &str) -> impl Iterator<Item = String> {
    let paths = line.match_indices("crate::").filter(|(at, _)| !line[..*at].ends_with(['$', '_']));
    paths.map(|(at, path)| {
        let rest = &line[at + path.len()..];
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
    })
}

/// What a source names that its room may not.
fn violations(source: &Source, table: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let Some(own) = room(&source.name) else { return Vec::new() };
    let Some(allowed) = table.get(&own) else { return vec![format!("{}: {own} is not in the table", source.name)] };
    let is_wrong = |name: &String| *name != own && !allowed.contains(name);
    let wrong = |(number, line): (usize, String)| {
        let names: Vec<_> = named(&line).filter(is_wrong).collect();
        (!names.is_empty()).then(|| format!("{}:{number}: {line}", source.name))
    };
    source.code().filter_map(wrong).collect()
}

/// Files that are compiled for tests alone.
fn is_test(name: &str) -> bool {
    let file = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    name.contains("/tests/")
        || ["tests", "json_tests", "hostile", "cases", "properties", "cuts", "salvage"].contains(&file.as_str())
}

#[test]
fn rooms_name_what_the_table_allows() {
    let table = table();
    let sources: Vec<_> = sources("host").into_iter().filter(|source| !is_test(&source.name)).collect();
    let wrong: Vec<_> = sources.iter().flat_map(|source| violations(source, &table)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let rooms: BTreeSet<_> = sources.iter().filter_map(|source| room(&source.name)).collect();
    assert_eq!(rooms, table.into_keys().collect(), "every room has a row, and every row a room");
}

#[test]
fn a_path_that_leads_up_is_found() {
    let table = table();
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    for (name, text) in [
        ("host/model/task.rs", "use crate::pool::Pool;"),
        ("host/protocol/wire/mod.rs", "    let x = crate::spawn::signal::name(9);"),
        ("host/child/worker/mod.rs", "use crate::config::PoolConfig;"),
        ("host/cli/plan/mod.rs", "use crate::pool::Pool;"),
        ("host/new/mod.rs", ""),
        ("host/model/task.rs", "use crate::{limits, pool};"),
    ] {
        assert_eq!(violations(&source(name, text), &table).len(), 1, "{name}: {text}");
    }
    for (name, text) in [
        ("host/pool/mod.rs", "use crate::image::Image;"),
        ("host/cli/plan/mod.rs", "use crate::cli::args;"),
        ("host/model/task.rs", "// use crate::pool::Pool;"),
    ] {
        assert_eq!(violations(&source(name, text), &table), [""; 0], "{name}: {text}");
    }
}
