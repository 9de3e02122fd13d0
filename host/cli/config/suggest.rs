//! The name that was probably meant.

/// Longest part of a name, in thirds, that may differ.
const THIRDS: usize = 3;

/// Most letters of a name that is compared. The table of a comparison has a cell for each two letters, and a file can have a
/// name of 1 MiB.
const MOST: usize = 64;

/// ` (did you mean x?)` for the name that is nearest, if one is near.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let wrong: String = wrong.chars().take(MOST).collect::<String>().to_lowercase().replace('_', "-");
    let names = names.into_iter().filter(|name| name.chars().nth(MOST).is_none());
    let near = names.map(|name| (distance(&wrong, name), name)).min();
    match near {
        Some((steps, name)) if steps * THIRDS <= name.chars().count().max(THIRDS) => format!("; did you mean {name}?"),
        _ => String::new(),
    }
}

/// Letters to change, to add, to leave out or to swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let other = rows[i][j] + usize::from(x != y);
            let least = other.min(rows[i][j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x;
            row.push(if swapped { least.min(rows[i - 1][j - 1] + 1) } else { least });
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant() {
        let names = ["memory", "max-output", "timeout", "dir"];
        for (wrong, meant) in [
            ("memroy", "; did you mean memory?"),
            ("max_output", "; did you mean max-output?"),
            ("TIMEOUT", "; did you mean timeout?"),
            ("dirs", "; did you mean dir?"),
            ("nonsense", ""),
            ("", ""),
        ] {
            assert_eq!(did_you_mean(wrong, names), meant, "{wrong}");
        }
        assert_eq!(did_you_mean("x", []), "");
        let long = "x".repeat(MOST + 1);
        assert_eq!(did_you_mean(&long, [&*long]), "", "nobody means a name like that");
    }
}
