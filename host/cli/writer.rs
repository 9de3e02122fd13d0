//! Output on a thread of its own, so that a slow reader holds up the run and nothing else.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::exit::CannotWrite;

/// Pieces that may wait to be written.
const PIECES: usize = 4;

/// Where a run's lines go.
#[derive(Debug)]
pub struct Writer {
    name: String,
    pieces: mpsc::Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
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
        Writer::start("standard output".into(), io::stdout())
    }

    /// Creates the file; it must not exist unless it may be replaced.
    pub fn create(path: &Path, overwrite: bool) -> Result<Writer, CannotWrite> {
        let cannot = |source| CannotWrite { path: path.display().to_string(), source };
        let file = if overwrite { File::create(path) } else { File::create_new(path) };
        // A pipe or a device that exists is no file that could be destroyed.
        let file = file.or_else(|error| match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => File::options().write(true).open(path),
            _ => Err(error),
        });
        Writer::start(path.display().to_string(), file.map_err(cannot)?).map_err(cannot)
    }

    fn start(name: String, mut sink: impl Write + Send + 'static) -> io::Result<Writer> {
        let (pieces, mut incoming) = mpsc::channel::<Vec<u8>>(PIECES);
        let thread = std::thread::Builder::new().name("wpool-writer".into()).spawn(move || {
            while let Some(piece) = incoming.blocking_recv() {
                sink.write_all(&piece)?;
                sink.flush()?;
            }
            Ok(())
        })?;
        Ok(Writer { name, pieces, thread })
    }

    /// Hands a piece over, waiting for room. False when the writer has ended; [`Writer::finish`] says why.
    pub async fn write(&self, piece: Vec<u8>) -> bool {
        piece.is_empty() || self.pieces.send(piece).await.is_ok()
    }

    /// Waits until everything is written.
    pub fn finish(self) -> Result<(), WriteEnd> {
        drop(self.pieces);
        let result = self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the writer broke")));
        result.map_err(|source| match source.kind() {
            io::ErrorKind::BrokenPipe => WriteEnd::Closed,
            _ => WriteEnd::Failed(CannotWrite { path: self.name, source }),
        })
    }
}
