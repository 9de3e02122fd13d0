//! The script at the path of a program, if there is one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::descriptor;
use crate::cli::scripts::bundle::Script;
use crate::cli::scripts::error::Error;
use crate::cli::scripts::inputs::{parts, read_file};
use crate::cli::scripts::language::{SCRIPT_LANGUAGES, ScriptLanguage};
use crate::cli::scripts::source::{Source, read_once};

/// How often a script is read anew that changes while tools of its language read it, too.
const MOST_READS: usize = 5;
/// The name, without its extension, of a script that comes from a descriptor. The number of a descriptor is
/// another each time, and a script of another name is another program.
const UNNAMED: &str = "script";

/// How WebAssembly begins: as a binary, and as text, perhaps with a comment.
const BEGINNINGS: [&[u8]; 5] = [b"\0asm", b"(module", b"(component", b";;", b"(;"];

/// What is at the path of a program.
#[derive(Debug)]
pub enum AtPath {
    Script(&'static ScriptLanguage, Source),
    /// The content of a descriptor that is not a script.
    Other(Vec<u8>),
    /// Neither, or a project. It was not read, unless it has the name of a script.
    Unread,
}

impl AtPath {
    /// Reads the script at a path. A pipe with the name of a script is waited for.
    pub fn read(path: &Path) -> Result<AtPath, Error> {
        let Ok(found) = fs::metadata(path) else { return AtPath::missing(path) };
        let language = match ScriptLanguage::of(path) {
            _ if found.is_dir() => return Ok(AtPath::Unread),
            Some(language) => language,
            // A named pipe or a device may never end.
            None if descriptor::number(path).is_none() => return Ok(AtPath::Unread),
            None => return Ok(AtPath::unnamed(read_once(path)?)),
        };
        let content = if found.is_file() { read_file(path)? } else { read_once(path)? };
        if (language.is_project)(path, &String::from_utf8_lossy(&content)) {
            return Ok(AtPath::Unread);
        }
        let (folder, main) = parts(path);
        let file = Some(path.to_owned()).filter(|_| found.is_file());
        Ok(AtPath::Script(language, Source { folder, main, content, file }))
    }

    /// A script that is missing is reported as one.
    fn missing(path: &Path) -> Result<AtPath, Error> {
        match ScriptLanguage::of(path) {
            Some(_) => Err(Error::io("read", path)(io::ErrorKind::NotFound.into())),
            None => Ok(AtPath::Unread),
        }
    }

    /// What came without a name that says what it is. Only text that defines `run` is taken for a script.
    fn unnamed(content: Vec<u8>) -> AtPath {
        let text = str::from_utf8(&content).unwrap_or_default();
        let is_one = |language: &&ScriptLanguage| !is_webassembly(&content) && (language.is_script)(text);
        let Some(language) = SCRIPT_LANGUAGES.iter().find(is_one) else {
            return AtPath::Other(content);
        };
        let main = format!("{UNNAMED}.{}", language.extensions[0]);
        AtPath::Script(language, Source { folder: PathBuf::from("."), main, content, file: None })
    }
}

/// The script with all that it can import. Where it changes while tools of its language read it, it is read anew.
pub fn collect(language: &ScriptLanguage, mut source: Source, paths: &[PathBuf]) -> Result<Script, Error> {
    for _ in 1..MOST_READS {
        match collect_once(language, &source, paths) {
            Err(Error::Changed { path }) => source.content = read_file(&path)?,
            collected => return collected,
        }
    }
    collect_once(language, &source, paths)
}

fn collect_once(language: &ScriptLanguage, source: &Source, paths: &[PathBuf]) -> Result<Script, Error> {
    if !(language.is_script)(&source.text()) {
        return Err(Error::NoRun { path: source.shown(), form: language.form });
    }
    (language.collect)(source, paths)
}

/// Whether a content is a WebAssembly binary or text, by how it begins.
pub fn is_webassembly(content: &[u8]) -> bool {
    let begin = content.trim_ascii_start();
    BEGINNINGS.iter().any(|known| begin.starts_with(known))
}

/// Whether a path is that of a script: a file with the extension of a language, and not the source of a project. Nothing but
/// a file is read for the question.
pub fn is_script(path: &Path) -> bool {
    path.is_file() && matches!(AtPath::read(path), Ok(AtPath::Script(..)))
}

/// Reads the script in a file, if it is one, to compare it with what ran.
pub fn read_again(path: &Path, paths: &[PathBuf]) -> Option<Script> {
    match path.is_file().then(|| AtPath::read(path).ok())?? {
        AtPath::Script(language, source) => collect(language, source, paths).ok(),
        _ => None,
    }
}
