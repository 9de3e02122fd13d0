//! Bundles: a script with all that it imports in one file, by esbuild, and the map back to the sources.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytesize::ByteSize;
use serde::Deserialize;

pub use crate::cli::projects::{ESBUILD, Error as ToolError};
use crate::cli::projects::{Found, read_given};
use crate::cli::scripts::bundle::{File, Script};
use crate::cli::scripts::error::Error;
use crate::cli::scripts::inputs::{MOST_BYTES, read_file, scratch};
use crate::cli::scripts::memo::Memo;
use crate::cli::scripts::source::Source;

/// For a runtime with the language of 2024 and nothing around it.
const ARGS: [&str; 11] = [
    "--bundle",
    "--format=esm",
    "--platform=neutral",
    "--main-fields=module,main",
    "--target=es2024",
    "--charset=utf8",
    "--sourcemap=external",
    "--log-level=warning",
    "--log-limit=10",
    "--color=false",
    "--define:process.env.NODE_ENV=\"production\"",
];
/// Stands between a bundle and its map where both are kept.
const MAP: &[u8] = b"\n// wpool: the source map\n";
/// Extensions of code. Other files that a bundle has inside must belong to the script.
const CODE: [&str; 8] = ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];

/// Extensions of TypeScript.
const TYPED: [&str; 3] = ["ts", "mts", "cts"];

/// The parts of esbuild's report that matter here.
#[derive(Deserialize)]
struct Report {
    inputs: std::collections::BTreeMap<String, serde::de::IgnoredAny>,
}

/// Refuses folders of Python modules for another language.
pub fn refuse_python_path(language: &'static str, paths: &[PathBuf]) -> Result<(), Error> {
    if paths.is_empty() { Ok(()) } else { Err(Error::NotPython { language }) }
}

/// Bundles a script. Nothing is done if no file of it has changed since the last time.
pub fn bundle(esbuild: &Found, source: &Source) -> Result<Script, Error> {
    let Source { folder, main, content, .. } = source;
    let real = folder.canonicalize().map_err(Error::io("read", folder))?;
    let key = format!("esbuild {:?} {ARGS:?} {}", esbuild.stamp(), real.join(main).display());
    let memo = Memo::of(&key);
    if let Some(bundle) = memo.find(content) {
        return split(main, bundle);
    }
    let began = SystemTime::now();
    let scratch = scratch("bundle")?;
    // Where links lead, as paths in the map are written.
    let place = scratch.path().canonicalize().map_err(Error::io("read", scratch.path()))?;
    let [report, out, map] = ["report.json", "bundle.js", "bundle.js.map"].map(|name| place.join(name));
    let written = [format!("--metafile={}", report.display()), format!("--outfile={}", out.display())];
    let (entry, given) = entry(source);
    let args = written.iter().chain(&entry).map(String::as_str).chain(ARGS);
    // Packages come from the folders above the script, and from nowhere else.
    read_given(esbuild.call(&real, args).env_remove("NODE_PATH"), given).map_err(refused)?;
    let Report { inputs } = parse(&report, &read_file(&report)?)?;
    let map = relative(&map, &read_file(&map)?, &place, &real)?;
    let bundle = [&read_file(&out)?[..], MAP, &map].concat();
    let mut files = Vec::new();
    // Parts that esbuild itself adds have a prefix and are no files.
    for input in inputs.keys().map(|input| real.join(input)).filter(|input| input.is_file()) {
        files.push(within(&input, &real)?);
    }
    memo.keep(content, began, &files, &bundle);
    split(main, bundle)
}

/// The arguments that name the script, and what esbuild is given on standard input. It is told where a file is, because the
/// settings of a tsconfig.json are for files only.
fn entry(source: &Source) -> (Vec<String>, &[u8]) {
    let Source { main, content, file, .. } = source;
    // A name that begins with a dash would be an option.
    if file.is_some() {
        return (vec![format!("./{main}")], &[]);
    }
    let is_typed = main.rsplit_once('.').is_some_and(|(_, end)| TYPED.contains(&end));
    let loader = if is_typed { "ts" } else { "js" };
    (vec![format!("--sourcefile=./{main}"), format!("--loader={loader}")], content)
}

/// Checks that a file is code, or lies in the folder of the script or among its packages: a bundle of somebody else's
/// script could have a file inside that only the user may read.
fn within(input: &Path, root: &Path) -> Result<PathBuf, Error> {
    let real = input.canonicalize().map_err(Error::io("read", input))?;
    let is_code = real.extension().is_some_and(|end| CODE.iter().any(|known| end == *known));
    let is_package = real.components().any(|part| part.as_os_str() == "node_modules");
    if is_code || is_package || real.starts_with(root) {
        return Ok(real);
    }
    Err(Error::FileOutside { path: input.to_owned(), root: root.to_owned() })
}

/// A map whose sources are relative to the folder of the script.
fn relative(path: &Path, map: &[u8], place: &Path, root: &Path) -> Result<Vec<u8>, Error> {
    let mut map: serde_json::Value = parse(path, map)?;
    for source in map["sources"].as_array_mut().into_iter().flatten() {
        let real = source.as_str().and_then(|source| place.join(source).canonicalize().ok());
        if let Some(real) = real {
            *source = real.strip_prefix(root).unwrap_or(&real).to_string_lossy().into();
        }
    }
    Ok(map.to_string().into_bytes())
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(text).map_err(|error| Error::io("read", path)(error.into()))
}

/// A script of the bundle and, as a file of its own, the map at its end.
fn split(main: &str, mut bundle: Vec<u8>) -> Result<Script, Error> {
    if bundle.len() as u64 > MOST_BYTES {
        return Err(Error::TooLarge { limit: ByteSize(MOST_BYTES).to_string(), largest: main.to_owned() });
    }
    let beside = true;
    let mut files = Vec::new();
    if let Some(at) = memchr::memmem::rfind(&bundle, MAP) {
        let map = bundle[at + MAP.len()..].to_vec();
        bundle.truncate(at);
        files.push(File { name: format!("{main}.map"), beside, content: map });
    }
    files.insert(0, File { name: main.to_owned(), beside, content: bundle });
    Ok(Script { language: "javascript".to_owned(), main: main.to_owned(), files, native: Vec::new() })
}

/// The errors that esbuild printed, which name file, line and column, instead of its command line.
fn refused(error: ToolError) -> Error {
    match error {
        ToolError::Printed { printed, .. } => {
            let is_node = |line: &&str| line.contains("is built into node");
            // What is left out of a bundle is nowhere.
            let is_external = |line: &&str| line.contains("as external to exclude it from the bundle");
            let kept = printed.trim().lines().filter(|line| !is_node(line) && !is_external(line));
            let mut lines: Vec<&str> = kept.collect();
            if printed.lines().any(|line| is_external(&line)) {
                lines.push("  install the package beside the script, as in `npm install NAME`, or import a file beside it as \"./NAME.js\"");
            }
            if printed.lines().any(|line| is_node(&line)) {
                lines.push("  tasks have no Node: no files, no network, no processes");
            }
            Error::Refused { text: lines.join("\n") }
        }
        other => other.into(),
    }
}
