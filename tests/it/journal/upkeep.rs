//! The journal's content, cost and place.

use super::*;
use crate::cli::STOPPED;

#[test]
fn a_link_to_a_file_finds_its_run_and_is_not_written_through() {
    let place = Place::new(numbers(5));
    place.resume("echo", "", OK);
    std::os::unix::fs::symlink("out", place.path("link")).expect("a link");
    assert_refused(&place.run("echo", "-o link --resume"), USAGE, &["link is a link to out"], "a link");
    assert!(!place.path("link.wpool").exists());
    let info = run(wpool().current_dir(place.0.path()).args(["runs", "info", "link"]), "");
    assert!(info.code == OK && info.stdout.contains("5 ok"), "{}", info.stderr);
}

#[test]
fn a_journal_is_the_users_own_and_costs_24_bytes_a_row_at_most() {
    let place = Place::new(numbers(20));
    let mut command = wpool();
    command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["-o", "out"]);
    let mut live = Live::start(&mut command);
    // Each row is a group of its own.
    for row in 0..20 {
        live.say(&format!("{row}\n"));
        while read_if_there(&place.path("out")).lines().count() <= row {
            sleep(Duration::from_millis(2));
        }
    }
    assert_eq!(live.end().code, OK);
    assert!(place.length("out.wpool/journal") <= 22 + 20 * 24, "{}", place.length("out.wpool/journal"));
    let mode = |name: &str| fs::metadata(place.path(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode("out.wpool"), 0o700);
    // Behind what the history begins with, and the session.
    assert_eq!(place.length("out.wpool/history"), 32 + 20 * 16);
    for name in ["journal", "history", "notes", "run.json", "summary.json", "program.wasm", "lock"] {
        assert_eq!(mode(&format!("out.wpool/{name}")), 0o600, "{name}");
    }
    assert_eq!(fs::read(place.path("out.wpool/program.wasm")).ok(), fs::read(wat("echo")).ok());
    let facts = place.facts();
    assert_eq!((&facts["ended"]["exit_code"], &facts["ended"]["counts"]["ok"]), (&0.into(), &20.into()));
    assert_eq!((&facts["program"]["name"], &facts["inputs"][0]), (&"echo.wat".into(), &"-".into()));
}

#[test]
fn files_that_are_replaced_take_their_journal_with_them() {
    let place = Place::new(numbers(50));
    place.resume("echo", "", OK);
    let ran = place.run("echo", "-o out");
    assert_refused(&ran, USAGE, &["out exists", "--resume", "--overwrite"], "exists");
    place.rows(numbers(10));
    assert_eq!(place.run("echo", "-o out --overwrite").code, OK);
    assert_eq!(kept(&place.resume("echo", "", OK)), 10);
    assert_eq!(place.run("echo", "-o out --overwrite --no-journal").code, OK);
    assert_refused(&place.run("echo", "-o out --resume"), USAGE, &["without its journal"], "replaced");
    for (args, file) in [("-o /dev/null", "/dev/null"), ("-o other --no-journal", "other")] {
        assert_eq!(place.run("echo", args).code, OK);
        assert!(!place.path(&format!("{file}.wpool")).exists(), "{file}");
    }
}

#[test]
fn kept_records_count_for_the_exit_and_not_for_what_stops_a_run() {
    let place = Place::new(["\"!1\"", "2", "\"!3\"", "4", "5"].map(str::to_owned));
    let ran = place.run("trap-on-bang", "-o out --max-fail 1 -j 1 --chunksize 1");
    assert_eq!(ran.code, STOPPED, "{}", ran.stderr);
    // The failure that stopped it stays; the next one stops it again.
    let ran = place.run("trap-on-bang", "-o out --resume --max-fail 1 -j 1 --chunksize 1");
    assert_eq!(ran.code, STOPPED, "{}", ran.stderr);
    let ran = place.resume("trap-on-bang", "", NOT_OK);
    assert!(ran.stderr.contains("3 ok, 2 trap"), "{}", ran.stderr);
}

#[test]
fn c89_a_row_that_failed_after_its_retries_is_done_and_any_other_has_all_of_them() {
    let place = Place::new(["\"!1\"".to_owned(), "2".to_owned()]);
    let retries = "--retries 2 --retry-delay 1ms..1ms";
    place.resume("trap-on-bang", &format!("{retries} --summary-json s"), NOT_OK);
    place.rows(["\"!1\"".to_owned(), "2".to_owned(), "\"!3\"".to_owned()]);
    let ran = place.run("trap-on-bang", &format!("-o out --resume {retries} --summary-json s"));
    assert_eq!((ran.code, kept(&ran)), (NOT_OK, 2), "{}", ran.stderr);
    let summary: Value = serde_json::from_str(&read(place.path("s"))).expect("JSON");
    assert_eq!((&summary["retries"], &summary["kept"]), (&2.into(), &2.into()));
}
