//! Says how many tasks its instance has run, and what else a row asks for: a guest for the tests of kept instances.

use std::io::{Read, stdin};
use std::sync::atomic::{AtomicU32, Ordering};

wit_bindgen::generate!({ path: "../../wit/task.wit", world: "task" });

struct Tally;

export!(Tally);

static TASKS: AtomicU32 = AtomicU32::new(0);

impl Guest for Tally {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, String> {
        let tasks = TASKS.fetch_add(1, Ordering::Relaxed) + 1;
        let row = String::from_utf8_lossy(&input);
        let mut typed = String::new();
        stdin().read_to_string(&mut typed).map_err(|error| error.to_string())?;
        println!("{row}");
        eprintln!("task {tasks}{typed}");
        match &*row {
            "refuse" => return Err(format!("refused as task {tasks}")),
            "trap" => panic!("asked to"),
            "spin" => while std::hint::black_box(true) {},
            "sleep" => std::thread::sleep(std::time::Duration::from_secs(3_600)),
            "grow" => std::mem::forget(std::hint::black_box(vec![1u8; 16 << 20])),
            "pure" => return Ok(input),
            _ => {}
        }
        Ok(tasks.to_string().into_bytes())
    }
}
