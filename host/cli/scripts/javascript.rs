//! Scripts in JavaScript: which sources are scripts, and which files belong to one.
//!
//! A script of files beside it needs no tool: the runtime links them. Packages, and all that is not plain JavaScript, are
//! bundled by esbuild.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use crate::cli::projects::Project;
use crate::cli::scripts::bundle::{File, Script};
use crate::cli::scripts::error::Error;
use crate::cli::scripts::esbuild::{self, ESBUILD};
use crate::cli::scripts::inputs::{MOST_BYTES, parts, read_file};
use crate::cli::scripts::source::Source;

/// Extensions of files that the runtime links.
const LINKED: [&str; 3] = ["js", "mjs", "json"];
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Words that an import's name stands behind.
const BEFORE_A_NAME: [&str; 4] = ["from", "import", "import(", "require("];

/// Whether a source can be a script: it has exports, and something is called `run` or is the default export.
pub fn is_script(source: &str) -> bool {
    source.contains("export") && ["run", "default"].iter().any(|name| source.contains(name))
}

/// Whether a source is one of a project that becomes a component: a WIT world stands beside it.
pub fn is_project(path: &Path) -> bool {
    let (folder, _) = parts(path);
    let is_of_wit = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|end| end == "wit");
    let has_world = std::fs::read_dir(folder.join("wit")).is_ok_and(|all| all.flatten().any(is_of_wit));
    // Perhaps the world is that of a project in another language.
    has_world && Project::find(&folder).is_ok_and(|it| ["javascript", "typescript"].contains(&it.language.name))
}

/// The script, with the files that it imports.
pub fn collect(source: &Source, paths: &[PathBuf]) -> Result<Script, Error> {
    esbuild::refuse_python_path("JavaScript", paths)?;
    let linked = linked(&source.folder, &source.main, source.content.clone())?;
    if linked.is_whole {
        return Ok(linked.script);
    }
    match ESBUILD.find(&source.folder) {
        Some(esbuild) => {
            let script = esbuild::bundle(&esbuild, source)?;
            source.check_unchanged()?;
            Ok(script)
        }
        // Perhaps it was only the word `import` in a text. If not, the runtime names the package and the remedy.
        None => Ok(linked.script),
    }
}

struct Linked {
    script: Script,
    /// Whether every import was found among files that the runtime links.
    is_whole: bool,
}

/// Follows the imports of files beside the script.
fn linked(folder: &Path, main: &str, content: Vec<u8>) -> Result<Linked, Error> {
    let mut is_whole = !main.ends_with(".cjs");
    let root = folder.canonicalize().map_err(Error::io("read", folder))?;
    let mut seen = BTreeSet::from([main.to_owned()]);
    let mut wanted = VecDeque::from([(main.to_owned(), content)]);
    let (mut files, mut bytes) = (Vec::new(), 0);
    while let Some((name, mut content)) = wanted.pop_front() {
        // Some editors write one, and a place in the first line does not count it.
        if content.starts_with(BYTE_ORDER_MARK) {
            content.drain(..BYTE_ORDER_MARK.len());
        }
        bytes += content.len() as u64;
        if bytes > MOST_BYTES {
            return Err(Error::TooLarge { limit: ByteSize(MOST_BYTES).to_string(), largest: name });
        }
        let source = String::from_utf8_lossy(&content).into_owned();
        files.push(File { name: name.clone(), beside: true, content });
        let imports = if name.ends_with(".json") { BTreeSet::new() } else { imported(&source) };
        for import in imports {
            let Some(found) = beside(&root, &name, &import) else {
                is_whole = false;
                continue;
            };
            if seen.insert(found.clone()) {
                let content = read_file(&root.join(&found))?;
                wanted.push_back((found, content));
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let script = Script { language: "javascript".to_owned(), main: main.to_owned(), files, native: Vec::new() };
    Ok(Linked { script, is_whole })
}

/// The file of a relative import, if it is one in the folder of the script that the runtime links.
fn beside(root: &Path, importer: &str, import: &str) -> Option<String> {
    if !import.starts_with("./") && !import.starts_with("../") {
        return None;
    }
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    let name = parts.join("/");
    let is_linked = LINKED.iter().any(|end| name.rsplit_once('.').is_some_and(|(_, extension)| extension == *end));
    // A link out of the folder could lead to a file that only the user may read.
    let real = root.join(&name).canonicalize().ok()?;
    (is_linked && real.is_file() && real.starts_with(root)).then_some(name)
}

/// The names that a source may import. Comments do not count; a name in a text does, and a name too many does no harm.
fn imported(source: &str) -> BTreeSet<String> {
    let code = without_comments(source);
    let mut names = BTreeSet::new();
    for (at, quote) in code.match_indices(['"', '\'']) {
        let before = code[..at].trim_end();
        let is_import = BEFORE_A_NAME.iter().any(|word| {
            let rest = before.strip_suffix(word);
            rest.is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || "_$.\"'".contains(c)))
        });
        if let Some((name, _)) = code[at + 1..].split_once(quote).filter(|(name, _)| is_import && !name.contains('\n'))
        {
            names.insert(name.to_owned());
        }
    }
    if ["module.exports", "exports.run"].iter().any(|sign| code.contains(sign)) {
        // An older kind of module, which the bundler makes a module of.
        names.insert("module".to_owned());
    }
    names
}

/// A source without its comments. Signs of comments in texts are taken for comments from their line's end on only.
fn without_comments(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut in_block = false;
    for line in source.lines() {
        let mut rest = line;
        loop {
            if in_block {
                let Some((_, after)) = rest.split_once("*/") else { break };
                (rest, in_block) = (after, false);
            }
            let trimmed = code.trim_end_matches(' ');
            let is_start = trimmed.is_empty() || trimmed.ends_with(['\n', ';', '}', ',', '{', '/']);
            match rest.find("/*").filter(|at| is_start && rest[..*at].trim().is_empty()) {
                Some(at) => (rest, in_block) = (&rest[at + 2..], true),
                None => {
                    if !rest.trim_start().starts_with("//") {
                        code.push_str(rest);
                    }
                    break;
                }
            }
        }
        code.push('\n');
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_import_is_found_and_comments_do_not_count() {
        let source = r#"
import a from "./a.js"; import * as b from './b.js'
import "c";
import {
  d,
} from "d";
/* import e from "e" */
// import f from "f"
/**
 * import g from "g"
 */
export { h } from "h"; const i = await import("./i.js"), j = require('j');
const text = "from", path = "a/*b", transform = "k", important = 'l';
"#;
        let found: Vec<_> = imported(source).into_iter().collect();
        assert_eq!(found, ["./a.js", "./b.js", "./i.js", "c", "d", "h", "j"]);
    }
}
