//! The context that all tasks of a run share, and the parts of a task made from it.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use wasmtime::component::Val;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use super::call::Call;
use super::determinism::Key;
use super::guard::{Deadline, Stopped};
use super::log::{Granted, Log, Root};
use super::profiler::Profiler;
use super::row_dirs::own_path;
use super::scratch::ScratchRoot;
use super::stdio::{Printed, Stdio};
use super::time::ActiveTime;
use super::world::World;
use crate::child::granted;
use crate::model::grants::Grants;
use crate::model::limits::MAX_INPUT;
use crate::model::report::Convention;
use crate::model::settings::TaskSettings;
use crate::model::template::Row;
use crate::model::typed::RowError;
use crate::protocol::page::SharedPage;
use crate::protocol::wire::Task;

/// Most random bytes a guest may ask for at once; wasmtime's default of 64 MiB takes a quarter of a second.
pub(super) const MAX_RANDOM: u32 = 1 << 20;

/// Host memory that one call across the component boundary may take beyond input and output: error strings, paths.
const HOSTCALL_SLACK: usize = 8 << 20;

/// The context that all tasks of a run share.
pub(super) struct TaskContext {
    pub program_name: String,
    pub settings: TaskSettings,
    /// The convention of the entry.
    pub convention: Convention,
    /// The argument of `init`, when each instance calls it.
    pub init: Option<Bytes>,
    /// Whether guest code is compiled with checks that stop it at a deadline.
    pub epochs: bool,
    /// Fuel for copying data while an instance is made, which does not count as a task's.
    pub copying_fuel: u64,
    /// Whether guest code is compiled to count fuel.
    pub counts_fuel: bool,
    /// Whether the places of the frames of backtraces are wanted.
    pub spots: bool,
    /// The text that `init` prints, if it runs once.
    pub printed: Printed,
    pub time: ActiveTime,
    pub page: Arc<SharedPage>,
    pub profiler: Option<Profiler>,
    /// The file system of scratch directories.
    pub scratch: Option<Arc<ScratchRoot>>,
    /// Set when the program imports WASI: tasks then run on an asynchronous stack, driven by this runtime of one
    /// thread.
    pub runtime: Option<tokio::runtime::Runtime>,
}

/// A directory that a guest finds.
struct Found {
    host: PathBuf,
    /// What the path leads through, where that is a descriptor of its own.
    _opened: Option<OwnedFd>,
    permissions: FsPerms,
    root: Root,
}

impl Found {
    fn new(host: PathBuf, guest: &str, permissions: FsPerms, grant: Granted) -> Found {
        Found { host, _opened: None, permissions, root: Root { grant, guest: guest.to_owned() } }
    }
}

impl TaskContext {
    /// Host memory that calls across the component boundary may take in one task: for input and output. A function
    /// returns its output in parts, and each part is a value of the engine even if it is a single byte.
    pub fn hostcall_memory(&self, call: &Call<'_>) -> usize {
        let part = if call.convention == Convention::Function { size_of::<Val>() } else { 1 };
        self.settings.limits.output as usize * part + MAX_INPUT + HOSTCALL_SLACK
    }

