//! Source maps: where the code of a bundle comes from.

use rquickjs::{Array, Ctx, Object, Value};

use crate::texts;

/// A place in a source, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub path: String,
    pub line: u32,
    pub column: u32,
}

pub struct Map {
    paths: Vec<String>,
    texts: Vec<String>,
    /// For each line of the code, segments of base 64 numbers.
    mappings: String,
}

/// The running numbers of a map: source, line and column there.
#[derive(Default, Clone, Copy)]
struct Position {
    source: i64,
    line: i64,
    column: i64,
}

impl Map {
    /// `path` is that of the map, which its sources are relative to.
    pub fn read(ctx: &Ctx, path: &str, json: &[u8]) -> Option<Map> {
        let Ok(map) = ctx.json_parse(json).and_then(|value| value.get::<Object>()) else {
            ctx.catch();
            return None;
        };
        let list = |name: &str| map.get::<_, Array>(name).map(|it| texts(&it)).unwrap_or_default();
        let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let paths = list("sources").into_iter().map(|source| format!("{folder}{source}")).collect();
        let mappings = map.get::<_, Value>("mappings").ok()?;
        let mappings = String::from_utf8(crate::bytes_of(mappings).ok()?).ok()?;
        Some(Map { paths, texts: list("sourcesContent"), mappings })
    }

    /// Where a place of the code comes from, and the line there.
    pub fn place(&self, line: u32, column: u32) -> Option<(Place, String)> {
        let found = self.find(line.checked_sub(1)? as usize, i64::from(column) - 1)?;
        let source = usize::try_from(found.source).ok()?;
        let number = usize::try_from(found.line).ok()?;
        let text = self.texts.get(source).and_then(|text| text.lines().nth(number)).unwrap_or_default();
        let place = Place {
            path: self.paths.get(source)?.clone(),
            line: u32::try_from(number).ok()? + 1,
            column: u32::try_from(found.column).ok()? + 1,
        };
        Some((place, text.to_owned()))
    }

    /// The last segment of a line that begins at or before a column.
    fn find(&self, wanted: usize, column: i64) -> Option<Position> {
        let mut position = Position::default();
        for (number, line) in self.mappings.split(';').enumerate().take(wanted + 1) {
            let (mut at, mut found) = (0, None);
            for segment in line.split(',').filter(|segment| !segment.is_empty()) {
                let numbers = numbers(segment)?;
                at += numbers.first()?;
                let is_before = at <= column;
                if let [_, source, line, column, ..] = numbers[..] {
                    position.source += source;
                    position.line += line;
                    position.column += column;
                    // A place before the first segment of its line belongs to that one.
                    if is_before || found.is_none() {
                        found = Some(position);
                    }
                }
            }
            if number == wanted {
                return found;
            }
        }
        None
    }
}

/// The numbers of a segment: five bits a digit, the least first, the sign in the lowest bit.
fn numbers(segment: &str) -> Option<Vec<i64>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut numbers, mut value, mut shift) = (Vec::new(), 0_i64, 0);
    for letter in segment.bytes() {
        let digit = DIGITS.iter().position(|it| *it == letter)? as i64;
        value |= (digit & 31).checked_shl(shift)?;
        shift += 5;
        if digit & 32 == 0 {
            numbers.push(if value & 1 == 0 { value >> 1 } else { -(value >> 1) });
            (value, shift) = (0, 0);
        } else if shift > 60 {
            return None;
        }
    }
    Some(numbers)
}
