//! A client's tasks: what it asks for, and what it has room for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;
use wpool::{Input, Pool, Shutdown, Stopper, TaskHandle};

use crate::cli::commands::serve::fault::Fault;
use crate::cli::commands::serve::frame::{Request, Task, Violation};
use crate::cli::commands::serve::outbox::{Outbox, Reply};
use crate::cli::commands::serve::ways::{Turn, Ways};
use crate::cli::exit::Exit;

/// Tasks that a client may have open. The pool has room for as many on each slot, so submitting never waits.
pub const CREDIT_TASKS: u64 = 4096;
/// Bytes of rows that a client may have open, and one row more. The pool has room for twice as many.
pub const CREDIT_BYTES: u64 = 32 << 20;
/// Unread bytes at which a client gets no more credit.
const SLOW: usize = 64 << 20;
/// Unread bytes at which the workers are stopped until the client has read half of them.
const STOPPED: usize = 256 << 20;
/// Names of functions that a client may register.
const MOST_FUNCTIONS: usize = 1 << 16;

/// The frames that a client may still send, and those that it is owed.
#[derive(Debug)]
struct Credit {
    tasks: u64,
    /// A row that is longer than what is left may be sent as the last.
    bytes: i64,
    owed: (u64, u64),
}

impl Credit {
    fn spend(&mut self, bytes: usize) -> Result<(), Violation> {
        if self.tasks == 0 || self.bytes <= 0 {
            return Err(Violation("the client has sent more tasks or bytes than it has credit for".into()));
        }
        self.tasks -= 1;
        self.bytes -= bytes as i64;
        Ok(())
    }
}

/// A task that has not settled.
struct Open {
    handle: TaskHandle,
    bytes: usize,
}

/// A session whose pool runs.
pub struct Session {
    pool: Pool,
    stopper: Stopper,
    out: Arc<Outbox>,
    tasks: HashMap<u64, Open>,
    functions: HashMap<u32, String>,
    credit: Credit,
    ending: Option<Shutdown>,
    /// The workers are stopped, because the client does not read.
    paused: bool,
}

impl Session {
    pub fn new(pool: Pool, out: Arc<Outbox>) -> Session {
        Session {
            stopper: pool.stopper(),
            pool,
            out,
            tasks: HashMap::new(),
            functions: HashMap::new(),
            credit: Credit { tasks: CREDIT_TASKS, bytes: CREDIT_BYTES as i64, owed: (0, 0) },
            ending: None,
            paused: false,
        }
    }

    /// Serves the client until it ends the session, `at_end` of its input, or until something from outside does.
    pub async fn run(
        mut self,
        ways: &mut Ways,
        ends: &mut UnboundedReceiver<Exit>,
        at_end: Shutdown,
    ) -> Result<Exit, Fault> {
        let mut exit = Exit::Ok;
        loop {
            while let Some(request) = ways.request()? {
                self.take(request).await?;
            }
            if !ways.is_open() && self.ending.is_none() {
                self.stop(at_end);
            }
            self.settle(ways.unwritten());
            if self.ending.is_some() && self.tasks.is_empty() {
                break;
            }
            tokio::select! {
                turn = ways.turn(&self.out) => if turn == Turn::NoReader {
                    return Ok(exit);
                },
                asked = ends.recv() => {
                    exit = asked.unwrap_or(Exit::Ok);
                    self.stop(Shutdown::Kill);
                }
            }
        }
        self.pool.shutdown(Shutdown::Drain).await;
        self.out.push(Reply::Closed, &[]);
        Ok(exit)
    }

    async fn take(&mut self, request: Request) -> Result<(), Fault> {
        match request {
            Request::Submit(tasks) => {
                for task in tasks {
                    self.submit(task).await?;
                }
            }
            Request::Register { key, name } => self.register(key, name)?,
            Request::Cancel { id, running } => self.cancel(id, running),
            Request::Stats => self.out.push_json(Reply::Stats, &self.stats()),
            Request::Shutdown(how) => self.stop(how),
        }
        Ok(())
    }

