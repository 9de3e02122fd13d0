//! Results of tools that are kept until a file that they were made of changes.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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
    /// A hash of the script as it was read.
    source: String,
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

    /// The result for a script of this content, if every file of it is as it was.
    pub fn find(&self, source: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.place.as_ref()?.read().ok()?.take(2 * MOST_BYTES).read_to_end(&mut bytes).ok()?;
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (header, content) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let Header { source: of, files } = serde_json::from_slice(header).ok()?;
        let is_same = of == hash(source) && files.iter().all(|(path, stamp)| stamp_of(path).as_ref() == Some(stamp));
        is_same.then(|| content.to_vec())
    }

    /// Keeps the result for a script. A failure means that it is made again, and so does a file that has changed since its
    /// making began: nobody knows which version the tool has read.
    pub fn keep(&self, source: &[u8], began: SystemTime, files: &[PathBuf], content: &[u8]) {
        let Some(place) = &self.place else { return };
        if files.iter().any(|path| has_changed_since(path, began)) {
            return;
        }
        let Some(files) = files.iter().map(|path| Some((path.clone(), stamp_of(path)?))).collect() else { return };
        let mut header = Vec::new();
        if inert::push_json(&Header { source: hash(source), files }, &mut header).is_err() {
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

fn hash(source: &[u8]) -> String {
    blake3::hash(source).to_hex().to_string()
}

/// Whether a file, or what stands at its name, is younger than a moment. A copy can bring the time of its content, and not
/// that of its state.
fn has_changed_since(path: &Path, moment: SystemTime) -> bool {
    let moment = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let changed = |found: std::fs::Metadata| (found.ctime(), found.ctime_nsec());
    let since = (moment.as_secs().cast_signed(), i64::from(moment.subsec_nanos()));
    std::fs::metadata(path).map_or(true, |found| changed(found) >= since)
}

/// Size and time of a file.
fn stamp_of(path: &Path) -> Option<(u64, u128)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.len(), found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos()))
}
