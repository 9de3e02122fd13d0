//! Core modules whose entry is named.

use wpool::{Pool, PoolConfig, Program, WorkerCommand};

use super::*;
use crate::cli::REFUSED;
use crate::support::{block_on, wpool};

fn records(task: &Path, args: &str, rows: &str) -> Vec<Value> {
    let ran = run(&mut wpool_run(task, args), rows);
    assert!([OK, NOT_OK].contains(&ran.code), "{} {args}: {}", task.display(), ran.stderr);
    ran.records()
}

#[test]
fn a_function_without_parameters_is_called_as_a_command_and_its_i32_is_the_exit_code() {
    for isolation in ["fresh", "reset", "reset --verify-isolation"] {
        let args = |call: &str| format!("--lines --call {call} --isolation {isolation}");
        for record in records(&wat("entries"), &args("hello"), "a\nb\nc") {
            assert_eq!((&record["status"], &record["output"]), (&json!("ok"), &json!("hello")), "{record}");
        }
        let coded = records(&wat("entries"), &args("code"), "\"\"\nabcd\n1");
        let codes: Vec<_> = coded.iter().map(|record| record["error"]["exit_code"].clone()).collect();
        assert_eq!(codes, [json!(5), json!(7), json!(4)], "{isolation}");
        assert!(coded.iter().all(|record| record["output"] == "hello" && record["error"]["code"] == "exit"));
    }
    let all = records(&wat("entries"), "--lines --call code --success-codes 7", "abcd\na");
    assert_eq!(all.iter().map(|record| record["status"].clone()).collect::<Vec<_>>(), ["ok", "failed"]);
}

#[test]
fn a_function_of_the_type_of_a_raw_one_is_called_with_an_allocator_that_is_found_or_named() {
    for args in ["--call upper", "--call upper --alloc text_alloc", "--call upper --isolation fresh"] {
        let all = records(&wat("entries"), &format!("--lines {args}"), "row\nx");
        assert_eq!(all.iter().map(|record| record["output"].clone()).collect::<Vec<_>>(), ["Row", "X"], "{args}");
    }
    let wrong = &records(&wat("entries"), "--lines --call upper --alloc wrong", "row")[0];
    assert!(wrong["error"]["message"].as_str().is_some_and(|why| why.contains("outside of its memory")), "{wrong}");
}

#[test]
fn a_module_whose_function_was_not_named_is_refused_with_the_names() {
    let refused = |args: &str, needles: &[&str]| {
        assert_refused(&run(&mut wpool_run(&wat("entries"), args), "1"), REFUSED, needles, args);
    };
    refused("", &["`hello`", "`code`", "`upper`", "--call"]);
    refused("--call add", &["`add`", "func() -> ()", "`upper`", "--call"]);
    refused("--call nothing", &["`nothing`", "--call"]);
    refused("--call upper --alloc add", &["the allocator `add`", "--alloc"]);
    refused("--call hello --alloc text_alloc", &["standard input", "--alloc"]);
    let component = run(&mut wpool_run(&wat("component-add"), "--alloc x"), "1");
    assert_refused(&component, REFUSED, &["is a component", "--alloc"], "a component");
}

#[test]
fn a_module_that_starts_by_itself_has_its_other_functions_listed() {
    assert_eq!(records(&wat("start-and-more"), "--once", "")[0]["output"], "start");
    assert_eq!(records(&wat("start-and-more"), "--once --call other", "")[0]["output"], "other");
    let inspect = |task: &str, args: &[&str]| run(wpool().arg("inspect").arg(wat(task)).args(args), "");
    let ran = inspect("start-and-more", &[]);
    assert!(
        ran.stdout.contains("entries     1, of which --call can name one\n            other: command\n"),
        "{}",
        ran.stdout
    );
    let ran = inspect("entries", &[]);
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    for line in ["hello: command", "code: command", "upper: raw"] {
        assert!(ran.stdout.contains(&format!("            {line}\n")), "{line} in {}", ran.stdout);
    }
    let document = &inspect("entries", &["--json"]).records()[0];
    assert_eq!(document["call"], json!(["hello", "code", "upper"]), "{document}");
    let document = &inspect("entries", &["--json", "--call", "upper", "--alloc", "wrong"]).records()[0];
    assert_eq!((&document["convention"], &document["allocator"]), (&json!("raw"), &json!("wrong")), "{document}");
}

#[test]
fn a_pool_in_rust_names_its_function_and_its_allocator() {
    let run = |call: &str, alloc: Option<&str>| {
        let worker = Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool")));
        let (call, alloc) = (Some(call.to_owned()), alloc.map(str::to_owned));
        let config = PoolConfig { workers: 1, worker, call, alloc, ..PoolConfig::default() };
        block_on(async {
            let pool = Pool::builder(Program::read(wat("entries")).expect("a program")).config(config).build().await;
            let pool = pool.expect("the pool starts");
            pool.submit("row").await.expect("it is taken").await.outcome
        })
    };
    assert_eq!(run("upper", Some("text_alloc")).output().map(|output| &output[..]), Some(&b"Row"[..]));
    assert_eq!(run("hello", None).output().map(|output| &output[..]), Some(&b"hello\n"[..]));
}