    /// A call for an instance that is made but not called.
    pub fn call_of_no_task(&self) -> Call<'static> {
        Call {
            task: Task::default(),
            convention: self.convention,
            deadline: self.settings.limits.deadline.map(|length| Deadline::new(length, &self.time)),
            command: None,
            values: Vec::new(),
            dirs: Vec::new(),
        }
    }

    /// A command's arguments, the program's name first.
    pub fn arguments(&self, row: Row<'_>) -> Result<Vec<String>, RowError> {
        let mut args = vec![self.program_name.clone()];
        args.extend(self.settings.grants.arguments(row)?);
        Ok(args)
    }

    /// The streams of one task, when the program has a way to reach them.
    pub fn stdio(&self, call: &Call<'_>) -> Option<Stdio> {
        self.runtime.as_ref()?;
        Some(match call.convention {
            Convention::Command => {
                let stdin = call.command.as_ref().map(|command| command.stdin.clone()).unwrap_or_default();
                Stdio::command(stdin, &self.settings.limits, &self.page)
            }
            Convention::Task | Convention::Script | Convention::Function | Convention::Raw => {
                Stdio::silent(&self.settings.limits, &self.page)
            }
        })
    }

    /// The WASI world of one task: its streams, its arguments and its grants, nothing else.
    pub fn wasi(&self, stdio: &Stdio, call: &Call<'_>) -> wasmtime::Result<World> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdin(stdio.input.clone()).stdout(stdio.output.clone()).stderr(stdio.diagnostics.clone());
        wasi.args(call.command.as_ref().map_or(&[][..], |command| &command.args))
            .envs(&self.settings.grants.env)
            .max_random_size(MAX_RANDOM.into());
        // By default a guest may make sockets, but not use them. The fence takes the making for an attack.
        wasi.allow_tcp(false).allow_udp(false);
        let found = self.directories(call)?;
        for found in &found {
            wasi.preopened_dir(&found.host, &found.root.guest, found.permissions)?;
        }
        self.furnish(&mut wasi, self.settings.deterministic.as_ref().map(|how| Key::of_task(how, &call.task)));
        Ok(World { wasi, log: self.log(found.into_iter().map(|found| found.root)) })
    }

    /// The directories of one task, in the order in which its guest finds them.
    fn directories(&self, call: &Call<'_>) -> io::Result<Vec<Found>> {
        let Grants { dirs, scratch: granted, .. } = &self.settings.grants;
        let mut found = Vec::new();
        let mut of_row = call.dirs.iter();
        for (number, dir) in dirs.iter().enumerate() {
            let (host, _opened) = match &dir.row {
                None => {
                    let opened = granted::open(&dir.host)?;
                    (own_path(&opened), Some(opened))
                }
                Some(_) => match of_row.next() {
                    Some(opened) => (own_path(opened), None),
                    // An instance of no task has no such directory.
                    None => continue,
                },
            };
            let permissions = if dir.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            let dir = Found::new(host, &dir.guest, permissions, Granted::Number(number));
            found.push(Found { _opened, ..dir });
        }
        if let Some((scratch, granted)) = self.scratch.as_ref().zip(granted.as_ref()) {
            let number = Granted::Number(dirs.len());
            found.push(Found::new(scratch.directory()?, &granted.guest, FsPerms::ReadWrite, number));
        }
        let is_whole = found.iter().any(|found| found.root.is_whole());
        if let Some(empty) = self.settings.learn.as_ref().filter(|_| !is_whole) {
            found.push(Found::new(empty.clone(), "/", FsPerms::ReadOnly, Granted::Nothing));
        }
        Ok(found)
    }

    fn log(&self, roots: impl Iterator<Item = Root>) -> Option<Box<Log>> {
        self.settings.receipts.then(|| Box::new(Log::new(roots.collect())))
    }

    /// The WASI world of `init`: its argument and the run's environment. Its prints are for people only.
    pub fn init_world(&self, stdio: &Stdio, argument: &Bytes) -> World {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdin(MemoryInputPipe::new(argument.clone()));
        wasi.stdout(stdio.diagnostics.clone()).stderr(stdio.diagnostics.clone());
        wasi.envs(&self.settings.grants.env).max_random_size(MAX_RANDOM.into());
        wasi.allow_tcp(false).allow_udp(false);
        self.furnish(&mut wasi, self.settings.deterministic.as_ref().map(Key::of_init));
        World { wasi, log: self.log(std::iter::empty()) }
    }

    /// Adds the clocks and random numbers of a deterministic world.
    pub fn furnish(&self, world: &mut WasiCtxBuilder, key: Option<Key>) {
        let (Some(runtime), Some(key)) = (&self.runtime, key) else { return };
        let _within = runtime.enter();
        key.furnish(world);
    }

    /// Runs a task's future. If the program can wait in a host call, a timer runs beside it. Otherwise the future never
    /// waits.
    pub fn drive<T>(
        &self,
        deadline: Option<Deadline>,
        task: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        let mut task = pin!(task);
        // Most tasks never wait, and finish here without the cost of waiting.
        let within = self.runtime.as_ref().map(|runtime| runtime.enter());
        if let Poll::Ready(result) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
        drop(within);
        let Some(runtime) = &self.runtime else {
            return Err(wasmtime::Error::msg("a program without imports waited for something"));
        };
        runtime.block_on(async {
            let Some(deadline) = deadline else { return task.await };
            tokio::select! {
                biased;
                result = task => result,
                () = self.reached(deadline) => Err(Stopped::Timer.into()),
            }
        })
    }

    /// Waits until a deadline. The timer alone may fire too early: it also counts time in which the worker was stopped.
    async fn reached(&self, deadline: Deadline) {
        loop {
            let left = deadline.left(&self.time);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}
