//! Which layer decides, and what does not go together.

use serde_json::json;

use super::{OK, Place, USAGE, assert_refused, option, shown, value};
use crate::support::run;

#[test]
fn the_stronger_layer_decides() {
    let place = Place::new();
    place.write_users("[run]\ngrace = \"7s\"\n");
    let file = |lines: usize| {
        let lines_of_file = [
            "[run]\ngrace = \"6s\"\n",
            "[profile.base]\ngrace = \"5s\"\n",
            "[profile.ci]\ninherits = \"base\"\ngrace = \"4s\"\n",
            "[task.t]\nprogram = \"echo.wat\"\ngrace = \"3s\"\n",
        ];
        let rest = "[profile.base]\n[profile.ci]\ninherits = \"base\"\n[task.t]\nprogram = \"echo.wat\"\n";
        let without = |text: &str| match lines {
            0 => rest.to_owned(),
            1 => rest.to_owned() + text,
            2 => format!("[profile.ci]\ninherits = \"base\"\n[task.t]\nprogram = \"echo.wat\"\n{text}"),
            3 => format!("[task.t]\nprogram = \"echo.wat\"\n{text}"),
            _ => text.to_owned(),
        };
        without(&lines_of_file[..lines].concat())
    };
    for (lines, typed, variable, expected) in [
        (4, "--grace 1s", Some("2s"), ("1s", "command line")),
        (4, "", Some("2s"), ("2s", "WPOOL_GRACE")),
        (4, "", None, ("3s", "task.t")),
        (3, "", None, ("4s", "profile.ci")),
        (2, "", None, ("5s", "profile.base")),
        (1, "", None, ("6s", "run")),
        (0, "", None, ("7s", "run")),
    ] {
        place.write("project/wpool.toml", file(lines));
        let mut command = place.command("project", &format!("config show --json --profile ci -- @t {typed}"));
        command.envs(variable.map(|value| ("WPOOL_GRACE", value)));
        let shown = shown(&mut command);
        assert_eq!(value(&shown, "grace"), (json!(expected.0), expected.1.to_owned()), "{}", file(lines));
        let of_user =
            option(&shown, "grace").expect("it is there")["file"].as_str().map(|file| file.ends_with("config.toml"));
        assert_eq!(of_user.unwrap_or_default(), lines == 0);
    }
    let shown = place.show("--no-config");
    assert_eq!(value(&shown, "grace"), (json!("10s"), "built-in".to_owned()));
}

#[test]
fn a_list_replaces_a_list() {
    let place = Place::with("[run]\nsuccess-codes = [0, 3]\n[profile.ci]\nsuccess-codes = [4]\nheader = []\n");
    assert_eq!(value(&place.show(""), "success-codes").0, json!(["0", "3"]));
    assert_eq!(value(&place.show("--profile ci"), "success-codes").0, json!(["4"]));
    let typed = place.show("--profile ci -- echo.wat --success-codes 5,6");
    assert_eq!(value(&typed, "success-codes"), (json!(["5", "6"]), "command line".to_owned()));
}

#[test]
fn a_flag_is_turned_off_by_every_stronger_layer() {
    let place = Place::with("[run]\nvalues = true\n[profile.records]\nvalues = false\n");
    let values = |args: &str, variable: Option<&str>| {
        let mut command = place.command("project", &format!("run echo.wat rows -q {args}"));
        command.envs(variable.map(|value| ("WPOOL_VALUES", value)));
        let ran = run(&mut command, "");
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        ran.stdout == "1\n2\n"
    };
    assert!(values("", None));
    assert!(!values("--profile records", None));
    assert!(values("--profile records", Some("1")));
    assert!(!values("", Some("0")));
    assert!(!values("--values=false", None));
    assert!(values("--profile records --values=true", None));
    assert!(!values("--no-config", None));
    // Behind the dashes stand words of the program, and other options have no such form.
    let ran = place.wpool("run args.wat -n -q -- --values=false");
    assert!(ran.stdout.contains("--values=false"), "{} {}", ran.stdout, ran.stderr);
    assert_refused(&place.wpool("run echo.wat rows --values=perhaps"), USAGE, &["perhaps"]);
}

