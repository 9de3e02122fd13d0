//! Texts of the system, which may have any bytes: paths and arguments.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::Deref;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path or an argument. In JSON it is a string, or `{"base64":…}` where it is not UTF-8. For people it has replacement
/// characters there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(OsString);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written<'a> {
    Utf8(std::borrow::Cow<'a, str>),
    Other { base64: String },
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match self.0.to_str() {
            Some(text) => Written::Utf8(text.into()),
            None => Written::Other { base64: STANDARD.encode(self.0.as_bytes()) },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Utf8(text) => Ok(Text(text.into_owned().into())),
            Written::Other { base64 } => {
                let bytes = STANDARD.decode(base64).map_err(D::Error::custom)?;
                Ok(Text(OsString::from_vec(bytes)))
            }
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_string_lossy().fmt(f)
    }
}

impl Deref for Text {
    type Target = OsStr;

    fn deref(&self) -> &OsStr {
        &self.0
    }
}

impl AsRef<Path> for Text {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

impl From<OsString> for Text {
    fn from(text: OsString) -> Text {
        Text(text)
    }
}

impl From<&Path> for Text {
    fn from(path: &Path) -> Text {
        Text(path.into())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Text {
        Text(text.into())
    }
}

/// For paths of what is printed as JSON.
pub fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    Text::from(path).serialize(serializer)
}
