//! The words of a text that no list has. The list is read once, by `init`; every row starts with it in memory.

use std::cell::OnceCell;
use std::collections::BTreeSet;

wit_bindgen::generate!({ path: "../../wit/task.wit", world: "task-with-init" });

struct Task;

export!(Task);

thread_local! {
    static KNOWN: OnceCell<BTreeSet<String>> = const { OnceCell::new() };
}

impl Guest for Task {
    /// `arg` is the list: words with anything between them.
    fn init(arg: Vec<u8>) -> Result<(), String> {
        let list = String::from_utf8(arg).map_err(|error| format!("the list of words is no text: {error}"))?;
        KNOWN.with(|known| known.set(words(&list).collect())).map_err(|_| "there is a list already".to_owned())
    }

    fn run(row: Vec<u8>) -> Result<Vec<u8>, String> {
        let text = String::from_utf8(row).map_err(|error| format!("the row is no text: {error}"))?;
        KNOWN.with(|known| {
            let known = known.get().ok_or("there is no list")?;
            let unknown: BTreeSet<_> = words(&text).filter(|word| !known.contains(word)).collect();
            let quoted: Vec<_> = unknown.iter().map(|word| format!("\"{word}\"")).collect();
            Ok(format!("[{}]", quoted.join(",")).into_bytes())
        })
    }
}

/// Runs of letters and apostrophes, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    let between = |c: char| !c.is_alphabetic() && c != '\'';
    text.split(between).filter(|word| !word.is_empty()).map(str::to_lowercase)
}
