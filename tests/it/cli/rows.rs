//! Valid rows, and errors of rows.

use super::*;

#[test]
fn c20_c30_without_rows_there_is_nothing_to_do() {
    let folder = folder();
    write(&folder, "empty", "");
    write(&folder, "blank", "\n   \n\t\n\r\n\n");
    for args in ["empty", "blank", "empty blank", "", "-", "/dev/null", "--lines blank"] {
        let ran = run_in(&folder, "echo", args);
        assert_eq!((ran.code, ran.stdout.as_str()), (NO_INPUTS, ""), "{args}: {}", ran.stderr);
    }
    let output = wpool_run(&wat("echo"), "-q").stdin(Stdio::null()).output().expect("a start");
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(NO_INPUTS), vec![], vec![]));
}

#[test]
fn c21_c22_a_row_is_a_line_without_its_end() {
    for rows in [
        "1\n\"two\"\n3\n",
        "1\n\"two\"\n3",
        "1\r\n\"two\"\r\n3\r\n",
        "\u{feff}1\n\n\"two\"\n  \n3",
        "1\n\n\n\"two\"\n\r\n3\n\n",
    ] {
        let ran = run_rows(&[wat("echo").to_str().expect("a name"), "--values"], rows);
        assert_eq!((ran.code, ran.stdout.as_str()), (OK, "1\n\"two\"\n3\n"), "{rows:?}");
    }
}

#[test]
fn the_program_gets_the_row_as_it_is_written() {
    let rows = " {\"a\" :  1.0}\t\n\"\\u0041\"\n";
    let ran = run(&mut wpool_run(&guest("word-count"), "--values"), rows);
    assert_eq!(ran.stdout, "{\"lines\":1,\"words\":3,\"bytes\":14}\n{\"lines\":1,\"words\":1,\"bytes\":8}\n");
}

#[test]
fn c22_c24_files_are_read_in_order_and_messages_name_file_and_line() {
    let folder = folder();
    write(&folder, "a", "1\n\n{\"bad\n2");
    write(&folder, "b", "\u{feff}\r\nnope\r\n3\n");
    let ran = run(wpool_run(&wat("echo"), "a - b a").current_dir(folder.path()), "\n4\n]\n");
    assert_eq!(ran.code, NOT_OK);
    let short = |record: &Value| match record["output"].as_u64() {
        Some(output) => output.to_string(),
        None => {
            record["error"]["message"].as_str().unwrap_or_default().split(": ").next().unwrap_or_default().to_owned()
        }
    };
    let found: Vec<_> = ran.records().iter().map(short).collect();
    assert_eq!(found, ["1", "a:3", "2", "4", "<stdin>:3", "b:2", "3", "1", "a:3", "2"]);
    assert_eq!(ran.each("id"), (0..10).map(|id| json!(id)).collect::<Vec<_>>());
}

#[test]
fn c23_a_row_that_is_not_utf_8_is_invalid_and_the_others_run() {
    for (bad, code) in [(&b"\xff\xfe"[..], "json"), (b"\"\xed\xa0\x80\"", "json"), (b"{\"a\":\"\x80\"}", "json")] {
        let ran = run(&mut wpool_run(&wat("echo"), ""), [b"1\n", bad, b"\n2\n"].concat());
        assert_eq!(ran.code, NOT_OK);
        assert_eq!(ran.each("status"), ["ok", "invalid-input", "ok"]);
        assert_eq!(ran.records()[1]["error"]["code"], code);
    }
}

#[test]
fn lines_may_be_any_text() {
    let rows = b"one\n two  three \n\"four\n{\"five\": 5}\n\xff\n";
    let ran = run(&mut wpool_run(&wat("echo"), "--lines --values"), rows);
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let expected = "\"one\"\n\" two  three \"\n\"\\\"four\"\n{\"five\": 5}\n{\"base64\":\"/w==\"}\n";
    assert_eq!(ran.stdout, expected);
}

#[test]
fn a_line_that_is_too_long_is_invalid_and_the_next_one_runs() {
    let mut rows = vec![b'1'; 70 << 20];
    rows.extend_from_slice(b"\n7\n");
    let ran = run(&mut wpool_run(&wat("echo"), ""), rows);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_eq!(ran.each("status"), ["invalid-input", "ok"]);
    assert_eq!(ran.records()[0]["error"]["code"], "line-too-long");
    assert_eq!(ran.records()[1]["output"], 7);
}

#[test]
fn a_line_may_have_64_mib_and_not_a_byte_more() {
    let longest = "1".repeat(64 << 20);
    let ran = run(&mut wpool_run(&wat("echo"), "--max-output 1KiB"), format!("{longest}1\n{longest}\n{longest}1"));
    // The one in the middle ran, and answered too much.
    assert_eq!(ran.each("status"), ["invalid-input", "output-limit", "invalid-input"], "{}", ran.stderr);
}
