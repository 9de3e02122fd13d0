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

use support::{Comparison, WPOOL, cores, guest, imports, peer_seconds, rounds, setting, time};

/// Sizes of small photographs.
const SIZES: [(u16, u16); 4] = [(1600, 1200), (1200, 1600), (1024, 768), (800, 600)];

fn main() {
    if !support::is_bench() {
        return;
    }
    let count = setting("WPOOL_BENCH_IMAGES", 60);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (images, thumbnails) = (dir.path().join("images"), dir.path().join("thumbnails"));
    std::fs::create_dir(&images).expect("a folder");
    pictures::write(&images, count, &SIZES);
    // Puts the program into the cache.
    wpool_seconds(1, &images, &thumbnails);
    println!("{count} images, thumbnails of 128 pixels; medians of interleaved rounds (min to max)\n");
    let rate = |seconds: f64| count as f64 / seconds;
    let mut all = Comparison::new("images/s");
    let one = all.side("wpool, 1 worker", || rate(wpool_seconds(1, &images, &thumbnails)));
    let name = format!("wpool, {} workers", cores());
    let wpool = all.side(&name, || rate(wpool_seconds(cores(), &images, &thumbnails)));
    let missing = (!imports("PIL")).then_some("no python3 that imports PIL");
    let pillow = all.side_unless(missing, "PPE with Pillow", || rate(pillow_seconds(&images, &thumbnails)));
    all.run(rounds(5));
    println!();
    all.claim("thumbnails", wpool, one, None);
    all.claim("thumbnails", wpool, pillow, None);
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
