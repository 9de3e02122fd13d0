//! The pages for people: their links work. Pages, help texts and messages follow the rules of prose in
//! `CONTRIBUTING.md`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;
use crate::tidy::sources;

/// Lines of the README, which is to be read in one go.
const MOST_LINES_OF_THE_README: usize = 160;

/// Words that the rules of prose rule out.
const FORBIDDEN: [&str; 8] = ["gone on with", "go on", "goes on", "is no", "are no", "told of", "for ever", "is none"];

/// Folders with pages. Those of other folders are listed by name.
const FOLDERS: [&str; 3] = ["docs", "docs/guide", "docs/design"];
const PAGES: [&str; 7] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "guest-tasks/README.md",
    "benches/README.md",
    "python/README.md",
];

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = PAGES.iter().map(PathBuf::from).collect();
    for folder in FOLDERS {
        let entries = fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("an entry"));
        let names = entries.map(|entry| Path::new(folder).join(entry.file_name()));
        pages.extend(names.filter(|name| name.extension().is_some_and(|it| it == "md")));
    }
    pages
}

fn read(page: &Path) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// The lines of a page outside of fenced blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((number, line))
    })
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// Where the links of a line lead: `docs/guide/rust.md`, `#security`.
fn targets(line: &str) -> Vec<String> {
    let rest = without_code(line);
    let links = rest.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    links.filter(|link| !link.contains("://")).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    let headings = headings.map(|(_, line)| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

/// Whether some words stand in a line, as words. "There is no …" is plain English.
fn says(line: &str, words: &str) -> bool {
    let line = line.to_lowercase().replace("there is no ", "").replace("there are no ", "");
    let mut between = line.split(words);
    let mut before = between.next().unwrap_or_default();
    between.any(|after| {
        let is_word = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        before = after;
        is_word
    })
}

/// The texts between quotes in a source file, each with the number of the line on which it begins.
fn literals(code: &str) -> Vec<(usize, String)> {
    let (mut found, mut rest) = (Vec::new(), code);
    while let Some(at) = rest.find(['/', '\'', '"']) {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let bare = before.trim_end_matches('#');
        rest = match rest.as_bytes()[at] {
            b'/' if after.starts_with('/') => after.split_once('\n').map_or("", |(_, next)| next),
            b'"' => {
                let end = match bare.ends_with('r') {
                    true => after.find(&format!("\"{}", &before[bare.len()..])),
                    false => end_of_text(after),
                };
                let (text, next) = after.split_at(end.expect("a text has an end"));
                let number = code[..code.len() - after.len()].lines().count();
                found.push((number, text.split("\\\n").map(str::trim_start).collect()));
                &next[1..]
            }
            b'\'' if after.starts_with('\\') => after[2..].split_once('\'').map_or("", |(_, next)| next),
            b'\'' if after.chars().nth(1) == Some('\'') => after.split_once('\'').map_or("", |(_, next)| next),
            _ => after,
        };
    }
    found
}

/// Where the quote stands that ends a text which is not raw.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// Why a link of a page leads nowhere, if it does.
fn fault(page: &Path, link: &str) -> Option<String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.parent().unwrap_or(Path::new(""));
    let target = if path.is_empty() { page.to_owned() } else { folder.join(path) };
    if !root().join(&target).exists() {
        return Some(format!("there is no file {}", target.display()));
    }
    if anchor.is_empty() || anchors(&read(&target)).iter().any(|known| known == anchor) {
        return None;
    }
    Some(format!("{} has no heading for #{anchor}", target.display()))
}

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading_of_it() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = read(&page);
        for (number, line) in prose(&text) {
            for link in targets(line) {
                seen += 1;
                wrong.extend(fault(&page, &link).map(|why| format!("{}:{number}: {link}: {why}", page.display())));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(seen > 50, "only {seen} links were found");
}

#[test]
fn headings_have_the_anchors_that_links_name() {
    let text = "# A `wpool` run: 1, 2\n\n```sh\n# not a heading\n```\n## Rows in, records out\n";
    assert_eq!(anchors(text), ["a-wpool-run-1-2", "rows-in-records-out"]);
    assert_eq!(targets("see [this](a.md#b), `[not](this)` and [that](https://example.org)"), ["a.md#b"]);
}

#[test]
fn every_page_of_the_guide_and_of_the_design_is_in_an_index() {
    let index = read(Path::new("README.md"));
    let pages = pages().into_iter().filter(|page| page.starts_with("docs"));
    let missing: Vec<_> = pages.filter(|page| !index.contains(&format!("({})", page.display()))).collect();
    assert!(missing.is_empty(), "the README does not lead to {missing:?}");
}

#[test]
fn the_readme_can_be_read_in_one_go() {
    let lines = read(Path::new("README.md")).lines().count();
    assert!(lines <= MOST_LINES_OF_THE_README, "{lines} lines");
}

#[test]
fn the_pages_keep_to_plain_words() {
    let mut found = Vec::new();
    for page in pages() {
        let text = read(&page);
        for (number, line) in prose(&text) {
            let line = without_code(line);
            let words = FORBIDDEN.iter().filter(|words| says(&line, words));
            found.extend(words.map(|words| format!("{}:{number}: \"{words}\"", page.display())));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn messages_and_help_texts_keep_to_plain_words() {
    let (mut found, mut seen) = (Vec::new(), 0);
    for source in sources("host") {
        let help = source.text.lines().zip(1..).filter(|_| source.name.starts_with("host/cli/args/"));
        let help = help.filter(|(line, _)| line.trim_start().starts_with("///"));
        let help = help.map(|(line, number)| (number, line.to_owned()));
        for (number, text) in literals(&source.text).into_iter().chain(help) {
            seen += 1;
            // Python code has a value of this name.
            let prose = text.replace("is None", "");
            let words = FORBIDDEN.iter().filter(|words| says(&prose, words));
            found.extend(words.map(|words| format!("{}:{number}: \"{words}\": {text}", source.name)));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert!(seen > 2000, "only {seen} texts were found");
}

#[test]
fn texts_are_found_beside_comments_and_characters() {
    let code = r####"
        // "a comment" isn't read
        say("one \"word\"", '"', '\'', 'static); // "nor this"
        say(r#"a "raw" text"#, "two \
            lines");
    "####;
    let found = literals(code);
    let expected = [(3, r#"one \"word\""#), (4, r#"a "raw" text"#), (4, "two lines")];
    assert_eq!(found, expected.map(|(number, text)| (number, text.to_owned())));
}

#[test]
fn words_are_found_as_words() {
    assert!(says("It is no file", "is no") && says("ends so: for ever", "for ever") && says("for ever.", "for ever"));
    assert!(!says("There is no file", "is no") && !says("for every file", "for ever") && !says("is not", "is no"));
}
