//! The facts about a script for people: what goes in, and the functions that wpool calls. They are read off its text, and
//! nothing of it runs.

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::cli::scripts::bundle::{File, Script};
use crate::cli::scripts::language::ScriptLanguage;

/// Words that stand before the name of a function where it is defined.
const DEFINING: [&str; 9] = ["export", "default", "async", "def", "function", "function*", "const", "let", "var"];
/// How JavaScript exports a function that needs no name.
const DEFAULT: &str = "export default ";

#[derive(Debug, Serialize)]
pub struct Outline {
    language: String,
    /// The name of the runtime, which has the version of its tool.
    runtime: String,
    runtime_bytes: usize,
    /// The tool that makes the runtime, if it is not a part of wpool.
    made_by: Option<&'static str>,
    main: String,
    files: Vec<Input>,
    /// Modules that were found and consist of machine code, which cannot be imported.
    native: Vec<String>,
    run: Option<Line>,
    init: Option<Line>,
}

/// A file that goes in.
#[derive(Debug, Serialize)]
struct Input {
    name: String,
    bytes: usize,
}

/// A line of a script.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    number: usize,
    text: String,
}

/// The parts of a source map that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Map {
    sources: Vec<String>,
    sources_content: Vec<Option<String>>,
}

impl Outline {
    pub fn of(script: &Script, runtime: String, runtime_bytes: usize) -> Outline {
        let sources = bundled(script).unwrap_or_else(|| script.files.iter().map(of_file).collect());
        let main = sources.iter().find(|(name, _)| *name == script.main);
        let defined = |name| main.and_then(|(_, content)| definition(content, name));
        let default = || main.and_then(|(_, content)| line(content, |line| line.starts_with(DEFAULT)));
        Outline {
            language: script.language.clone(),
            runtime,
            runtime_bytes,
            made_by: ScriptLanguage::named(&script.language).and_then(|it| it.tools().first()).map(|tool| tool.name),
            main: script.main.clone(),
            native: script.native.clone(),
            run: defined("run").or_else(default),
            init: defined("init"),
            files: sources.into_iter().map(|(name, content)| Input { name, bytes: content.len() }).collect(),
        }
    }
}

impl Outline {
    /// The outline as lines, each a name and a value.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let main = &self.main;
        let mut lines = vec![("program", format!("{main}, a script in {}", self.language))];
        let origin = match self.made_by {
            Some(tool) => format!("made by {tool}"),
            None => "a part of wpool".to_owned(),
        };
        lines.push(("runtime", format!("{} ({}, {origin})", self.runtime, ByteSize(self.runtime_bytes as u64))));
        lines.push(("files", self.files.len().to_string()));
        lines.extend(self.files.iter().map(|it| ("", format!("{} ({} bytes)", it.name, it.bytes))));
        for name in &self.native {
            lines.push(("left out", format!("{name}: it consists of machine code, which no script can import")));
        }
        let given = || format!("not defined by a line of {main}, but imported, or exported under this name");
        lines.push(("run", self.run.as_ref().map_or_else(given, |line| line.describe(main))));
        let none = || format!("not defined by a line of {main}");
        lines.push(("init", self.init.as_ref().map_or_else(none, |line| line.describe(main))));
        lines
    }
}

impl Line {
    fn describe(&self, file: &str) -> String {
        format!("{file}:{}: {}", self.number, self.text)
    }
}

fn of_file(file: &File) -> (String, String) {
    (file.name.clone(), String::from_utf8_lossy(&file.content).into_owned())
}

/// The sources that were bundled into one file, if they were: they stand in its map.
fn bundled(script: &Script) -> Option<Vec<(String, String)>> {
    let name = format!("{}.map", script.main);
    let map = script.files.iter().find(|file| file.name == name)?;
    let Map { sources, sources_content } = serde_json::from_slice(&map.content).ok()?;
    Some(sources.into_iter().zip(sources_content.into_iter().map(Option::unwrap_or_default)).collect())
}

/// The line at the top level of a source that defines or assigns a name. A function that comes from another module, or
/// under another name, has none.
fn definition(source: &str, name: &str) -> Option<Line> {
    line(source, |line| {
        let (mut rest, mut is_defined) = (line, false);
        while let Some((_, behind)) = rest.split_once(' ').filter(|(word, _)| DEFINING.contains(word)) {
            (rest, is_defined) = (behind.trim_start(), true);
        }
        let Some(behind) = rest.strip_prefix(name) else { return false };
        let is_name = !behind.starts_with(|c: char| c.is_alphanumeric() || "_$.".contains(c));
        let behind = behind.trim_start();
        let is_assigned = behind.starts_with([':', '=']) && !behind.starts_with("==");
        is_name && (is_defined || is_assigned)
    })
}

fn line(source: &str, is_it: impl Fn(&str) -> bool) -> Option<Line> {
    let lines = source.trim_start_matches('\u{feff}').lines();
    let found = lines.zip(1..).find(|(line, _)| is_it(line));
    found.map(|(line, number)| Line { number, text: line.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_defines_a_function_is_found_in_each_form() {
        for line in [
            "def run(row: int) -> int:",
            "async def run(row):",
            "run = other",
            "run: Callable = other",
            "export function run(row) { return row; }",
            "export async function run(row: Row): Promise<number> {",
            "export const run = row => row;",
            "function* run(row) {",
            "function run(row) {",
        ] {
            let source =
                format!("run(1)\nrunning = 2\n  def run(self):\nrun.x = 1\nrun == 2\n{line}\ndef run(): pass\n");
            assert_eq!(definition(&source, "run"), Some(Line { number: 6, text: line.to_owned() }));
        }
        assert_eq!(definition("from other import run\n", "run"), None);
    }
}
