//! What a row is known by.

use wpool::Input;

/// Bytes of a key. Two of 10⁷ different rows share one with a probability of 10⁻¹⁵.
pub const KEY: usize = 12;

/// The beginning of a hash of all that a task gets from its row: its content, and its name where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; KEY]);

impl Key {
    pub fn of(row: &Input) -> Key {
        let hash = match &row.name {
            None => blake3::hash(&row.bytes),
            Some(name) => {
                let mut hasher = blake3::Hasher::new();
                // Its length tells where the name ends.
                hasher.update(&(name.len() as u64).to_le_bytes());
                hasher.update(name.as_bytes()).update(&row.bytes).finalize()
            }
        };
        Key(*hash.as_bytes().first_chunk().expect("it is longer"))
    }
}
