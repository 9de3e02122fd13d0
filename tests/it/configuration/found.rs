//! A file that was only found: where it is looked for, whose file is obeyed, and that it grants nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use serde_json::json;

use super::{OK, Place, SET_UP, USAGE, assert_refused, exists, shown, value};
use crate::support::{run, wat};

#[test]
fn a_file_is_found_in_a_folder_above_up_to_the_home_directory() {
    let place = Place::with("[run]\nvalues = true\n[task.t]\nprogram = \"echo.wat\"\ninputs = \"rows\"\n");
    let ran = run(&mut place.command("project/inner", "run @t"), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, "1\n2\n"), "paths are relative to the file: {}", ran.stderr);
    fs::remove_file(place.path("project/wpool.toml")).expect("it is removed");
    place.write("wpool.toml", "[run]\nretries = 1\n");
    assert_eq!(place.show("")["files"], json!(["../wpool.toml"]), "the home directory is looked at");
    let mut command = place.command("project/inner", "config show --json");
    assert_eq!(shown(command.env("HOME", place.path("project")))["files"], json!([]), "and none above it");
    // The nearest one alone.
    place.write("project/wpool.toml", "[run]\nseed = 1\n");
    assert_eq!(place.show("")["files"], json!(["wpool.toml"]));
}

#[test]
fn what_is_not_a_file_is_passed_over() {
    let place = Place::new();
    place.write("wpool.toml", "[run]\nretries = 1\n");
    fs::create_dir(place.path("project/wpool.toml")).expect("a folder");
    assert_eq!(place.show("")["files"], json!(["../wpool.toml"]));
}

#[test]
fn a_file_that_others_may_have_written_is_not_obeyed_and_said_so_once() {
    let place = Place::with("[run]\nvalues = true\n");
    let at = place.path("project/wpool.toml");
    fs::set_permissions(&at, Permissions::from_mode(0o666)).expect("its mode");
    let ignored = |why: &str| {
        let ran = place.wpool("run echo.wat rows");
        assert!(ran.code == OK && ran.stdout.contains("\"id\""), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("wpool.toml").count(), 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(why) && ran.stderr.contains("--config wpool.toml reads it"), "{}", ran.stderr);
        assert!(!place.wpool("run echo.wat rows -q").stderr.contains("wpool.toml"));
        assert_eq!(place.wpool("run echo.wat rows -q --config wpool.toml").stdout, "1\n2\n", "who names it means it");
    };
    ignored("can be written by everybody");
    place.write("elsewhere.toml", "[run]\nvalues = true\n");
    fs::remove_file(&at).expect("it is removed");
    symlink("../elsewhere.toml", &at).expect("a link");
    ignored("is a link");
    fs::remove_file(&at).expect("it is removed");
    place.write("project/wpool.toml", "[run]\nvalues = true\n");
    // Only root can give a file away.
    if chown(&at, Some(12_345), None).is_ok() {
        ignored("belongs to another user");
        place.write_users(&format!("[trust]\nfolders = [{}]\n", place.quoted_project()));
        assert_eq!(place.wpool("run echo.wat rows -q").stdout, "1\n2\n", "who trusts the folder means it");
    }
}

