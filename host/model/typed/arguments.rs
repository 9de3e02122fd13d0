//! A row as the arguments of a function: an object by their names, an array by position, or the bare value of a single
//! parameter.

use super::read::{Mismatch, read};
use super::types::{Field, Signature, Type};
use super::value::Made;
#[cfg(any(feature = "engine", test))]
use super::value::Value;
use crate::model::json;

/// The parameters of a function, as the types that a row may have.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// By name.
    object: Type,
    /// By position.
    array: Type,
    /// The only parameter.
    single: Option<Type>,
}

impl Parameters {
    pub fn new(signature: &Signature) -> Self {
        let single = match signature.params.as_slice() {
            [Field { ty, .. }] => Some(ty.clone()),
            _ => None,
        };
        let types = signature.params.iter().map(|param| param.ty.clone()).collect();
        Parameters { object: Type::Record(signature.params.clone()), array: Type::Tuple(types), single }
    }

    /// The arguments in a row of JSON, in order.
    ///
    /// Where a row can be read in two ways, as `[[1]]` for one parameter of `list<list<u8>>`, it is the bare value. With
    /// `texts`, the members of an object may be texts that stand for values of their types.
    ///
    /// # Errors
    /// The flaw of a row that is not JSON, or does not fit.
    #[cfg(any(feature = "engine", test))]
    pub fn read(&self, row: &[u8], texts: bool) -> Result<Vec<Value>, RowError> {
        match self.fit(row, texts)? {
            Fit::Bare(value) => Ok(vec![value]),
            Fit::Whole(Value::Many(values)) => Ok(values),
            Fit::Whole(_) => unreachable!("records and tuples are read as many values"),
        }
    }

    /// Checks that [`Parameters::read`] would read a row, in no more memory than the longest text in it.
    ///
    /// # Errors
    /// As [`Parameters::read`].
    pub fn check(&self, row: &[u8], texts: bool) -> Result<(), RowError> {
        self.fit::<()>(row, texts).map(drop)
    }

    /// The arguments from a row of any text, for a function that [`takes_text`].
    ///
    /// # Errors
    /// The flaw of a row that is not UTF-8, for a parameter that is.
    #[cfg(any(feature = "engine", test))]
    pub fn text(&self, row: &[u8]) -> Result<Vec<Value>, RowError> {
        match &self.single {
            Some(ty) if ty.is_bytes() => Ok(vec![Value::Bytes(row.to_vec())]),
            None => Ok(Vec::new()),
            Some(_) => match std::str::from_utf8(row) {
                Ok(text) => Ok(vec![Value::String(text.to_owned())]),
                Err(_) => Err(RowError::new("type", "expected string, found bytes that are not UTF-8")),
            },
        }
    }

    fn fit<V: Made>(&self, row: &[u8], texts: bool) -> Result<Fit<V>, RowError> {
        // Only a row that does not fit is checked for being JSON at all.
        self.try_fit(row, texts).or_else(|mismatch| {
            json_row(row)?;
            Err(RowError::new("type", mismatch.to_string()))
        })
    }

    fn try_fit<V: Made>(&self, row: &[u8], texts: bool) -> Result<Fit<V>, Mismatch> {
        let bare = self.single.as_ref().map(|ty| read(ty, row, texts));
        let bare = match bare {
            Some(Ok(value)) => return Ok(Fit::Bare(value)),
            Some(Err(mismatch)) => Some(mismatch),
            None => None,
        };
        let whole = match row.trim_ascii_start().first() {
            Some(b'[') => &self.array,
            _ => &self.object,
        };
        match (read(whole, row, texts), bare) {
            (Ok(values), _) => Ok(Fit::Whole(values)),
            // The reading that went deeper has the better message.
            (Err(mismatch), Some(bare)) if mismatch.pointer.len() <= bare.pointer.len() => Err(bare),
            (Err(mismatch), _) => Err(mismatch),
        }
    }
}

/// The way in which a row fits.
enum Fit<V> {
    /// The row is the value of the only parameter.
    Bare(V),
    /// The row has all parameters, by name or by position.
    Whole(V),
}

/// The reason why a row is unfit to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowError {
    pub code: &'static str,
    pub message: String,
}

impl RowError {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        RowError { code, message: message.into() }
    }
}

/// Whether a function can take rows of any text: as its only parameter, or not at all.
pub(crate) fn takes_text(signature: &Signature) -> bool {
    match signature.params.as_slice() {
        [] => true,
        [Field { ty, .. }] => *ty == Type::String || ty.is_bytes(),
        _ => false,
    }
}

/// Checks that a row is JSON.
///
/// # Errors
/// The flaw of a row that is not.
pub(crate) fn json_row(row: &[u8]) -> Result<(), RowError> {
    json::check(row)
        .map(drop)
        .map_err(|error| RowError::new("json", format!("not JSON: {} in column {}", error.what, error.at + 1)))
}
