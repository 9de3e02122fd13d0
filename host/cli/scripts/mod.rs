//! Scripts: programs without a build step. A runtime, which a language's own tools make once, is given the script and all
//! that it imports as the argument of its `init`; tasks start from the state that this leaves.

mod at_path;
mod bundle;
mod error;
mod esbuild;
mod given;
mod imports;
mod inputs;
mod javascript;
mod language;
mod listed;
mod making;
mod memo;
mod outline;
mod python;
mod runtime;
mod sealed;
mod source;
mod typescript;
mod versions;

pub use at_path::{AtPath, collect, is_script, is_webassembly, read_again};
pub use bundle::{RowsAs, Script, Setting};
pub use error::Error;
pub use language::{SCRIPT_LANGUAGES, ScriptLanguage};
pub use listed::Listed;
pub use outline::Outline;
pub use python::packages;
pub use runtime::{Runtime, Runtimes, Step as MakeStep, folder};
