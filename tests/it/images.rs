//! The real example: a folder of images, and a thumbnail for each.

#[path = "../pictures.rs"]
pub mod pictures;

use std::fs;
use std::path::{Path, PathBuf};

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;
use zune_png::PngDecoder;

use crate::cli::{NOT_OK, OK, folder};
use crate::support::{Ran, guest, run, wpool_run};
use pictures::{Format, Shape};

/// Sizes of images: higher and wider, square, with odd sides, and some that are small enough already. Their number
/// has no divisor in common with that of the kinds, so that each kind comes in each size.
const SIZES: [(u16, u16); 7] = [(320, 240), (240, 320), (500, 333), (64, 64), (50, 40), (640, 3), (129, 128)];

/// The shape of the thumbnail of an image.
fn shrunk(shape: Shape, longest: u16) -> Shape {
    let most = shape.width.max(shape.height);
    if most <= longest {
        return shape;
    }
    let scaled = |side: u16| (f64::from(side) * f64::from(longest) / f64::from(most)).round().max(1.0) as u16;
    Shape { width: scaled(shape.width), height: scaled(shape.height), ..shape }
}

/// Makes a thumbnail of each file of a folder in its folder `small`.
fn thumbnails(folder: &Path, args: &[&str]) -> Ran {
    let mut command = wpool_run(&guest("thumbnail"), "--files");
    command.arg(folder.join("*.*")).arg("--out-dir").arg(folder.join("small"));
    run(command.arg("--").args(args), "")
}

/// Decodes a file to its last pixel, and says what it is.
fn read(path: &Path) -> Shape {
    let file = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let options = DecoderOptions::default().set_strict_mode(true);
    let (format, size, color) = if file.starts_with(b"\x89PNG") {
        let mut decoder = PngDecoder::new_with_options(ZCursor::new(&file), options);
        decoder.decode_raw().unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        (Format::Png, decoder.dimensions(), decoder.colorspace())
    } else {
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&file), options);
        decoder.decode().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (Format::Jpeg, decoder.dimensions(), decoder.input_colorspace())
    };
    let ((width, height), color) = size.zip(color).expect("it was decoded");
    Shape { format, channels: color.num_components(), width: width as u16, height: height as u16 }
}

#[test]
fn every_image_of_a_folder_gets_its_thumbnail_and_a_corrupt_one_a_record_that_says_why() {
    let folder = folder();
    let good = pictures::write(folder.path(), 60, &SIZES);
    // Their names stand behind those of the others, and so do their records.
    let half = |path: &PathBuf| {
        let file = fs::read(path).expect("it was written");
        file[..file.len() / 2].to_vec()
    };
    fs::write(folder.path().join("cut.jpg"), half(&good[1].0)).expect("a file");
    fs::write(folder.path().join("cut.png"), half(&good[0].0)).expect("a file");
    fs::write(folder.path().join("text.png"), "no image").expect("a file");

    let ran = thumbnails(folder.path(), &["--max", "64"]);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let records = ran.records();
    assert_eq!(records.len(), good.len() + 3, "{}", ran.stdout);
    for ((path, shape), record) in good.iter().zip(&records) {
        assert_eq!(record["status"], "ok", "{record}");
        assert_eq!(record["file"], path.to_str().expect("a name"));
        let small = folder.path().join("small").join(path.file_name().expect("a name"));
        assert_eq!(read(&small), shrunk(*shape, 64), "{}", path.display());
    }
    let reasons = ["this JPEG image is cut off", "unexpected end of file", "neither a PNG nor a JPEG"];
    for (record, reason) in records[good.len()..].iter().zip(reasons) {
        assert_eq!(record["status"], "failed", "{record}");
        assert_eq!(record["error"]["exit_code"], 1, "{record}");
        let stderr = record["error"]["stderr"].as_str().unwrap_or_default();
        assert!(stderr.starts_with("thumbnail: ") && stderr.contains(reason), "{record}");
    }
    let made = fs::read_dir(folder.path().join("small")).expect("it was made").count();
    assert_eq!(made, good.len(), "a corrupt image left a file");
}

