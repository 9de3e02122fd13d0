//! What runs within a policy, and what is said of it.

use serde_json::{Value, json};

use super::*;

fn json_of(path: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .expect("JSON")
}

#[test]
fn what_is_allowed_runs() {
    let place = Place::new();
    place.strict();
    for args in [
        "cat.wat - --timeout 5s --memory 64MiB --max-output 1MiB --fuel 1000000000 -j 2 --retries 1",
        "cat.wat - --env LANG=C --env CI_JOB=1 --scratch /tmp",
        "cat.wat - --isolation fresh --sandbox strict",
        "read-file.wat - --dir open",
        "read-file.wat - --dir DIR/open/../open::/data:ro",
        "cat.wat - --dir out/:rw",
        "cat.wat - --deterministic",
    ] {
        let ran = place.run(&format!("run tasks/{args} --policy strict.toml"));
        assert_eq!(ran.code, 0, "{args}: {} {}", ran.stdout, ran.stderr);
    }
}

#[test]
fn what_is_left_out_becomes_the_ceiling_and_is_never_unlimited() {
    let place = Place::new();
    place.policy("short.toml", "[max]\ntimeout = '300ms'\n");
    let ran = place.run("run tasks/spin.wat - --policy short.toml --summary-json summary.json");
    assert_eq!(ran.each("status"), ["timeout", "timeout"], "{}", ran.stderr);
    let set = json!([{"option": "--timeout", "to": "300ms", "by": "short.toml:2"}]);
    assert_eq!(json_of(place.at("summary.json"))["policy"]["set"], set);
    place.policy("fuel.toml", "[max]\nfuel = 100_000\n");
    for more in ["", "--deterministic"] {
        let ran = place.run(&format!("run tasks/spin.wat - --policy fuel.toml {more}"));
        assert_eq!(ran.each("status"), ["fuel", "fuel"], "{}", ran.stderr);
    }
    place.policy("cpu.toml", "[max]\ncpu-time = '300ms'\n");
    let ran = place.run("run tasks/spin.wat - --policy cpu.toml");
    assert_eq!(ran.each("status"), ["timeout", "timeout"], "{}", ran.stderr);
    place.policy("deadline.toml", "[max]\ndeadline = '1s'\n");
    let ran = place.run("run tasks/spin.wat - --policy deadline.toml");
    assert_eq!(ran.code, 124, "{}", ran.stderr);
}

#[test]
fn a_deterministic_run_has_no_deadline_and_ends_at_the_ceiling_all_the_same() {
    let place = Place::new();
    place.policy("short.toml", "[max]\ntimeout = '1s'\n");
    let ran = place.run("run tasks/spin.wat - --policy short.toml --deterministic --fuel 1000000000000000");
    assert_eq!(ran.each("status"), ["timeout", "timeout"], "{}", ran.stderr);
}

