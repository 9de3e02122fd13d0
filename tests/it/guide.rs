//! The README and the guide: every command on a page is run, in the order of the page, in a folder with the files that
//! the page names.
//!
//! Each fenced block marked `sh` with a `wpool` command is run line by line. A line must end with exit code 0, or with
//! the code in its comment: `# exit code 100`. Further marks of a block:
//!
//! - `sh programs` is run where `WPOOL_PROGRAMS` names a folder with the programs of `tests/fetch-programs.sh`;
//! - `sh skip: REASON` is not run.
//!
//! The content of a block marked `toml FILE` is written to FILE. The content of a block marked `json output` or `text output`
//! must equal the standard output of the `sh` block before it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Ran, root, run, wat, wpool};

/// A fenced block of a page.
pub struct Block {
    /// The line of the page on which it begins.
    pub line: usize,
    /// The words behind the fence: `sh`, `json output`.
    pub info: String,
    pub text: String,
}

/// The fenced blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, number) in page.lines().zip(1..) {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                open = Some(Block { line: number, info: info.trim().to_owned(), text: String::new() })
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

pub fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The commands of a block: its lines, with those joined that a backslash continues, without comments.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The exit codes that a command may have: 0, or the numbers that its comment names.
fn expected(command: &str) -> Vec<i32> {
    let comment = command.rsplit_once(" # ").and_then(|(_, comment)| comment.split_once("exit code ")).map(|it| it.1);
    let Some(codes) = comment else { return vec![0] };
    codes.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// A question to a solver: is there a square root of 2 in some bits?
const QUESTION: &str = "(set-logic QF_BV)(declare-const x (_ BitVec 8))(assert (= (bvmul x x) (_ bv2 8)))(check-sat)";

/// A folder in which the commands of the pages find what they name.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    symlink(root().join("guest-tasks"), at("guest-tasks")).expect("a link");
    if let Some(programs) = programs() {
        symlink(programs, at("programs")).expect("a link");
    }
    for inner in ["photos", "questions", "art", "images", "scripts"] {
        fs::create_dir(at(inner)).expect("a folder");
    }
    let numbers: String = (1..=20).map(|number| format!("{number}\n")).collect();
    for (name, text) in [
        ("numbers.jsonl", numbers.as_str()),
        ("rows.jsonl", "97\n1001\n600851475143\n"),
        ("odd.jsonl", "9\n0\n15\n"),
        ("letter.txt", "a letter\nto teh editor\n"),
        ("many.txt", &"x\n".repeat(10_000)),
        ("book.txt", "It was the best of times,\nit was the worst of times\n"),
        (
            "points.jsonl",
            "{\"a\":{\"x\":0,\"y\":0},\"b\":{\"x\":2,\"y\":4}}\n[{\"x\":0,\"y\":0},{\"x\":2,\"y\":4},0.25]\n",
        ),
        ("scales.jsonl", "{\"scale\":2,\"file\":\"a.png\"}\n"),
        ("questions/root.smt2", QUESTION),
        ("questions.jsonl", &format!("{{\"text\":\"{QUESTION}\",\"seed\":1}}\n")),
        (
            "art/square.svg",
            "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><rect width='8' height='8'/></svg>",
        ),
    ] {
        fs::write(at(name), text).expect("a file");
    }
    fs::copy(root().join("guest-tasks/largest-prime-factor.wasm"), at("task.wasm")).expect("a program");
    fs::copy(root().join("guest-tasks/thumbnail.wasm"), at("thumbnail.wasm")).expect("a program");
    fs::copy(wat("args"), at("convert.wasm")).expect("a program");
    crate::images::pictures::write(&at("photos"), 2, &[(300, 200)]);
    folder
}

fn programs() -> Option<PathBuf> {
    std::env::var_os("WPOOL_PROGRAMS").map(PathBuf::from)
}

/// Runs a command of a page in a folder.
pub fn shell(command: &str, folder: &Path) -> Ran {
    let bin = Path::new(env!("CARGO_BIN_EXE_wpool")).parent().expect("it stands in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).env("PATH", format!("{}:{path}", bin.display()));
    shell.envs(wpool().get_envs().filter_map(|(name, value)| Some((name, value?))));
    for name in ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "TEAMCITY_VERSION"] {
        shell.env_remove(name);
    }
    shell.env("XDG_STATE_HOME", folder.join("state"));
    run(&mut shell, "")
}

/// Whether the test runs a block.
fn is_run(block: &Block) -> bool {
    let has_command = commands(&block.text).iter().any(|line| line.split_whitespace().any(|word| word == "wpool"));
    match block.info.as_str() {
        "sh" => has_command,
        "sh programs" => programs().is_some(),
        _ => false,
    }
}

/// Runs all commands of a page, and gives the folder as they leave it.
pub fn run_page(name: &str) -> TempDir {
    let folder = folder();
    let mut printed = String::new();
    for block in blocks(&page(name)) {
        let place = format!("{name}:{}", block.line);
        if is_run(&block) {
            printed.clear();
            for command in commands(&block.text) {
                let ran = shell(&command, folder.path());
                assert!(expected(&command).contains(&ran.code), "{place}: {command}: {}: {}", ran.code, ran.stderr);
                printed += &ran.stdout;
            }
        } else if let Some(file) = block.info.strip_prefix("toml ") {
            fs::write(folder.path().join(file), &block.text).expect("a file");
        } else if ["json output", "text output"].contains(&block.info.as_str()) {
            assert_eq!(printed, block.text, "{place}: this is not what the command prints");
        }
    }
    folder
}

