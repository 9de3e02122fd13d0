//! A number's largest prime factor, by trial division: the larger that factor, the slower.
//!
//!     wpool run . inputs.jsonl

wit_bindgen::generate!({ world: "task" });

struct Task;

export!(Task);

impl Guest for Task {
    fn run(row: Vec<u8>) -> Result<Vec<u8>, String> {
        let row = String::from_utf8_lossy(&row);
        match row.trim().parse() {
            Ok(n) if n >= 2 => Ok(largest_prime_factor(n).to_string().into_bytes()),
            _ => Err(format!("expected an integer from 2 to {}, got {row}", u64::MAX)),
        }
    }
}

fn largest_prime_factor(mut n: u64) -> u64 {
    let mut divisor = 2;
    // Not `divisor * divisor <= n`, which overflows near the top of u64.
    while divisor <= n / divisor {
        if n.is_multiple_of(divisor) {
            n /= divisor;
        } else {
            divisor += 1;
        }
    }
    n
}
