//! The identity of a row.

use wpool::Input;

/// Bytes of a key. The probability that two of 10⁷ different rows share a key is 10⁻¹⁵.
pub const KEY: usize = 12;

/// Separates the hashes of rows with an occurrence from those of any row without.
const OF_OCCURRENCE: &str = "wpool 2026 journal: occurrence of a row";

/// The beginning of a hash of all that a task gets from its row: its content, its name if it has one, and in a
/// deterministic run its number among equal rows, on which random numbers depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; KEY]);

impl Key {
    /// The key of a row with nothing but content.
    pub fn of_plain(row: &[u8]) -> Key {
        Key(*blake3::hash(row).as_bytes().first_chunk().expect("it is longer"))
    }

    pub fn of(row: &Input) -> Key {
        let hash = match &row.name {
            None => blake3::hash(&row.bytes),
            Some(name) => {
                let mut hasher = blake3::Hasher::new();
                // The length marks where the name ends.
                hasher.update(&(name.len() as u64).to_le_bytes());
                hasher.update(name.as_bytes()).update(&row.bytes).finalize()
            }
        };
        let hash = match row.occurrence_number() {
            0 => hash,
            number => {
                let mut hasher = blake3::Hasher::new_derive_key(OF_OCCURRENCE);
                hasher.update(hash.as_bytes()).update(&number.to_le_bytes()).finalize()
            }
        };
        Key(*hash.as_bytes().first_chunk().expect("it is longer"))
    }

    /// Its beginning, by which history and notes know rows.
    pub fn short(self) -> u32 {
        u32::from_le_bytes(*self.0.first_chunk().expect("a key is longer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_content_that_get_other_random_numbers_have_other_keys() {
        let of = |number| Key::of(&Input::new("1").occurrence(number));
        assert_eq!(of(0), Key::of(&Input::new("1")));
        assert!(of(0) != of(1) && of(1) != of(2));
        assert_ne!(of(1), Key::of(&Input::new("1").named("a").occurrence(1)));
    }
}
