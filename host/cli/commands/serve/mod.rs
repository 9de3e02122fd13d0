//! `wpool serve`: tasks for another program, which speaks binary frames on the standard streams.

mod ends;
mod fault;
mod frame;
mod outbox;
mod session;
mod settings;
mod ways;

use std::io::{self, IsTerminal};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;
use wpool::outcome::Layer;
use wpool::{Error, Event, Observer, Pool, Setting, SettingError, Shutdown, Status};

use crate::cli::errors::usage;
use crate::cli::exit::Exit;
use crate::cli::runtime::runtime;

use fault::Fault;
use outbox::{Outbox, Reply};
use session::{CREDIT_BYTES, CREDIT_TASKS, Session};
use settings::{Opening, Rows};
use ways::Ways;

/// Serves one client, on standard input and output.
pub fn serve() -> Result<Exit> {
    if io::stdin().is_terminal() || io::stdout().is_terminal() {
        return usage("`wpool serve` speaks binary frames with a program, not with a terminal".into());
    }
    runtime()?.block_on(async {
        let out = Arc::new(Outbox::default());
        let mut ways = Ways::open().context("cannot use standard input or output")?;
        let exit = match talk(&mut ways, &out).await {
            Ok(exit) => exit,
            Err(fault) => {
                out.push_json(Reply::Error, &fault);
                fault.exit
            }
        };
        ways.flush(&out).await;
        Ok(exit)
    })
}

/// Everything between the first frame and the last. When it returns, the pool and its workers are gone.
async fn talk(ways: &mut Ways, out: &Arc<Outbox>) -> Result<Exit, Fault> {
    let Some(hello) = ways.hello().await? else { return Ok(Exit::Ok) };
    let mut opening = Opening::of(hello)?;
    let at_end = opening.at_end;
    let mut ends = ends::listen(opening.watch)?;
    opening.config.observer = observer(out.clone());
    let pool = tokio::select! {
        pool = build(&mut opening) => pool?,
        () = ways.until_end(), if at_end != Shutdown::Drain => return Ok(Exit::Ok),
        exit = ends.recv() => return Ok(exit.unwrap_or(Exit::Ok)),
    };
    pool.warm_up();
    out.push_json(Reply::Ready, &ready(&pool, &opening));
    Session::new(pool, out.clone()).run(ways, &mut ends, at_end).await
}

/// Builds the pool. Rows that may have any form are JSON where the program takes nothing else.
async fn build(opening: &mut Opening) -> Result<Pool> {
    let start = |opening: &Opening| Pool::builder(opening.program.clone()).config(opening.config.clone()).build();
    match start(opening).await {
        Err(Error::Setting(SettingError::Program { setting: Setting::JsonRows, .. })) if opening.rows == Rows::Auto => {
            opening.config.task.json_rows = true;
            Ok(start(opening).await?)
        }
        other => Ok(other?),
    }
}

fn ready(pool: &Pool, opening: &Opening) -> serde_json::Value {
    let rows = if opening.config.task.json_rows { "json" } else { "bytes" };
    json!({
        "wpool": env!("CARGO_PKG_VERSION"), "version": frame::VERSION, "program": opening.program.name(),
        "convention": pool.report().convention, "max_workers": opening.config.workers, "rows": rows,
        "credit": {"tasks": CREDIT_TASKS, "bytes": CREDIT_BYTES}, "statuses": Status::ALL, "layers": Layer::ALL,
    })
}

/// An observer that sends what a client may want to know.
fn observer(out: Arc<Outbox>) -> Observer {
    let tell = move |event: &Event| {
        let told = match event {
            Event::Warning(text) => json!({"event": "warning", "text": text}),
            Event::Initialized { took, printed } => {
                json!({"event": "initialized", "seconds": took.as_secs_f64(), "printed": printed})
            }
            Event::WorkerStarted { slot, generation, pid } => {
                json!({"event": "worker-started", "worker": slot, "generation": generation, "pid": pid})
            }
            Event::WorkerDied { slot, generation, why, .. } => {
                json!({"event": "worker-died", "worker": slot, "generation": generation, "why": why})
            }
            _ => return,
        };
        out.push_event(&told);
    };
    Observer::new(tell).without_tasks()
}
