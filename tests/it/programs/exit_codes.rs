//! Exit codes and types of outputs.

use super::*;

#[test]
fn exit_codes_that_count_as_ok_are_a_list() {
    let folder = folder_of([]);
    let rows = "0\n7\n20\n";
    for (args, statuses) in [
        ("", ["ok", "failed", "failed"]),
        ("--success-codes 0,7,20", ["ok", "ok", "ok"]),
        ("--success-codes 7 --success-codes 20", ["failed", "ok", "ok"]),
    ] {
        let ran = run_in(&folder, "exit-code", args, rows);
        assert_eq!(ran.each("status"), statuses, "{args}");
        assert_eq!(ran.each("output"), ["bye"; 3], "{args}");
    }
    let ran = run_in(&folder, "exit-code", "--success-codes 7", "0\n");
    assert_eq!(ran.records()[0]["error"]["exit_code"], 0);
}

#[test]
fn components_have_exit_codes_too() {
    let folder = folder();
    let text = |end: &str| {
        format!(
            r#"(component
                (import "wasi:cli/exit@0.2.12" (instance $exit (export "exit-with-code" (func (param "status-code" u8)))))
                (core func $exit (canon lower (func $exit "exit-with-code")))
                (core module $code
                    (import "exit" "exit" (func $exit (param i32)))
                    (func (export "run") (result i32) {end}))
                (core instance $i (instantiate $code (with "exit" (instance (export "exit" (func $exit))))))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))"#
        )
    };
    for (end, args, status, code) in [
        ("(i32.const 0)", "", "ok", Value::Null),
        ("(i32.const 1)", "", "failed", json!(1)),
        ("(i32.const 1)", "--success-codes 1", "ok", Value::Null),
        ("(call $exit (i32.const 200)) (i32.const 0)", "", "failed", json!(200)),
        ("(call $exit (i32.const 200)) (i32.const 0)", "--success-codes 0,200", "ok", Value::Null),
    ] {
        let task = write(&folder, "task.wat", text(end));
        let ran = run(&mut wpool_run(&task, &format!("--once {args}")), "");
        let record = &ran.records()[0];
        assert_eq!(
            (&record["status"], &record["error"]["exit_code"]),
            (&json!(status), &code),
            "{end}: {}",
            ran.stderr
        );
    }
}

#[test]
fn the_type_of_outputs_can_be_fixed() {
    let folder = folder_of([("a", "7\n"), ("b", "text"), ("c", "")]);
    write(&folder, "d", b"\xff");
    let base64 = |text: &str| json!({ "base64": text });
    for (kind, statuses, outputs) in [
        ("auto", ["ok"; 4], [json!(7), json!("text"), json!(""), base64("/w==")]),
        ("text", ["ok", "ok", "ok", "failed"], [json!("7"), json!("text"), json!(""), base64("/w==")]),
        ("base64", ["ok"; 4], [base64("Nwo="), base64("dGV4dA=="), base64(""), base64("/w==")]),
        ("json", ["ok", "failed", "failed", "failed"], [json!(7), json!("text"), Value::Null, base64("/w==")]),
    ] {
        let ran = run_in(&folder, "cat", &format!("--files ? --output-type {kind}"), "");
        assert_eq!(ran.each("status"), statuses, "{kind}");
        assert_eq!(ran.each("output"), outputs, "{kind}");
        assert!(errors(&ran).iter().all(|(code, _)| *code == format!("not-{kind}")), "{}", ran.stdout);
        assert_eq!(ran.code, if statuses == ["ok"; 4] { OK } else { NOT_OK });
    }
}
