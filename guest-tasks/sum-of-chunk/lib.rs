//! The sum of the squares of a chunk of numbers: a row is an array of integers.

wit_bindgen::generate!({ path: "../../wit/task.wit", world: "task" });

struct Task;

export!(Task);

impl Guest for Task {
    fn run(row: Vec<u8>) -> Result<Vec<u8>, String> {
        let row = String::from_utf8_lossy(&row);
        match sum_of_squares(row.trim()) {
            Some(sum) => Ok(sum.to_string().into_bytes()),
            None => Err(format!("expected an array of integers, got {row}")),
        }
    }
}

/// The numbers have 64 bits, and the sum 128; `None` if they have more.
fn sum_of_squares(array: &str) -> Option<u128> {
    let numbers = array.strip_prefix('[')?.strip_suffix(']')?.trim();
    let square = |number: &str| Some(u128::from(number.trim().parse::<i64>().ok()?.unsigned_abs()).pow(2));
    match numbers {
        "" => Some(0),
        _ => numbers.split(',').try_fold(0u128, |sum, number| sum.checked_add(square(number)?)),
    }
}
