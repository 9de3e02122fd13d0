//! Standard input of programs, and options that do not fit together.

use super::*;
use crate::cli::USAGE;

#[test]
fn standard_input_is_made_from_the_row() {
    let folder = folder_of([("f.x", "content")]);
    let rows = "{\"text\": \"a\\nb\"}\n";
    for (args, rows, expected) in [
        ("--stdin {.text}", rows, json!("a\nb")),
        ("--stdin <{}>", rows, json!("<{\"text\": \"a\\nb\"}>")),
        ("--stdin none", rows, json!("")),
        ("--files * --stdin {stem}:{}", "", json!("f:f.x")),
        ("--files *", "", json!("content")),
        ("--once --stdin text", "", json!("text")),
    ] {
        assert_eq!(run_in(&folder, "cat", args, rows).each("output"), [expected], "{args}");
    }
    let ran = run_in(&folder, "cat", "--stdin {.text}", "{}\n");
    assert_eq!(errors(&ran)[0].0, "stdin", "{}", ran.stdout);
}

#[test]
fn what_only_a_command_could_be_given_is_refused_for_others() {
    let folder = folder_of([]);
    for task in ["echo", "component-echo"] {
        for (args, needle) in
            [("--stdin none", "--stdin"), ("--success-codes 0,1", "--success-codes"), ("-- x", "arguments")]
        {
            assert_refused(&run_in(&folder, task, args, "1"), USAGE, &[needle, "not command", task], args);
        }
    }
}

#[test]
fn options_that_do_not_fit_together_are_refused() {
    let folder = folder_of([("f", "1")]);
    for (args, needles) in [
        ("--files f f", &["--files"][..]),
        ("--files f --lines", &["--files", "--lines"]),
        ("--files f --once", &["--files", "--once"]),
        ("--files f -", &["--files"]),
        ("--files [", &["--files: ", "'['"]),
        ("--files f --failed f", &["f is an input"]),
        ("f -- {stem}", &["{stem}", "needs --files"]),
        ("f --stdin {name}", &["{name}", "needs --files"]),
        ("f --out-dir d --out-name {ext}", &["{ext}", "needs --files"]),
        ("f -- {id}", &["{id}", "--out-name"]),
        ("f --out-name x", &["--out-dir"]),
        ("f --overwrite", &["--overwrite"]),
        ("f --success-codes 256", &["256"]),
        ("f --success-codes -1", &["-1"]),
        ("f --success-codes one", &["one"]),
        ("f --output-type xml", &["xml", "base64"]),
    ] {
        assert_refused(&run_in(&folder, "cat", args, ""), USAGE, needles, args);
    }
    assert_eq!(names_in(&folder), ["f"]);
}
