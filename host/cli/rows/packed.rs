//! Compressed files of rows, which are known by their first bytes, whatever they are called.
//!
//! The decoders run in the host on bytes that anybody may have made. They are Rust, their memory is bounded, and a panic of
//! theirs is an error of the file.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::cli::guarded::guarded;
use crate::cli::rows::sink::BLOCK;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A frame of Zstandard that holds no content; the first byte is 0x50 to 0x5f.
const SKIPPED: [u8; 3] = [0x2a, 0x4d, 0x18];
/// Longest window of Zstandard, which the decoder holds in memory: that of `zstd --ultra -22` and of `--long`.
const WINDOW: u64 = 128 << 20;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "Zstandard",
        }
    }

    /// Of a file that begins so; `Err` where more has to be seen.
    fn of(head: &[u8], all: bool) -> Result<Option<Packing>, ()> {
        let begins = |magic: &[u8]| head.starts_with(magic);
        let skipped =
            |head: &[u8]| head.first().is_some_and(|first| first >> 4 == 5) && head[1..].starts_with(&SKIPPED);
        if begins(&GZIP) {
            return Ok(Some(Packing::Gzip));
        }
        if begins(&ZSTD) || skipped(head) {
            return Ok(Some(Packing::Zstd));
        }
        let may_become = |magic: &[u8]| magic.starts_with(head);
        let may_be_skipped = head.first().is_none_or(|first| first >> 4 == 5 && SKIPPED.starts_with(&head[1..]));
        if !all && (may_become(&GZIP) || may_become(&ZSTD) || may_be_skipped) { Err(()) } else { Ok(None) }
    }
}

/// The fault of a compressed file.
#[derive(Debug)]
pub struct Corrupt {
    packing: Packing,
    /// Bytes of the file that the decoder has taken.
    at: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    CutOff,
    Broken(String),
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, at) = (self.packing.name(), self.at);
        match &self.what {
            What::CutOff => write!(f, "its {name} data is cut off: it ends at byte {at}, in the middle"),
            What::Broken(why) => write!(f, "its {name} data is corrupt before byte {at}: {why}"),
        }
    }
}

impl std::error::Error for Corrupt {}

impl Corrupt {
    fn error(packing: Packing, at: u64, what: What) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Corrupt { packing, at, what })
    }
}

/// The content of a file, which may be compressed.
pub(super) fn unpacked(file: Box<dyn Read>) -> io::Result<Box<dyn Read>> {
    let mut packed = Packed { file, buffer: vec![0; BLOCK], unread: 0..0, taken: 0 };
    Ok(match packed.packing()? {
        None => Box::new(packed),
        Some(Packing::Gzip) => Box::new(Gzip(MultiGzDecoder::new(packed))),
        Some(Packing::Zstd) => {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(WINDOW);
            Box::new(Zstd { packed, decoder, open: false })
        }
    })
}

/// A file as it is, and how far it was taken.
struct Packed {
    file: Box<dyn Read>,
    buffer: Vec<u8>,
    /// The part of the buffer that was read and not taken.
    unread: std::ops::Range<usize>,
    taken: u64,
}

impl Packed {
    /// Reads more behind what waits. False at the end of the file.
    fn more(&mut self) -> io::Result<bool> {
        let kept = self.unread.len();
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..kept;
        let count = retried(|| self.file.read(&mut self.buffer[kept..]))?;
        self.unread.end += count;
        Ok(count > 0)
    }

    /// Looks no further than it has to: more may come much later.
    fn packing(&mut self) -> io::Result<Option<Packing>> {
        let mut all = false;
        loop {
            if let Ok(packing) = Packing::of(&self.buffer[self.unread.clone()], all) {
                return Ok(packing);
            }
            all = !self.more()?;
        }
    }
}

fn retried(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

impl BufRead for Packed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.unread.is_empty() {
            self.more()?;
        }
        Ok(&self.buffer[self.unread.clone()])
    }

    fn consume(&mut self, count: usize) {
        self.unread.start += count;
        self.taken += count as u64;
    }
}

impl Read for Packed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            let count = retried(|| self.file.read(out))?;
            self.taken += count as u64;
            return Ok(count);
        }
        let count = self.unread.len().min(out.len());
        out[..count].copy_from_slice(&self.buffer[self.unread.start..][..count]);
        self.consume(count);
        Ok(count)
    }
}

/// All members of a file of gzip.
struct Gzip(MultiGzDecoder<Packed>);

impl Read for Gzip {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = guarded(|| retried(|| self.0.read(out)));
        let at = self.0.get_ref().taken;
        let broken = |why: String| Corrupt::error(Packing::Gzip, at, What::Broken(why));
        match read {
            None => Err(broken("the decoder broke".into())),
            Some(Err(error)) => Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => Corrupt::error(Packing::Gzip, at, What::CutOff),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => broken(error.to_string()),
                _ => error,
            }),
            Some(Ok(count)) => Ok(count),
        }
    }
}

/// All frames of a file of Zstandard.
struct Zstd {
    packed: Packed,
    decoder: FrameDecoder,
    /// A frame was begun and is not over.
    open: bool,
}

impl Zstd {
    /// Begins the next frame. False where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            match guarded(|| self.decoder.reset(&mut self.packed)) {
                Some(Ok(())) => {
                    self.open = true;
                    return Ok(true);
                }
                Some(Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length, ..
                }))) => {
                    self.skip(u64::from(length))?;
                }
                found => return Err(self.broken(found)),
            }
        }
        Ok(false)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.packed).take(length), &mut io::sink())?;
        if skipped < length { Err(self.corrupt(What::CutOff)) } else { Ok(()) }
    }

    /// Decodes one more block of the frame, and looks at its checksum behind the last one.
    fn decode(&mut self) -> io::Result<()> {
        let one = BlockDecodingStrategy::UptoBlocks(1);
        match guarded(|| self.decoder.decode_blocks(&mut self.packed, one)) {
            Some(Ok(_)) => {}
            found => return Err(self.broken(found)),
        }
        Ok(())
    }

    /// Ends a frame whose content was taken.
    fn end(&mut self) -> io::Result<()> {
        self.open = false;
        let sums = self.decoder.get_checksum_from_data().zip(self.decoder.get_calculated_checksum());
        match sums {
            Some((told, found)) if told != found => Err(self.corrupt(What::Broken("its checksum is wrong".into()))),
            _ => Ok(()),
        }
    }

    fn corrupt(&self, what: What) -> io::Error {
        Corrupt::error(Packing::Zstd, self.packed.taken, what)
    }

    /// The error for what became of a call of the decoder. The end of the file in the middle of a frame is told as such.
    fn broken<T>(&mut self, found: Option<Result<T, FrameDecoderError>>) -> io::Error {
        let why = match found {
            Some(Err(error)) => error.to_string(),
            _ => "the decoder broke".into(),
        };
        match self.packed.fill_buf().map(<[u8]>::is_empty) {
            Ok(true) => self.corrupt(What::CutOff),
            Ok(false) => self.corrupt(What::Broken(why)),
            Err(error) => error,
        }
    }
}

impl Read for Zstd {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.open && self.decoder.can_collect() > 0 {
                return self.decoder.read(out);
            }
            if self.open && self.decoder.is_finished() {
                self.end()?;
            } else if self.open {
                self.decode()?;
            } else if !self.begin()? {
                return Ok(0);
            }
        }
    }
}