/// What a found file may not say, and why.
const GRANTS: &[(&str, &str)] = &[
    ("dir = \"inner::/data:rw\"", "lets the program write"),
    ("dir = [\"inner::/a\", \"inner::/b:rw\"]", "lets the program write"),
    ("dir = \"inner:rw\"", "lets the program write"),
    ("dir = \"/etc\"", "leads out of the folder"),
    ("dir = \"../config::/data:ro\"", "leads out of the folder"),
    ("dir = \"away::/data:ro\"", "leads out of the folder"),
    ("dir = \"inner/../../config::/data\"", "leads out of the folder"),
    ("dir = \".git::/data\"", "is hidden"),
    ("dir = \".::/data\"", "reaches the whole folder"),
    ("dir = \"{name}::/data\"", "reaches the whole folder"),
    ("dir = \"inner/away{x}::/data\"", "leads out of the folder"),
    ("env = \"PATH\"", "values of the environment"),
    ("env = [\"A=b\"]", "values of the environment"),
    ("sandbox = \"off\"", "weaker than strict"),
    ("sandbox = \"auto\"", "weaker than strict"),
    ("sandbox = false", "weaker than strict"),
    ("interrupt = \"kill\"\ntimeout = 1", "how a task is stopped"),
    ("out-dir = \"inner\"", "the content of files"),
    ("state-out = \"state.json\"", "the content of files"),
    ("overwrite = true\noutput = \"out\"", "existing files be replaced"),
    ("output = \"../out\"", "leads out of the folder"),
    ("output = \"/tmp/wpool-must-not-be-there\"", "leads out of the folder"),
    ("output = \"away/out\"", "leads out of the folder"),
    ("failed = \".git/config\"", "is hidden"),
    ("failed = \".profile\"", "is hidden"),
    ("failed = \"plain/config\"", "is hidden"),
    ("output = \"nowhere\"", "leads out of the folder"),
    ("events = \"fd:2\"", "somebody else has opened"),
    ("python-path = \"venv\"", "a variable of yours names"),
    ("summary-json = \"../s\"", "leads out of the folder"),
    ("init-arg = \"@../config/secret\"", "leads out of the folder"),
    ("state-in = \"/etc/passwd\"", "leads out of the folder"),
    ("files-from = \"../list\"", "leads out of the folder"),
    ("files = \"/etc/*\"", "leads out of the folder"),
    ("files = \"away/*\"", "leads out of the folder"),
    ("python-path = \"../lib\"", "leads out of the folder"),
    ("history = \"../out\"", "leads out of the folder"),
];

#[test]
fn a_found_file_grants_nothing() {
    let place = Place::new();
    for (to, name) in [("..", "away"), (".git", "plain"), ("/nowhere/x", "nowhere"), ("/etc", "inner/away{x}")] {
        symlink(to, place.path(&format!("project/{name}"))).expect("a link");
    }
    fs::create_dir(place.path("project/.git")).expect("a folder");
    for (line, why) in GRANTS {
        for table in ["[run]", "[profile.ci]"] {
            place.write("project/wpool.toml", format!("{table}\n{line}\n"));
            let profile = if table == "[run]" { "" } else { "--profile ci" };
            // Typed options decide, so nothing that a file cannot be used with may stand here.
            let ran = place.wpool(&format!("run cat.wat {profile}"));
            assert_refused(&ran, USAGE, &[why, "wpool.toml:", "grants nothing", "--config wpool.toml", "[trust]"]);
            let shown = place.wpool(&format!("config show {profile}"));
            assert!(shown.code == OK && shown.stdout.contains("# refused: wpool.toml:"), "{}", shown.stdout);
        }
    }
    for program in ["../home.wasm", "/bin/true", "inner", "task.py", "task.ts", "away/x.wasm"] {
        place.write("project/wpool.toml", format!("[task.t]\nprogram = \"{program}\"\n"));
        assert_refused(&place.wpool("run @t rows"), USAGE, &["program: ", "grants nothing"]);
    }
    assert!(!exists("/tmp/wpool-must-not-be-there"));
}

/// A folder outside of the project with a file, and a module in the project that opens the path of its row.
fn with_secret() -> Place {
    let place = Place::new();
    place.write("secret/key", "4321\n");
    fs::copy(wat("open-path"), place.path("project/open-path.wat")).expect("a program");
    place.write("project/paths", "r/s/key\n");
    place
}

