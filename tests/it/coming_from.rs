//! The pages for people who know ProcessPoolExecutor: commands are run, and Rust code equals the code here. The Python is
//! run by `python/tests/test_guide.py`.

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wpool::state::SharedState;
use wpool::{Builder, Event, Init, Observer, Outcome, Program, Retry, WorkerCommand};

use crate::guide::{Block, blocks, folder, page, run_page};
use crate::support::*;

/// The page of the guide.
pub const PAGE: &str = "docs/guide/from-processpoolexecutor.md";
/// The page of the same patterns in Rust.
const IN_RUST: &str = "docs/guide/rust-patterns.md";

#[test]
fn its_commands_do_what_they_say() {
    let folder = run_page(PAGE);
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
    let pages = [IN_RUST, "README.md"].into_iter().flat_map(|name| blocks(&page(name)));
    let snippets: Vec<Block> = pages.filter(|block| block.info == "rust").collect();
    assert_eq!(snippets.len(), 8, "Rust for each pattern, and in the README");
    for snippet in snippets {
        // A test does not print.
        let code = squeezed(&snippet.text).replace("println!(", "show!(");
        assert!(here.contains(&code), "this is not tested: {}", snippet.text);
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

/// As on the page, with the executable that is tested.
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
        readme().await.unwrap();
        map().await.unwrap();
        progress().await.unwrap();
        chunks().await.unwrap();
        errors().await.unwrap();
        shared_state().await.unwrap();
        initializer().await.unwrap();
        images().await.unwrap();
    });
}

async fn readme() -> Done {
    let pool = Pool::builder(Program::read("guest-tasks/is-prime.wasm")?).build().await?;
    let mut results = pool.map(["600851475143", "100913100913"]);
    while let Some(result) = results.next().await? {
        show!("{:?}", result.outcome);
    }
    Ok(())
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
