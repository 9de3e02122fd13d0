//! GitHub Actions.

use anyhow::Result;

use crate::cli::args::Engines;
use crate::cli::commands::engines::texts::{command, string, with};
use crate::cli::commands::engines::words::Words;
use crate::cli::errors::usage;

/// Most jobs of a matrix.
const MOST: u32 = 256;

/// A workflow with the shards as a matrix, and a job that merges them.
pub fn workflow(args: &Engines, words: &Words) -> Result<String> {
    let (name, shards) = (&args.name, args.shards);
    if shards.get() > MOST {
        return usage(format!("a matrix of GitHub Actions has at most {MOST} jobs, and these are {shards} shards"));
    }
    if words.run.iter().chain(&words.merge).any(|word| word.contains("${{")) {
        return usage("behind --: GitHub Actions would fill in `${{` of the command".into());
    }
    let numbers = (1..=shards.get()).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let run = string(&command(&with(&words.run, &["--shard", &format!("MATRIX/{shards}")])));
    let run = run.replacen("MATRIX", "${{ matrix.shard }}", 1);
    let merge = string(&command(&words.merge));
    let paths = |paths: &[String]| paths.iter().map(|path| format!("            {path}\n")).collect::<String>();
    let (written, merged) = (paths(&words.written), paths(&words.merged));
    // An artifact is without the folder that all of its files are in, which is that of the records.
    let folder = std::path::Path::new(&words.written[0]).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = string(&folder.map_or_else(|| ".".to_owned(), |folder| folder.display().to_string()));
    Ok(format!(
        r#"# {shards} shards, and a job that merges them. Install wpool where the comments say. The artifacts of shards hold
# run.json, with the values of --env.
name: {name}
on: workflow_dispatch
jobs:
  shard:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        shard: [{numbers}]
    steps:
      - uses: actions/checkout@v4
      # Install wpool here.
      - run: {run}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: {name}-${{{{ matrix.shard }}}}
          include-hidden-files: true
          path: |
{written}  merge:
    runs-on: ubuntu-latest
    needs: shard
    # Exit code 107 names the shards that are missing, and 100 says that some task is not ok.
    if: always()
    steps:
      - uses: actions/checkout@v4
      # Install wpool here.
      - uses: actions/download-artifact@v4
        with:
          pattern: {name}-*
          merge-multiple: true
          path: {folder}
      - run: {merge}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: {name}
          path: |
{merged}"#
    ))
}
