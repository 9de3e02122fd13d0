//! Tries to get around a policy, one a line.

use std::fs;
use std::process::Stdio;

use super::*;

/// The policy refuses it: exit code 96.
const REFUSED: i32 = 96;
/// It makes no sense whatever the policy says: exit code 2.
const USAGE: i32 = 2;

/// Arguments of `wpool run tasks/cat.wat - --policy strict.toml -o out.jsonl`, or of the whole command where they begin with
/// `wpool`, with the exit code and a part of the message. DIR is the folder.
const ATTEMPTS: &[(&str, i32, &str)] = &[
    // Ceilings
    ("--timeout 6s", REFUSED, "--timeout 6s is over 5s"),
    ("--timeout 5001ms", REFUSED, "--timeout 5.001s is over 5s"),
    ("--timeout 0", USAGE, "at least 1ms"),
    ("--timeout none", USAGE, "expected a time"),
    ("--timeout -1", USAGE, "expected a time"),
    ("--timeout 1e400", USAGE, "expected a time"),
    ("--timeout 18446744073709551616", USAGE, "too big"),
    ("--timeout 1h --interrupt kill", REFUSED, "--timeout 3600s is over 5s"),
    ("--cpu-time 1m", REFUSED, "--cpu-time 60s is over 5s"),
    ("--deadline 1h", REFUSED, "--deadline 3600s is over 600s"),
    ("--deadline 0", USAGE, "at least 1ms"),
    ("--memory 65MiB", REFUSED, "--memory 65MiB is over 64MiB"),
    ("--memory 0", USAGE, "over 0"),
    ("--memory 99999999999999999999GiB", REFUSED, "is over 64MiB"),
    ("--memory unlimited", USAGE, "expected a size"),
    ("--max-output 2MiB", REFUSED, "--max-output 2MiB is over 1MiB"),
    ("--fuel 1000000001", REFUSED, "--fuel 1000000001 is over 1000000000"),
    ("--fuel 18446744073709551615", REFUSED, "--fuel"),
    ("--fuel 0", USAGE, "1 or more"),
    ("--fuel 18446744073709551616", USAGE, "1 or more"),
    ("--deterministic --fuel 2000000000", REFUSED, "--fuel 2000000000 is over 1000000000"),
    ("-j 3", REFUSED, "-j 3 is over 2"),
    ("-j 100000", USAGE, "more than the 1024 workers"),
    ("--retries 2", REFUSED, "--retries 2 is over 1"),
    ("--retries 4294967295", REFUSED, "--retries 4294967295 is over 1"),
    ("--crash-limit 4", REFUSED, "--crash-limit 4 is over 3"),
    ("--scratch /tmp=2MiB", REFUSED, "--scratch 2MiB is over 1MiB"),
    ("--init-timeout 91s", REFUSED, "--init-timeout 91s is over 90s"),
    ("--compile-timeout 151s", REFUSED, "--compile-timeout 151s is over 150s"),
    ("--compile-memory 6GiB", REFUSED, "--compile-memory 6GiB is over 5GiB"),
    // Directories
    ("--dir DIR/secret", REFUSED, "lies in no allowed directory"),
    ("--dir DIR/open/../secret::/data", REFUSED, "secret lies in no allowed directory"),
    ("--dir secret::/data", REFUSED, "secret lies in no allowed directory"),
    ("--dir open/link::/data", REFUSED, "secret lies in no allowed directory"),
    ("--dir root/tmp::/data", REFUSED, "lies in no allowed directory"),
    ("--dir /proc/self/cwd/secret::/data", REFUSED, "secret lies in no allowed directory"),
    ("--dir DIR/open-too::/data", REFUSED, "lies in no allowed directory"),
    ("--dir DIR/OPEN::/data", REFUSED, "cannot grant"),
    ("--dir DIR::/data", REFUSED, "lies in no allowed directory"),
    ("--dir /::/data", REFUSED, "lies in no allowed directory"),
    ("--dir DIR/open::/data:rw", REFUSED, "to be read, not to be written to"),
    ("--dir DIR/open/inner::/data:rw", REFUSED, "to be read, not to be written to"),
    ("--dir DIR/secret/{}::/data", REFUSED, "secret lies in no allowed directory"),
    ("--dir open/link/{}::/data", REFUSED, "secret lies in no allowed directory"),
    ("--dir DIR/{}::/data", REFUSED, "lies in no allowed directory"),
    ("--dir DIR/open::/a --dir DIR/secret::/b", REFUSED, "secret lies in no allowed directory"),
    // Variables
    ("--env HOME=/", REFUSED, "HOME is not an allowed name"),
    ("--env PATH", REFUSED, "PATH is not an allowed name"),
    ("--env ci_job=1", REFUSED, "ci_job is not an allowed name"),
    ("--env lang=1", REFUSED, "lang is not an allowed name"),
    ("--env LANGUAGE=1", REFUSED, "LANGUAGE is not an allowed name"),
    ("--env MY_CI_=1", REFUSED, "MY_CI_ is not an allowed name"),
    ("--env LANG=C --env HOME=/", REFUSED, "HOME is not an allowed name"),
    ("--env =LANG", USAGE, "no name"),
    // State
    ("--state", REFUSED, "--state is not allowed"),
    ("--state-in state.json", REFUSED, "--state is not allowed"),
    ("--state-out state-2.json", REFUSED, "--state is not allowed"),
    // What is required
    ("--sandbox off", REFUSED, "--sandbox off is less than auto"),
    ("--isolation reuse", REFUSED, "--isolation reuse is not fresh or reset"),
    ("--isolation reuse=1", REFUSED, "--isolation reuse is not fresh or reset"),
    ("--isolation reuse=checked", REFUSED, "--isolation reuse is not fresh or reset"),
    // Programs
    ("wpool run bad/echo2.wat - --policy strict.toml", REFUSED, "bad/echo2.wat is not an allowed program"),
    ("wpool run tasks/../bad/echo2.wat - --policy strict.toml", REFUSED, "bad/echo2.wat is not an allowed program"),
    ("wpool run tasks/link.wat - --policy strict.toml", REFUSED, "bad/echo2.wat is not an allowed program"),
    ("wpool run root/DIR/bad/echo2.wat - --policy strict.toml", REFUSED, "bad/echo2.wat is not an allowed program"),
    ("wpool run bad/app.js - --policy strict.toml", REFUSED, "bad/app.js is not an allowed program"),
    ("wpool run bad/echo2.wat - --policy strict.toml --dry-run", REFUSED, "bad/echo2.wat is not an allowed program"),
    ("wpool bench bad/echo2.wat - --policy strict.toml", REFUSED, "bad/echo2.wat is not an allowed program"),
    ("wpool reduce bad/echo2.wat out.jsonl --policy strict.toml", REFUSED, "bad/echo2.wat is not an allowed program"),
    // Other policies
    ("--memory 65MiB --policy wide.toml", REFUSED, "--memory 65MiB is over 64MiB"),
    ("--dir DIR/secret --policy wide.toml", REFUSED, "secret lies in no allowed directory"),
    ("--memory 65MiB --policy cap.toml", REFUSED, "--memory 65MiB is over 64MiB"),
    ("--isolation fresh --policy reset.toml", REFUSED, "--isolation fresh is not reset"),
    ("--policy one.toml --verify 1", REFUSED, "--verify runs rows in two workers"),
    ("--policy exact.toml --timeout 1s", REFUSED, "cannot be combined with a deadline"),
    // Other commands
    ("wpool bench tasks/cat.wat - --policy strict.toml --memory 65MiB", REFUSED, "--memory 65MiB is over 64MiB"),
    ("wpool bench tasks/cat.wat - --policy strict.toml --sandbox off", REFUSED, "--sandbox off is less than auto"),
    ("wpool bench tasks/cat.wat - --policy strict.toml -j 3", REFUSED, "-j 3 is over 2"),
    (
        "wpool reduce tasks/cat.wat rows.jsonl --policy strict.toml --memory 1GiB",
        REFUSED,
        "--memory 1GiB is over 64MiB",
    ),
    ("wpool reduce tasks/cat.wat rows.jsonl --policy strict.toml --timeout 1m", REFUSED, "--timeout 60s is over 5s"),
    ("wpool run tasks/cat.wat - --policy strict.toml --dry-run --timeout 6s", REFUSED, "--timeout 6s is over 5s"),
    ("wpool run tasks/cat.wat - --policy strict.toml --shard 1/2 --timeout 6s", REFUSED, "--timeout 6s is over 5s"),
];

