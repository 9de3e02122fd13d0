//! The recipes of the guide for workflow engines, run by the engines themselves where they can be found: `snakemake` is on
//! PyPI. `nextflow` needs Java and a jar from its own site, and is on no registry of packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guide::{blocks, page};
use crate::shards::{Place, numbers};
use crate::support::run;

/// The engine of this name in the `PATH`, or as the variable says. Where it is required it has to be there.
fn engine(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(format!("WPOOL_{}", name.to_uppercase())).map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| std::env::split_paths(&paths).map(|dir| dir.join(name)).find(|path| path.is_file()));
    if found.is_none() {
        assert!(std::env::var_os("WPOOL_REQUIRE_RECIPES").is_none(), "there is no {name}");
        println!("SKIPPED: there is no {name}, so its recipe in docs/guide/shards.md was not run");
    }
    found
}

/// A folder with rows, the program of the recipes and a recipe; and the engine, which finds wpool first.
fn place(engine: &Path, kind: &str, file: &str) -> (Place, Command) {
    let place = Place::new("echo", "", numbers(200));
    let page = blocks(&page("docs/guide/shards.md"));
    let recipe = page.iter().find(|block| block.info == kind).expect("the page has a recipe");
    place.write(file, &recipe.text);
    place.write("rows.jsonl", place.read("rows"));
    std::fs::copy(crate::support::guest("sum-of-squares"), place.path("task.wasm")).expect("a program");
    let bin = Path::new(env!("CARGO_BIN_EXE_wpool")).parent().expect("it stands in a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(engine);
    command.current_dir(place.path("")).env("PATH", path);
    command.envs(crate::support::wpool().get_envs().filter_map(|(name, value)| Some((name, value?))));
    (place, command)
}

fn assert_single_run(place: &Place) {
    let mut single = place.wpool("run -q task.wasm rows.jsonl -o one");
    assert_eq!(run(&mut single, "").code, 0);
    place.assert_same("one", "out.jsonl", "the merged file");
}

#[test]
fn the_recipe_for_snakemake_gives_the_file_of_the_single_run() {
    let Some(engine) = engine("snakemake") else { return };
    let (place, mut command) = place(&engine, "python", "Snakefile");
    let ran = run(command.args(["-j", "2", "out.jsonl"]), "");
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_single_run(&place);
}

#[test]
fn the_recipe_for_nextflow_gives_the_files_of_shards() {
    let Some(engine) = engine("nextflow") else { return };
    let (place, mut command) = place(&engine, "groovy", "main.nf");
    let rest = "\nworkflow { SHARD(file('rows.jsonl'), Channel.of(1..8)) | collect | view }\n";
    place.write("main.nf", place.read("main.nf") + rest);
    let ran = run(command.args(["run", "main.nf", "-offline"]), "");
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let find = "find work -name 'part.*' -not -path '*.wpool/*' -exec cp -r {} . ';' && wpool merge -q -o out.jsonl part.{shard}.jsonl";
    let mut merge = Command::new("sh");
    merge.current_dir(place.path("")).args(["-c", find]);
    merge.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(run(&mut merge, "").code, 0);
    assert_single_run(&place);
}