#[test]
fn a_program_or_an_input_of_a_file_is_no_option_whatever_it_begins_with() {
    let place = with_secret();
    for task in [
        "program = \"open-path.wat\"\ninputs = [\"paths\", \"--dir=../secret::/s\"]",
        "program = \"--dir=../secret::/s\"\ninputs = [\"open-path.wat\", \"paths\"]",
        "program = \"echo.wat\"\ninputs = [\"rows\", \"-q\"]",
    ] {
        place.write("project/wpool.toml", format!("[run]\nlines = true\n[task.t]\n{task}\n"));
        assert_refused(&place.wpool("run @t"), SET_UP, &["./-", "No such file"]);
    }
    place.write("project/-q", "7\n");
    let ran = place.wpool("run @t --values");
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, "1\n2\n7\n"), "it is the file of this name: {}", ran.stderr);
    assert!(ran.stderr.contains("3 tasks"), "{}", ran.stderr);
}

#[test]
fn rows_that_a_found_file_lists_lie_in_its_folder() {
    let place = with_secret();
    place.write("project/.hidden", "1");
    place.write("project/list", "../secret/key\n");
    place.write("project/hidden-list", "inner/../.hidden\n");
    symlink("../../secret/key", place.path("project/inner/key")).expect("a link");
    symlink("..", place.path("project/\\..")).expect("a link whose name is a pattern");
    for (rows, why) in [
        ("files-from = \"list\"", "../secret/key leads out of the folder"),
        ("files-from = \"hidden-list\"", ".hidden is hidden"),
        ("files = [\"inner/*\"]", "inner/key leads out of the folder"),
        ("files = ['\\../secret/key']", "leads out of the folder"),
    ] {
        for task in [format!("[task.t]\nprogram = \"cat.wat\"\n{rows}\n"), format!("[run]\n{rows}\n")] {
            place.write("project/wpool.toml", &task);
            let run = if task.contains("task") { "run @t" } else { "run cat.wat" };
            assert_refused(&place.wpool(run), USAGE, &[why, "only found"]);
            let named = place.wpool(&format!("{run} --config wpool.toml"));
            assert!(named.stdout.contains("\"output\":"), "who names it means it: {}", named.stderr);
            let plan = format!("plan slurm --shards 2 -- {run} -o out.jsonl");
            assert_refused(&place.wpool(&plan), USAGE, &["only found", "--config"]);
        }
    }
    // Rows that are typed are the user's own.
    place.write("project/wpool.toml", "[run]\nretries = 1\n");
    assert_eq!(place.wpool("run cat.wat --files inner/key").code, OK);
    place.write("project/wpool.toml", "[task.t]\nprogram = \"cat.wat\"\nfiles = []\n");
    assert_eq!(place.wpool("run @t inner/key").code, OK);
    place.write("project/wpool.toml", "[task.t]\nprogram = \"cat.wat\"\nfiles = [\"row?\"]\n");
    assert_eq!(place.wpool("run @t").code, OK);
}

#[test]
fn a_found_file_gets_no_profile_of_the_users() {
    let place = with_secret();
    let secret = place.path("secret").display().to_string();
    place.write_users(&format!("[profile.mine]\ndir = \"{secret}::/s\"\n"));
    let task = "[task.t]\nprogram = \"open-path.wat\"\nlines = true\ninputs = \"paths\"\n";
    for text in [
        format!("{task}profile = \"mine\"\n"),
        format!("{task}profile = \"theirs\"\n[profile.theirs]\ninherits = \"mine\"\n"),
    ] {
        place.write("project/wpool.toml", text);
        assert_refused(&place.wpool("run @t"), USAGE, &["there is no [profile.mine] in wpool.toml", "none of yours"]);
        assert_eq!(place.wpool("run @t --config wpool.toml").code, OK);
    }
    place.write("project/wpool.toml", task);
    assert_eq!(place.wpool("run @t --profile mine").code, OK, "the user chooses it");
}

