//! Options of `wpool run` from files and variables: `wpool.toml` of the project, the user's own file, and `WPOOL_*`.
//!
//! They become words of a command line, which clap parses as if they had been typed. So an option means the same wherever
//! it stands, and the words that a run keeps say all of it, whatever becomes of the files.

mod failure;
mod file;
mod find;
mod layers;
mod options;
mod parse;
mod paths;
mod rights;
mod settle;
mod standing;
mod suggest;
mod tables;
mod value;
mod version;
mod whole;

pub use failure::Failure;
pub use layers::{Origin, Setting};
pub use options::sentence;
pub use parse::{Parsed, parse};
pub use value::Value;
pub use whole::Whole;
