//! Output on a thread of its own, so that a slow reader holds up the run and nothing else.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::exit::CannotWrite;
use super::out_dir::OutDir;
use super::terminal::Aside;

/// Pieces that may wait to be written.
const PIECES: usize = 4;
/// Bytes of lines that wait for files that follow them.
const FLUSH: usize = 16 << 10;

/// Lines, and the files that must be there before a line says so.
#[derive(Debug, Default)]
pub struct Piece {
    pub lines: Vec<u8>,
    files: Vec<OutFile>,
}

/// A file to be written before what follows `before` in the lines of its piece.
#[derive(Debug)]
struct OutFile {
    before: usize,
    dir: Arc<OutDir>,
    name: String,
    bytes: Bytes,
}

impl Piece {
    /// Adds a file, which is there before the lines that are added from now on.
    pub fn push_file(&mut self, dir: &Arc<OutDir>, name: String, bytes: &Bytes) {
        let (dir, bytes) = (dir.clone(), bytes.clone());
        self.files.push(OutFile { before: self.lines.len(), dir, name, bytes });
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.files.is_empty()
    }

    /// Writes files and lines in their order. `name` is what the lines are written to.
    fn write(&self, name: &str, sink: &mut impl Write) -> Result<(), WriteEnd> {
        let mut written = 0;
        for file in &self.files {
            if let Err(error) = file.dir.write(&file.name, &file.bytes) {
                // What was done before is told in any case.
                write_lines(name, sink, &self.lines[written..file.before])?;
                return Err(WriteEnd::Failed(error));
            }
            if file.before - written >= FLUSH {
                write_lines(name, sink, &self.lines[written..file.before])?;
                written = file.before;
            }
        }
        write_lines(name, sink, &self.lines[written..])
    }
}

fn write_lines(name: &str, sink: &mut impl Write, lines: &[u8]) -> Result<(), WriteEnd> {
    sink.write_all(lines).and_then(|()| sink.flush()).map_err(|source| match source.kind() {
        io::ErrorKind::BrokenPipe => WriteEnd::Closed,
        _ => WriteEnd::Failed(CannotWrite { path: name.to_owned(), source }),
    })
}

/// Where a run's lines go.
#[derive(Debug)]
pub struct Writer {
    name: String,
    pieces: mpsc::Sender<Piece>,
    thread: JoinHandle<Result<(), WriteEnd>>,
}

/// How writing ended before its end.
#[derive(Debug)]
pub enum WriteEnd {
    /// The reader has seen enough.
    Closed,
    Failed(CannotWrite),
}

impl Writer {
    pub fn stdout() -> io::Result<Writer> {
        let name = "standard output".into();
        if io::stdout().is_terminal() {
            // Progress may be drawn on the same.
            return Writer::start(name, Aside(io::stdout()));
        }
        Writer::start(name, io::stdout())
    }

    /// Creates the file; it must not exist unless it may be replaced.
    pub fn create(path: &Path, overwrite: bool) -> Result<Writer, CannotWrite> {
        let cannot = CannotWrite::at(path);
        let file = if overwrite { File::create(path) } else { File::create_new(path) };
        // A pipe or a device that exists is no file that could be destroyed.
        let file = file.or_else(|error| match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => File::options().write(true).open(path),
            _ => Err(error),
        });
        Writer::start(path.display().to_string(), file.map_err(cannot)?).map_err(cannot)
    }

    fn start(name: String, mut sink: impl Write + Send + 'static) -> io::Result<Writer> {
        let (pieces, mut incoming) = mpsc::channel::<Piece>(PIECES);
        let shown = name.clone();
        let thread = std::thread::Builder::new().name("wpool-writer".into()).spawn(move || {
            while let Some(piece) = incoming.blocking_recv() {
                piece.write(&shown, &mut sink)?;
            }
            Ok(())
        })?;
        Ok(Writer { name, pieces, thread })
    }

    /// Hands a piece over, waiting for room. False when the writer has ended; [`Writer::finish`] says why.
    pub async fn write(&self, piece: Piece) -> bool {
        piece.is_empty() || self.pieces.send(piece).await.is_ok()
    }

    /// Waits until everything is written.
    pub fn finish(self) -> Result<(), WriteEnd> {
        drop(self.pieces);
        let broke = |_| CannotWrite { path: self.name, source: io::Error::other("the writer broke") };
        self.thread.join().unwrap_or_else(|panic| Err(WriteEnd::Failed(broke(panic))))
    }
}
