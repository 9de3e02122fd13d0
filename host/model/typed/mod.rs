//! Typed functions: JSON rows to the values of a component's function and back. The code is pure, so that host and
//! workers read rows by the same code.
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, `string` | boolean, string |
//! | `s8`…`u32` | number in range |
//! | `s64`, `u64` | number; in input also a decimal string |
//! | `f32`, `f64` | number, or `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `char` | string of one character |
//! | `list<u8>` | base64; in input also an array |
//! | `list`, `tuple` | array |
//! | `record` | object; in input a missing field is the `none` of an option |
//! | `option` | `null` or the value; around another option `null` or `{"some":…}` |
//! | `result` | `{"ok":…}` or `{"err":…}`, with `null` for no payload |
//! | `variant` | object with the case as its only member; without payload the case's name |
//! | `enum`, `flags` | string, array of strings |
//!
//! Resources, streams, futures and the like have no data. A function that names one is refused before it runs.

mod arguments;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod texts;
mod types;
mod value;
mod words;
#[cfg(any(feature = "engine", test))]
mod write;

pub(crate) use arguments::{Parameters, RowError, json_row, takes_text};
pub(crate) use schema::{input, output};
pub use types::{Case, Field, Signature, Type};
#[cfg(feature = "engine")]
pub(crate) use value::Value;
#[cfg(feature = "engine")]
pub(crate) use write::push;
