//! A policy binds every command that runs a program, and what an earlier run has recorded widens nothing.

use std::io::Write;

use serde_json::{Value, json};

use super::*;

/// A run of an earlier time, without a policy: its rows are not ok, so that `rerun` has something to do.
fn earlier(place: &Place, guest: &str, args: &str) {
    fs::write(place.at("rows.jsonl"), "1\n2\n").expect("rows");
    let ran = place.run(&format!("run {guest} rows.jsonl -o out.jsonl {args}"));
    assert!([0, 100].contains(&ran.code), "{args}: {}", ran.stderr);
}

#[test]
fn what_an_earlier_run_was_given_is_bound_when_it_runs_again() {
    for (args, said) in [
        ("--memory 65MiB", "--memory 65MiB is over 64MiB"),
        ("--timeout 6s", "--timeout 6s is over 5s"),
        ("--fuel 2000000000", "--fuel 2000000000 is over 1000000000"),
        ("--dir secret", "secret lies in no allowed directory"),
        ("--dir open/link::/data", "secret lies in no allowed directory"),
        ("--env HOME=/", "HOME is not an allowed name"),
        ("--retries 2 --retry-delay 1ms", "--retries 2 is over 1"),
        ("--scratch /tmp=2MiB", "--scratch 2MiB is over 1MiB"),
    ] {
        let place = Place::new();
        let strict = place.strict();
        earlier(&place, "tasks/counter.wat", args);
        let before = fs::read(place.at("out.jsonl")).expect("records");
        let policy = strict.display();
        for again in [
            format!("rerun out.jsonl --failed --policy {policy}"),
            format!("replay out.jsonl 0 --policy {policy}"),
            format!("run tasks/counter.wat rows.jsonl -o out.jsonl --resume --policy {policy} {args}"),
        ] {
            let ran = place.run(&again);
            assert_refused(&ran, &again, &strict);
            assert!(ran.stderr.contains(said), "{again}: {}", ran.stderr);
        }
        assert_eq!(fs::read(place.at("out.jsonl")).expect("records"), before, "{args}");
    }
}

#[test]
fn a_relative_path_of_a_policy_is_read_where_the_command_was_typed() {
    let place = Place::new();
    earlier(&place, "tasks/cat.wat", "--memory 65MiB");
    place.policy("open/mine.toml", "[max]\nmemory = '64MiB'\n");
    // The recorded folder has another file of the same name.
    place.policy("mine.toml", "");
    for again in ["rerun ../out.jsonl --failed", "replay ../out.jsonl 0"] {
        for by_variable in [false, true] {
            let option = if by_variable { "" } else { "--policy mine.toml" };
            let mut command = place.command(&format!("{again} {option}"));
            command.current_dir(place.at("open"));
            if by_variable {
                command.env("WPOOL_POLICY", "mine.toml");
            }
            let ran = run(&mut command, "");
            assert_refused(&ran, again, "mine.toml".as_ref());
        }
    }
}

#[test]
fn the_policy_that_a_run_was_typed_with_binds_it_again() {
    let place = Place::new();
    place.policy("typed.toml", "[max]\ntimeout = '300ms'\n");
    fs::write(place.at("rows.jsonl"), "1\n").expect("rows");
    let ran = place.run("run tasks/spin.wat rows.jsonl -o out.jsonl --policy typed.toml");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let ran = place.run("rerun out.jsonl --failed");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    place.policy("typed.toml", "[max]\ntimeout = '300ms'\n[allow]\nprograms = []\n");
    assert_refused(&place.run("rerun out.jsonl --failed"), "rerun", "typed.toml".as_ref());
    assert_refused(&place.run("replay out.jsonl 0"), "replay", "typed.toml".as_ref());
}

