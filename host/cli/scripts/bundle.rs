//! A script with everything that it can import, in two forms: the bundle that a runtime is given, and the package that is
//! kept with the records of a run.
//!
//! Both are the length of a header, the header as JSON, and the contents of the files; `wit/script.wit` describes the
//! bundle. A package also names the runtime, and says nothing of the rows and of where the files stood: it is the
//! identity of the program.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wpool::inert;

/// The first bytes of a package. No WebAssembly file begins with them.
const MAGIC: &[u8] = b"wpool script 1\n";

/// A script and the files that it can import.
#[derive(Clone, Debug)]
pub struct Script {
    /// The name of its language.
    pub language: String,
    /// The name of the script among the files.
    pub main: String,
    pub files: Vec<File>,
    /// Modules that were found and consist of machine code.
    pub native: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct File {
    /// Relative to the folder that imports start from, with `/`.
    pub name: String,
    /// Whether this is the folder of the script.
    pub beside: bool,
    pub content: Vec<u8>,
}

/// How a runtime gives rows to a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowsAs {
    Json,
    Text,
    Bytes,
}

/// What a runtime has to know beside the script.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub rows: RowsAs,
    /// A result of text is the output as it is.
    pub bare: bool,
    /// The argument of the script's own `init`.
    pub argument: Option<&'a [u8]>,
    /// The folder of the script as it was typed.
    pub folder: &'a Path,
}

#[derive(Serialize)]
struct BundleHeader<'a> {
    main: &'a str,
    rows: RowsAs,
    bare: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    arg: Option<String>,
    files: Vec<BundleFile<'a>>,
    native: &'a [String],
}

#[derive(Serialize)]
struct BundleFile<'a> {
    name: &'a str,
    size: usize,
    path: String,
}

#[derive(Serialize, Deserialize)]
struct PackageHeader {
    language: String,
    runtime: String,
    main: String,
    files: Vec<PackageFile>,
    native: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct PackageFile {
    name: String,
    size: usize,
    beside: bool,
}

impl Script {
    /// The argument of a runtime's `init`.
    pub fn bundle(&self, setting: Setting<'_>) -> Vec<u8> {
        let file = |file: &File| {
            let folder = if file.beside { setting.folder } else { Path::new("") };
            path_of(file, folder)
        };
        let files = self.files.iter().map(|it| BundleFile { name: &it.name, size: it.content.len(), path: file(it) });
        let header = BundleHeader {
            main: &self.main,
            rows: setting.rows,
            bare: setting.bare,
            arg: setting.argument.map(|argument| STANDARD.encode(argument)),
            files: files.collect(),
            native: &self.native,
        };
        self.whole(&[], &header)
    }

    /// The form that is kept. `runtime` is the name of the runtime.
    pub fn package(&self, runtime: &str) -> Vec<u8> {
        let file = |file: &File| PackageFile { name: file.name.clone(), size: file.content.len(), beside: file.beside };
        let header = PackageHeader {
            language: self.language.clone(),
            runtime: runtime.to_owned(),
            main: self.main.clone(),
            files: self.files.iter().map(file).collect(),
            native: self.native.clone(),
        };
        self.whole(MAGIC, &header)
    }

    fn whole(&self, magic: &[u8], header: &impl Serialize) -> Vec<u8> {
        let mut text = Vec::new();
        inert::push_json(header, &mut text).expect("plain data serializes, and a Vec takes every byte");
        let length = u32::try_from(text.len()).expect("files are counted and bounded before");
        let mut whole = [magic, &length.to_le_bytes(), &text].concat();
        self.files.iter().for_each(|file| whole.extend_from_slice(&file.content));
        whole
    }

    /// Reads a package: the script, and the name of its runtime. `None` for bytes that are none.
    pub fn of_package(bytes: &[u8]) -> Option<(Script, String)> {
        let (length, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let (header, mut contents) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let PackageHeader { language, runtime, main, files, native } = serde_json::from_slice(header).ok()?;
        let file = |PackageFile { name, size, beside }: PackageFile| {
            let content = contents.split_off(..size)?.to_vec();
            Some(File { name, beside, content })
        };
        let files = files.into_iter().map(file).collect::<Option<_>>()?;
        contents.is_empty().then_some((Script { language, main, files, native }, runtime))
    }
}

/// The path of a file for people. Files of installed packages are shown without the folder that they are installed in.
fn path_of(file: &File, folder: &Path) -> String {
    folder.join(&file.name).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        let file = |name: &str, beside, content: &str| File { name: name.into(), beside, content: content.into() };
        Script {
            language: "python".into(),
            main: "app.py".into(),
            files: vec![file("app.py", true, "def run(row): pass\n"), file("lib/__init__.py", false, "")],
            native: vec!["numpy".into()],
        }
    }

    #[test]
    fn a_package_is_read_as_it_was_written_and_nothing_else_is() {
        let package = script().package("python-1-abc");
        let (read, runtime) = Script::of_package(&package).expect("a package");
        assert_eq!((runtime.as_str(), read.package("python-1-abc") == package), ("python-1-abc", true));
        for cut in 0..package.len() {
            assert!(Script::of_package(&package[..cut]).is_none(), "{cut}");
        }
        assert!(Script::of_package(&[&package[..], b"x"].concat()).is_none());
    }

    #[test]
    fn a_bundle_has_the_paths_as_they_were_typed() {
        let setting = Setting { rows: RowsAs::Text, bare: false, argument: Some(b"[1]"), folder: Path::new("jobs") };
        let bundle = script().bundle(setting);
        let length = u32::from_le_bytes(*bundle.first_chunk().expect("a length")) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bundle[4..4 + length]).expect("JSON");
        assert_eq!(header["files"][0]["path"], "jobs/app.py");
        assert_eq!(header["files"][1]["path"], "lib/__init__.py");
        assert_eq!((&header["rows"], &header["arg"]), (&"text".into(), &"WzFd".into()));
        assert_eq!(&bundle[4 + length..], b"def run(row): pass\n");
    }
}
