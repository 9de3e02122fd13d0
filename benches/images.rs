//! Thumbnails per second: the real example of the README with one worker, with one for each core, and beside Pillow in
//! Python's ProcessPoolExecutor.
//!
//! `WPOOL_BENCH_IMAGES` (default 60) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "../tests/pictures.rs"]
mod pictures;
mod support;

use std::path::Path;
use std::process::Command;

use support::{Sample, WPOOL, cores, guest, has_pillow, peer_seconds, setting, time};

/// Sizes of small photographs.
const SIZES: [(u16, u16); 4] = [(1600, 1200), (1200, 1600), (1024, 768), (800, 600)];

fn main() {
    if !support::is_bench() {
        return;
    }
    let (count, rounds) = (setting("WPOOL_BENCH_IMAGES", 60), setting("WPOOL_BENCH_ROUNDS", 5));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (images, thumbnails) = (dir.path().join("images"), dir.path().join("thumbnails"));
    std::fs::create_dir(&images).expect("a folder");
    pictures::write(&images, count, &SIZES);
    // Puts the program into the cache.
    wpool_seconds(1, &images, &thumbnails);
    let mut measured = [Sample::default(), Sample::default(), Sample::default()];
    for _ in 0..rounds {
        let [one, all, pillow] = &mut measured;
        one.push(count as f64 / wpool_seconds(1, &images, &thumbnails));
        all.push(count as f64 / wpool_seconds(cores(), &images, &thumbnails));
        if has_pillow() {
            pillow.push(count as f64 / pillow_seconds(&images, &thumbnails));
        }
    }
    println!("{count} images, thumbnails of 128 pixels; medians of {rounds} interleaved rounds, in images per second");
    report(&measured);
}

/// Prints each sample and what wpool with all workers makes of it.
fn report(measured: &[Sample; 3]) {
    let names = ["wpool, 1 worker", &format!("wpool, {} workers", cores()), "ProcessPoolExecutor with Pillow"];
    let all = measured[1].median();
    for (name, sample) in names.iter().zip(measured) {
        if sample.is_empty() {
            println!("  {name:<34} (no python3 that imports PIL)");
            continue;
        }
        let (median, min, max) = (sample.median(), sample.min(), sample.max());
        let ratio = all / median;
        println!("  {name:<34} {median:>8.1}  ({min:.1} to {max:.1})   all workers make {ratio:.2} × of it");
    }
}

/// The whole command, from exec to exit, with the program in the cache.
fn wpool_seconds(workers: usize, images: &Path, thumbnails: &Path) -> f64 {
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q", "--overwrite", "-j", &workers.to_string()]).arg(guest("thumbnail.wasm"));
    command.arg("--files").arg(images.join("*")).arg("--out-dir").arg(thumbnails);
    time(&mut command).as_secs_f64()
}

fn pillow_seconds(images: &Path, thumbnails: &Path) -> f64 {
    let [images, thumbnails] = [images, thumbnails].map(|path| path.to_str().expect("the path is UTF-8"));
    peer_seconds(&["thumbnails", images, thumbnails, &cores().to_string()])
}
