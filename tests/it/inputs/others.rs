//! Other tools, as the page about inputs calls them: each is run where it is.

use super::*;
use crate::guide::{blocks, folder, page, shell};

/// The page, and the beginning of the marks of its blocks.
const PAGE: &str = "docs/guide/inputs.md";
const NEEDS: &str = "sh skip: needs ";

/// Runs the commands of the page that need a tool, where a command says that it is there.
fn run_blocks(tool: &str, probe: &str) {
    let folder = folder();
    if shell(probe, folder.path()).code != OK {
        println!("left out: there is no {tool} here");
        return;
    }
    // What the page makes before.
    for command in ["printf '[97,1001]' > rows.json", "printf 'id,n\\n007,1\\n' > fractions.csv"] {
        assert_eq!(shell(command, folder.path()).code, OK);
    }
    let all = blocks(&page(PAGE));
    let own: Vec<_> = all.iter().filter(|block| block.info == format!("{NEEDS}{tool}")).collect();
    assert!(!own.is_empty(), "the page has no commands of {tool}");
    for command in own.iter().flat_map(|block| block.text.lines()) {
        let ran = shell(command, folder.path());
        assert!(ran.code == OK, "{command}: {} {}", ran.code, ran.stderr);
        assert!(command.contains(" -o ") || command.contains("parquet'") || !ran.stdout.is_empty(), "{command}");
    }
}

#[test]
fn jq_reads_records_and_makes_rows() {
    run_blocks("jq", "jq --version");
}

#[test]
fn miller_reads_records_and_makes_rows() {
    run_blocks("mlr", "mlr --version");
}

#[test]
fn duckdb_reads_records() {
    run_blocks("duckdb", "python3 -c 'import duckdb'");
}
