//! The README's part for those who come from ProcessPoolExecutor: its commands are run, and its Rust is the code here.

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use wpool::state::SharedState;
use wpool::{Builder, Event, Init, Observer, Outcome, Program, Retry, WorkerCommand};

use crate::support::*;

/// The part of the README.
fn part() -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, part) = readme.split_once("## Coming from ProcessPoolExecutor").expect("the README has the part");
    part.split_once("\n## ").expect("it is not the last").0.to_owned()
}

/// A folder in which the part's commands find what they name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("guest-tasks"), folder.path().join("guest-tasks")).unwrap();
    let numbers: String = (1..=20).map(|number| format!("{number}\n")).collect();
    for (name, text) in [
        ("numbers.jsonl", numbers.as_str()),
        ("odd.jsonl", "9\n0\n15\n"),
        ("letter.txt", "a letter\nto teh editor\n"),
        ("many.txt", &"x\n".repeat(10_000)),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::create_dir(folder.path().join("photos")).unwrap();
    crate::images::pictures::write(&folder.path().join("photos"), 2, &[(300, 200)]);
    folder
}

#[test]
fn its_commands_do_what_they_say() {
    let folder = folder();
    let bin = Path::new(env!("CARGO_BIN_EXE_wpool")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let part = part();
    let commands: Vec<&str> = part.lines().filter_map(|line| line.strip_prefix("    wpool")).collect();
    assert_eq!(commands.len(), 8, "a command for each pattern");
    for command in commands {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("wpool{command}")]).current_dir(folder.path());
        shell.env("PATH", format!("{}:{path}", bin.display()));
        shell.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
        let ran = run(&mut shell, "");
        assert_eq!(ran.code, 0, "{command}: {}", ran.stderr);
    }
    let made = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(made("progress.jsonl").lines().count(), 20);
    assert_eq!(made("again.jsonl"), "0\n");
    assert!(made("squares.json").contains("\"20\": \"400\"") || made("squares.json").contains("\"20\":\"400\""));
    assert_eq!(fs::read_dir(folder.path().join("thumbnails")).unwrap().count(), 2);
}

#[test]
fn its_rust_is_the_code_that_is_tested_here() {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>().replace(",}", "}").replace(",)", ")");
    let here = squeezed(include_str!("coming_from.rs"));
    let part = part();
    let snippets: Vec<&str> = part.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(snippets.len(), 7, "Rust for each pattern but the last");
    for snippet in snippets {
        // A test does not print.
        let code = squeezed(snippet).replace("println!(", "show!(");
        assert!(here.contains(&code), "this is not tested: {snippet}");
    }
}

/// Looks at what an example prints.
macro_rules! show {
    ($($what:tt)*) => {
        assert!(!format!($($what)*).is_empty())
    };
}

fn program(name: &str) -> Result<Program, wpool::Error> {
    Program::read(guest(name))
}

/// As in the README, with the executable that is tested.
struct Pool;

impl Pool {
    fn builder(program: Program) -> Builder {
        wpool::Pool::builder(program).worker(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool")))
    }
}

type Done = Result<(), Box<dyn Error>>;

#[test]
fn its_rust_runs() {
    block_on(async {
        map().await.unwrap();
        progress().await.unwrap();
        chunks().await.unwrap();
        errors().await.unwrap();
        shared_state().await.unwrap();
        initializer().await.unwrap();
        images().await.unwrap();
    });
}

async fn map() -> Done {
    let pool = Pool::builder(program("is-prime")?).build().await?;
    let mut results = pool.map(["2", "3", "4"]);
    while let Some(result) = results.next().await? {
        show!("{}: {:?}", result.id.0, result.outcome.output());
    }
    Ok(())
}

async fn progress() -> Done {
    let done = Arc::new(AtomicU64::new(0));
    let seen = done.clone();
    let observer = Observer::new(move |event| {
        if let Event::TaskSettled { .. } = event {
            show!("{} of 3", seen.fetch_add(1, Ordering::Relaxed) + 1);
        }
    });
    let pool = Pool::builder(program("is-prime")?).observer(observer).build().await?;
    let mut results = pool.map(["2", "3", "4"]);
    while results.next().await?.is_some() {}
    assert_eq!(done.load(Ordering::Relaxed), 3);
    Ok(())
}

async fn chunks() -> Done {
    let pool = Pool::builder(program("is-prime")?).build().await?;
    let mut results = pool.map(["2", "3", "4"]).chunksize(NonZeroUsize::MIN);
    while results.next().await?.is_some() {}
    Ok(())
}

async fn errors() -> Done {
    let retry = Retry { times: 2, delay: Duration::from_millis(10), ..Retry::default() };
    let builder = Pool::builder(program("largest-prime-factor")?);
    let pool = builder.timeout(Duration::from_secs(5)).retry(retry).build().await?;
    match pool.submit("zero").await?.await.outcome {
        Outcome::Ok(output) => show!("{output:?}"),
        Outcome::NotOk(failure) => show!("{}: {}", failure.status, failure.error.message),
    }
    Ok(())
}

async fn shared_state() -> Done {
    let state = SharedState::new();
    let builder = Pool::builder(program("shared-state")?).call("shared.square").json_rows();
    let pool = builder.state(state.clone()).build().await?;
    let mut results = pool.map(["2", "3", "4"]);
    while results.next().await?.is_some() {}
    show!("{:?}", state.get("squares"));
    assert_eq!(state.get("3").as_deref(), Some(&b"9"[..]));
    Ok(())
}

async fn initializer() -> Done {
    let argument = std::fs::read("guest-tasks/words.txt")?.into();
    let pool = Pool::builder(program("spelling")?).init(Init { argument, ..Init::default() }).build().await?;
    show!("{:?}", pool.submit("teh cat").await?.await.outcome);
    Ok(())
}

async fn images() -> Done {
    let folder = folder();
    let photos = folder.path().join("photos");
    let pool = Pool::builder(program("thumbnail")?).build().await?;
    let photos = std::fs::read_dir(photos)?.flatten().map(|entry| entry.path());
    let mut results = pool.map(photos.map(|path| std::fs::read(path).unwrap_or_default()));
    while let Some(result) = results.next().await? {
        show!("photo {}: {} bytes", result.id.0, result.outcome.output().map_or(0, |image| image.len()));
    }
    Ok(())
}
