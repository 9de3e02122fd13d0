//! Starts processes of a pool. No other module does.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::mpsc;

use command_fds::{CommandFdExt, FdMapping};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Resource, getrlimit};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

use crate::protocol::roles::{CHILD_ARGUMENT, Role};
use crate::spawn::command::WorkerCommand;
use crate::spawn::machine;

/// Room for four leases or answer frames, so that neither side sleeps because of the other. Best effort: the kernel
/// limits the pipes of an ordinary user in all.
const PIPE_SIZE: usize = 4 * crate::protocol::wire::FRAME_TARGET;

/// Descriptors that stay free beside those of children: the host opens files of outputs, of the journal and of `/proc`.
const RESERVE: u64 = 16;

/// Most descriptors that a child takes in the host while it is started.
const OF_A_CHILD: u64 = 8;

/// A process that may have more descriptors than this has enough for the largest number of children.
const ENOUGH: u64 = 16 << 10;

/// Most bytes of a dead child's own messages that are repeated.
const LAST_WORDS: u64 = 4 << 10;

/// A running child and the host's ends of its pipes. Dropping it kills the child.
#[derive(Debug)]
pub(crate) struct Process {
    pub child: Child,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    /// The child's messages about itself. Its end does not block, so the host need not read them while the child lives.
    words: File,
}

impl Process {
    /// The last words of a dead child, on one line.
    pub fn last_words(&self) -> String {
        let mut text = Vec::new();
        // A living child has written nothing or a part. The read end does not block either.
        let _ = (&self.words).take(LAST_WORDS).read_to_end(&mut text);
        String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

struct Request {
    command: WorkerCommand,
    role: Role,
    label: String,
    fds: Vec<OwnedFd>,
    reply: oneshot::Sender<io::Result<Process>>,
}

/// Starts children from one thread that lives as long as they do. A parent-death signal follows the thread that started
/// the child, and a runtime's own threads come and go.
#[derive(Clone, Debug)]
pub(crate) struct Spawner {
    requests: mpsc::Sender<Request>,
}

impl Spawner {
    /// Starts the thread. Must be called within a tokio runtime, which will reap the children.
    pub fn start() -> io::Result<Spawner> {
        let (requests, incoming) = mpsc::channel::<Request>();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("wpool-spawner".into()).spawn(move || {
            let _context = runtime.enter();
            for request in incoming {
                let process = spawn(&request.command, request.role, &request.label, request.fds);
                // If the requester is gone, the process is dropped here, which kills it.
                let _ = request.reply.send(process);
            }
        })?;
        Ok(Spawner { requests })
    }

    /// Starts a child, which lists of processes call by its label; `fds` become its descriptors from 3 on.
    pub async fn spawn(
        &self,
        command: &WorkerCommand,
        role: Role,
        label: String,
        fds: Vec<OwnedFd>,
    ) -> io::Result<Process> {
        let (reply, process) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts processes has ended");
        self.requests.send(Request { command: command.clone(), role, label, fds, reply }).map_err(|_| gone())?;
        process.await.map_err(|_| gone())?
    }
}

#[expect(clippy::disallowed_methods, reason = "the only place that starts children, each behind its fence")]
fn spawn(worker: &WorkerCommand, role: Role, label: &str, fds: Vec<OwnedFd>) -> io::Result<Process> {
    let (words, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    for end in [&words, &stderr] {
        fcntl_setfl(end, fcntl_getfl(end)? | OFlags::NONBLOCK)?;
    }
    let mut command = std::process::Command::new(&worker.program);
    if worker.args.is_empty() {
        // A command with arguments of its own is another program, which starts the child and may look at how it is called.
        command.arg0(label);
    }
    command
        .args(&worker.args)
        .args([CHILD_ARGUMENT, role.as_str(), &std::process::id().to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr);
    let mappings = fds.into_iter().zip(3..).map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
    command.fd_mappings(mappings.collect()).map_err(io::Error::other)?;
    let child = Command::from(command).kill_on_drop(true).spawn();
    let mut child = child.map_err(|error| machine::not_started(&worker.program, error))?;
    let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).ok_or_else(|| io::Error::other("no pipes"))?;
    let _ = fcntl_setpipe_size(&stdin, PIPE_SIZE);
    let _ = fcntl_setpipe_size(&stdout, PIPE_SIZE);
    Ok(Process { child, stdin, stdout, words: File::from(words) })
}

/// Fails where fewer descriptors are free than these children take while they are started, and the host beside them. The
/// lowest that is free is always given out next, so that one from the end of the range stands for all behind it.
pub(crate) fn reserve(children: usize) -> io::Result<()> {
    let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit <= ENOUGH) else { return Ok(()) };
    let count = (OF_A_CHILD * children as u64 + RESERVE).min(limit);
    let least = (limit - count) as i32;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let found = fcntl_dupfd_cloexec(&null, least)?;
    if found.as_raw_fd() == least { Ok(()) } else { Err(Errno::MFILE.into()) }
}
