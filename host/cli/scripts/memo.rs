//! Results of tools that are kept until a file that they were made of changes.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use wpool::inert;
use wpool::place::{Dir, PRIVATE, Place};

use crate::cli::dirs::cache_dir;
use crate::cli::scripts::inputs::MOST_BYTES;

/// Most results that are kept. All go when there are more.
const MOST: usize = 256;

/// The place of one result.
pub struct Memo {
    /// `None` where nothing can be kept: everything works, and is done each time.
    place: Option<Place>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    /// Sizes and times of the files that the result was made of, by path.
    files: BTreeMap<PathBuf, (u64, u128)>,
}

impl Memo {
    /// The place of the result that a key describes in full, but for the contents of files.
    pub fn of(key: &str) -> Memo {
        let dir = cache_dir().and_then(|cache| Dir::make_private(&cache.join("scripts")).ok());
        let name = format!("{}.memo", blake3::hash(key.as_bytes()).to_hex());
        Memo { place: dir.map(|dir| dir.at(name)) }
    }

    /// The result, if every file of it is as it was.
    pub fn find(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.place.as_ref()?.read().ok()?.take(2 * MOST_BYTES).read_to_end(&mut bytes).ok()?;
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (header, content) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let Header { files } = serde_json::from_slice(header).ok()?;
        files.iter().all(|(path, stamp)| stamp_of(path).as_ref() == Some(stamp)).then(|| content.to_vec())
    }

    /// Keeps a result. A failure means that it is made again.
    pub fn keep(&self, files: &[PathBuf], content: &[u8]) {
        let Some(place) = &self.place else { return };
        let Some(files) = files.iter().map(|path| Some((path.clone(), stamp_of(path)?))).collect() else { return };
        let mut header = Vec::new();
        if inert::push_json(&Header { files }, &mut header).is_err() {
            return;
        }
        let Ok(length) = u32::try_from(header.len()) else { return };
        let names = place.dir().names().unwrap_or_default();
        if names.len() >= MOST {
            names.iter().for_each(|name| drop(place.dir().at(name).remove()));
        }
        let _ = place.replace(&[&length.to_le_bytes(), &header[..], content].concat(), PRIVATE, true);
    }
}

/// Size and time of a file.
fn stamp_of(path: &Path) -> Option<(u64, u128)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.len(), found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos()))
}
