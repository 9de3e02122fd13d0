//! The real example: a folder of images, and a thumbnail of each.

#[path = "../pictures.rs"]
mod pictures;

use std::fs;
use std::path::Path;

use serde_json::Value;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;
use zune_png::PngDecoder;

use crate::support::{Ran, guest, run, wpool_run};
use pictures::{Format, Shape};

/// Sizes of images, more than one of them with a side of an odd length, one that is small enough already.
const SIZES: [(u16, u16); 7] = [(320, 240), (240, 320), (500, 333), (64, 64), (50, 40), (640, 17), (129, 128)];

/// Decodes a file to its last pixel, and says what it is.
fn read(path: &Path) -> Shape {
    let file = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let options = DecoderOptions::default().set_strict_mode(true);
    let (format, (width, height), pixels) = if file.starts_with(b"\x89PNG") {
        let mut decoder = PngDecoder::new_with_options(ZCursor::new(&file), options);
        let pixels = decoder.decode_raw().unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        (Format::Png, decoder.dimensions().expect("it was decoded"), pixels)
    } else {
        let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(&file), options);
        let pixels = decoder.decode().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (Format::Jpeg, decoder.dimensions().expect("it was decoded"), pixels)
    };
    let channels = pixels.len() / (width * height);
    Shape { format, channels, width: width as u16, height: height as u16 }
}
