//! The sample of rows, which measurements repeat.

use wpool::Input;
use wpool::bulk::{Cuts, Span, Supply};

/// Rows of a block. About as many as a run reads at a time, so that short inputs are treated like long ones.
const BLOCK_ROWS: usize = 8_192;
const BLOCK_BYTES: usize = 256 << 10;

pub struct Sample {
    supplies: Vec<Supply>,
    /// The number of different rows.
    pub different: usize,
}

impl Sample {
    /// A sample of rows. `plain` means that they are only bytes.
    pub fn new(inputs: Vec<Input>, plain: bool) -> Sample {
        let different = inputs.len();
        let supplies = if plain { blocks(&inputs) } else { inputs.into_iter().map(Supply::One).collect() };
        Sample { supplies, different }
    }

    /// This many rows, from the first on, repeated as needed.
    pub fn rows(&self, count: usize) -> impl Iterator<Item = Supply> {
        let mut left = count;
        self.supplies.iter().cycle().map_while(move |supply| {
            let supply = match supply.clone() {
                _ if left == 0 => return None,
                Supply::Many(mut span) => Supply::Many(span.split_to(left)),
                one => one,
            };
            left -= supply.len();
            Some(supply)
        })
    }
}

/// All rows in blocks. A few rows are repeated to fill one.
fn blocks(inputs: &[Input]) -> Vec<Supply> {
    let bytes: usize = inputs.iter().map(|input| input.bytes.len()).sum();
    let times = (BLOCK_ROWS / inputs.len()).min(BLOCK_BYTES / bytes.max(1)).max(1);
    let mut repeated = inputs.iter().cycle().take(times * inputs.len()).peekable();
    let mut blocks = Vec::new();
    while repeated.peek().is_some() {
        let (mut bytes, mut cuts) = (Vec::new(), Cuts::default());
        while cuts.len() < BLOCK_ROWS && bytes.len() < BLOCK_BYTES {
            let Some(row) = repeated.next() else { break };
            cuts.push(bytes.len()..bytes.len() + row.bytes.len(), row.tag);
            bytes.extend_from_slice(&row.bytes);
        }
        blocks.push(Supply::Many(Span::new(bytes, cuts)));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(sample: &Sample, count: usize) -> Vec<String> {
        let inputs = sample.rows(count).flat_map(Supply::into_inputs);
        inputs.map(|input| String::from_utf8_lossy(&input.bytes).into_owned()).collect()
    }

    #[test]
    fn rows_come_in_their_order_again_and_again() {
        for plain in [true, false] {
            let sample = Sample::new(["a", "", "bc"].map(Input::new).to_vec(), plain);
            assert_eq!(rows(&sample, 7), ["a", "", "bc", "a", "", "bc", "a"]);
            assert_eq!(rows(&sample, 3 * BLOCK_ROWS + 1).len(), 3 * BLOCK_ROWS + 1);
            assert_eq!(sample.different, 3);
        }
    }
}
