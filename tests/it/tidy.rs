//! The sources keep the invariants of `docs/design/architecture.md`, and readable sizes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::root;

/// Lines of code in a file, without tests, comments and blank lines.
const MOST_LINES_OF_A_FILE: usize = 300;
/// All lines of a file of tests: longer ones become a folder of chapters.
const MOST_LINES_OF_A_CHAPTER: usize = 400;

/// A source file of the host.
pub struct Source {
    /// From the root of the repository.
    pub name: String,
    pub text: String,
}

impl Source {
    /// Numbers and lines of what is compiled into wpool: without tests, comments, and what strings say.
    pub fn code(&self) -> impl Iterator<Item = (usize, String)> {
        let mut test = Test::Not;
        let shipped = self.text.lines().map(move |line| if test.takes(line) { "" } else { line });
        let code = |line: &str| {
            let bare = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
            bare.split("//").next().unwrap_or_default().trim().to_owned()
        };
        shipped.map(code).zip(1..).map(|(line, number)| (number, line)).filter(|(_, line)| !line.is_empty())
    }
}

/// Whether a line is of an item for tests alone: in formatted code such an item ends with its line, or with a brace at
/// the margin.
enum Test {
    Not,
    Head,
    Body,
}

impl Test {
    fn takes(&mut self, line: &str) -> bool {
        let (next, is_taken) = match self {
            Test::Not if line == "#[cfg(test)]" => (Test::Head, true),
            Test::Not => (Test::Not, false),
            Test::Head if line.starts_with('#') => (Test::Head, true),
            Test::Head if line.ends_with([';', '}']) => (Test::Not, true),
            Test::Body if line == "}" => (Test::Not, true),
            Test::Head | Test::Body => (Test::Body, true),
        };
        *self = next;
        is_taken
    }
}

/// Identifiers, and macros with their exclamation mark.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '!';
    line.split(move |c| !part(c)).filter(|word| !word.is_empty())
}

pub fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let (inner, files): (Vec<PathBuf>, Vec<_>) = entries.partition(|path| path.is_dir());
        // The templates of `wpool new` are guests, which stand in host/ as links.
        folders.extend(inner.into_iter().filter(|path| !path.ends_with("target") && !path.ends_with("templates")));
        found.extend(files.into_iter().filter(|path| path.extension().is_some_and(|it| it == "rs")).map(source));
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

fn source(path: PathBuf) -> Source {
    let name = path.strip_prefix(root()).expect("it is in the repository").to_string_lossy().into_owned();
    Source { name, text: fs::read_to_string(path).expect("a text") }
}

/// Checks that words stand in no code of the host but in some folders.
fn assert_only_in(folders: &[&str], forbidden: &[&str]) {
    let mut places = Vec::new();
    for source in sources("host").iter().filter(|source| !folders.iter().any(|folder| source.name.starts_with(folder)))
    {
        let found = source.code().filter(|(_, line)| words(line).any(|word| forbidden.contains(&word)));
        places.extend(found.map(|(number, line)| format!("{}:{number}: {line}", source.name)));
    }
    assert!(places.is_empty(), "\n{}", places.join("\n"));
}

#[test]
fn only_child_processes_name_the_engine() {
    assert_only_in(&["host/child/"], &["wasmtime", "wasmtime_wasi"]);
}

#[test]
fn only_the_command_line_parses_arguments_and_prints() {
    assert_only_in(&["host/cli/", "host/main.rs"], &["clap", "anyhow", "print!", "println!", "eprint!", "eprintln!"]);
}

/// Where text and JSON are made that people see, what others have written in them is made inert, whatever it is.
#[test]
fn the_library_names_no_option() {
    let help = Command::new(env!("CARGO_BIN_EXE_wpool")).args(["run", "--help"]).output().expect("a help text");
    let help = String::from_utf8(help.stdout).expect("a text");
    let option = |c: char| c.is_ascii_lowercase() || c == '-';
    let name = |text: &str| text.split(|c| !option(c)).next().unwrap_or_default().to_owned();
    let names = |line: &str| line.split("--").skip(1).map(name).filter(|name| name.len() > 1).collect::<Vec<_>>();
    let options: std::collections::BTreeSet<_> = help.lines().flat_map(names).collect();
    assert!(options.contains("timeout") && options.contains("isolation"), "{options:?}");
    for source in sources("host").iter().filter(|source| !source.name.starts_with("host/cli/")) {
        let shipped = source.text.lines().take_while(|line| *line != "#[cfg(test)]");
        for (line, number) in shipped.zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//")) {
            let named: Vec<_> = names(line).into_iter().filter(|name| options.contains(name)).collect();
            assert!(named.is_empty(), "{}:{number} names options of the command line: {named:?}", source.name);
        }
    }
}

