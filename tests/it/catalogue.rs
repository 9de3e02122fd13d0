//! The catalogue of hostile cases, `docs/design/hostile-cases.md`: harm to a run from people, programs, machines and
//! other processes, by number. The name of a test that covers a case begins with its number.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::root;

/// The numbers of the cases, in the order of the page.
fn cases() -> Vec<u32> {
    let page = fs::read_to_string(root().join("docs/design/hostile-cases.md")).expect("the page");
    page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()?.parse().ok()).collect()
}

/// The numbers in front of a function's name: 39 and 40 of `c39_c40_what_is_so`.
fn numbers(name: &str) -> impl Iterator<Item = u32> {
    name.split('_').map_while(|part| part.strip_prefix('c').filter(|number| number.len() == 2)?.parse().ok())
}

/// The numbers of all tests in a folder.
fn covered(folder: &Path, found: &mut BTreeSet<u32>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            covered(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("a source");
            let heads =
                source.lines().filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
            found.extend(heads.flat_map(|head| numbers(head.split('(').next().unwrap_or_default())));
        }
    }
}

#[test]
fn every_case_of_the_catalogue_has_a_test() {
    assert_eq!(numbers("c39_c40_what_is_so").collect::<Vec<_>>(), [39, 40]);
    assert_eq!(numbers("components_c39").count() + numbers("c_39").count(), 0);
    let mut found = BTreeSet::new();
    for folder in ["tests", "host"] {
        covered(&root().join(folder), &mut found);
    }
    let cases = cases();
    let missing: Vec<_> = cases.iter().filter(|case| !found.contains(case)).collect();
    assert!(missing.is_empty(), "no test has these numbers: {missing:?}");
    let unknown: Vec<_> = found.iter().filter(|case| !cases.contains(case)).collect();
    assert!(unknown.is_empty(), "the page has no such cases: {unknown:?}");
}

#[test]
fn the_cases_are_numbered_without_a_gap() {
    let cases = cases();
    assert!(cases.len() >= 92, "the page has lost cases: {cases:?}");
    assert_eq!(cases, (1..=cases.len() as u32).collect::<Vec<_>>());
}
