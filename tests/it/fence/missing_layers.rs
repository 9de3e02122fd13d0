//! Machines without some layers, and the reports about them.

use serde_json::Value;
use wpool::fence::{LayerState, SandboxLayer};

use super::*;

/// A run on a machine that lacks layers.
fn without(layers: &str, args: &str) -> Ran {
    run_without(layers, &wat("echo"), args)
}

#[test]
fn c85_what_a_machine_lacks_is_told_once_and_refused_under_strict() {
    for layers in ["landlock", "namespaces", "seccomp", "landlock,namespaces,seccomp"] {
        let ran = without(layers, "--sandbox auto -j 2 --chunksize 1 --max-tasks-per-worker 1");
        assert_eq!(
            (ran.code, ran.each("status")),
            (ALL_OK, vec![json!("ok"), json!("ok")]),
            "{layers}: {}",
            ran.stderr
        );
        let warnings: Vec<_> = ran.stderr.lines().filter(|line| line.contains("warning: ")).collect();
        assert_eq!(warnings.len(), 1, "{layers}: {}", ran.stderr);
        assert!(layers.split(',').all(|layer| warnings[0].contains(layer)), "{layers}: {}", ran.stderr);
        // From the cache, and compiled anew.
        for more in ["", "--no-cache"] {
            let ran = without(layers, &format!("--sandbox strict {more}"));
            assert_eq!(ran.code, SET_UP_FAILED, "{layers}: {}", ran.stderr);
            assert!(layers.split(',').all(|layer| ran.stderr.contains(layer)), "{layers}: {}", ran.stderr);
            assert!(ran.stderr.contains("--sandbox auto"), "{}", ran.stderr);
        }
        let ran = without(layers, "--sandbox off");
        assert_eq!((ran.code, ran.stderr.contains("warning")), (ALL_OK, false), "{layers}: {}", ran.stderr);
    }
}

#[test]
fn c85_doctor_tries_every_layer() {
    let layers = |command: &mut Command| -> Value {
        let ran = run(command.env_remove("CI"), "");
        assert_eq!(ran.code, ALL_OK, "{}", ran.stderr);
        ran.records()[0]["sandbox"].clone()
    };
    let all = SandboxLayer::ALL.map(|layer| json!({ "layer": layer.as_str(), "state": "on" }));
    assert_eq!(layers(wpool().args(["doctor", "--json"])), json!(all));
    let mut lame = Command::new(example("without"));
    let found = layers(lame.args(["landlock", env!("CARGO_BIN_EXE_wpool"), "doctor", "--json"]));
    let states: Vec<_> = found.as_array().unwrap().iter().map(|layer| layer["state"].clone()).collect();
    assert_eq!(states, ["on", "on", "on", "missing", "on"]);
    assert!(found[3]["why"].as_str().is_some_and(|why| why.contains("not implemented")), "{found}");
    let mut denied = Command::new(example("without"));
    let found = layers(denied.args(["landlock-denied", env!("CARGO_BIN_EXE_wpool"), "doctor", "--json"]));
    assert!(found[3]["why"].as_str().is_some_and(|why| why.contains("not permitted")), "{found}");
    let ran = run(wpool().arg("doctor"), "");
    assert!(ran.stdout.contains("sandbox\n  limits          on\n"), "{}", ran.stdout);
}

#[test]
fn a_pool_knows_what_stands() {
    let events = Events::default();
    let mut config = intruder(&events);
    for (mode, expected) in [(SandboxMode::Strict, LayerState::On), (SandboxMode::Off, LayerState::Off)] {
        config.sandbox = mode;
        let states = block_on(async {
            let program = Program::read(wat("echo")).expect("the guest is there");
            let pool = Pool::builder(program).config(config.clone()).build().await.expect("the pool starts");
            assert_eq!(pool.fence(), None);
            pool.submit("1").await.expect("it takes a task").await;
            pool.fence().expect("there was a worker").layers().map(|(_, state)| state).collect::<Vec<_>>()
        });
        assert_eq!(states, [expected; 5], "{mode:?}");
    }
}
