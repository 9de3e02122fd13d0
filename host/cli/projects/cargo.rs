//! Builds Rust with Cargo, which itself reports what it builds and where.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::projects::detect::Project;
use crate::cli::projects::error::Error;
use crate::cli::projects::tool;

/// The target when the project configures none.
const TARGET: &str = "wasm32-wasip2";

/// One message of Cargo's `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds a package and returns the path of its program.
pub fn build(project: &Project) -> Result<PathBuf, Error> {
    let cargo = project.need(project.language.tools[0])?;
    let dir = std::path::absolute(&project.dir).map_err(Error::io("find", &project.dir))?;
    let target = configured_target(&dir).unwrap_or_else(|| TARGET.to_owned());
    if !tool::has_rust_target(&target, &dir) {
        return Err(Error::MissingTool {
            language: project.language.name,
            tool: format!("Rust's standard library for {target}"),
            remedy: format!("install it with `rustup target add {target}`"),
        });
    }
    // Added to the flags of the project's own configuration. RUSTFLAGS and flags for the target replace it.
    let simd = "build.rustflags=[\"-Ctarget-feature=+simd128\"]";
    let args =
        ["build", "--release", "--message-format=json-render-diagnostics", "--target", &target, "--config", simd];
    let said = tool::read(&mut cargo.call(&dir, args))?;
    only_program(&dir, &String::from_utf8_lossy(&said))
}

fn only_program(dir: &Path, said: &str) -> Result<PathBuf, Error> {
    let manifest = fs::canonicalize(dir.join("Cargo.toml")).ok();
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let artifacts = messages.filter(|message| message.reason == "compiler-artifact");
    let files: Vec<(bool, PathBuf)> = artifacts
        .flat_map(|message| {
            let own = fs::canonicalize(&message.manifest_path).ok() == manifest;
            message.filenames.into_iter().map(move |file| (own, file))
        })
        .filter(|(_, file)| file.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    // A dependency may be a cdylib as well.
    let own: Vec<_> = files.iter().filter(|(own, _)| *own).map(|(_, file)| file).collect();
    let programs = if own.is_empty() { files.iter().map(|(_, file)| file).collect() } else { own };
    match programs.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Error::NoProgram { dir: dir.to_owned() }),
        several => {
            let found = several.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
            Err(Error::ManyPrograms { dir: dir.to_owned(), found })
        }
    }
}

/// The WebAssembly target of Cargo's own configuration, from the environment or the nearest file.
fn configured_target(dir: &Path) -> Option<String> {
    if let Ok(target) = env::var("CARGO_BUILD_TARGET") {
        return Some(target).filter(|target| is_wasm(target));
    }
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let folders = dir.ancestors().map(|dir| dir.join(".cargo")).chain(home);
    let files = folders.flat_map(|dir| [dir.join("config.toml"), dir.join("config")]);
    let targets = files.filter_map(|path| target_of(&fs::read_to_string(path).ok()?));
    targets.take(1).find(|target| is_wasm(target))
}

fn is_wasm(target: &str) -> bool {
    target.starts_with("wasm32-")
}

/// The value of `target` in the table `build`, with as much TOML as a target needs: one string, or the first of a list.
fn target_of(config: &str) -> Option<String> {
    let mut table = "";
    for line in config.lines().map(str::trim) {
        if let Some(name) =
            line.strip_prefix('[').and_then(|rest| rest.split(']').next()).filter(|_| !line.contains('='))
        {
            table = name.trim();
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        if matches!((table, key.trim()), ("build", "target") | ("", "build.target")) {
            return value.split(['"', '\'']).nth(1).map(str::to_owned);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::target_of;

    #[test]
    fn the_configured_target_is_read_wherever_it_stands() {
        for config in [
            "[build]\ntarget = \"wasm32-wasip1\"\n",
            "# ours\n[net]\noffline = true\n[build] # here\n  target = ['wasm32-wasip1']\n",
            "build.target = \"wasm32-wasip1\"",
        ] {
            assert_eq!(target_of(config).as_deref(), Some("wasm32-wasip1"), "{config}");
        }
        assert_eq!(target_of("[target.wasm32-wasip1]\nrunner = \"x\"\n[build]\ntarget-dir = \"out\"\n"), None);
    }
}
