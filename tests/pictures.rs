//! Images made up from numbers: what `tests/it/images.rs` checks and `benches/images.rs` measures.

use std::fs;
use std::path::{Path, PathBuf};

use jpeg_encoder::{ColorType, Encoder};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
}

/// What there is to know of an image before one sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub format: Format,
    /// 1 for grey, 3 for colour, 4 for colour and transparency, which JPEG does not have.
    pub channels: usize,
    pub width: u16,
    pub height: u16,
}

/// What images are, in turn.
const KINDS: [(Format, usize); 5] =
    [(Format::Png, 3), (Format::Jpeg, 3), (Format::Png, 4), (Format::Jpeg, 1), (Format::Png, 1)];

/// Writes `count` images to a folder, of these sizes in turn, and says where and what they are.
pub fn write(folder: &Path, count: usize, sizes: &[(u16, u16)]) -> Vec<(PathBuf, Shape)> {
    let shapes = sizes.iter().cycle().zip(KINDS.iter().cycle());
    let write = |(number, (&(width, height), &(format, channels))): (usize, _)| {
        let shape = Shape { format, channels, width, height };
        let extension = if format == Format::Png { "png" } else { "jpg" };
        let path = folder.join(format!("{number:03}.{extension}"));
        fs::write(&path, picture(shape, number)).expect("an image can be written");
        (path, shape)
    };
    shapes.take(count).enumerate().map(write).collect()
}

/// An image file, another one for every seed.
pub fn picture(shape: Shape, seed: usize) -> Vec<u8> {
    let pixels = paint(shape, seed as u32);
    match shape.format {
        Format::Png => png(shape, &pixels),
        Format::Jpeg => jpeg(shape, &pixels),
    }
}

/// Slow waves with some noise on them, which compress about as photographs do.
fn paint(shape: Shape, seed: u32) -> Vec<u8> {
    let mut noise = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut pixels = Vec::new();
    for y in 0..u32::from(shape.height) {
        for x in 0..u32::from(shape.width) {
            // Xorshift: the same numbers everywhere.
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let wave = |at: u32| ((at + 31 * seed) as f32 / 40.0).sin() * 100.0 + 120.0;
            let channel = |wave: f32, shift: u32| wave as u8 + (noise >> shift & 15) as u8;
            let alpha = 255 - (noise >> 28) as u8;
            let pixel = [channel(wave(x), 0), channel(wave(y), 8), channel(wave(x + y), 16), alpha];
            pixels.extend_from_slice(&pixel[..shape.channels]);
        }
    }
    pixels
}

fn jpeg(shape: Shape, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let color = if shape.channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    Encoder::new(&mut file, 90).encode(pixels, shape.width, shape.height, color).expect("an image can be encoded");
    file
}

/// A PNG file of pixels, a byte for each channel of each.
pub fn png(shape: Shape, pixels: &[u8]) -> Vec<u8> {
    let color = [0, 0, 0, 2, 6][shape.channels];
    let (width, height) = (u32::from(shape.width), u32::from(shape.height));
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, color, 0, 0, 0]].concat();
    // Each line holds the differences to the pixel on the left, and a byte that says so.
    let mut lines = Vec::new();
    for line in pixels.chunks(usize::from(shape.width) * shape.channels) {
        let left = [0; 4].iter().take(shape.channels).chain(line);
        lines.push(1);
        lines.extend(line.iter().zip(left).map(|(byte, left)| byte.wrapping_sub(*left)));
    }
    let chunks = [chunk(b"IHDR", &header), chunk(b"IDAT", &fdeflate::compress_to_vec(&lines)), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n", chunks.concat().as_slice()].concat()
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [name, data].concat();
    let check = !named
        .iter()
        .fold(!0u32, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| sum >> 1 ^ (0xedb8_8320 * (sum & 1))));
    [&(data.len() as u32).to_be_bytes(), named.as_slice(), &check.to_be_bytes()].concat()
}
