//! Makes a thumbnail: a PNG or JPEG image on standard input, one of the same format on standard output.
//!
//! The longest side becomes at most `--max` pixels (128 unless told). The proportions stay, no image is enlarged, and one
//! that a camera only marked as turned is turned. What is no image, or only a part of one, is refused with exit code 1.

use std::error::Error;
use std::io::{self, Cursor, Read, Write};
use std::process::ExitCode;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder};
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, ImageResult, Rgba, RgbaImage};

const USAGE: &str = "usage: thumbnail [--max PIXELS] < IMAGE > THUMBNAIL";

/// Between the size of a file and what one sees of its compression.
const JPEG_QUALITY: u8 = 85;

/// An image more than twice this many times the size of its thumbnail is first brought to this many times, by the mean
/// of each block of pixels: the fine filter looks at each pixel many times, and has little left to do then.
const ROUGH: u32 = 3;

fn main() -> ExitCode {
    let Some(longest) = longest_side(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(longest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("thumbnail: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What `--max` says, or the default; `None` for arguments that mean nothing.
fn longest_side(mut args: impl Iterator<Item = String>) -> Option<u32> {
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, ..) => Some(128),
        (Some("--max"), Some(pixels), None) => pixels.parse().ok().filter(|pixels| *pixels > 0),
        _ => None,
    }
}

fn run(longest: u32) -> Result<(), Box<dyn Error>> {
    let mut file = Vec::new();
    io::stdin().read_to_end(&mut file)?;
    let format = match image::guess_format(&file) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        _ => return Err("this is neither a PNG nor a JPEG image".into()),
    };
    if format == ImageFormat::Jpeg && !has_end(&file) {
        return Err("this JPEG image is cut off: it has no end marker".into());
    }
    let (image, profile) = decode(&file, format)?;
    io::stdout().write_all(&encode(&shrink(image, longest), profile, format)?)?;
    Ok(())
}

/// The image as it is meant to be seen, and its colour profile.
fn decode(file: &[u8], format: ImageFormat) -> ImageResult<(DynamicImage, Option<Vec<u8>>)> {
    let mut decoder = ImageReader::with_format(Cursor::new(file), format).into_decoder()?;
    let (orientation, profile) = (decoder.orientation()?, decoder.icc_profile()?);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok((image, profile))
}

fn shrink(image: DynamicImage, longest: u32) -> DynamicImage {
    let most = image.width().max(image.height());
    if most <= longest {
        return image;
    }
    let [longest, most] = [longest, most].map(u64::from);
    let scaled = |side: u32| ((u64::from(side) * longest + most / 2) / most).max(1) as u32;
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    if !image.color().has_alpha() {
        return resize(&image, width, height);
    }
    // A colour counts as much as one sees of it, or what is transparent would show at its edges.
    let weighted = map_colors(image.into_rgba8(), |color, alpha| (color * alpha + 127) / 255);
    let small = resize(&weighted.into(), width, height).into_rgba8();
    map_colors(small, |color, alpha| (color * 255 / alpha.max(1)).min(255)).into()
}

fn resize(image: &DynamicImage, width: u32, height: u32) -> DynamicImage {
    if image.width() / (2 * ROUGH) > width && image.height() / (2 * ROUGH) > height {
        return resize(&image.thumbnail_exact(ROUGH * width, ROUGH * height), width, height);
    }
    image.resize_exact(width, height, FilterType::Lanczos3)
}

fn map_colors(mut image: RgbaImage, change: impl Fn(u32, u32) -> u32) -> RgbaImage {
    for Rgba([colors @ .., alpha]) in image.pixels_mut() {
        for color in colors {
            *color = change(u32::from(*color), u32::from(*alpha)) as u8;
        }
    }
    image
}

fn encode(image: &DynamicImage, profile: Option<Vec<u8>>, format: ImageFormat) -> ImageResult<Vec<u8>> {
    let mut file = Vec::new();
    match format {
        ImageFormat::Jpeg => write(image, profile, JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY))?,
        _ => write(image, profile, PngEncoder::new(&mut file))?,
    }
    Ok(file)
}

fn write(image: &DynamicImage, profile: Option<Vec<u8>>, mut encoder: impl ImageEncoder) -> ImageResult<()> {
    if let Some(profile) = profile {
        // A profile that the format cannot hold only costs a shade of colour.
        let _ = encoder.set_icc_profile(profile);
    }
    image.write_with_encoder(encoder)
}

/// Whether a JPEG file goes on to its end marker. The decoder would paint what is missing grey and say nothing.
fn has_end(file: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    // Segments up to the picture itself: one of them may hold a whole small JPEG, with an end marker of its own.
    let mut rest = file.get(2..).unwrap_or_default();
    while let [0xff, marker, high, low, ..] = *rest {
        if marker == START_OF_SCAN {
            return rest.windows(2).any(|pair| pair == END);
        }
        rest = match marker {
            0xff => &rest[1..], // padding
            _ => rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..).unwrap_or_default(),
        };
    }
    false
}
