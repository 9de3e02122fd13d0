//! The languages of scripts, as data: which files are scripts, what belongs to one, and how the runtime is made.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cli::projects::{COMPONENTIZE_PY, Tool};
use crate::cli::scripts::bundle::Script;
use crate::cli::scripts::error::Error;
use crate::cli::scripts::source::Source;
use crate::cli::scripts::{javascript, python, typescript};

/// One language of scripts.
#[derive(Debug)]
pub struct ScriptLanguage {
    pub name: &'static str,
    pub extensions: &'static [&'static str],
    /// The function that a script defines, for people.
    pub form: &'static str,
    /// Whether a source is a script.
    pub is_script: fn(&str) -> bool,
    /// Whether a source is none, but a project that `wpool build` builds.
    pub is_project: fn(&Path, &str) -> bool,
    /// Finds all that belongs to a script. The folders are those of `--python-path`.
    pub collect: fn(&Source, &[PathBuf]) -> Result<Script, Error>,
    pub runtime: Origin,
}

/// Where a language's runtime comes from.
#[derive(Debug)]
pub enum Origin {
    /// The language's own tools make it.
    Made(Recipe),
    /// It is a part of wpool.
    Inside(&'static [u8]),
}

/// How a language's runtime is made, in a folder of its own in which nothing else is.
#[derive(Debug)]
pub struct Recipe {
    /// All tools that are needed. The version of the first is a part of the runtime's name.
    pub tools: &'static [&'static Tool],
    /// Files that are written before, by path. The contract of scripts is there as `wit/script.wit` in any case.
    pub files: &'static [(&'static str, &'static str)],
    /// Shared libraries that the tool links.
    pub libraries: &'static [Library],
    pub tool: &'static Tool,
    /// Arguments of the tool, which writes `out.wasm`.
    pub args: &'static [&'static str],
    pub env: &'static [(&'static str, &'static str)],
    /// How long it takes, for people.
    pub takes: &'static str,
}

/// A part of a runtime that is machine code, and fits one version of what the tool brings.
#[derive(Debug)]
pub struct Library {
    pub name: &'static str,
    /// WebAssembly text.
    pub text: &'static str,
    /// The file, with its content, that takes its place where it does not fit.
    pub stand_in: (&'static str, &'static str),
}

/// The glue of a runtime: a folder in `runtimes`, which is a link into `guest-tasks`.
macro_rules! glue {
    ($folder:literal: $($name:literal),+) => {
        &[$((concat!("glue/", $name), include_str!(concat!("runtimes/", $folder, "/", $name)))),+,
          // An environment without packages: componentize-py would put those of the user into the runtime.
          ("venv/lib/python3.14/site-packages/none.txt", "")]
    };
}

/// Every language of scripts.
pub static SCRIPT_LANGUAGES: [ScriptLanguage; 3] = [PYTHON, JAVASCRIPT, TYPESCRIPT];

const PYTHON: ScriptLanguage = ScriptLanguage {
    name: "python",
    extensions: &["py"],
    form: "def run(row): …",
    is_script: python::is_script,
    is_project: |_, source| python::is_project(source),
    collect: python::collect,
    runtime: Origin::Made(Recipe {
        tools: &[&COMPONENTIZE_PY],
        files: glue!("python": "wpool_script.py", "wpool_stdlib.py", "wpool_bundle.py", "wpool_resources.py",
                     "wpool_errors.py", "wpool_library.py", "wpool_places.py", "wpool_remedies.py", "wpool_results.py",
                     "wpool_system.py", "wpool_warm.py", "wpool_settle.py", "wpool_rehearsal.py", "native.txt"),
        libraries: &[Library {
            name: "glue/wpool_native.cpython-314-wasm32-wasi.so",
            text: include_str!("runtimes/python/wpool_native.wat"),
            stand_in: ("glue/wpool_native.py", include_str!("runtimes/python/wpool_native.py")),
        }],
        tool: &COMPONENTIZE_PY,
        args: &["-d", "wit", "-w", "script", "componentize", "-p", "glue", "wpool_script", "-o", "out.wasm"],
        env: &[("VIRTUAL_ENV", "venv")],
        takes: "about 10 s",
    }),
};

/// QuickJS with wpool's glue. `guest-tasks/runtimes/javascript/build.sh` makes it.
const JAVASCRIPT_RUNTIME: &[u8] = include_bytes!("runtimes/javascript.wasm");

const JAVASCRIPT: ScriptLanguage = ScriptLanguage {
    name: "javascript",
    extensions: &["js", "mjs", "cjs"],
    form: "export function run(row) { … }",
    is_script: javascript::is_script,
    is_project: |path, _| javascript::is_project(path),
    collect: javascript::collect,
    runtime: Origin::Inside(JAVASCRIPT_RUNTIME),
};

const TYPESCRIPT: ScriptLanguage = ScriptLanguage {
    name: "typescript",
    extensions: &["ts", "mts", "cts"],
    form: "export function run(row: …): … { … }",
    is_script: javascript::is_script,
    is_project: |path, _| javascript::is_project(path),
    collect: typescript::collect,
    runtime: Origin::Inside(JAVASCRIPT_RUNTIME),
};

impl ScriptLanguage {
    pub fn named(name: &str) -> Option<&'static ScriptLanguage> {
        SCRIPT_LANGUAGES.iter().find(|language| language.name == name)
    }

    /// The tools that make its runtime. Empty if the runtime is a part of wpool.
    pub fn tools(&self) -> &'static [&'static Tool] {
        match &self.runtime {
            Origin::Made(recipe) => recipe.tools,
            Origin::Inside(_) => &[],
        }
    }

    /// The language of a file, by its extension.
    pub fn of(path: &Path) -> Option<&'static ScriptLanguage> {
        let extension = path.extension()?;
        SCRIPT_LANGUAGES.iter().find(|language| language.extensions.iter().any(|known| extension == OsStr::new(known)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_of_a_runtime_is_webassembly() {
        let recipes = SCRIPT_LANGUAGES.iter().filter_map(|language| match &language.runtime {
            Origin::Made(recipe) => Some(recipe),
            Origin::Inside(_) => None,
        });
        let libraries: Vec<_> = recipes.flat_map(|recipe| recipe.libraries).collect();
        assert!(!libraries.is_empty());
        for Library { name, text, .. } in libraries {
            assert!(wat::parse_str(text).is_ok(), "{name}");
        }
    }
}
