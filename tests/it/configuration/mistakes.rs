//! Mistakes in files and variables: each is refused with its place.

use std::fs;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{OK, Place, SET_UP, USAGE, assert_refused};
use crate::support::run;

#[test]
fn a_mistake_is_refused_with_its_line_and_a_suggestion() {
    let place = Place::new();
    for (text, needles) in [
        ("[run]\nmemroy = \"1GiB\"", &["wpool.toml:2: unknown key memroy; did you mean memory?"][..]),
        ("[run]\nmax_output = \"1MiB\"", &["did you mean max-output?"]),
        ("\n\n[profile.unused]\ntimeuot = 1", &["wpool.toml:4: unknown key timeuot; did you mean timeout?"]),
        (
            "[task.unused]\nprogram = \"x\"\ninput = \"rows\"",
            &["wpool.toml:3: unknown key input; did you mean inputs?"],
        ),
        ("[runs]\n", &["wpool.toml:1: unknown key runs; did you mean run?"]),
        ("[profiles.ci]\n", &["unknown key profiles; did you mean profile?"]),
        ("timeout = 1", &["wpool.toml:1: timeout is an option; options stand in [run]"]),
        ("[run]\nconfig = \"x\"", &["unknown key config"]),
        ("[run]\nprofile = \"x\"", &["unknown key profile"]),
        ("[run]\nprogram = \"x\"", &["unknown key program"]),
        ("[run]\nhelp = true", &["unknown key help"]),
        ("[run]\ntimeout = \"soon\"", &["wpool.toml:2: invalid value 'soon' for '--timeout <TIME>'"]),
        ("[run]\norder = \"x\"", &["invalid value 'x' for '--order <HOW>'", "longest-first"]),
        ("[run]\ntimeout = true", &["wpool.toml:2: timeout: expected a text or a number", "not true"]),
        ("[run]\ntimeout = [1]", &["timeout: expected a text or a number", "not a list"]),
        ("[run]\ntimeout = 2026-01-01", &["not a date"]),
        ("[run]\nseed = 1.5", &["invalid value '1.5' for '--seed <N>'"]),
        ("[run]\nfuel = inf", &["fuel: expected a text or a number"]),
        ("[run]\nfuel = -1", &["invalid value '-1' for '--fuel <N>'"]),
        ("[run]\nvalues = \"yes\"", &["values: expected true or false, not a text"]),
        ("[run]\nvalues = 1", &["values: expected true or false, not this number"]),
        ("[run]\nstdin = \"a\\u0000b\"", &["not a text with a NUL"]),
        ("[run]\nredo = [\"trap\", \"ok\"]", &["invalid value 'ok' for '--redo <STATUS,...>'"]),
        ("[run]\nheader = [[\"a\"]]", &["header: expected a list of texts, or one text, not a list"]),
        ("[run]\nmemory.max = 1", &["memory: expected a text or a number", "not a table"]),
        ("run = 1", &["expected a table, as in [run]"]),
        ("profile = 1", &["expected a table, as in [profile]"]),
        ("[profile]\nci = 1", &["expected a table of options, as in [profile.ci]"]),
        ("[profile.default]\nretries = 1", &["the profile default is the table [run]"]),
        ("[profile.a]\ninherits = 1", &["inherits: expected the name of a profile"]),
        ("[profile.a]\ninherits = \"b\"\n[profile.c]", &["wpool.toml:2: there is no [profile.b] in wpool.toml"]),
        ("[profile.a]\ninherits = \"a\"", &["wpool.toml:2: profiles inherit in a circle: a -> a"]),
        ("[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"", &["b -> a -> b"]),
        ("[task.t]\nretries = 1", &["[task.t] has no program"]),
        ("[task.t]\nprogram = \"x\"\nprofile = \"y\"", &["wpool.toml:3: there is no [profile.y]"]),
        ("[run]\nretries = 1\nretries = 2", &["wpool.toml:3: duplicate key"]),
        ("[run\nretries = 1", &["wpool.toml:1: "]),
        ("[run]\nretries = ", &["wpool.toml:2: "]),
        ("wpool = \">=9.1\"\n[new]\nkey = 1", &["wpool.toml:1: the file needs wpool >=9.1, and this is wpool "]),
        ("wpool = \"9\"", &["wpool.toml:1: wpool: expected versions such as"]),
        ("wpool = 1", &["wpool.toml:1: wpool: expected a text"]),
    ] {
        place.write("project/wpool.toml", text);
        assert_refused(&place.wpool("run echo.wat rows"), USAGE, needles);
        assert_refused(&place.wpool("config show"), USAGE, needles);
        assert_eq!(place.wpool("run echo.wat rows --no-config").code, OK);
    }
}

#[test]
fn profiles_that_inherit_without_end_are_refused_at_once() {
    let place = Place::new();
    let chain = |length: usize| {
        let profiles = (0..length).map(|at| format!("[profile.{at}]\ninherits = \"{}\"\n", at + 1));
        profiles.collect::<String>() + &format!("[profile.{length}]\nretries = 1\n")
    };
    place.write("project/wpool.toml", chain(31));
    assert_eq!(place.wpool("run echo.wat rows --profile 0").code, OK);
    place.write("project/wpool.toml", chain(20_000));
    assert_refused(&place.wpool("run echo.wat rows"), USAGE, &["more than 32 profiles inherit from one another"]);
}

#[test]
fn a_file_that_is_not_a_text_is_refused() {
    let place = Place::new();
    let refused = |code, needle| assert_refused(&place.wpool("run echo.wat rows"), code, &[needle]);
    place.write("project/wpool.toml", b"[run]\nstdin = \"\xff\"\n");
    refused(USAGE, "wpool.toml:2: this is not UTF-8");
    place.write("project/wpool.toml", "#".repeat((1 << 20) + 1));
    refused(USAGE, "wpool.toml is larger than 1 MiB");
    place.write("project/wpool.toml", format!("[run]\nstdin = {}\n", "[".repeat(100_000)));
    refused(USAGE, "wpool.toml:2: ");
    // A text that acts on a terminal is shown as it is written.
    place.write("project/wpool.toml", "[run]\n\"\\u001b[31m\" = 1\n");
    let ran = place.wpool("run echo.wat rows");
    assert!(
        ran.code == USAGE && !ran.stderr.contains('\u{1b}') && ran.stderr.contains("\\u{1b}[31m"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_that_is_named_must_be_there_and_be_a_file() {
    let place = Place::with("[run]\nvalues = true\n");
    for name in ["nowhere.toml", "inner", "pipe"] {
        if name == "pipe" {
            mknodat(CWD, place.path("project/pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        }
        let ran = place.wpool(&format!("run echo.wat rows --config {name}"));
        assert_refused(&ran, SET_UP, &["cannot read the configuration file", name]);
    }
    fs::rename(place.path("project/wpool.toml"), place.path("project/odd name.toml")).expect("it is moved");
    let mut command = place.command("project", "run echo.wat rows --config");
    assert_eq!(run(command.arg("odd name.toml"), "").stdout, "1\n2\n");
}

#[test]
fn a_profile_that_does_not_exist_is_refused() {
    let place = Place::new();
    assert_refused(&place.wpool("run echo.wat rows --profile ci"), USAGE, &["no configuration file was found"]);
    place.write("project/wpool.toml", "[profile.ci]\nretries = 1\n");
    assert_refused(
        &place.wpool("run echo.wat rows --profile cii"),
        USAGE,
        &["--profile: there is no", "did you mean ci?"],
    );
    let mut command = place.command("project", "run echo.wat rows");
    assert_refused(&run(command.env("WPOOL_PROFILE", "x"), ""), USAGE, &["WPOOL_PROFILE: there is no [profile.x]"]);
    assert_refused(&place.wpool("run echo.wat rows --profile ci --no-config"), USAGE, &["cannot be used with"]);
}

#[test]
fn a_variable_with_a_mistake_is_refused_by_name() {
    let place = Place::new();
    for (name, value, needle) in [
        ("WPOOL_TIMEOUT", "soon", "WPOOL_TIMEOUT: invalid value 'soon' for '--timeout <TIME>'"),
        ("WPOOL_VALUES", "perhaps", "WPOOL_VALUES: expected 1 or 0, not perhaps"),
        ("WPOOL_REDO", "ok", "WPOOL_REDO: invalid value 'ok'"),
    ] {
        assert_refused(&run(place.command("project", "run echo.wat rows").env(name, value), ""), USAGE, &[needle]);
    }
    let ran = run(place.command("project", "run echo.wat rows --values").env("WPOOL_TIMEOUT", ""), "");
    assert_eq!(ran.code, OK, "an empty one says nothing");
    let mut both = place.command("project", "run echo.wat rows");
    assert_refused(&run(both.env("WPOOL_VALUES", "1").env("WPOOL_RECEIPTS", "1"), ""), USAGE, &["WPOOL_"]);
    // The answer to --shard auto is not the option itself.
    let ran = run(place.command("project", "run echo.wat rows").env("WPOOL_SHARD", "2/2"), "");
    assert_eq!(ran.records().len(), 2);
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_as_ever() {
    let place = Place::with("[run]\nvalues = true\n");
    assert_refused(&place.wpool("run"), USAGE, &["<TASK>"]);
    assert_refused(&place.wpool("run echo.wat --nonsense"), USAGE, &["unexpected argument '--nonsense'"]);
    assert_refused(&place.wpool("run echo.wat rows --timeout soon"), USAGE, &["invalid value 'soon'"]);
    assert_refused(&place.wpool("config show -- echo.wat --nonsense"), USAGE, &["behind --: unexpected argument"]);
}
