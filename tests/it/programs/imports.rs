//! Imports of programs.

use super::*;
use crate::cli::REFUSED;

#[test]
fn a_program_that_imports_more_of_wasi_than_it_uses_runs() {
    for (task, interface, function) in [
        (wat("component-http"), "wasi:http/types@0.2.3", "[constructor]outgoing-request"),
        (wat("component-newer"), "wasi:random/random@0.2.99", "roll"),
    ] {
        let ran = run(&mut wpool_run(&task, "--lines --receipts"), "fine\n!\nfine\n");
        assert_eq!(ran.each("status"), ["ok", "trap", "ok"], "{}", ran.stderr);
        let record = &ran.records()[1];
        assert_eq!(
            (&record["error"]["code"], &record["receipt"]["layer"]),
            (&json!("denied-import"), &json!("sandbox"))
        );
        assert_eq!(record["error"]["backtrace"], json!(["run"]));
        let message = record["error"]["message"].as_str().expect("a text");
        assert!(message.contains("only so that the program loads"), "{message}");
        assert!([interface, function, "denied"].iter().all(|needle| message.contains(needle)), "{message}");
    }
}

#[test]
fn inspect_says_which_imports_are_denied() {
    let ran = run(crate::support::wpool().arg("inspect").arg(wat("component-http")), "");
    assert!(ran.stdout.contains("wasi:http/types@0.2.3: interface, denied\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("wasi:io/poll@0.2.3: interface\n"), "{}", ran.stdout);
}

#[test]
fn every_patch_of_preview_2_is_there() {
    let folder = folder();
    for patch in 0..=12 {
        let text = format!(
            r#"(component
                (import "wasi:random/random@0.2.{patch}" (instance $random (export "get-random-u64" (func (result u64)))))
                (core func $number (canon lower (func $random "get-random-u64")))
                (core module $code
                    (import "random" "number" (func $number (result i64)))
                    (func (export "run") (result i32) (drop (call $number)) (i32.const 0)))
                (core instance $i (instantiate $code (with "random" (instance (export "number" (func $number))))))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance (export "wasi:cli/run@0.2.{patch}") (export "run" (func $run))))"#
        );
        let task = write(&folder, "task.wat", text);
        let ran = run(&mut wpool_run(&task, "--once"), "");
        assert_eq!(ran.each("status"), ["ok"], "0.2.{patch}: {}", ran.stderr);
    }
}

#[test]
fn modules_may_import_the_sockets_of_preview_1() {
    assert_eq!(run(&mut wpool_run(&wat("sockets"), "--once"), "").each("output"), ["no socket"]);
}

#[test]
fn an_import_that_nothing_provides_is_refused_with_what_to_do() {
    let folder = folder();
    for (module, name, advice) in [
        ("env", "mystery", "never defined"),
        ("env", "emscripten_memcpy_js", "Emscripten"),
        ("env", "invoke_vi", "Emscripten"),
        ("a", "b", "Emscripten"),
        ("env", "abort", "--use abort="),
        ("wbg", "__wbg_log_1", "wasm-bindgen"),
        ("__wbindgen_placeholder__", "__wbindgen_describe", "wasm-bindgen"),
        ("env", "__wbindgen_throw", "wasm-bindgen"),
        ("gojs", "runtime.wasmExit", "GOOS=wasip1"),
        ("go", "debug", "GOOS=wasip1"),
        ("wasi_snapshot_preview1", "sock_open", "extension"),
        ("wasi_unstable", "fd_write", "2020"),
        ("wasi", "thread-spawn", "threads"),
        ("wasix_32v1", "futex_wait", "WASIX"),
        ("wasi:cli/stdout@0.2.0", "get-stdout", "wasm-tools component new"),
        ("wpool:task/progress@0.9.0", "report", "update wpool"),
        ("other", "thing", "nothing but WASI"),
    ] {
        let text = format!("(module (import {module:?} {name:?} (func)) (func (export \"_start\")))");
        let task = write(&folder, "task.wat", text);
        assert_refused(&run(&mut wpool_run(&task, "--once"), ""), REFUSED, &[module, name, advice], name);
    }
    let memory = write(&folder, "m.wat", "(module (import \"env\" \"memory\" (memory 1)) (func (export \"_start\")))");
    assert_refused(&run(&mut wpool_run(&memory, "--once"), ""), REFUSED, &["`memory` from `env`", "threads"], "memory");
    let other = run(&mut wpool_run(&wat("component-other"), "--once"), "");
    assert_refused(&other, REFUSED, &["acme:store/values@1.0.0", "`get`", "compose"], "a component");
    let wrong = "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func)) (func (export \"_start\")))";
    let wrong = write(&folder, "w.wat", wrong);
    assert_refused(&run(&mut wpool_run(&wrong, "--once"), ""), REFUSED, &["fd_write", "incompatible"], "a type");
}
