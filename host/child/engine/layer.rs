//! Contents of memories, ready to be laid into the memories of an instance: the data with which it begins, or the state
//! that `init` left.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use crate::protocol::contents::{Block, Contents, MemoryContents, Span};

/// Contents up to this size are copied into memories, which takes no longer than mapping them. Larger ones are mapped:
/// all workers then share the pages that no task writes.
const MOST_COPIED: u64 = 128 << 10;

/// Contents with their pages.
#[derive(Debug)]
pub(crate) struct Layer {
    contents: Contents,
    pages: Pages,
}

#[derive(Debug)]
enum Pages {
    Bytes(Vec<u8>),
    /// The file, and their place in it.
    File(OwnedFd, u64),
}

/// The pages of a block.
pub(super) enum Stored<'a> {
    Bytes(&'a [u8]),
    File(BorrowedFd<'a>, u64),
}

impl Layer {
    /// Opens contents, which the host has checked.
    pub fn open(file: OwnedFd, span: Span) -> io::Result<Layer> {
        let file = File::from(file);
        let contents = Contents::read(&file, span)?;
        let length = contents.pages();
        let pages = if length <= MOST_COPIED {
            let mut bytes = vec![0; length as usize];
            file.read_exact_at(&mut bytes, span.at)?;
            Pages::Bytes(bytes)
        } else {
            Pages::File(file.into(), span.at)
        };
        Ok(Layer { contents, pages })
    }

    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The contents of a memory.
    pub fn memory(&self, number: usize) -> io::Result<&MemoryContents> {
        let none = || io::Error::other("the program has more memories than its contents");
        self.contents.memories.get(number).ok_or_else(none)
    }

    /// The pages of a block.
    pub(super) fn place(&self, block: &Block) -> io::Result<Stored<'_>> {
        match &self.pages {
            Pages::Bytes(bytes) => {
                let bytes = bytes.get(block.from as usize..).and_then(|rest| rest.get(..block.length as usize));
                bytes.map(Stored::Bytes).ok_or_else(|| io::Error::other("a block without its bytes"))
            }
            Pages::File(file, at) => Ok(Stored::File(file.as_fd(), at + block.from)),
        }
    }
}