#[test]
fn a_run_that_a_policy_bound_has_the_same_limits_where_there_is_none() {
    let place = Place::new();
    let text = "on-excess = 'cap'\n[max]\ntimeout = '300ms'\nmemory = '32MiB'\n[require]\nisolation = 'fresh'\n";
    let policy = place.policy("then.toml", text);
    fs::write(place.at("rows.jsonl"), "1\n").expect("rows");
    let mut command = place.command("run tasks/spin.wat rows.jsonl -o out.jsonl --memory 1GiB");
    let ran = run(command.env("WPOOL_POLICY", policy), "");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let ran = place.run("replay out.jsonl 0");
    assert!(ran.stdout.contains("task      0: timeout (the same as recorded)"), "{} {}", ran.stdout, ran.stderr);
    let ran = place.run("rerun out.jsonl --failed");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    assert!(fs::read_to_string(place.at("out.jsonl")).expect("records").contains("ran longer than 300ms"));
}

#[test]
fn a_task_is_replayed_within_a_policy_that_came_later() {
    let place = Place::new();
    earlier(&place, "tasks/cat.wat", "");
    place.strict();
    let ran = place.run("replay out.jsonl 1 --policy strict.toml");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("the same as recorded"), "{}", ran.stdout);
}

#[test]
fn the_kept_copy_of_a_program_may_run_while_the_same_stands_at_an_allowed_place() {
    let place = Place::new();
    place.policy("places.toml", "[allow]\nprograms = ['tasks/*']\n");
    earlier(&place, "tasks/cat.wat", "");
    let replay = || place.run("replay out.jsonl 0 --policy places.toml");
    assert_eq!(replay().code, 0);
    fs::copy(wat("echo"), place.at("tasks/cat.wat")).expect("another program");
    assert_refused(&replay(), "another content", "places.toml".as_ref());
    let place = Place::new();
    place.policy("places.toml", "[allow]\nprograms = ['tasks/*']\n");
    earlier(&place, "bad/echo2.wat", "");
    assert_refused(&place.run("replay out.jsonl 0 --policy places.toml"), "a place", "places.toml".as_ref());
    let with = "rerun out.jsonl --failed --with bad/echo2.wat --policy places.toml";
    assert_refused(&place.run(with), "another program", "places.toml".as_ref());
}

#[test]
fn a_bench_measures_nothing_that_a_policy_does_not_allow() {
    let place = Place::new();
    place.strict();
    let ran = place.run("bench tasks/echo.wat - --policy strict.toml --rows 4 --rounds 1 --json -j 2");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let findings: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let text = findings.to_string();
    assert!(text.contains("the policy does not allow it"), "{text}");
    assert!(!text.contains("\"workers\":4"), "{text}");
}

/// The kind and the content of the last frame, and the exit code of a service that gets these settings.
fn served(place: &Place, settings: &Value, program: &[u8]) -> (u8, Value, i32) {
    let text = settings.to_string();
    let length = |bytes: usize| (bytes as u32).to_le_bytes();
    let hello = [&[1][..], &length(1), &length(text.len()), text.as_bytes(), program].concat();
    let mut child = spawn(&mut place.command("serve --policy strict.toml"));
    let _guard = Watchdog::over(&child);
    let mut stdin = child.stdin.take().expect("it is piped");
    // A service that has said what is wrong does not read on.
    let _ = stdin.write_all(&[&length(hello.len())[..], &hello].concat());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let (mut frames, mut last) = (&output.stdout[..], (0, Value::Null));
    while let Some((head, rest)) = frames.split_first_chunk::<5>() {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize - 1;
        last = (head[4], serde_json::from_slice(&rest[..length]).unwrap_or_default());
        frames = &rest[length..];
    }
    (last.0, last.1, output.status.code().unwrap_or(-1))
}