/// A test for each page that is run here.
macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $test() {
                run_page($page);
            }
        )*
    };
}

pages! {
    the_commands_of_the_readme_do_what_they_say: "README.md",
    the_commands_on_records_do_what_they_say: "docs/guide/records.md",
    the_commands_on_inputs_do_what_they_say: "docs/guide/inputs.md",
    the_commands_on_errors_and_stopping_do_what_they_say: "docs/guide/errors-and-stopping.md",
    the_commands_on_output_do_what_they_say: "docs/guide/output.md",
    the_commands_on_configuration_do_what_they_say: "docs/guide/configuration.md",
    the_commands_on_reports_do_what_they_say: "docs/guide/reports.md",
    the_commands_on_monitoring_do_what_they_say: "docs/guide/monitoring.md",
    the_commands_on_resuming_do_what_they_say: "docs/guide/resume.md",
    the_commands_on_shards_do_what_they_say: "docs/guide/shards.md",
    the_commands_on_judging_do_what_they_say: "docs/guide/judging.md",
    the_commands_on_comparing_do_what_they_say: "docs/guide/compare.md",
    the_commands_on_runs_in_ci_do_what_they_say: "docs/guide/ci.md",
    the_commands_on_programs_do_what_they_say: "docs/guide/programs.md",
    the_commands_on_least_privilege_do_what_they_say: "docs/guide/least-privilege.md",
    the_commands_on_typed_functions_do_what_they_say: "docs/guide/typed.md",
    the_commands_on_init_do_what_they_say: "docs/guide/init.md",
    the_commands_on_state_do_what_they_say: "docs/guide/state.md",
    the_commands_on_rust_do_what_they_say: "docs/guide/rust.md",
    the_commands_on_patterns_in_rust_do_what_they_say: "docs/guide/rust-patterns.md",
    the_commands_on_python_do_what_they_say: "docs/guide/python.md",
    the_commands_on_isolation_do_what_they_say: "docs/guide/isolation.md",
    the_commands_on_policies_do_what_they_say: "docs/guide/policy.md",
    the_commands_on_speed_do_what_they_say: "docs/guide/speed.md",
    the_commands_on_languages_do_what_they_say: "docs/guide/languages.md",
    the_commands_on_scripts_do_what_they_say: "docs/guide/scripts.md",
    the_commands_on_scripts_in_javascript_do_what_they_say: "docs/guide/scripts-javascript.md",
}

/// The pages whose commands a test runs: those above, and the one of `coming_from.rs`.
fn tested() -> Vec<&'static str> {
    PAGES.iter().copied().chain([crate::coming_from::PAGE]).collect()
}

#[test]
fn every_page_of_the_guide_has_its_test() {
    let names = fs::read_dir(root().join("docs/guide")).expect("the guide").map(|entry| {
        let name = entry.expect("an entry").file_name();
        format!("docs/guide/{}", name.to_string_lossy())
    });
    let missing: Vec<_> = names.filter(|name| !tested().contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "no test runs the commands of {missing:?}");
}

#[test]
fn every_command_of_a_page_stands_where_a_test_finds_it() {
    let mut wrong = Vec::new();
    for name in tested() {
        let text = page(name);
        let indented = text.lines().zip(1..).filter(|(line, _)| line.starts_with("    wpool "));
        wrong.extend(indented.map(|(_, line)| format!("{name}:{line}: an indented command")));
        for block in blocks(&text) {
            let is_command = |line: &str| line.starts_with("wpool ") && !line.starts_with("wpool = ");
            let has_command = block.text.lines().any(is_command);
            let reason = block.info.strip_prefix("sh skip:").map(str::trim);
            let known = ["sh", "sh programs"].contains(&block.info.as_str()) || reason.is_some_and(|it| !it.is_empty());
            let place = format!("{name}:{}", block.line);
            if has_command && !known {
                wrong.push(format!("{place}: a command in a block `{}`", block.info));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_option_of_a_run_stands_on_a_page() {
    let text: String = tested().into_iter().chain(["SECURITY.md"]).map(page).collect();
    let stands = |option: &str| text.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == option);
    let options = crate::cli::options().into_iter().filter(|option| option != "--help");
    let missing: Vec<_> = options.filter(|option| !stands(option)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_comment_names_the_exit_codes_that_a_command_may_have() {
    assert_eq!(expected("wpool run task.wasm"), [0]);
    assert_eq!(expected("wpool run task.wasm   # a comment"), [0]);
    assert_eq!(expected("wpool run task.wasm   # the program says no: exit code 100"), [100]);
    assert_eq!(expected("timeout 1 wpool run task.wasm # killed: exit code 137, or 0 where it was quicker"), [137, 0]);
    assert_eq!(commands("# a comment\nwpool run \\\n    task.wasm\n\nseq 3\n"), ["wpool run      task.wasm", "seq 3"]);
}
