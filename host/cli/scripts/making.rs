//! How a runtime is made, by the tools of its language, in a folder that goes when it is made, or a signal ends it.

use std::path::Path;

use wpool::Program;

use crate::cli::projects::{self, Found, Interrupts, run_held};
use crate::cli::scripts::error::Error;
use crate::cli::scripts::inputs::scratch;
use crate::cli::scripts::language::{Recipe, ScriptLanguage};

/// The contract between wpool and a runtime.
pub const WIT: &str = include_str!("../../../wit/script.wit");

/// Stands before the reason where a runtime refuses its library, as in `wpool_library.py`.
const UNFIT: &str = "the native library does not fit this Python: ";

/// A runtime that was just made.
pub struct Made {
    pub program: Program,
    /// Why it is without the libraries of its recipe.
    pub unfit: Option<String>,
}

/// Makes a runtime. Where a library does not fit what the tool brings, the tool fails, or the runtime itself refuses the
/// library; then it is made with what stands in for the library.
pub fn make(
    name: &str,
    language: &ScriptLanguage,
    recipe: &Recipe,
    found: &Found,
    interrupts: &Interrupts,
) -> Result<Made, Error> {
    let of = |with_libraries| {
        let scratch = scratch("runtime")?;
        lay_out(recipe, scratch.path(), with_libraries)?;
        let mut command = found.call(scratch.path(), recipe.args);
        // What the tool leaves behind when it is killed goes with the folder.
        command.envs(recipe.env.iter().copied()).env("TMPDIR", scratch.path());
        run_held(&mut command, interrupts)?;
        read_out(language, recipe, scratch.path()).map(|bytes| Program::new(name, bytes))
    };
    match of(true) {
        Err(Error::Tools(projects::Error::Printed { command, status, printed })) if !recipe.libraries.is_empty() => {
            let unfit = reason(&printed);
            // If it fails in any case, the first failure says more.
            let first = |_| Error::Tools(projects::Error::Printed { command, status, printed });
            of(false).map(|program| Made { program, unfit: Some(unfit) }).map_err(first)
        }
        made => made.map(|program| Made { program, unfit: None }),
    }
}

/// Why a library does not fit, from what the tool printed.
fn reason(printed: &str) -> String {
    // The last one: a traceback has the line of the source that raises it before.
    let said = printed.lines().rev().find_map(|line| line.split_once(UNFIT));
    said.map_or("the tool fails with it", |(_, reason)| reason.trim()).to_owned()
}

/// Writes what a runtime is made of.
fn lay_out(recipe: &Recipe, scratch: &Path, with_libraries: bool) -> Result<(), Error> {
    let write = |name: &str, content: &[u8]| {
        let path = scratch.join(name);
        let folder = path.parent().unwrap_or(scratch);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content));
        written.map_err(Error::io("write", &path))
    };
    for (name, content) in recipe.files.iter().chain(&[("wit/script.wit", WIT)]) {
        write(name, content.as_bytes())?;
    }
    for library in recipe.libraries {
        match with_libraries {
            true => write(library.name, &wat::parse_str(library.text).expect("a test makes it"))?,
            false => write(library.stand_in.0, library.stand_in.1.as_bytes())?,
        }
    }
    Ok(())
}

fn read_out(language: &ScriptLanguage, recipe: &Recipe, folder: &Path) -> Result<Vec<u8>, Error> {
    let out = folder.join("out.wasm");
    let bytes = std::fs::read(&out).map_err(Error::io("read", &out))?;
    if !wasmparser::Parser::is_component(&bytes) {
        return Err(Error::NotMade { tool: recipe.tool.name, language: language.name });
    }
    Ok(bytes)
}
