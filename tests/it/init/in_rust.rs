//! A command in Rust with an init.

use std::process::Command;

use super::*;

/// A command in Rust with a constructor, a table on the heap, and a hash map with random keys.
const RUST: &str = r#"
use std::collections::HashMap;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

static BUILT: AtomicU32 = AtomicU32::new(0);
static TABLE: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = construct;

extern "C" fn construct() {
    BUILT.fetch_add(1, Ordering::Relaxed);
    *TABLE.lock().unwrap() = Some(HashMap::new());
}

#[unsafe(no_mangle)]
pub extern "C" fn wpool_init() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    println!("preparing {}", std::env::var("NAME").unwrap());
    let mut table = TABLE.lock().unwrap();
    let words = text.split_whitespace().enumerate().map(|(at, word)| (word.to_owned(), at));
    table.as_mut().unwrap().extend(words);
}

fn main() {
    let mut row = String::new();
    std::io::stdin().read_to_string(&mut row).unwrap();
    let table = TABLE.lock().unwrap();
    println!("[{},{:?}]", BUILT.load(Ordering::Relaxed), table.as_ref().unwrap().get(row.trim()).copied().unwrap_or(99));
}
"#;

#[test]
#[allow(clippy::print_stderr, reason = "whoever reads the log should know what was not tested")]
fn a_command_in_rust_is_prepared() {
    let dir = tempfile::tempdir().unwrap();
    let (source, task) = (dir.path().join("task.rs"), dir.path().join("task.wasm"));
    fs::write(&source, RUST).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--target", "wasm32-wasip1", "--edition", "2024", "-O", "-C", "link-arg=--export=wpool_init", "-o"]);
    if !rustc.arg(&task).arg(&source).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no rustc for wasm32-wasip1");
        return;
    }
    let words = dir.path().join("words");
    fs::write(&words, "zero one two three").unwrap();
    let args = format!("--lines --env NAME=x --init-arg @{}", words.display());
    for each in ["", "--init-each"] {
        let found = outputs(&task, &format!("{args} {each}"), "one\nthree\nfour\n");
        assert_eq!(found, [json!([1, 1]), json!([1, 3]), json!([1, 99])], "{each}");
    }
}
