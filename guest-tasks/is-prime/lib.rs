//! Whether a number is prime, by trial division: a prime costs a third of its square root in divisions.

wit_bindgen::generate!({ path: "../../wit/task.wit", world: "task" });

struct Task;

export!(Task);

impl Guest for Task {
    fn run(row: Vec<u8>) -> Result<Vec<u8>, String> {
        let row = String::from_utf8_lossy(&row);
        match row.trim().parse() {
            Ok(n) => Ok(is_prime(n).to_string().into_bytes()),
            Err(_) => Err(format!("expected an integer from 0 to {}, got {row}", u64::MAX)),
        }
    }
}

/// Every prime from 5 on is next to a multiple of 6.
fn is_prime(n: u64) -> bool {
    match n {
        0 | 1 => false,
        2 | 3 => true,
        _ if n.is_multiple_of(2) || n.is_multiple_of(3) => false,
        _ => (5..).step_by(6).take_while(|&d| d <= n / d).all(|d| !n.is_multiple_of(d) && !n.is_multiple_of(d + 2)),
    }
}
