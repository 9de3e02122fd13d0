//! The commands of a plan: what each shard runs, and what merges their records.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;

use crate::cli::args::{Action, Args, RecordFormat, Run};
use crate::cli::config::{Failure, Whole};
use crate::cli::descriptor::{self, is_stdin, is_stdout};
use crate::cli::errors::usage;

/// The part of names that is the number of the shard.
const NUMBER: &str = "{shard}";

/// The commands, word by word.
#[derive(Debug)]
pub struct Words {
    /// The command of each shard, without `--shard`.
    pub run: Vec<String>,
    /// The command that merges the records.
    pub merge: Vec<String>,
    /// Everything that a shard writes, with stars for its number.
    pub written: Vec<String>,
    /// Everything that the merge writes.
    pub merged: Vec<String>,
}

/// Makes the commands of the one that was typed.
pub fn words(command: &[String]) -> Result<Words> {
    let command = &expanded(command)?;
    let typed = typed(command)?;
    let Some(out) = typed.output.output.as_ref().filter(|path| !is_stdout(path)) else {
        return usage("name the file of the merged records with -o FILE".into());
    };
    let out = text(out);
    let (failed, summary) = (typed.output.failed.as_ref(), typed.messages.summary_json.as_ref());
    let own = |path: &PathBuf| beside(&out, path);
    let mut run = vec!["wpool".to_owned(), "run".to_owned(), "--resume".to_owned()];
    let mut rest = command[1..].iter();
    while let Some(word) = rest.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        let path = |path: &str| if ["-o", "--output"].contains(&option) { numbered(path) } else { own(&path.into()) };
        match option {
            // Behind it stand arguments of the program.
            "--" => {
                run.push(word.clone());
                run.extend(rest.by_ref().cloned());
            }
            "--resume" | "--overwrite" => {}
            "-o" | "--output" | "--failed" | "--summary-json" => {
                let value = value.or_else(|| rest.next().cloned()).unwrap_or_default();
                run.extend([option.to_owned(), path(&value)]);
            }
            // Where what reads them looks for them.
            "--events" | "--metrics-file" => {
                let value = value.or_else(|| rest.next().cloned()).unwrap_or_default();
                run.extend([option.to_owned(), numbered(&value)]);
            }
            _ if is_short_output(word) => {
                run.extend(["-o".to_owned(), numbered(&word[2..])]);
            }
            _ => run.push(word.clone()),
        }
    }
    let mut merge: Vec<_> = ["wpool", "merge", "--overwrite", "-o", &out].map(str::to_owned).to_vec();
    for (option, path) in [("--failed", failed), ("--summary-json", summary)] {
        merge.extend(path.iter().flat_map(|path| [option.to_owned(), text(path)]));
    }
    merge.push(numbered(&out));
    let starred = |path: String| path.replace(NUMBER, "*");
    let beside = [failed, summary].into_iter().flatten();
    let written = [numbered(&out), format!("{}.wpool", numbered(&out))].into_iter().chain(beside.clone().map(own));
    let merged = [out.clone()].into_iter().chain(beside.map(|path| text(path)));
    Ok(Words { run, merge, written: written.map(starred).collect(), merged: merged.collect() })
}

/// The command with the options that files and variables give it here: the machines of its shards may have others.
fn expanded(command: &[String]) -> Result<Vec<String>> {
    let as_typed = || Ok(command.to_vec());
    let Some(behind) = command.strip_prefix(&["run".to_owned()]) else { return as_typed() };
    let behind: Vec<_> = behind.iter().map(OsString::from).collect();
    let whole = match Whole::of(&behind) {
        Ok(Some(whole)) => whole,
        // An error in the words is reported of the whole command.
        Ok(None) | Err(Failure::Clap(_)) => return as_typed(),
        Err(Failure::Other(error)) => return Err(error),
    };
    if let Some(refusal) = whole.refusals().next() {
        return usage(refusal);
    }
    if whole.rows_within().is_some() {
        return usage(
            "a configuration file that was only found names the rows, and its files may be others where the shards run: name \
             the rows, or the configuration file (--config)"
                .to_owned(),
        );
    }
    let words = whole.arguments().into_iter().map(|word| word.to_string_lossy().into_owned());
    Ok(["run".to_owned()].into_iter().chain(words).collect())
}

