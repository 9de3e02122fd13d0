//! Every option of `wpool run` has a key and a variable: the list is that of clap, as `--help` prints it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Place, option, shown};
use crate::support::{Ran, run};

/// Options about files themselves, which have a variable and no key.
const CONTROLS: [&str; 3] = ["config", "no-config", "profile"];
/// Values of which each option takes one.
const VALUES: &[&str] = &[
    "true",
    "1",
    "1s",
    "100MiB",
    ".id",
    "auto",
    "now,fail=1",
    "strict",
    "epoch",
    "failed",
    "1/2",
    "/tmp",
    "slice",
    "a=b",
    "exact",
];

fn names() -> Vec<String> {
    let options = crate::cli::options().into_iter().map(|option| option.trim_start_matches('-').to_owned());
    let names: Vec<_> = options.filter(|name| name != "help").collect();
    assert!(names.len() > 80 && names.contains(&"timeout".to_owned()), "{names:?}");
    names
}

fn variable(name: &str) -> String {
    match name {
        "jobs" => "WPOOL_WORKERS".to_owned(),
        "shard" => "WPOOL_RUN_SHARD".to_owned(),
        _ => format!("WPOOL_{}", name.replace('-', "_").to_uppercase()),
    }
}

/// The values that an error names as possible.
fn possible(ran: &Ran) -> Vec<String> {
    let listed = ran.stderr.split_once("possible values: ").and_then(|(_, rest)| rest.split_once(']'));
    listed.map(|(values, _)| values.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}

/// A value that an option takes in a file, as it is written there.
fn accepted(place: &Place, name: &str) -> (String, Value) {
    let mut values: Vec<_> = VALUES.iter().rev().map(|value| (*value).to_owned()).collect();
    let mut tried = BTreeSet::new();
    while let Some(value) = values.pop() {
        if !tried.insert(value.clone()) {
            continue;
        }
        let written = if value == "true" { value.clone() } else { format!("{value:?}") };
        place.write("project/all.toml", format!("[run]\n{name} = {written}\n"));
        let ran = run(&mut place.command("project", "config show --json --config all.toml"), "");
        if ran.code == 0 {
            return (value, serde_json::from_str(&ran.stdout).expect("JSON"));
        }
        values.extend(possible(&ran));
    }
    panic!("no value of the list is one of --{name}");
}

#[test]
fn every_option_has_a_key_and_a_variable() {
    let place = Place::new();
    let mut wrong = Vec::new();
    for name in names().iter().filter(|name| !CONTROLS.contains(&name.as_str())) {
        let (value, by_file) = accepted(&place, name);
        let of_file = option(&by_file, name).map(|it| (it["origin"].clone(), it["line"].clone(), it["table"].clone()));
        if of_file != Some(("file".into(), 2.into(), "run".into())) {
            wrong.push(format!("{name} = {value}: {of_file:?}"));
        }
        let variable = variable(name);
        let by_variable = shown(place.command("project", "config show --json").env(&variable, &value));
        if option(&by_variable, name).map(|it| &it["variable"]) != Some(&Value::from(variable.as_str())) {
            wrong.push(format!("{variable}={value}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn options_about_files_have_variables() {
    let place = Place::with("[profile.ci]\nretries = 2\n");
    let other = |name: &str, value: &str| shown(place.command("project", "config show --json").env(name, value));
    assert_eq!(other("WPOOL_PROFILE", "ci")["profile"], "ci");
    assert_eq!(other("WPOOL_NO_CONFIG", "1")["files"], Value::from(Vec::<Value>::new()));
    place.write("other.toml", "[run]\nretries = 3\n");
    assert_eq!(other("WPOOL_CONFIG", "../other.toml")["files"][0], "../other.toml");
    let typed = shown(place.command("project", "config show --json --profile ci").env("WPOOL_NO_CONFIG", "1"));
    assert_eq!(typed["profile"], "ci", "what was typed decides");
}

#[test]
fn every_value_that_is_shown_has_its_origin() {
    let place = Place::with("[run]\ngrace = \"1s\"\nretry-on = [\"trap\"]\n[profile.ci]\nmemory = \"1GiB\"\n");
    place.write_users("[run]\nslow = 30\n");
    let mut command = place.command("project", "config show --json --profile ci -- echo.wat rows --timeout 1s -- x");
    let shown = shown(command.env("WPOOL_FUEL", "1000"));
    let mut origins = BTreeSet::new();
    for option in ["options", "left_out"].into_iter().flat_map(|part| shown[part].as_array().expect("a list")) {
        let origin = option["origin"].as_str().expect("an origin");
        let place = [&option["file"], &option["line"], &option["table"]];
        assert_eq!(place.iter().all(|it| !it.is_null()), origin == "file", "{option}");
        assert_eq!(!option["variable"].is_null(), origin == "variable", "{option}");
        origins.insert(origin.to_owned());
    }
    assert_eq!(origins, ["built-in", "command line", "file", "variable"].map(str::to_owned).into());
}

#[test]
fn what_is_shown_can_be_the_file_of_the_same_run() {
    let place = Place::with(
        "[run]\nmemory = 100_000_000\ntimeout = 1.5\nstdin = 'a \"b\" \\n'\ndir = \"inner\"\nquiet = true\n",
    );
    let first = place.wpool("config show");
    assert!(first.stdout.contains("timeout = 1.5") || first.stdout.contains("timeout = \"1.5\""), "{}", first.stdout);
    assert!(first.stdout.contains("# wpool.toml:2 [run]\n"), "{}", first.stdout);
    place.write("project/again.toml", &first.stdout);
    let values = |text: &str| {
        let lines =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(" #").next().unwrap_or(line));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&place.wpool("config show --config again.toml").stdout), values(&first.stdout));
}

#[test]
fn values_of_variables_for_the_program_are_not_shown() {
    let place = Place::new();
    for form in ["", "--json"] {
        let ran = place.wpool(&format!("config show {form} -- echo.wat --env TOKEN=secret --env NAME=other"));
        assert!(ran.stdout.contains("TOKEN=…") && !ran.stdout.contains("secret"), "{}", ran.stdout);
    }
}
