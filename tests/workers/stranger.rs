//! A program of somebody else's that embeds a pool: it runs rows and prints what became of them.
//!
//! ```text
//! stranger this|installed|removed PROGRAM ROW…
//! ```
//!
//! Its workers are itself, an installed `wpool`, or itself although its file is gone.

use std::error::Error;
use std::io::Write;

use wpool::{Outcome, Pool, Program, Shutdown, WorkerCommand};

fn main() -> Result<(), Box<dyn Error>> {
    wpool::worker::enter();
    let mut args = std::env::args().skip(1);
    let (how, program) = args.next().zip(args.next()).ok_or("usage: stranger this|installed|removed PROGRAM ROW…")?;
    let worker = match how.as_str() {
        "installed" => WorkerCommand::wpool()?,
        "removed" => {
            std::fs::remove_file(std::env::current_exe()?)?;
            WorkerCommand::this_program()
        }
        _ => WorkerCommand::this_program(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(Program::read(program)?, worker, args))
}

async fn run(
    program: Program,
    worker: WorkerCommand,
    rows: impl Iterator<Item = String>,
) -> Result<(), Box<dyn Error>> {
    let pool = Pool::builder(program).worker(worker).build().await?;
    let mut results = pool.map(rows);
    while let Some(result) = results.next().await? {
        let text = match result.outcome {
            Outcome::Ok(output) => String::from_utf8_lossy(&output).into_owned(),
            Outcome::NotOk(failure) => format!("{}: {}", failure.status, failure.error.message),
        };
        writeln!(std::io::stdout(), "{} {text}", result.id.0)?;
    }
    drop(results);
    pool.shutdown(Shutdown::Drain).await;
    Ok(())
}
