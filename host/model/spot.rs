//! Places of frames in a program's code, and the lines of source code that belong to them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// Most places of one backtrace that are looked up. A recursion has few places, however deep it is.
pub(crate) const MOST_SPOTS: usize = 1 << 10;

/// Most lines of one frame: those of functions that were inlined into it, and its own.
pub(crate) const MOST_LINES: usize = 9;

/// Most bytes of the name of a function, or of a file with its line.
pub(crate) const MOST_OF_A_TEXT: usize = 256;

/// Most bytes that lines add to a backtrace. Frames behind them stay as they are.
const MOST_OF_A_BACKTRACE: usize = 256 << 10;

/// The place of a frame in the code of a program, as it was compiled: numbers of a worker, which may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32)", into = "(u32, u32, u32)")]
pub(crate) struct Spot {
    /// The number of the function within its module.
    pub function: u32,
    /// Where the function's body begins in the file.
    pub body: u32,
    /// Where the instruction stands in the file.
    pub at: u32,
}

impl From<(u32, u32, u32)> for Spot {
    fn from((function, body, at): (u32, u32, u32)) -> Self {
        Spot { function, body, at }
    }
}

impl From<Spot> for (u32, u32, u32) {
    fn from(Spot { function, body, at }: Spot) -> Self {
        (function, body, at)
    }
}

/// A line of source code. A part that is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The function that was inlined. The last line of a frame is of the frame's own function.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub function: String,
    /// File and line, as `src/main.rs:12`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
}

impl Line {
    pub fn size(&self) -> usize {
        self.function.len() + self.place.len()
    }

    /// The frame of a function, with its place.
    fn of(&self, function: &str) -> String {
        if self.place.is_empty() { function.to_owned() } else { format!("{function} ({})", self.place) }
    }

    /// The frame of an inlined function.
    fn inlined(&self) -> String {
        self.of(if self.function.is_empty() { "<inlined>" } else { &self.function })
    }
}

/// The places of so many frames, innermost first, up to the last that is looked up.
pub(crate) fn bounded(mut spots: Vec<Spot>, frames: usize) -> Vec<Spot> {
    spots.truncate(frames);
    let mut seen = HashSet::new();
    let end = spots.iter().position(|spot| seen.insert(*spot) && seen.len() > MOST_SPOTS);
    spots.truncate(end.unwrap_or(spots.len()));
    spots
}

/// Adds lines to the frames of a backtrace. Functions that were inlined become frames of their own.
pub(crate) fn add_lines<'a>(backtrace: &mut Vec<String>, lines: impl Iterator<Item = &'a [Line]>) {
    let mut left = MOST_OF_A_BACKTRACE;
    let mut lines = lines.map_while(|lines| {
        left = left.checked_sub(lines.iter().map(Line::size).sum())?;
        Some(lines)
    });
    for name in std::mem::take(backtrace) {
        match lines.next().and_then(<[Line]>::split_last) {
            Some((own, inlined)) => {
                backtrace.extend(inlined.iter().map(Line::inlined));
                backtrace.push(own.of(&name));
            }
            None => backtrace.push(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(at: u32) -> Spot {
        Spot { function: 1, body: 2, at }
    }

    fn line(function: &str, place: &str) -> Line {
        Line { function: function.into(), place: place.into() }
    }

    fn frames(count: usize) -> Vec<String> {
        (0..count).map(|frame| format!("f{frame}")).collect()
    }

    #[test]
    fn inlined_functions_are_frames_and_frames_without_lines_stay_as_they_are() {
        let mut backtrace = frames(4);
        let found = [
            vec![line("g", "a.rs:1"), line("", "b.rs:2"), line("ignored", "c.rs:3")],
            vec![],
            vec![line("h", ""), line("", "")],
        ];
        add_lines(&mut backtrace, found.iter().map(Vec::as_slice));
        let expected = ["g (a.rs:1)", "<inlined> (b.rs:2)", "f0 (c.rs:3)", "f1", "h", "f2", "f3"];
        assert_eq!(backtrace, expected);
    }

    #[test]
    fn what_lines_add_to_a_backtrace_is_bounded() {
        let mut backtrace = frames(10_000);
        let long = vec![line("", &"x".repeat(MOST_OF_A_TEXT)); MOST_LINES];
        add_lines(&mut backtrace, std::iter::repeat(long.as_slice()));
        let bytes: usize = backtrace.iter().map(String::len).sum();
        assert!(bytes < 2 * MOST_OF_A_BACKTRACE, "{bytes}");
        assert_eq!(backtrace.last().map(String::as_str), Some("f9999"));
    }

    #[test]
    fn places_of_a_backtrace_are_bounded_by_its_frames_and_by_how_many_differ() {
        assert_eq!(bounded(vec![spot(1), spot(2)], 1), [spot(1)]);
        assert_eq!(bounded(vec![spot(1); 5_000], 10_000).len(), 5_000);
        let many: Vec<_> = (0..5_000).map(spot).collect();
        assert_eq!(bounded(many, 10_000).len(), MOST_SPOTS);
    }
}