#[test]
fn text_and_json_for_people_are_made_where_they_become_inert() {
    // Beside the one place: answers of a worker, which the host makes inert, a test, and texts that settings are compared by.
    let writers =
        ["host/model/inert.rs", "host/model/typed/write.rs", "host/model/json/tests.rs", "host/cli/plan/journal.rs"];
    assert_only_in(&writers, &["to_writer", "to_writer_pretty", "to_string_pretty", "to_vec_pretty"]);
    let prints = |line: &str| {
        let json = ["serde_json::to_string(", "serde_json::to_vec("];
        let out = ["io::stdout()", "io::stderr()"].iter().any(|out| line.contains(out));
        json.iter().any(|json| line.contains(json))
            || out && !["is_terminal", "stdio::"].iter().any(|it| line.contains(it))
    };
    let writers = [
        "host/cli/plan/journal.rs",
        "host/cli/print.rs",
        "host/cli/projects/tool.rs",
        "host/cli/terminal.rs",
        "host/cli/records/writer.rs",
    ];
    let others = |source: &Source| source.name.starts_with("host/cli/") && !writers.contains(&source.name.as_str());
    for source in sources("host").iter().filter(|source| others(source)) {
        let found: Vec<_> = source.code().filter(|(_, line)| prints(line)).collect();
        assert!(found.is_empty(), "{}: {found:?}", source.name);
    }
}

#[test]
fn only_building_names_the_encoder_of_components() {
    assert_only_in(
        &["host/cli/projects/componentize.rs"],
        &["wit_component", "wasi_preview1_component_adapter_provider"],
    );
}

#[test]
fn files_can_be_read_in_one_go() {
    let sizes = sources("host").into_iter().map(|source| (source.code().count(), source.name));
    let long: Vec<_> = sizes.filter(|(lines, _)| *lines > MOST_LINES_OF_A_FILE).collect();
    assert!(long.is_empty(), "{long:?}");
    let sizes = sources("tests").into_iter().map(|source| (source.text.lines().count(), source.name));
    let long: Vec<_> = sizes.filter(|(lines, _)| *lines > MOST_LINES_OF_A_CHAPTER).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn the_library_alone_does_not_depend_on_the_engine() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = |features: &[&str]| {
        let mut command = Command::new(&cargo);
        command.current_dir(root()).args(["tree", "--offline", "--locked", "-e", "normal", "--prefix", "none"]);
        let output = command.args(features).output().expect("cargo starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("names")
    };
    let engine = |tree: String| tree.lines().any(|line| line.starts_with("wasmtime") || line.starts_with("cranelift"));
    assert!(engine(tree(&[])), "this test sees no engine where there is one");
    assert!(!engine(tree(&["--no-default-features"])));
}

/// The words of an enum's `as_str`, which stand in records.
fn statuses() -> Vec<String> {
    let outcome = source(root().join("host/model/outcome.rs")).text;
    let arms = outcome.lines().filter(|line| line.trim_start().starts_with("Status::") && line.contains("=> \""));
    arms.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

#[test]
fn the_readme_lists_every_status() {
    assert_eq!(statuses().len(), wpool::Status::ALL.len());
    let Ok(readme) = fs::read_to_string(root().join("README.md")) else { return };
    let missing: Vec<_> = wpool::Status::ALL.into_iter().filter(|status| !readme.contains(status.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_module_of_the_tests_is_run() {
    let all: String = sources("tests/it").into_iter().map(|source| source.text).collect();
    for source in sources("tests/it") {
        // A folder of chapters is named by its folder.
        let path = source.name.strip_suffix("/mod.rs").unwrap_or(&source.name);
        let name = Path::new(path).file_stem().expect("a name").to_string_lossy();
        assert!(name == "main" || all.contains(&format!("mod {name};")), "{name} is in no binary");
    }
}
