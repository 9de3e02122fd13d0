//! Places of an `init`, its argument, and the settings that request it.

use wpool::limits::CompileLimits;
use wpool::{Init, Outcome, PoolConfig};

use super::*;

#[test]
fn init_has_no_directories() {
    let granted = format!("--dir {}", root().join("wit").display());
    for args in ["", "--init-each"] {
        assert_eq!(outputs(&wat("init-files"), &format!("{granted} {args}"), "1\n"), [json!([0, 1])], "{args}");
    }
}

#[test]
fn init_may_stand_in_the_interface_or_beside_a_function() {
    assert_eq!(outputs(&wat("init-interface"), "--init-arg 8", "1\n"), [8]);
    assert_eq!(outputs(&wat("init-function"), "--init-arg [1,2]", "[100]\n"), [105]);
    assert_eq!(outputs(&wat("init-function"), "", "[100]\n"), [100]);
    // Called by name it is a function like any other, and is not called before.
    assert_eq!(outputs(&wat("init-function"), "--call init", "[[1]]\n"), [Value::Null]);
}

#[test]
fn an_init_that_is_called_by_name_finds_no_snapshot() {
    let cache = tempfile::tempdir().unwrap();
    for (args, row, expected) in
        [("init", "[[1]]", Value::Null), ("add", "[1]", json!(2)), ("init", "[[1]]", Value::Null)]
    {
        let ran = run_in(cache.path(), &wat("init-once"), &format!("--call {args}"), row);
        assert_eq!(ran.each("output"), [expected], "{args}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn what_init_found_of_its_memory_limit_is_kept_for_that_limit_alone() {
    let cache = tempfile::tempdir().unwrap();
    for (args, expected) in [("--memory 8MiB", "no"), ("--memory 512MiB", "yes"), ("--memory 8MiB", "no")] {
        let ran = run_in(cache.path(), &wat("init-grow"), &format!("--lines {args}"), "1\n");
        assert_eq!(ran.each("output"), [expected], "{args}: {}", ran.stderr);
    }
}

#[test]
fn an_argument_is_json_or_the_bytes_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("argument");
    fs::write(&file, "no JSON").unwrap();
    let found = outputs(&wat("init-command"), &format!("--init-arg @{}", file.display()), "1\n");
    assert_eq!(found, ["built 1 times: no JSON"]);
    refused(&wat("init-command"), "--init-arg {", 2, &["--init-arg {: not JSON"]);
    refused(&wat("init-command"), "--init-arg @/nowhere", 96, &["/nowhere"]);
    refused(&wat("init-command"), "--init-arg @/dev/zero", 96, &["/dev/zero is over 64 MiB"]);
}

#[test]
fn inspect_shows_that_there_is_an_init_and_does_not_run_it() {
    for (guest, path) in [("init-spin", "wpool_init"), ("init-component", "init")] {
        let ran = run(wpool().arg("inspect").arg(wat(guest)), "");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains(&format!("init        {path}, ")), "{}", ran.stdout);
    }
    let ran = run(wpool().arg("inspect").arg("--json").arg(wat("init-interface")), "");
    assert_eq!(ran.records()[0]["init"], json!(["wpool:task/task@0.1.0", "init"]));
}

#[test]
fn a_library_user_prepares_a_program() {
    let program = Program::read(wat("init-component")).unwrap();
    let init = Init { argument: "[true]".into(), ..Init::default() };
    block_on(async {
        let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
        let pool = Pool::builder(program).worker(worker).init(init).build().await.unwrap();
        let mut results = pool.map(["1", "2"]);
        let mut found = Vec::new();
        while let Some(result) = results.next().await.unwrap() {
            let Outcome::Ok(output) = result.outcome else { panic!("{result:?}") };
            found.push(output);
        }
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], found[1]);
        assert!(found[0].ends_with(b",[true]]"), "{found:?}");
    });
}

#[test]
fn limits_of_time_may_be_as_long_as_can_be_said() {
    let longest = PoolConfig {
        worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))),
        init: Some(Init { timeout: Duration::MAX, ..Init::default() }),
        compile_limits: CompileLimits { time: Duration::MAX, ..CompileLimits::default() },
        grace: Duration::MAX,
        ..PoolConfig::default()
    };
    let program = Program::read(wat("init-raw")).unwrap();
    block_on(async { Pool::builder(program).config(longest).build().await.map(drop) }).unwrap();
}
