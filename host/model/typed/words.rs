//! Texts and types in messages, which repeat a part of long ones.

use super::types::Type;

/// Most characters of a value, and of a type, that a message repeats.
const MAX_SHOWN: (usize, usize) = (40, 200);

/// A text of a row, as messages repeat it.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", cut(text, MAX_SHOWN.0))
}

/// A type, as messages name it.
pub(super) fn shown(ty: &Type) -> String {
    cut(&ty.to_string(), MAX_SHOWN.1)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
