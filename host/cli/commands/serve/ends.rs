//! The ends of a session from outside: signals, and the death of the process that it works for.

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::cli::exit::Exit;
use crate::cli::run::signals::is_ignored;

/// Listens for the rest of the session. The first word is the exit code that it then has.
pub fn listen(watch: Option<u32>) -> Result<UnboundedReceiver<Exit>> {
    let (sender, ends) = unbounded_channel();
    for (kind, exit) in [
        (SignalKind::interrupt(), Exit::Interrupted),
        (SignalKind::terminate(), Exit::Terminated),
        (SignalKind::hangup(), Exit::Terminated),
    ] {
        if is_ignored(kind) {
            continue;
        }
        let (mut signals, sender) = (signal(kind)?, sender.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                let _ = sender.send(exit);
            }
        });
    }
    if let Some(pid) = watch {
        watch_process(pid, sender)?;
    }
    Ok(ends)
}

/// A client that dies closes its end of the pipe, but a process that it has forked may hold another: so its end is waited
/// for as well.
fn watch_process(pid: u32, sender: UnboundedSender<Exit>) -> Result<()> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => {
            let _ = sender.send(Exit::Ok);
            return Ok(());
        }
        // Another user's, or a kernel that has no such descriptors: the pipe has to do.
        Err(_) => return Ok(()),
    };
    // Not joined: it waits as long as the client lives.
    std::thread::Builder::new().name("wpool-watch".into()).spawn(move || {
        let mut fds = [PollFd::new(&process, PollFlags::IN)];
        while poll(&mut fds, None) == Err(Errno::INTR) {}
        let _ = sender.send(Exit::Ok);
    })?;
    Ok(())
}
