//! `wpool replay --profile`: where a task spends its time.

use serde_json::json;

use super::*;

/// Samples in folded stacks: lines that end with a count.
fn counted(folded: &str) -> u64 {
    folded.lines().map(|line| line.rsplit_once(' ').expect(line).1.parse::<u64>().expect(line)).sum()
}

#[test]
fn the_stacks_of_a_task_are_written_for_two_kinds_of_viewers() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    write(&folder, "rows", "9999999999999937\n");
    let mut command = wpool_run(&guest("largest-prime-factor"), "-q -o out rows");
    assert_eq!(run(command.current_dir(folder.path()), "").code, OK);
    let replay = || run(wpool().args(["replay", "out", "0", "--profile", "profile"]).current_dir(folder.path()), "");
    let ran = replay();
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert!(ran.stdout.contains("the same as recorded") && ran.stderr.contains(" samples: "), "{ran:?}");
    let profile: Value = serde_json::from_str(&read(at("profile"))).expect("JSON");
    let samples = &profile["threads"][0]["samples"];
    let count = samples["length"].as_u64().expect("a number");
    assert!(count > 0 && samples["stack"].as_array().map(Vec::len) == Some(count as usize), "{samples}");
    assert_eq!((&profile["meta"]["version"], &profile["meta"]["interval"]), (&json!(24), &json!(1.0)));
    let folded = read(at("profile.folded"));
    assert_eq!(counted(&folded), count, "{folded}");
    let names = profile["shared"]["stringArray"].as_array().expect("names");
    let named = |stack: &str| stack.split(';').all(|name| names.iter().any(|known| known == name));
    assert!(folded.lines().all(|line| named(line.rsplit_once(' ').expect(line).0)), "{folded}: {names:?}");
    // Neither is replaced.
    for name in ["profile", "profile.folded"] {
        let ran = replay();
        assert_eq!(ran.code, USAGE, "{}", ran.stderr);
        assert!(ran.stderr.contains(name) && ran.stderr.contains("exists"), "{}", ran.stderr);
        std::fs::remove_file(at("profile")).ok();
    }
}

#[test]
fn a_task_that_its_deadline_ends_has_a_profile_and_one_that_takes_no_time_has_none() {
    let folder = folder();
    let run_in = |task: &Path, options: &str| run(wpool_run(task, options).current_dir(folder.path()), "1\n").code;
    write(&folder, "rows", "1\n");
    assert_eq!(run_in(&wat("spin"), "rows -q --timeout 300ms -o spin"), 100);
    assert_eq!(run_in(&wat("noop"), "rows -q -o noop"), OK);
    let replay = |name: &str| {
        let profile = format!("{name}.json");
        run(wpool().args(["replay", name, "0", "--profile", &profile]).current_dir(folder.path()), "")
    };
    let ran = replay("spin");
    assert!(
        ran.code == 100 && ran.stdout.contains("timeout (recorded timeout, too)") || ran.stdout.contains("as recorded")
    );
    assert!(counted(&read(folder.path().join("spin.json.folded"))) > 0);
    let ran = replay("noop");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert!(ran.stderr.contains("there is no profile") && !folder.path().join("noop.json").exists(), "{}", ran.stderr);
}

#[test]
fn a_profile_lies_where_the_task_cannot_replace_it() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    write(&folder, "rows", "1\n");
    let mut command = wpool_run(&wat("noop"), "rows -q -o out --dir data:rw");
    assert_eq!(run(command.current_dir(folder.path()), "").code, OK);
    let ran = run(wpool().args(["replay", "out", "0", "--profile", "data/p"]).current_dir(folder.path()), "");
    assert!(ran.code == USAGE && ran.stderr.contains("--profile"), "{} {}", ran.code, ran.stderr);
}
