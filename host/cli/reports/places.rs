//! Where the row of a note stands, for people and for systems that show files.

use crate::cli::journal::Note;

/// The name of standard input among files of rows.
const STDIN: &str = "<stdin>";

/// A name of a row: `FILE:LINE`, `FILE[INDEX]`, the file that is the row, or `row ID`.
pub fn name(note: &Note) -> String {
    note.place.as_ref().map_or_else(|| format!("row {}", note.id), |place| place.text())
}

/// The file that has the row, or that is the row. Standard input is not a file.
pub fn file(note: &Note) -> Option<&str> {
    note.place.as_ref().map(|place| place.file.as_str()).filter(|file| *file != STDIN)
}

/// The line of the row in its file.
pub fn line(note: &Note) -> Option<u64> {
    note.place.as_ref().filter(|place| !place.is_index && place.file != STDIN)?.line
}

/// What rows of one file have in common: the file of rows, or that they are files, or neither.
pub fn together(note: &Note) -> &str {
    match &note.place {
        Some(place) if place.file == STDIN => "standard input",
        Some(place) if place.line.is_some() => &place.file,
        Some(_) => "files",
        None => "rows",
    }
}

/// File and line of the innermost frame of a traceback, as the script's runtime prints them.
pub fn of_frame(frame: &str) -> Option<(&str, u64)> {
    let (file, line) = if let Some(python) = frame.strip_prefix("File \"") {
        let (file, rest) = python.split_once('"')?;
        (file, rest.strip_prefix(", line ")?)
    } else {
        let place = frame.strip_prefix("at ")?;
        let place = place.rsplit_once(" (").map_or(place, |(_, place)| place.trim_end_matches(')'));
        let (place, _column) = place.rsplit_once(':')?;
        place.rsplit_once(':')?
    };
    let digits = line.split(|c: char| !c.is_ascii_digit()).next()?;
    let is_file = !file.starts_with('<') && !file.split('/').any(|part| part == "..");
    Some((file, digits.parse().ok()?)).filter(|_| is_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_frame_is_found_in_both_languages() {
        for (frame, place) in [
            ("File \"app.py\", line 4, in run", Some(("app.py", 4))),
            ("at check (lib/check.mjs:2:11)", Some(("lib/check.mjs", 2))),
            ("at app.js:7:1", Some(("app.js", 7))),
            ("at run (../../x.js:1:1)", None),
            ("File \"<string>\", line 1", None),
            ("at native", None),
            ("File \"a", None),
        ] {
            assert_eq!(of_frame(frame), place, "{frame}");
        }
    }
}
