//! The worker's end of the line to its host: leases for the serve loop, and replies for the task that makes calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::outbox::Outbox;
use crate::child::pipes::Pipes;
use crate::child::sandbox::StateLink;
use crate::model::lock::lock;
use crate::protocol::page::SharedPage;
use crate::protocol::state_calls::{Reply, Request};
use crate::protocol::wire::{self, Decoder, Frame, Kind, WireError};

/// Reads frames from the host. The serve loop and the running task share it, and never wait at the same time.
pub(super) struct HostLine {
    page: Arc<SharedPage>,
    outbox: Arc<Outbox>,
    incoming: Mutex<Incoming>,
}

struct Incoming {
    pipes: Pipes,
    decoder: Decoder,
    /// Leases that came while a task waited for a reply. The host's limit of leased tasks bounds them.
    kept: VecDeque<Frame>,
    /// Nanoseconds that tasks waited, as far as they are not reported to the host.
    waited: u64,
}

impl HostLine {
    pub fn new(pipes: Pipes, decoder: Decoder, page: Arc<SharedPage>, outbox: Arc<Outbox>) -> HostLine {
        let incoming = Mutex::new(Incoming { pipes, decoder, kept: VecDeque::new(), waited: 0 });
        HostLine { page, outbox, incoming }
    }

    /// The next frame, if it has come.
    pub fn ready(&self) -> Result<Option<Frame>, WireError> {
        let mut incoming = self.lock();
        let kept = incoming.kept.pop_front();
        if kept.is_some() { Ok(kept) } else { incoming.decoder.pop() }
    }

    /// Waits for the next frame; `None` when the host has closed the pipe.
    pub fn next(&self) -> Result<Option<Frame>, WireError> {
        self.lock().receive()
    }

    fn lock(&self) -> MutexGuard<'_, Incoming> {
        lock(&self.incoming)
    }
}

impl StateLink for HostLine {
    /// Sends waiting answers first, because the host takes a call only from the first unanswered task. Waits without a
    /// deadline, because the host answers at once.
    fn call(&self, request: &Request) -> Result<Reply, WireError> {
        let payload = match request.encode() {
            Ok(payload) => payload,
            Err(refused) => return Ok(Reply::Refused(refused.to_string())),
        };
        let mut incoming = self.lock();
        let running = self.page.next().wrapping_sub(1);
        let since = Instant::now();
        self.outbox.send(&[&wire::state_call(running, std::mem::take(&mut incoming.waited), &payload)]);
        loop {
            let frame = incoming.receive()?.ok_or_else(|| WireError::Text("the host is gone".into()))?;
            match frame.kind {
                Kind::StateReply => {
                    incoming.waited = since.elapsed().as_nanos() as u64;
                    return Reply::decode(frame.payload);
                }
                Kind::Lease => incoming.kept.push_back(frame),
                other => return Err(WireError::Unexpected(other)),
            }
        }
    }
}

impl Incoming {
    fn receive(&mut self) -> Result<Option<Frame>, WireError> {
        self.pipes.next(&mut self.decoder)
    }
}