fn place() -> Place {
    let place = Place::new();
    place.strict();
    place.policy(
        "wide.toml",
        "[max]\nmemory = '4GiB'\n[allow]\ndirs = ['/:rw']\nenv = ['*']\nstate = true\nprograms = ['/**']\n",
    );
    place.policy("cap.toml", "on-excess = 'cap'\n[max]\nmemory = '32MiB'\n");
    place.policy("reset.toml", "[require]\nisolation = 'reset'\n");
    place.policy("one.toml", "[max]\nworkers = 1\n");
    place.policy("exact.toml", "[require]\ndeterministic = true\n");
    fs::write(place.at("state.json"), "{}").expect("a file");
    fs::write(place.at("rows.jsonl"), "{\"id\":0,\"status\":\"ok\",\"output\":1}\n").expect("a file");
    place
}

#[test]
fn tries_to_get_around_a_policy_are_refused_before_anything_runs() {
    let (place, mut wrong) = (place(), Vec::new());
    for (args, code, said) in ATTEMPTS {
        let args = match args.strip_prefix("wpool ") {
            // A path of the folder without the slash that it begins with.
            Some(whole) => whole.replace("root/DIR", &format!("root{}", place.shown(""))),
            None => format!("run tasks/cat.wat - --policy strict.toml -o out.jsonl {args}"),
        };
        let ran = place.run(&args);
        let has_begun = place.at("out.jsonl").exists() || place.at("out.jsonl.wpool").exists();
        if (ran.code, ran.stdout.as_str()) != (*code, "") || !ran.stderr.contains(said) || has_begun {
            wrong.push(format!("{args}: {} {} {}", ran.code, ran.stdout, ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ATTEMPTS.iter().filter(|(_, code, _)| *code == REFUSED).count() >= 40);
}

#[test]
fn a_folder_is_not_built_whose_program_would_be_refused() {
    let place = place();
    for (folder, code) in [("bad/project", 96), ("tasks/project", 0)] {
        place.policy("built.toml", "[allow]\nprograms = ['tasks/**']\n");
        assert_eq!(place.run(&format!("new --lang wat {folder}")).code, 0);
        for more in ["--dry-run", ""] {
            let ran = run(&mut place.command(&format!("run {folder} - --policy built.toml {more}")), "97\n");
            assert_eq!(ran.code, code, "{folder} {more}: {}", ran.stderr);
            assert_eq!(ran.stderr.contains("would be built first"), code == 96, "{folder} {more}: {}", ran.stderr);
        }
        assert_eq!(place.at(folder).join("task.wasm").exists(), code == 0, "{folder}");
    }
}

#[test]
fn a_refusal_names_the_option_the_file_and_the_line() {
    let place = place();
    let ran = place.run("run tasks/cat.wat - --policy strict.toml --memory 4GiB --state");
    let lines = "wpool: policy: --state is not allowed (strict.toml:21)\n  | policy: --memory 4GiB is over 64MiB (strict.toml:6)\n";
    assert_eq!(ran.stderr, lines);
}

#[test]
fn variables_of_the_environment_are_bound_as_options_are() {
    let place = place();
    for (name, value, said) in [
        ("WPOOL_WORKERS", "3", "-j 3 is over 2"),
        ("WPOOL_WORKERS", "1000%", "is over 2"),
        ("WPOOL_POLICY", "wide.toml", "--memory 65MiB is over 64MiB"),
        ("WPOOL_POLICY", "", "--memory 65MiB is over 64MiB"),
        ("WPOOL_POLICY", "missing.toml", "missing.toml: No such file"),
    ] {
        let memory = if name == "WPOOL_POLICY" { "--memory 65MiB" } else { "" };
        let args = format!("run tasks/cat.wat - --policy strict.toml {memory}");
        let ran = run(place.command(&args).env(name, value), "1\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (96, ""), "{name}={value}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{name}={value}: {}", ran.stderr);
    }
    let ran = run(place.command("run tasks/cat.wat - --memory 65MiB").env("WPOOL_POLICY", "strict.toml"), "1\n");
    assert_refused(&ran, "the variable alone", "strict.toml".as_ref());
}

#[test]
fn a_program_on_standard_input_has_the_place_of_its_file() {
    let place = place();
    for (file, code) in [("bad/echo2.wat", 96), ("tasks/echo.wat", 0)] {
        let mut command = place.command("run /dev/stdin --once --policy strict.toml");
        let output = command.stdin(Stdio::from(fs::File::open(place.at(file)).expect("a program"))).output();
        let output = output.expect("it starts");
        assert_eq!(output.status.code(), Some(code), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