#[test]
fn a_service_is_bound_and_names_the_settings_of_its_client() {
    let place = Place::new();
    place.strict();
    for (settings, named) in [
        (json!({"memory": 65 << 20}), "memory"),
        (json!({"timeout": 6}), "timeout"),
        (json!({"cpu_time": 6}), "cpu_time"),
        (json!({"max_output": 2 << 20}), "max_output"),
        (json!({"fuel": 2_000_000_000}), "fuel"),
        (json!({"max_workers": 3}), "max_workers"),
        (json!({"retries": 2}), "retries"),
        (json!({"crash_limit": 4}), "crash_limit"),
        (json!({"isolation": "reuse"}), "isolation"),
        (json!({"init_timeout": 91}), "init_timeout"),
        (json!({"env": [["HOME", "/"]]}), "env"),
        (json!({"dirs": [{"host": place.shown("secret"), "guest": "/data"}]}), "dirs"),
        (json!({"dirs": [{"host": place.shown("open"), "guest": "/data", "writable": true}]}), "dirs"),
        (json!({"scratch": {"guest": "/tmp", "size": 2 << 20}}), "scratch"),
        (json!({"program": place.shown("bad/echo2.wat")}), "program"),
    ] {
        let mut all = json!({"program": place.shown("tasks/echo.wat"), "at_end": "drain"});
        all.as_object_mut().expect("an object").extend(settings.as_object().cloned().unwrap_or_default());
        let (_, said, code) = served(&place, &all, b"");
        assert_eq!((&said["code"], &said["settings"], code), (&json!("policy"), &json!([named]), 96), "{said}");
    }
    // Bytes without a place.
    let (_, said, code) = served(&place, &json!({"at_end": "drain"}), b"(module)");
    assert_eq!((&said["code"], code), (&json!("policy"), 96), "{said}");
    let (_, said, code) = served(&place, &json!({"program": place.shown("tasks/echo.wat"), "at_end": "drain"}), b"");
    assert_eq!(code, 0, "{said}");
}

#[test]
fn the_time_of_a_run_bounds_the_judging_of_all_programs_together() {
    let place = Place::new();
    let policy = place.policy("short.toml", "[max]\ndeadline = '500ms'\n");
    fs::create_dir(place.at("in")).expect("a folder");
    // A test that is not over before the time is.
    for name in ["a", "b", "c"] {
        let text = "(module (memory (export \"memory\") 1) (func (export \"_start\") (loop $on (br $on))))";
        fs::write(place.at(&format!("in/{name}.wat")), text).expect("a program");
    }
    fs::write(place.at("tests.jsonl"), "1\n").expect("tests");
    let mut command = place.command("judge in tests.jsonl --expect 1 --timeout 1h --summary-json verdicts.json");
    let ran = run(command.env("WPOOL_POLICY", policy), "");
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    let verdicts: Value =
        serde_json::from_slice(&fs::read(place.at("verdicts.json")).expect("verdicts")).expect("JSON");
    assert_eq!(verdicts["stopped"], "the policy's deadline", "{verdicts}");
    assert_eq!(verdicts["programs"].as_array().map(Vec::len), Some(1), "{verdicts}");
    assert!(ran.stderr.contains("2 programs not judged"), "{}", ran.stderr);
}

#[test]
fn programs_that_are_judged_or_learned_about_stay_within_a_policy() {
    let place = Place::new();
    let strict = place.strict();
    fs::write(place.at("tests.jsonl"), "{\"in\":\"1\",\"out\":\"1\"}\n").expect("tests");
    let bound = |args: &str| {
        let mut command = place.command(args);
        run(command.env("WPOOL_POLICY", &strict), "1\n")
    };
    let judge = "tests.jsonl --stdin {.in} --expect {.out}";
    for (args, said) in [
        (format!("judge bad {judge}"), "echo2.wat"),
        (format!("judge tasks {judge} --memory 65MiB"), "--memory 65MiB is over 64MiB"),
        ("check bad/echo2.wat --learn 1 -".to_owned(), "echo2.wat"),
        ("check tasks/cat.wat --learn 1 - --dir secret".to_owned(), "secret lies in no allowed directory"),
    ] {
        let ran = bound(&args);
        assert_refused(&ran, &args, &strict);
        assert!(ran.stderr.contains(said), "{args}: {}", ran.stderr);
    }
    assert_eq!(bound("check tasks/cat.wat --learn 1 -").code, 0);
    for (isolation, code) in [("'fresh'", 0), ("['fresh', 'reset']", 0), ("'reset'", 96)] {
        let policy = place.policy("how.toml", &format!("[require]\nisolation = {isolation}\n"));
        let mut command = place.command("check tasks/cat.wat --learn 1 -");
        let ran = run(command.env("WPOOL_POLICY", policy), "1\n");
        assert_eq!(ran.code, code, "{isolation}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains("learning needs fresh ones"), code == 96, "{isolation}: {}", ran.stderr);
    }
}