#[test]
fn false_is_what_is_built_in() {
    let place =
        Place::with("[run]\ntimeout = \"1s\"\ngrace = \"1s\"\n[profile.patient]\ntimeout = false\ngrace = false\n");
    let shown = place.show("--profile patient");
    assert_eq!(value(&shown, "timeout"), (json!(null), "profile.patient".to_owned()));
    let run = place.wpool("run --profile patient -v echo.wat rows");
    assert_eq!(run.code, OK, "{}", run.stderr);
}

#[test]
fn what_was_typed_replaces_what_it_cannot_be_used_with() {
    let place = Place::with("[run]\ntimeout = \"60s\"\ninterrupt = \"epoch\"\nfiles = [\"*.wat\"]\n");
    place.write_users(&format!("[trust]\nfolders = [{}]\n", place.quoted_project()));
    let ran = place.wpool("run echo.wat rows --deterministic --values");
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, "1\n2\n"), "{}", ran.stderr);
    let shown = place.show("-- echo.wat rows --deterministic");
    let left_out: Vec<_> = shown["left_out"].as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert_eq!(left_out, ["files", "interrupt", "timeout"]);
    assert_eq!(shown["left_out"][2]["why"], "cannot be used with --deterministic (command line)");
    // Of one group.
    place.write("project/wpool.toml", "[run]\ncsv = true\n");
    assert_eq!(place.wpool("run echo.wat rows --lines --values").stdout, "1\n2\n");
}

#[test]
fn options_of_one_table_that_exclude_each_other_are_refused_with_their_lines() {
    let place = Place::with("[run]\nreceipts = true\nvalues = true\n");
    assert_refused(
        &place.wpool("run echo.wat rows"),
        USAGE,
        &["wpool.toml:3 [run]: values", "receipts", "wpool.toml:2"],
    );
}

#[test]
fn an_option_waits_for_the_one_that_it_needs() {
    let place = Place::with("[run]\nseed = 7\nretry-on = [\"trap\"]\nretry-delay = \"1ms\"\noverwrite = false\n");
    let shown = place.show("-- echo.wat rows");
    assert_eq!(option(&shown, "seed").expect("it is left out")["why"], "needs --deterministic");
    assert_eq!(option(&shown, "retry-on").expect("it is left out")["why"], "needs --retries <N>");
    assert_eq!(place.wpool("run echo.wat rows").code, OK);
    let shown = place.show("-- echo.wat rows --deterministic --retries 1");
    assert_eq!(shown["left_out"], json!([]));
    assert_eq!(value(&shown, "seed").1, "run");
    // What was typed may need what a file has.
    place.write("project/wpool.toml", "[run]\ndeterministic = true\n");
    assert_eq!(place.wpool("run echo.wat rows --seed 7").code, OK);
    assert_refused(&place.wpool("run echo.wat rows --seed 7 --no-config"), USAGE, &["--deterministic"]);
}

#[test]
fn a_limit_of_the_file_holds() {
    let place = Place::with("[run]\nfuel = 1e4\n");
    let ran = place.wpool("run spin.wat rows -q");
    assert_eq!(ran.each("status"), ["fuel", "fuel"]);
    assert!(place.wpool("run echo.wat rows -v").stderr.contains("options come from wpool.toml [run]"));
}

#[test]
fn the_number_of_workers_keeps_its_variable() {
    let place = Place::with("[run]\njobs = 2\n");
    let workers = |variable: &str, args: &str| {
        let mut command = place.command("project", &format!("run echo.wat rows --summary-json s.json {args}"));
        let ran = run(command.env("WPOOL_WORKERS", variable), "");
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        let summary: serde_json::Value = serde_json::from_str(&place.read("project/s.json")).expect("JSON");
        summary["workers"].clone()
    };
    assert_eq!(workers("", ""), workers("7", "-j 2"));
    assert_ne!(workers("3", ""), workers("", ""), "the variable is stronger than the file");
    assert_refused(
        &run(place.command("project", "run echo.wat rows").env("WPOOL_WORKERS", "many"), ""),
        USAGE,
        &["WPOOL_WORKERS=many"],
    );
}
