//! What a page says, as text.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Made;
use crate::support::{Live, run, wat, wpool};

#[test]
fn a_page_says_what_went_wrong_and_how_to_look_again() {
    let made = Made::new();
    let ran = made.run(&["-o", "out.jsonl", "--html", "page.html", "-q", "--env", "TOKEN=hush"]);
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let page = made.read("page.html");
    for text in [
        "2 of 40 tasks are not ok",
        "2 tasks in 1 group.",
        "&lt;b&gt;rows.txt:8",
        "<code class=cmd>wpool replay out.jsonl 7</code>",
        "<code class=cmd>wpool replay out.jsonl 27</code>",
        "wpool rerun out.jsonl --failed",
        "wpool run &#39;&lt;img src=x&gt;.wat&#39; --lines &#39;&lt;b&gt;rows.txt&#39; -o out.jsonl",
        "&#39;TOKEN=…&#39;",
        "<dt>variables<dd>TOKEN<",
        "<dt>network<dd>none<",
        "<dt>files<dd>none<",
        "<dt>memory<dd>512.0 MiB<",
        "&lt;/script&gt;&lt;img src=x",
        "exit code 100",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    assert!(!page.contains("hush"), "the value of a variable");
}

#[test]
fn workers_that_got_no_task_are_counted_as_well() {
    let made = Made::new();
    std::fs::write(made.path("one.txt"), "1\n").expect("a row");
    let mut command = wpool();
    command.current_dir(made.path(".")).arg("run").arg(wat("echo"));
    assert_eq!(run(command.args(["one.txt", "-j", "3", "--html", "page.html", "-q"]), "").code, 0);
    let page = made.read("page.html");
    for text in ["<dt>workers<dd>3<", "3 workers, "] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
}

#[test]
fn no_text_of_others_is_markup_or_leads_elsewhere() {
    let made = Made::new();
    made.run(&["-o", "out.jsonl", "--html", "page.html", "-q"]);
    let page = made.read("page.html");
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (1, 1));
    for text in ["<img", "<b>rows", "\u{1b}", "http:", "https:", "url(", "@import", "<link", "<iframe"] {
        assert!(!page.contains(text), "{text}");
    }
    assert_eq!(page.matches(" src=").count(), page.matches("&lt;img src=").count());
}

#[test]
fn the_policy_of_a_page_allows_its_own_style_and_script_alone() {
    let made = Made::new();
    made.run(&["--html", "page.html", "-q"]);
    let page = made.read("page.html");
    let policy = page.split("Content-Security-Policy content=\"").nth(1).and_then(|rest| rest.split('"').next());
    let policy = policy.expect("a policy");
    assert!(policy.starts_with("default-src 'none'; base-uri 'none'; form-action 'none'; "), "{policy}");
    for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
        let inner = page.split(&format!("<{tag}>")).nth(1).and_then(|rest| rest.split(&format!("</{tag}>")).next());
        let hash = sha256(inner.expect("it is there"));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "the hash of the {tag} is {hash}: {policy}");
    }
}

/// As a policy has it.
fn sha256(text: &str) -> String {
    let mut child =
        Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("coreutils are there");
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends").stdout;
    let digit = |at: usize| (output[at] as char).to_digit(16).expect("a digit") as u8;
    STANDARD.encode((0..32).map(|at| digit(2 * at) << 4 | digit(2 * at + 1)).collect::<Vec<u8>>())
}

#[test]
fn a_page_is_made_of_a_kept_run_afterwards_and_of_one_that_was_resumed() {
    let made = Made::new();
    assert_eq!(made.run(&["-o", "out.jsonl", "-q"]).code, 100);
    let mut rows = fs::File::options().append(true).open(made.path("<b>rows.txt")).expect("it is there");
    rows.write_all(b"more\n").expect("it is written");
    assert_eq!(made.run(&["-o", "out.jsonl", "-q", "--resume"]).code, 100);
    let ran = made.wpool(&["report", "out.jsonl", "--html", "page.html"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let page = made.read("page.html");
    assert!(page.contains("2 of 41 tasks are not ok") && page.contains("The run has 2 sessions."), "{page}");
    let ran = made.wpool(&["report", "out.jsonl", "--html", "page.html"]);
    assert_eq!(ran.code, 2, "a file is not written over: {}", ran.stderr);
}

#[test]
fn a_page_of_a_run_that_was_killed_says_so_and_how_to_complete_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.jsonl");
    let mut command = wpool();
    command.arg("run").arg(wat("echo")).arg("-").arg("-o").arg(&out).arg("--html").arg(folder.path().join("a.html"));
    let mut live = Live::start(&mut command);
    live.say("1\n2\n3\n");
    let history = folder.path().join("out.jsonl.wpool/history");
    while fs::metadata(&history).map_or(0, |file| file.len()) < 16 * 5 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    live.kill();
    assert!(!folder.path().join("a.html").exists(), "a page of a run that has not ended");
    let page = folder.path().join("b.html");
    let ran = run(wpool().arg("report").arg(&out).arg("--html").arg(&page), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let page = fs::read_to_string(page).expect("it is written");
    assert!(page.contains("The run was killed: all 3 tasks are ok"), "{page}");
    assert!(page.contains("--resume"), "{page}");
}

#[test]
fn a_run_that_does_not_start_has_a_page_that_does_not_look_like_success() {
    let made = Made::new();
    fs::write(made.path("page.html"), "of an earlier run").expect("a file");
    fs::write(made.path("bad.wat"), format!("(module (import \"{}\" \"b\" (func)))", "no<b>")).expect("a file");
    let ran = made.wpool(&["run", "bad.wat", "--lines", "<b>rows.txt", "--html", "page.html"]);
    assert_eq!(ran.code, 101, "{}", ran.stderr);
    let page = made.read("page.html");
    assert!(page.contains("The run has failed before its first task") && page.contains("class=wrong"), "{page}");
    assert!(!page.contains("<b>no") && !page.contains("no<b>"), "{page}");
}
