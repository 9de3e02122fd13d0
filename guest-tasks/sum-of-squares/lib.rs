//! The sum of the squares below a number: work in exact proportion to the row, for measuring.

use std::hint::black_box;

wit_bindgen::generate!({ path: "../../wit/task.wit", world: "task" });

struct Task;

export!(Task);

impl Guest for Task {
    fn run(row: Vec<u8>) -> Result<Vec<u8>, String> {
        let row = String::from_utf8_lossy(&row);
        match row.trim().parse() {
            Ok(n) => Ok(sum_of_squares(n).to_string().into_bytes()),
            Err(_) => Err(format!("expected an integer from 0 to {}, got {row}", u64::MAX)),
        }
    }
}

fn sum_of_squares(n: u64) -> u128 {
    // LLVM knows the closed form of this sum; `black_box` keeps it a loop.
    (0..n).map(|i| u128::from(black_box(i)).pow(2)).sum()
}
