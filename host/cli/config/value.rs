//! Values of options, and the words that stand for them on a command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::cli::config::options::{ARGS, Kind, RunOption};

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// What is built in, whatever layers below say.
    Unset,
    Flag(bool),
    /// One text, or those of a list.
    Texts(Vec<OsString>),
}

impl Value {
    /// Whether a word of the command line stands for it.
    pub fn is_set(&self) -> bool {
        match self {
            Value::Unset | Value::Flag(false) => false,
            Value::Flag(true) => true,
            Value::Texts(texts) => !texts.is_empty(),
        }
    }

    pub fn texts(&self) -> &[OsString] {
        if let Value::Texts(texts) = self { texts } else { &[] }
    }

    /// The words of an option with this value.
    pub fn words(&self, option: &RunOption<'_>) -> Vec<OsString> {
        let name = OsString::from(format!("--{}", option.name));
        match (self, option.kind) {
            _ if !self.is_set() => Vec::new(),
            _ if option.name == ARGS => self.texts().to_vec(),
            _ if option.is_operand() => self.texts().iter().map(|path| operand(path)).collect(),
            (Value::Texts(texts), Kind::Many(Some(separator))) => {
                pair(&name, &texts.join(OsStr::new(separator.encode_utf8(&mut [0; 4]))))
            }
            (Value::Texts(texts), _) => texts.iter().flat_map(|text| pair(&name, text)).collect(),
            (Value::Flag(_) | Value::Unset, _) => vec![name],
        }
    }
}

/// A path that is no option, whatever it begins with: in a file, `inputs = ["--dir=/"]` is a file of this name.
fn operand(path: &OsStr) -> OsString {
    if path.as_bytes() == b"-" || !path.as_bytes().starts_with(b"-") {
        return path.to_owned();
    }
    let mut word = OsString::from("./");
    word.push(path);
    word
}

/// An option and its value, in one word where the value looks like an option.
fn pair(name: &OsStr, value: &OsStr) -> Vec<OsString> {
    if value.as_bytes() == b"-" || !(value.is_empty() || value.as_bytes().starts_with(b"-")) {
        return vec![name.to_owned(), value.to_owned()];
    }
    let mut word = name.to_owned();
    word.push("=");
    word.push(value);
    vec![word]
}