#[test]
fn a_default_over_the_ceiling_is_lowered_without_a_word() {
    let place = Place::new();
    place.policy("small.toml", "[max]\nmemory = '64MiB'\nmax-output = '1MiB'\nworkers = 1\n");
    let ran = place.run("run tasks/cat.wat - --policy small.toml --summary-json summary.json --dry-run");
    assert!(ran.stdout.contains("no timeout, memory 64.0 MiB, output 1.0 MiB"), "{}", ran.stdout);
    assert!(ran.stdout.contains("--memory is 64MiB, by small.toml:2"), "{}", ran.stdout);
    let ran = place.run("run tasks/cat.wat - --policy small.toml -q");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn with_cap_what_is_over_a_ceiling_is_cut_in_one_line_and_kept_on_record() {
    let place = Place::new();
    let text = "on-excess = 'cap'\n[max]\nmemory = '64MiB'\ntimeout = '5s'\n[allow]\nstate = false\n";
    place.policy("cap.toml", text);
    let args =
        "run tasks/cat.wat - --policy cap.toml --memory 4GiB --timeout 1m -o out.jsonl --summary-json summary.json";
    let ran = place.run(args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let line = "wpool: policy: --memory is 64MiB, not 4GiB (cap.toml:3); --timeout is 5s, not 60s (cap.toml:4)\n";
    assert_eq!(ran.stderr.matches("policy:").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(line), "{}", ran.stderr);
    let told = &json_of(place.at("summary.json"))["policy"];
    assert_eq!(told, &json_of(place.at("out.jsonl.wpool/run.json"))["policy"]);
    let cut = json!([
        {"option": "--memory", "from": "4GiB", "to": "64MiB", "by": "cap.toml:3"},
        {"option": "--timeout", "from": "60s", "to": "5s", "by": "cap.toml:4"},
    ]);
    assert_eq!(told["cut"], cut);
    let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
    assert_eq!(told["files"], json!([{"path": "cap.toml", "blake3": hash}]));
    // A grant is never cut.
    assert_refused(&place.run("run tasks/cat.wat - --policy cap.toml --state"), "--state", "cap.toml".as_ref());
}

#[test]
fn all_policies_apply_and_the_least_of_their_ceilings_counts() {
    let place = Place::new();
    place.policy(
        "a.toml",
        "on-excess = 'cap'\n[max]\nmemory = '64MiB'\nmax-output = '2MiB'\n[allow]\nenv = ['A', 'B']\n",
    );
    place.policy(
        "b.toml",
        "on-excess = 'cap'\n[max]\nmemory = '128MiB'\nmax-output = '1MiB'\n[allow]\nenv = ['B', 'C']\n",
    );
    let dry = |args: &str| place.run(&format!("run tasks/cat.wat - --dry-run --memory 1GiB --max-output 1GiB {args}"));
    for order in ["--policy a.toml --policy b.toml", "--policy b.toml --policy a.toml"] {
        let ran = dry(order);
        assert!(ran.stdout.contains("memory 64.0 MiB, output 1.0 MiB"), "{} {}", ran.stdout, ran.stderr);
        assert_eq!(dry(&format!("{order} --env B=1")).code, 0);
        for name in ["A", "C"] {
            assert_eq!(dry(&format!("{order} --env {name}=1")).code, 96, "{name}");
        }
    }
}

#[test]
fn a_policy_that_is_replaced_during_a_run_stays_for_this_run() {
    let place = Place::new();
    place.policy("now.toml", "[max]\ntimeout = '300ms'\n");
    let mut live =
        Live::start(&mut place.command("run tasks/spin.wat - --policy now.toml -j 1 --max-tasks-per-worker 1"));
    live.say("1\n");
    assert!(live.line().contains("timeout"));
    place.policy("now.toml", "");
    live.say("2\n");
    assert!(live.line().contains("timeout"));
    assert_eq!(live.end().code, 100);
}

#[test]
fn a_directory_that_became_a_link_during_a_run_is_not_followed() {
    let place = Place::new();
    place.policy("dirs.toml", "[allow]\ndirs = ['open']\n");
    fs::write(place.at("open/inner/data.txt"), "inner").expect("a file");
    let args =
        "run tasks/read-file.wat - --policy dirs.toml --dir open/inner -j 1 --max-tasks-per-worker 1 --chunksize 1";
    let mut live = Live::start(&mut place.command(args));
    live.say("1\n");
    assert!(live.line().contains("inner"));
    fs::rename(place.at("open/inner"), place.at("open/moved")).expect("it moves");
    symlink(place.at("secret"), place.at("open/inner")).expect("a link");
    live.say("2\n3\n4\n");
    let ran = live.end();
    assert!(!ran.stdout.contains("secret"), "{}", ran.stdout);
}

#[test]
fn a_program_is_allowed_by_its_content_wherever_it_stands() {
    let place = Place::new();
    let hash = blake3::hash(&fs::read(place.at("bad/echo2.wat")).expect("a program")).to_hex().to_string();
    place.policy("hash.toml", &format!("[allow]\nprograms = ['blake3:{hash}']\n"));
    assert_eq!(place.run("run bad/echo2.wat - --policy hash.toml").code, 0);
    assert_eq!(place.run("run tasks/echo.wat - --policy hash.toml").code, 0, "it is the same content");
    let ran = place.run("run tasks/cat.wat - --policy hash.toml");
    assert_refused(&ran, "another content", "hash.toml".as_ref());
    assert!(ran.stderr.contains("its content is blake3:"), "{}", ran.stderr);
}

#[test]
fn a_script_is_allowed_by_its_place_or_by_the_content_of_its_package() {
    let place = Place::new();
    fs::copy(place.at("bad/app.js"), place.at("tasks/app.js")).expect("a script");
    symlink(place.at("bad/app.js"), place.at("tasks/other.js")).expect("a link");
    fs::write(place.at("rows.jsonl"), "1\n").expect("rows");
    place.policy("places.toml", "[allow]\nprograms = ['tasks/*']\n");
    let ran = place.run("run tasks/app.js rows.jsonl -o out.jsonl --policy places.toml");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let replayed = place.run("replay out.jsonl 0 --policy places.toml");
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let ran = place.run("run tasks/other.js - --policy places.toml");
    assert_refused(&ran, "a link", "places.toml".as_ref());
    let (_, hash) = ran.stderr.split_once("blake3:").expect("its content");
    let hash = hash.split(')').next().expect("its end");
    place.policy("hash.toml", &format!("[allow]\nprograms = ['blake3:{hash}']\n"));
    assert_eq!(place.run("run tasks/other.js - --policy hash.toml").code, 0);
    fs::write(place.at("bad/app.js"), "export function run(row) { return 1 }\n").expect("another script");
    assert_refused(&place.run("run bad/app.js - --policy hash.toml"), "another", "hash.toml".as_ref());
    fs::write(place.at("tasks/app.js"), "export function run(row) { return 1 }\n").expect("another script");
    assert_refused(&place.run("replay out.jsonl 0 --policy places.toml"), "replay", "places.toml".as_ref());
}

#[test]
fn what_is_required_is_turned_on_where_nothing_was_typed() {
    let place = Place::new();
    place.policy("exact.toml", "[require]\ndeterministic = true\nisolation = 'fresh'\nsandbox = 'auto'\n");
    let ran = place.run("run tasks/cat.wat - --policy exact.toml -o out.jsonl --no-cache");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let facts = json_of(place.at("out.jsonl.wpool/run.json"));
    assert_eq!((&facts["settings"]["--deterministic"], &facts["settings"]["--seed"]), (&json!("true"), &json!("0")));
}