#[test]
fn an_image_that_a_camera_marked_as_turned_is_turned() {
    let folder = folder();
    let shape = Shape { format: Format::Jpeg, channels: 3, width: 200, height: 100 };
    let file = pictures::picture(shape, 1);
    // One entry of a TIFF directory: the orientation is 6, a quarter turn clockwise.
    let tiff = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let segment = [&[0xff, 0xe1], &(tiff.len() as u16 + 2).to_be_bytes()[..], tiff].concat();
    fs::write(folder.path().join("a.jpg"), [&file[..2], &segment, &file[2..]].concat()).expect("a file");
    let ran = thumbnails(folder.path(), &[]);
    assert_eq!(ran.code, OK, "{}", ran.stdout);
    assert_eq!(read(&folder.path().join("small/a.jpg")), Shape { width: 64, height: 128, ..shape });
}

#[test]
fn a_thumbnail_looks_like_its_image() {
    let folder = folder();
    // White on the left, black on the right.
    let shape = Shape { format: Format::Png, channels: 1, width: 256, height: 64 };
    let line: Vec<u8> = (0..256).map(|x| if x < 128 { 255 } else { 0 }).collect();
    fs::write(folder.path().join("a.png"), pictures::png(shape, &line.repeat(64))).expect("a file");
    assert_eq!(thumbnails(folder.path(), &["--max", "32"]).code, OK);
    let file = fs::read(folder.path().join("small/a.png")).expect("it was made");
    let pixels = PngDecoder::new(ZCursor::new(&file)).decode_raw().expect("a PNG image");
    assert_eq!(pixels.len(), 32 * 8);
    for line in pixels.chunks(32) {
        assert!(line[..12].iter().all(|pixel| *pixel > 250), "{line:?}");
        assert!(line[20..].iter().all(|pixel| *pixel < 5), "{line:?}");
    }
}

#[test]
fn what_is_transparent_leaves_no_shadow_on_what_is_not() {
    let folder = folder();
    // White on the left, transparent black on the right.
    let shape = Shape { format: Format::Png, channels: 4, width: 300, height: 20 };
    let line = [[255; 4].repeat(131), [0; 4].repeat(169)].concat();
    fs::write(folder.path().join("a.png"), pictures::png(shape, &line.repeat(20))).expect("a file");
    assert_eq!(thumbnails(folder.path(), &["--max", "60"]).code, OK);
    let file = fs::read(folder.path().join("small/a.png")).expect("it was made");
    let pixels = PngDecoder::new(ZCursor::new(&file)).decode_raw().expect("a PNG image");
    let visible: Vec<_> = pixels.chunks(4).filter(|pixel| pixel[3] > 0).collect();
    assert!(visible.iter().any(|pixel| pixel[3] < 200), "no pixel is at the edge");
    assert!(visible.iter().all(|pixel| pixel[..3].iter().all(|color| *color > 250)), "{visible:?}");
}

#[test]
fn arguments_that_mean_nothing_are_refused_by_the_guest() {
    let folder = folder();
    pictures::write(folder.path(), 1, &SIZES);
    for args in [&["--max"][..], &["--max", "0"], &["--max", "-1"], &["--max", "9", "9"], &["64"]] {
        let ran = thumbnails(folder.path(), args);
        assert_eq!(ran.each("status"), ["failed"], "{args:?}");
        assert_eq!(ran.records()[0]["error"]["exit_code"], 2, "{args:?}");
        let stderr = ran.records()[0]["error"]["stderr"].as_str().map(str::to_owned);
        assert!(stderr.is_some_and(|stderr| stderr.starts_with("usage: ")), "{args:?}: {}", ran.stdout);
    }
}