/// The typed command, if shards of it can be run on other machines.
fn typed(command: &[String]) -> Result<Run> {
    let parsed = match Args::try_parse_from(["wpool".to_owned()].iter().chain(command)) {
        Ok(Args { action: Action::Run(run) }) if command.first().is_some_and(|word| word == "run") => *run,
        Ok(_) => {
            return usage(
                "behind -- stands `run` with its options, such as -- run task.wasm rows.jsonl -o out.jsonl".into(),
            );
        }
        Err(error) => {
            let text = error.to_string();
            return usage(format!(
                "behind --: {}",
                text.lines().next().unwrap_or_default().trim_start_matches("error: ")
            ));
        }
    };
    let lists = [&parsed.source.files_from, &parsed.source.files0_from];
    let reads_stdin = lists.into_iter().flatten().chain(&parsed.source.inputs).any(|path| is_stdin(path))
        || parsed.source.inputs.is_empty() && !parsed.source.are_files();
    let why = if parsed.once {
        "--once has no rows to shard"
    } else if parsed.sharding.shard.is_some() {
        "--shard is added to the command, so leave it out"
    } else if parsed.journal.no_journal {
        "--no-journal: shards are resumed and merged by their journals"
    } else if parsed.output.values {
        "--values: its lines have no ids to merge them by"
    } else if parsed.output.output_format != RecordFormat::Jsonl {
        "--output-format: shards have lines of JSON, and the merge can make a table"
    } else if parsed.output.out_dir.is_some() {
        "--out-dir: a run that writes files cannot be resumed"
    } else if parsed.messages.events.as_ref().is_some_and(|path| descriptor::number(path).is_some()) {
        "--events: shards on other machines have no such descriptor, so name a file"
    } else if parsed.messages.dry_run {
        "--dry-run is not a run"
    } else if reads_stdin {
        "standard input: every shard reads all rows, so name files that all of them can read"
    } else if parsed.output.output.iter().any(|path| text(path).contains(NUMBER)) {
        "-o names the merged file; the names of the shards' files are made of it"
    } else {
        return Ok(parsed);
    };
    usage(format!("behind --: {why}"))
}

/// Whether a word is `-oFILE`.
fn is_short_output(word: &str) -> bool {
    word.len() > 2 && word.starts_with("-o")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The path of a shard's own file: `a/out.{shard}.jsonl` for `a/out.jsonl`.
fn numbered(path: &str) -> String {
    let path = Path::new(path);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}.{NUMBER}.{}", extension.to_string_lossy()),
        None => format!("{stem}.{NUMBER}"),
    };
    text(&path.with_file_name(name))
}

/// The path of another file of a shard, in the folder of its records, where merging looks for it.
fn beside(out: &str, path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    numbered(&text(&Path::new(out).with_file_name(&*name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(line: &str) -> Result<Words> {
        words(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn each_shard_writes_its_own_files_and_the_merge_what_was_typed() {
        let made = made(
            "run t.wasm r -o a/out.jsonl --failed=bad --overwrite --timeout 1s --summary-json s.json --events e \
                  --metrics-file=/m/x.prom -- -o x",
        );
        let words = made.expect("a command");
        assert_eq!(
            words.run.join(" "),
            "wpool run --resume t.wasm r -o a/out.{shard}.jsonl --failed a/bad.{shard} --timeout 1s --summary-json \
             a/s.{shard}.json --events e.{shard} --metrics-file /m/x.{shard}.prom -- -o x"
        );
        assert_eq!(
            words.merge.join(" "),
            "wpool merge --overwrite -o a/out.jsonl --failed bad --summary-json s.json a/out.{shard}.jsonl"
        );
        assert_eq!(words.written, ["a/out.*.jsonl", "a/out.*.jsonl.wpool", "a/bad.*", "a/s.*.json"]);
        assert_eq!(words.merged, ["a/out.jsonl", "bad", "s.json"]);
    }

    #[test]
    fn a_command_that_cannot_be_sharded_is_refused() {
        for line in [
            "run t.wasm r",
            "run t.wasm -o out",
            "run t.wasm - -o out",
            "run t.wasm -n -o out",
            "run t.wasm r -o out --shard 1/2",
            "run t.wasm r -o out --values",
            "run t.wasm r -o out --no-journal",
            "run t.wasm r -o out.{shard}",
            "run t.wasm r -o out --out-dir d",
            "inspect t.wasm",
            "run t.wasm r -o out --nonsense",
        ] {
            assert!(made(line).is_err(), "{line}");
        }
    }
}
