//! Texts for people: summaries, help, completions, the manual page, and reports on programs.

use super::*;

#[test]
fn a_message_says_its_cause_once() {
    let folder = folder();
    let (missing, echo) = (folder.path().join("missing.wasm"), wat("echo"));
    for (task, args) in [(missing.as_path(), ""), (Path::new("/dev/zero"), ""), (&echo, "-n -o no/such/file")] {
        let ran = run(wpool_run(task, args).current_dir(folder.path()), "");
        let cause = ran.stderr.trim_end().rsplit(": ").next().expect("a message");
        assert_eq!(ran.stderr.matches(cause).count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn the_summary_counts_what_became_of_the_tasks() {
    let rows = "1\n\"!\"\n2\n{\"bad\n3\n";
    let ran = run(&mut wpool_run(&wat("trap-on-bang"), "-j 2"), rows);
    for needle in ["5 tasks", "3 ok", "1 trap", "1 invalid-input", "2 workers"] {
        assert!(ran.stderr.contains(needle), "no {needle:?} in {}", ran.stderr);
    }
    assert_eq!(ran.stderr.lines().count(), 3, "a line for each kind of failure: {}", ran.stderr);
    assert_eq!(run(&mut wpool_run(&wat("trap-on-bang"), "-q"), rows).stderr, "");
}

#[test]
fn verbose_tells_about_workers() {
    let ran = run(&mut wpool_run(&wat("echo"), "-v -j 1"), "1");
    assert!(ran.stderr.contains("worker 0.0 started"), "{}", ran.stderr);
}

#[test]
fn help_is_grouped_and_says_how_a_run_can_end() {
    let ran = run(wpool().args(["run", "--help"]), "");
    assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
    for needle in [
        "Arguments:",
        "Input:",
        "Output:",
        "Limits of a task:",
        "Grants:",
        "Pool:",
        "Errors, retries, stopping:",
        "Messages:",
        "Exit codes:",
        "{.field}",
    ] {
        assert!(ran.stdout.contains(needle), "no {needle:?}");
    }
    let codes = ran.stdout.split("Exit codes:").nth(1).expect("the list");
    for code in [OK, USAGE, NO_INPUTS, 70, SET_UP, NOT_OK, REFUSED, STOPPED, CANNOT_WRITE, 124, 130, 143] {
        assert!(codes.split(|c: char| !c.is_ascii_digit()).any(|word| word == code.to_string()), "no {code}");
    }
    assert!(options().len() > 15, "{:?}", options());
    let short = run(wpool().arg("--help"), "").stdout;
    assert!(["run", "inspect", "completions", "man"].iter().all(|command| short.contains(command)), "{short}");
}

#[test]
fn completions_know_every_option() {
    for (shell, needle) in [("bash", "complete -F _wpool"), ("zsh", "#compdef wpool"), ("fish", "complete -c wpool")] {
        let ran = run(wpool().args(["completions", shell]), "");
        assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
        assert!(ran.stdout.contains(needle), "{shell}");
        let spelled =
            |option: &String| ran.stdout.contains(option) || ran.stdout.contains(&format!("-l {}", &option[2..]));
        let missing: Vec<_> = options().into_iter().filter(|option| !spelled(option)).collect();
        assert!(missing.is_empty(), "{shell} lacks {missing:?}");
    }
}

#[test]
fn the_manual_page_has_every_option_and_command() {
    let ran = run(wpool().arg("man"), "");
    assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
    let text = ran.stdout.replace('\\', "");
    let missing: Vec<_> = options().into_iter().filter(|option| !text.contains(option.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for needle in [".TH wpool 1", "wpool-run", "wpool-inspect", "wpool-completions", ".SH SYNOPSIS"] {
        assert!(text.contains(needle), "no {needle:?}");
    }
}

#[test]
fn inspect_says_what_a_program_is_and_how_it_is_called() {
    for (task, kind, convention, why, import) in [
        (wat("echo"), "core-module", "raw", "`alloc`", None),
        (wat("cat"), "core-module", "command", "_start", Some("wasi_snapshot_preview1.fd_read")),
        (wat("component-echo"), "component", "task", "`run`", None),
        (wat("component-interface"), "component", "task", "wpool:task/task@0.1.0", None),
        (guest("is-prime"), "component", "task", "`run`", Some("wasi:cli/")),
        (wat("huge-memory"), "core-module", "raw", "`run`", None),
    ] {
        let text = run(wpool().arg("inspect").arg(&task), "");
        assert_eq!((text.code, text.stderr.as_str()), (OK, ""), "{}", task.display());
        let needles = [&kind.replace('-', " "), convention, why, import.unwrap_or("none")];
        assert!(needles.iter().all(|needle| text.stdout.contains(needle)), "{needles:?} in {}", text.stdout);
        let ran = run(wpool().arg("inspect").arg("--json").arg(&task), "");
        let [report] = &ran.records()[..] else { panic!("one line of JSON, not {}", ran.stdout) };
        assert_eq!((&report["kind"], &report["convention"]), (&json!(kind), &json!(convention)));
        assert!(report["why"].as_str().is_some_and(|text| text.contains(why)), "{report}");
        let imports = report["imports"].as_array().expect("a list");
        let is = |text: &&Value| text.as_str().zip(import).is_some_and(|(text, import)| text.starts_with(import));
        assert_eq!(imports.iter().any(|text| is(&text)), import.is_some(), "{report}");
        assert_eq!(imports.is_empty(), import.is_none(), "{report}");
    }
}

#[test]
fn inspect_refuses_what_run_refuses() {
    for name in ["no-convention", "unknown-import"] {
        let ran = run(wpool().arg("inspect").arg(wat(name)), "");
        assert_refused(&ran, REFUSED, &[name], name);
    }
}

#[test]
fn the_version_is_one_line_or_names_the_engine_too() {
    let ran = run(wpool().arg("-V"), "");
    assert_eq!((ran.code, ran.stdout), (OK, format!("wpool {}\n", env!("CARGO_PKG_VERSION"))));
    let ran = run(wpool().arg("--version"), "");
    let lock = std::fs::read_to_string(crate::support::root().join("Cargo.lock")).expect("it is there");
    let (_, engine) = lock.split_once("name = \"wasmtime\"\nversion = \"").expect("it is pinned");
    let (engine, _) = engine.split_once('"').expect("a version");
    assert!(ran.stdout.contains(&format!("\nengine: wasmtime {engine}\n")), "{}", ran.stdout);
}

#[test]
fn doctor_prints_the_system_calls_of_each_child_with_their_reasons() {
    let ran = run(wpool().args(["doctor", "--fence"]), "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    for line in [
        "every child",
        "  read               frames from the host",
        "  tgkill*            abort and the engine's handlers end the process by a signal",
    ] {
        assert!(ran.stdout.lines().any(|other| other == line), "{line}: {}", ran.stdout);
    }
    let ran = run(wpool().args(["doctor", "--fence", "--json"]), "");
    let calls: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).expect("an array");
    assert!(calls.len() > 50 && calls.iter().all(|call| call["why"].as_str().is_some_and(|why| !why.is_empty())));
}
