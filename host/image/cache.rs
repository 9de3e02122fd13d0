//! Compiled images and prepared states on disk, named by everything that decides their content.
//!
//! Every worker runs the native code of an entry. So the folder is the user's alone, and so are the folders above it.
//! It is reached through one descriptor, an entry becomes visible whole (by rename) or not at all, and each run hashes
//! it before use. An entry is its content, a report as JSON, and a footer: both lengths and the BLAKE3 hash of all
//! before it. The content is an image, or the state that the `init` of a program left.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::hash;
use crate::model::program::Program;
use crate::place::{Dir, PRIVATE, Place};
use crate::protocol::roles::BUILD;
use crate::protocol::setup::ImageSettings;
use crate::protocol::wire::MAX_TEXT;
use crate::spawn::command::WorkerCommand;

/// Above this size of all entries, the least recently used are removed.
const MAX_BYTES: u64 = 2 << 30;

const FOOTER: u64 = 8 + 8 + 32;
/// Bytes of an entry that are hashed at a time: as many as a processor's cache holds.
const READ_AT_ONCE: usize = 128 << 10;

/// A folder of entries.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: Dir,
}

/// The inputs of a snapshot besides its program: everything that `init` can see.
pub(crate) struct InitIdentity<'a> {
    pub argument: &'a [u8],
    pub env: &'a [(String, String)],
    /// The limit of memory, which decides the results of `memory.grow`.
    pub memory: u64,
    /// The seed of its random numbers, if it has one.
    pub seed: Option<u64>,
}

/// The name of the entry for a program, before or after its `init`; `what` is kept in it. The worker executable stands
/// for the engine inside it.
pub(crate) fn key(
    program: &Program,
    worker: &WorkerCommand,
    settings: ImageSettings,
    init: Option<InitIdentity<'_>>,
    what: &str,
) -> String {
    let engine = std::fs::metadata(&worker.program).map(|file| (file.len(), file.mtime(), file.mtime_nsec()));
    let identity = (BUILD, std::env::consts::ARCH, engine.ok(), cpu_features(), settings);
    let mut hasher = blake3::Hasher::new();
    hasher.update(program.hash().as_bytes());
    hasher.update(format!("{what}{identity:?}").as_bytes());
    if let Some(InitIdentity { argument, env, memory, seed }) = init {
        // Quoted, so that different names and values cannot give the same text.
        hasher.update(format!("{env:?}{memory:?}{seed:?}").as_bytes()).update(argument);
    }
    hasher.finalize().to_hex().to_string()
}

/// The processor's features, as the compiler would find them. The kernel makes this file during the read, and asks
/// every processor for its speed. So only the first processor's part is read, and only once.
fn cpu_features() -> &'static str {
    static FEATURES: OnceLock<String> = OnceLock::new();
    FEATURES.get_or_init(|| {
        let Ok(info) = File::open("/proc/cpuinfo") else { return String::new() };
        let is_features = |line: &String| line.starts_with("flags") || line.starts_with("Features");
        BufReader::new(info).lines().map_while(Result::ok).find(is_features).unwrap_or_default()
    })
}

impl Cache {
    /// Opens or creates the folder. Fails if somebody else could write to it or replace it.
    pub fn open(dir: &Path) -> io::Result<Cache> {
        Ok(Cache { dir: Dir::make_private(dir)? })
    }

    pub fn path(&self, key: &str) -> PathBuf {
        self.dir.at(key).path()
    }

    /// Whether there is such an entry, whole or not.
    pub fn has(&self, key: &str) -> bool {
        self.dir.at(key).look().is_ok_and(|found| found.is_some())
    }

    /// The entry, if it exists and is whole: its report, and the file with its content at the beginning.
    pub fn load<T: DeserializeOwned>(&self, key: &str) -> io::Result<Option<(T, File)>> {
        let place = self.dir.at(key);
        if place.look()?.is_none() {
            return Ok(None);
        }
        let mut file = match place.read() {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let report = verify(&mut file)?;
        // Marks the entry as used. A failure does not matter: a read-only cache works as well.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some((report, file)))
    }

    /// Writes an entry and opens it.
    pub fn store(&self, key: &str, report: &impl Serialize, content: &[u8]) -> io::Result<File> {
        let report = serde_json::to_vec(report)?;
        // Opened before other processes see it, because they may remove it at once to make room.
        let file = write_entry(&self.dir.at(key), content, &report)?;
        self.evict();
        Ok(file)
    }

    /// Removes the least recently used entries until the rest is within bounds. A process that has an entry open keeps
    /// it.
    fn evict(&self) {
        let Ok(names) = self.dir.names() else { return };
        let found = names.into_iter().filter_map(|name| {
            let place = self.dir.at(name);
            let metadata = place.read().ok()?.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), place))
        });
        let mut found: Vec<_> = found.collect();
        found.sort_unstable_by_key(|(used, bytes, _)| std::cmp::Reverse((*used, *bytes)));
        let mut total = 0;
        for (_, bytes, place) in found {
            total += bytes;
            if total > MAX_BYTES {
                let _ = place.remove();
            }
        }
    }
}

fn write_entry(place: &Place, image: &[u8], report: &[u8]) -> io::Result<File> {
    let mut draft = place.draft(PRIVATE)?;
    let (image_length, report_length) = ((image.len() as u64).to_le_bytes(), (report.len() as u64).to_le_bytes());
    let parts = [image, report, &image_length, &report_length];
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
        draft.file.write_all(part)?;
    }
    draft.file.write_all(hasher.finalize().as_bytes())?;
    // A worker gets this descriptor, and must not be able to write through it.
    let reader = draft.reader()?;
    draft.put(true)?;
    Ok(reader)
}

/// Hashes a part of an entry.
fn feed(file: &File, hasher: &mut blake3::Hasher, range: Range<u64>) -> io::Result<()> {
    let mut buffer = vec![0; READ_AT_ONCE];
    let mut at = range.start;
    while at < range.end {
        let wanted = buffer.len().min((range.end - at) as usize);
        file.read_exact_at(&mut buffer[..wanted], at)?;
        hasher.update(&buffer[..wanted]);
        at += wanted as u64;
    }
    Ok(())
}

/// Hashes an entry and reads its report.
fn verify<T: DeserializeOwned>(file: &mut File) -> io::Result<T> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "it is damaged");
    let length = file.metadata()?.len();
    let hashed = length.checked_sub(32).filter(|_| length >= FOOTER).ok_or_else(broken)?;
    let found = hash::of_content(hashed, &|hasher, range| feed(file, hasher, range))?;
    let mut hash = [0; 32];
    file.read_exact_at(&mut hash, hashed)?;
    if found != blake3::Hash::from_bytes(hash) {
        return Err(broken());
    }
    let mut lengths = [0; 16];
    file.seek(SeekFrom::Start(length - FOOTER))?;
    file.read_exact(&mut lengths)?;
    let (image, report) = lengths.split_at(8);
    let as_u64 = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let (image, report) = (as_u64(image), as_u64(report));
    if image.checked_add(report).and_then(|sum| sum.checked_add(FOOTER)) != Some(length) || report > MAX_TEXT as u64 {
        return Err(broken());
    }
    let mut text = vec![0; report as usize];
    file.seek(SeekFrom::Start(image))?;
    file.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
