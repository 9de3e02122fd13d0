//! The script at a path. It is read once: whether it is one, what is bundled, kept and hashed, and what is said about it are
//! of the same bytes, also where an editor saves in between, or the path is a pipe that cannot be read twice.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use crate::cli::descriptor;
use crate::cli::scripts::bundle::Script;
use crate::cli::scripts::error::Error;
use crate::cli::scripts::inputs::{MOST_BYTES, parts, read_file};
use crate::cli::scripts::language::{SCRIPT_LANGUAGES, ScriptLanguage};

/// How often a script is read anew that changes while tools of its language read it, too.
const MOST_READS: usize = 5;
/// The name, without its extension, of a script that comes from a pipe or a descriptor. The number of a descriptor is
/// another each time, and a script of another name is another program.
const UNNAMED: &str = "script";

/// How WebAssembly begins: as a binary, and as text, perhaps with a comment.
const BEGINNINGS: [&[u8]; 5] = [b"\0asm", b"(module", b"(component", b";;", b"(;"];

/// A script as it was read.
#[derive(Debug)]
pub struct Source {
    pub language: &'static ScriptLanguage,
    /// The folder that imports start from.
    pub folder: PathBuf,
    /// Its name there.
    pub main: String,
    pub content: Vec<u8>,
    /// Where tools of the language can read it, too: a pipe is read by one only.
    pub file: Option<PathBuf>,
}

/// What is at the path of a program.
#[derive(Debug)]
pub enum AtPath {
    Script(Source),
    /// What a pipe or a descriptor without the name of a script has given, and is not a script.
    Other(Vec<u8>),
    /// Neither, or a project. A file that is not a script was not read.
    Unread,
}

impl AtPath {
    /// Reads the script at a path. A pipe is waited for.
    pub fn read(path: &Path) -> Result<AtPath, Error> {
        let Ok(found) = fs::metadata(path) else { return AtPath::missing(path) };
        let language = match ScriptLanguage::of(path) {
            _ if found.is_dir() => return Ok(AtPath::Unread),
            Some(language) => language,
            None if found.is_file() && descriptor::number(path).is_none() => return Ok(AtPath::Unread),
            None => return Ok(AtPath::unnamed(read_once(path)?)),
        };
        let content = if found.is_file() { read_file(path)? } else { read_once(path)? };
        if (language.is_project)(path, &String::from_utf8_lossy(&content)) {
            return Ok(AtPath::Unread);
        }
        let (folder, main) = parts(path);
        let file = Some(path.to_owned()).filter(|_| found.is_file());
        Ok(AtPath::Script(Source { language, folder, main, content, file }))
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
        AtPath::Script(Source { language, folder: PathBuf::from("."), main, content, file: None })
    }
}

impl Source {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// The folder as people see it.
    pub fn shown_folder(&self) -> PathBuf {
        Some(self.folder.clone()).filter(|folder| folder != Path::new(".")).unwrap_or_default()
    }

    /// Fails if the file is not what was read any more: a tool has perhaps read another version then.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let is_same = read_file(file).is_ok_and(|content| content == self.content);
        if is_same { Ok(()) } else { Err(Error::Changed { path: file.clone() }) }
    }

    /// The script with all that it can import. Where it changes while tools of its language read it, it is read anew.
    pub fn collect(mut self, paths: &[PathBuf]) -> Result<(Script, &'static ScriptLanguage), Error> {
        for _ in 1..MOST_READS {
            match self.collect_once(paths) {
                Err(Error::Changed { path }) => self.content = read_file(&path)?,
                collected => return collected,
            }
        }
        self.collect_once(paths)
    }

    fn collect_once(&self, paths: &[PathBuf]) -> Result<(Script, &'static ScriptLanguage), Error> {
        if !(self.language.is_script)(&self.text()) {
            let path = self.shown_folder().join(&self.main);
            return Err(Error::NoRun { path, form: self.language.form });
        }
        Ok(((self.language.collect)(self, paths)?, self.language))
    }
}

/// Whether a content is a WebAssembly binary or text, by how it begins.
pub fn is_webassembly(content: &[u8]) -> bool {
    let begin = content.trim_ascii_start();
    BEGINNINGS.iter().any(|known| begin.starts_with(known))
}

/// Whether a path is that of a script: a file with the extension of a language, and not the source of a project. Nothing but
/// a file is read for the question.
pub fn is_script(path: &Path) -> bool {
    path.is_file() && matches!(AtPath::read(path), Ok(AtPath::Script(_)))
}

/// Reads the script in a file, if it is one, to compare it with what ran.
pub fn read_again(path: &Path, paths: &[PathBuf]) -> Option<Script> {
    match path.is_file().then(|| AtPath::read(path).ok())?? {
        AtPath::Script(source) => source.collect(paths).ok().map(|(script, _)| script),
        _ => None,
    }
}

/// Reads what can be read only once: an open descriptor from where it stands, or a pipe that is opened.
fn read_once(path: &Path) -> Result<Vec<u8>, Error> {
    let cannot = || Error::io("read", path);
    let opened = match descriptor::number(path) {
        Some(number) => {
            let file = descriptor::copy(number).ok_or_else(|| io::Error::other("no file is open with this number"));
            descriptor::keep_from_children(number);
            file
        }
        None => File::open(path),
    };
    let mut content = Vec::new();
    opened.and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut content)).map_err(cannot())?;
    if content.len() as u64 > MOST_BYTES {
        let (limit, largest) = (ByteSize(MOST_BYTES).to_string(), path.display().to_string());
        return Err(Error::TooLarge { limit, largest });
    }
    Ok(content)
}
