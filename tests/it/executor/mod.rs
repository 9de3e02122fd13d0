//! Submitted tasks: the expectations of an executor's users.

mod functions;
mod handles;
mod observers;
mod retries;
mod runs_beside;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;
use wpool::{Builder, Error, Event, Input, Observer, Outcome, Pool, Program, Shutdown, Status, TaskHandle, TaskResult, TaskState, WorkerCommand, wait};

use crate::support::*;

/// A pool of real workers, not started yet.
fn pool(guest: &str, workers: usize) -> Builder {
    let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
    Pool::builder(Program::read(wat(guest)).unwrap()).worker(worker).workers(workers)
}

async fn submit(pool: &Pool, rows: impl IntoIterator<Item = &str>) -> Vec<TaskHandle> {
    let mut handles = Vec::new();
    for row in rows {
        handles.push(pool.submit(row.to_owned()).await.unwrap());
    }
    handles
}

fn statuses(results: &[TaskResult]) -> Vec<Status> {
    results.iter().map(|result| result.outcome.status()).collect()
}

async fn results(handles: Vec<TaskHandle>) -> Vec<TaskResult> {
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await);
    }
    results
}

async fn runs(handle: &TaskHandle) {
    until("the task runs", || handle.state() == TaskState::Running).await;
}