    async fn submit(&mut self, task: Task) -> Result<(), Fault> {
        let Task { id, function, deadline, row } = task;
        if self.ending.is_some() {
            return Err(Violation("a task comes after the shutdown".into()).into());
        }
        let bytes = row.len();
        self.credit.spend(bytes)?;
        let Entry::Vacant(place) = self.tasks.entry(id) else {
            return Err(Violation(format!("task {id} is still open: each open task has a number of its own")).into());
        };
        let mut input = Input::new(row);
        if let Some(deadline) = deadline {
            input = input.timeout(deadline);
        }
        let submitted = match (function, self.functions.get(&function)) {
            (0, _) => self.pool.submit(input).await,
            (_, Some(name)) => self.pool.submit_to(name, input).await,
            (key, None) => return Err(Violation(format!("there is no function of key {key}")).into()),
        };
        let handle = submitted.map_err(anyhow::Error::from)?;
        let out = self.out.clone();
        handle.on_done(move |result| out.push_result(id, result));
        place.insert(Open { handle, bytes });
        Ok(())
    }

    fn register(&mut self, key: u32, name: String) -> Result<(), Violation> {
        if self.functions.len() >= MOST_FUNCTIONS {
            return Err(Violation(format!("a client registers {MOST_FUNCTIONS} functions at most")));
        }
        let answer = match self.pool.check_function(&name) {
            Ok(()) => {
                self.functions.insert(key, name);
                json!({"key": key})
            }
            Err(error) => json!({"key": key, "error": Fault::from(anyhow::Error::from(error))}),
        };
        self.out.push_json(Reply::Registered, &answer);
        Ok(())
    }

    fn cancel(&self, id: u64, running: bool) {
        let stopped = match self.tasks.get(&id) {
            None => false,
            Some(open) if running => {
                let is_open = open.handle.result().is_none();
                open.handle.cancel();
                is_open
            }
            Some(open) => open.handle.withdraw(),
        };
        let mut answer = id.to_le_bytes().to_vec();
        answer.push(u8::from(stopped));
        self.out.push(Reply::Cancelled, &answer);
    }

    fn stop(&mut self, how: Shutdown) {
        self.ending = self.ending.max(Some(how));
        self.stopper.stop(how);
    }

    /// Gives credit for tasks that have settled, as far as the client reads.
    fn settle(&mut self, unwritten: usize) {
        for id in self.out.take_settled() {
            if let Some(open) = self.tasks.remove(&id) {
                self.credit.owed.0 += 1;
                self.credit.owed.1 += open.bytes as u64;
            }
        }
        let unread = unwritten + self.out.size();
        if unread < SLOW && self.credit.owed.0 > 0 {
            let (tasks, bytes) = std::mem::take(&mut self.credit.owed);
            self.credit.tasks += tasks;
            self.credit.bytes += bytes as i64;
            self.out.push(Reply::Credit, &[tasks.to_le_bytes(), bytes.to_le_bytes()].concat());
        }
        let pause = unread > if self.paused { STOPPED / 2 } else { STOPPED };
        match (pause, self.paused) {
            (true, false) => self.stopper.pause(),
            (false, true) => self.stopper.resume(),
            _ => {}
        }
        self.paused = pause;
    }

    fn stats(&self) -> serde_json::Value {
        let stats = self.stopper.stats();
        let id_of = |task| self.tasks.iter().find(|(_, open)| open.handle.id() == task).map(|(id, _)| *id);
        let running: Vec<_> = self.stopper.running().into_iter().collect();
        let running: Vec<_> = running
            .iter()
            .map(|one| {
                let age = one.age.as_secs_f64();
                json!({"id": id_of(one.task), "worker": one.slot, "pid": one.pid, "age": age, "note": one.note})
            })
            .collect();
        json!({
            "open": self.tasks.len(), "running": running, "answers": stats.answers, "bytes_in": stats.bytes_in,
            "bytes_out": stats.bytes_out, "busy": stats.busy.as_secs_f64(), "start": stats.start.as_secs_f64(),
            "queue": stats.queue.as_secs_f64(), "workers_started": stats.started, "workers_died": stats.deaths,
            "workers_retired": stats.retired,
        })
    }
}
