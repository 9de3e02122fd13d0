//! Questions about lines of source code to the compiler process, and its answers.

use serde::{Deserialize, Serialize};

use crate::model::spot::{Line, MOST_LINES, MOST_OF_A_TEXT, Spot};
use crate::protocol::wire::MAX_TEXT;

/// Most places of one question.
pub(crate) const MOST_ASKED: usize = 256;

/// The longest byte of a text takes six in JSON.
const _: () = assert!(MOST_ASKED * MOST_LINES * (2 * MOST_OF_A_TEXT * 6 + 40) < MAX_TEXT);

/// Places of frames whose lines are looked up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// As in [`crate::protocol::setup::Compiled`].
    pub code: Vec<u32>,
    pub spots: Vec<Spot>,
}

/// The lines of each place, innermost first: none where none is known. The answer comes from a process that has read hostile
/// bytes.
pub(crate) fn read(answer: &[u8], asked: usize) -> Result<Vec<Vec<Line>>, String> {
    let found: Vec<Vec<Line>> =
        serde_json::from_slice(answer).map_err(|error| format!("its answer does not parse: {error}"))?;
    let is_long = |line: &Line| line.function.len() > MOST_OF_A_TEXT || line.place.len() > MOST_OF_A_TEXT;
    let is_wrong = |lines: &Vec<Line>| lines.len() > MOST_LINES || lines.iter().any(is_long);
    if found.len() != asked || found.iter().any(is_wrong) {
        return Err("its answer is not one to the question".to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_only_if_it_keeps_every_bound() {
        let line = |length: usize| Line { function: "x".repeat(length), place: "\u{1}".repeat(length) };
        let answer = |lines: &[Vec<Line>]| read(&serde_json::to_vec(lines).unwrap(), 2);
        let most = vec![line(MOST_OF_A_TEXT); MOST_LINES];
        assert_eq!(answer(&[most.clone(), vec![]]), Ok(vec![most.clone(), vec![]]));
        for wrong in [
            vec![],
            vec![vec![]; 3],
            vec![vec![line(MOST_OF_A_TEXT + 1)], vec![]],
            vec![vec![line(1); MOST_LINES + 1], vec![]],
        ] {
            assert!(answer(&wrong).is_err());
        }
        assert!(read(b"[[{}", 1).is_err() && read(b"null", 1).is_err());
        let full = serde_json::to_vec(&vec![most; MOST_ASKED]).unwrap();
        assert!(full.len() < MAX_TEXT);
    }
}