#[test]
fn a_found_file_takes_no_policy_away() {
    let place = Place::new();
    let policy = place.path("policy.toml");
    place.write("policy.toml", "[max]\nmemory = \"1MiB\"\n");
    place.write("project/wide.toml", "");
    fs::set_permissions(&policy, Permissions::from_mode(0o644)).expect("its mode");
    place.write_users(&format!("[run]\npolicy = {:?}\nmemory = \"2MiB\"\n", policy.display().to_string()));
    for text in ["policy = []", "policy = false", "policy = \"wide.toml\"", "memory = \"4MiB\""] {
        place.write("project/wpool.toml", format!("[run]\n{text}\n"));
        for typed in ["", "--policy wide.toml", "--memory 8MiB"] {
            let ran = place.wpool(&format!("run echo.wat rows {typed}"));
            assert_refused(&ran, SET_UP, &["MiB is over 1MiB", "policy.toml:2"]);
        }
    }
    place.write("project/wpool.toml", "[run]\nmemory = \"1MiB\"\npolicy = \"strict.toml\"\n");
    place.write("project/strict.toml", "[allow]\nenv = []\n");
    assert_eq!(place.wpool("run echo.wat rows").code, OK);
    assert_refused(&place.wpool("run echo.wat rows --env A=b"), SET_UP, &["strict.toml:2"]);
}

#[test]
fn a_grant_that_does_not_count_is_not_refused() {
    let place = Place::with("[run]\nenv = \"PATH\"\n[profile.ci]\nsandbox = \"off\"\n[profile.none]\nenv = false\n");
    assert_eq!(place.wpool("run echo.wat rows --profile none").code, OK);
    assert_eq!(place.wpool("run echo.wat rows --env A=b").code, OK);
    assert_eq!(place.wpool("run echo.wat rows --no-config").code, OK);
}

#[test]
fn a_file_that_is_named_or_trusted_grants_what_it_says() {
    let place = Place::with("[run]\nenv = [\"A=b\"]\ndir = [\"inner::/data:rw\"]\nsandbox = \"auto\"\n");
    assert_eq!(place.wpool("run echo.wat rows").code, USAGE);
    assert_eq!(place.wpool("run echo.wat rows --config wpool.toml").code, OK);
    let mut by_variable = place.command("project", "run echo.wat rows");
    assert_eq!(run(by_variable.env("WPOOL_CONFIG", "wpool.toml"), "").code, OK);
    let project = place.quoted_project();
    let above = format!("{:?}", place.0.path().canonicalize().expect("a path").join("*"));
    let of_home = format!("{:?}", place.0.path().canonicalize().expect("a path"));
    for (folders, code) in
        [(&project, OK), (&above, OK), (&"\"/*\"".to_owned(), OK), (&of_home, USAGE), (&"\"/srv/*\"".to_owned(), USAGE)]
    {
        place.write_users(&format!("[trust]\nfolders = [\"/nowhere\", {folders}]\n"));
        let ran = place.wpool("run echo.wat rows");
        assert_eq!(ran.code, code, "{folders}: {}", ran.stderr);
    }
    // What the user's own file grants needs no trust.
    place.write_users("[run]\nenv = [\"A=b\"]\n");
    fs::remove_file(place.path("project/wpool.toml")).expect("it is removed");
    assert_eq!(value(&place.show(""), "env").0, json!(["A=…"]));
    assert_eq!(place.wpool("run echo.wat rows").code, OK);
}

#[test]
fn a_file_of_a_project_trusts_nobody() {
    let place = Place::new();
    place.write("project/wpool.toml", format!("[trust]\nfolders = [{}]\n", place.quoted_project()));
    assert_refused(&place.wpool("run echo.wat rows"), USAGE, &["wpool.toml:1: only your own file"]);
    assert_refused(&place.wpool("run echo.wat rows --config wpool.toml"), USAGE, &["only your own file"]);
}

#[test]
fn the_users_file_is_not_read_when_others_can_write_it() {
    let place = Place::new();
    place.write_users("[run]\nvalues = true\n");
    assert_eq!(place.wpool("run echo.wat rows").stdout, "1\n2\n");
    let at = place.path("config/wpool/config.toml");
    fs::set_permissions(&at, Permissions::from_mode(0o666)).expect("its mode");
    assert_refused(&place.wpool("run echo.wat rows"), SET_UP, &["config.toml", "can be written by everybody"]);
    assert_eq!(place.wpool("run echo.wat rows --no-config").code, OK);
}
