//! Counts the lines, words and bytes of a text: an ordinary program, which knows nothing of wpool.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    match io::read_to_string(io::stdin()) {
        Ok(text) => {
            let (lines, words) = (text.lines().count(), text.split_whitespace().count());
            println!(r#"{{"lines":{lines},"words":{words},"bytes":{}}}"#, text.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("word-count: {error}");
            ExitCode::from(2)
        }
    }
}
