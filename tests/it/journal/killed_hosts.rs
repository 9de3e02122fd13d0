//! Hosts that are killed, runs that are interrupted, and the runs that resume them.

use rustix::process::Signal;

use super::*;
use crate::cli::NO_INPUTS;
use crate::support::signal_child;

#[test]
fn c65_a_host_that_is_killed_anywhere_and_resumed_writes_what_a_calm_one_does() {
    let mut dice = Dice(65);
    // Some rows are equal, and some fail.
    let rows = |dice: &mut Dice| (0..6_000).map(|_| format!("\"{}\"", dice.below(9_000))).collect::<Vec<_>>();
    for (round, args) in ["", "--durable", "--values", "--only ok", "--chunksize 1 -j 1"].into_iter().enumerate() {
        let mut all = rows(&mut dice);
        all[2_000] = "\"!\"".into();
        all[3_000] = "no JSON".into();
        let place = Place::new(all.clone());
        place.calm("trap-on-bang", args);
        // The first is certainly killed while it writes: it waits for more rows.
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("trap-on-bang"));
        let mut live = Live::start(command.args(["-q", "-o", "out"]).args(args.split_whitespace()));
        live.say(&(all[..3_500].join("\n") + "\n"));
        while read_if_there(&place.path("out")).is_empty() {
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(dice.below(10)));
        live.kill();
        assert!(place.length("out") < place.length("calm"));
        for _ in 0..11 {
            place.resume_and_kill("trap-on-bang", args, Duration::from_millis(dice.below(110)));
        }
        // The input changes in a run that was killed: records are moved, and that is disturbed, too.
        if round == 0 {
            all.rotate_left(1_500);
            place.rows(all);
            (0..6).for_each(|_| place.resume_and_kill("trap-on-bang", args, Duration::from_millis(dice.below(60))));
        }
        place.resume("trap-on-bang", args, NOT_OK);
    }
}

#[test]
fn a_run_whose_backtraces_have_lines_writes_the_same_however_often_it_is_killed() {
    let mut dice = Dice(66);
    let rows = (0..3_000).map(|_| if dice.below(10) == 0 { "!".to_owned() } else { dice.below(900).to_string() });
    let place = Place::new(rows.collect::<Vec<_>>());
    assert!(place.calm("lines", "--lines").contains("check (lines.wat:9)"));
    for _ in 0..8 {
        place.resume_and_kill("lines", "--lines", Duration::from_millis(dice.below(150)));
    }
    place.resume("lines", "--lines", NOT_OK);
}

#[test]
fn c65_a_run_that_was_interrupted_goes_on_and_what_was_skipped_runs() {
    let place = Place::new(["0".to_owned(), "400".to_owned()].into_iter().chain((0..30).map(|_| "20".to_owned())));
    let mut command = place.command("sleep", "-o out -j 1 --chunksize 4");
    let host = spawn(&mut command);
    while fs::metadata(place.path("out")).map_or(0, |found| found.len()) == 0 {
        sleep(Duration::from_millis(5));
    }
    signal_child(host.id(), Signal::INT);
    let output = host.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(read(place.path("out")).contains("\"skipped\""));
    assert_eq!(place.facts()["ended"]["complete"], false);
    let ran = place.resume("sleep", "-j 2", OK);
    assert!((1..32).contains(&kept(&ran)), "{}", ran.stderr);
    assert_eq!(place.facts()["ended"]["complete"], true);
}

#[test]
fn a_resume_with_nothing_there_is_a_run_and_with_all_there_runs_nothing() {
    let place = Place::new(numbers(100));
    assert_eq!(kept(&place.resume("echo", "", OK)), 0);
    assert_eq!(kept(&place.resume("echo", "-j 1 --chunksize 7 --progress counter", OK)), 100);
    // A host that was killed before it wrote anything leaves an empty file, with or without a folder.
    fs::remove_file(place.path("out.wpool/journal")).expect("it is there");
    for folder in [true, false] {
        fs::write(place.path("out"), "").expect("it is emptied");
        if !folder {
            fs::remove_dir_all(place.path("out.wpool")).expect("it is there");
        }
        assert_eq!(kept(&place.resume("echo", "", OK)), 0);
    }
}

#[test]
fn an_input_that_fails_to_come_destroys_nothing() {
    let place = Place::new(numbers(100));
    place.resume("echo", "", OK);
    let before = read(place.path("out"));
    let ended = place.facts()["ended"].clone();
    place.rows([]);
    let ran = place.run("echo", "-o out --resume");
    assert_eq!((ran.code, read(place.path("out")) == before), (NO_INPUTS, true), "{}", ran.stderr);
    assert_eq!((place.facts()["ended"] == ended, &ended["complete"]), (true, &true.into()));
    place.rows(numbers(100));
    assert_eq!(kept(&place.resume("echo", "", OK)), 100);
}

#[test]
fn what_comes_from_standard_input_is_kept_and_what_is_new_runs() {
    let place = Place::new([]);
    let over = |rows: &str| {
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["-o", "out", "--resume"]);
        run(&mut command, rows)
    };
    assert_eq!(over("1\n2\n").code, OK);
    let ran = over("1\n2\n3\n");
    assert_eq!((ran.code, kept(&ran)), (OK, 2), "{}", ran.stderr);
    assert_eq!(read(place.path("out")).lines().count(), 3);
}
