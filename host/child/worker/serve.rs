//! The loop of a worker: leases in, answers out, one task at a time.

use std::sync::Arc;
use std::time::Instant;

use super::line::HostLine;
use super::loaded::Fenced;
use super::outbox::{Outbox, Pushed};
use crate::child::pipes::Pipes;
use crate::child::sandbox::profiler::Profiler;
use crate::child::sandbox::{Answered, Beside, NoFunction};
use crate::protocol::page::SharedPage;
use crate::protocol::setup::WorkerSetup;
use crate::protocol::wire::{self, Decoder, Frame, Kind, WireError};

/// Serves leases until the host closes the pipe.
pub(super) fn serve(
    setup: &WorkerSetup,
    mut fenced: Fenced,
    page: Arc<SharedPage>,
    pipes: Pipes,
    decoder: Decoder,
) -> Result<(), WireError> {
    let outbox = fenced.outbox.clone();
    let line = Arc::new(HostLine::new(pipes, decoder, page.clone(), outbox.clone()));
    if setup.state {
        fenced.sandbox.share_state(line.clone());
    }
    loop {
        let frame = match line.ready()? {
            Some(frame) => frame,
            None => {
                fenced.clock.end();
                let Some(frame) = line.next()? else { return Ok(()) };
                frame
            }
        };
        if frame.kind != Kind::Lease {
            return Err(WireError::Unexpected(frame.kind));
        }
        run_lease(setup, &mut fenced, &page, frame)?;
        outbox.flush();
    }
}

fn run_lease(setup: &WorkerSetup, fenced: &mut Fenced, page: &SharedPage, lease: Frame) -> Result<(), WireError> {
    let Fenced { sandbox, outbox, clock, intrusion } = fenced;
    outbox.begin(lease.first);
    let mut index = lease.first;
    let mut begun = Instant::now();
    let mut next = begun;
    let mut pushed = Pushed::Sent;
    for row in wire::tasks(&lease.payload, lease.count) {
        let row = row?;
        if !page.claim(index) {
            // The host took this task back, and so all later tasks of the lease.
            return Ok(());
        }
        let limits = &setup.task.limits;
        let profiler = sandbox.profiler().cloned();
        let timed = row.deadline.or(limits.deadline).or(limits.cpu).is_some() || profiler.is_some();
        profiler.iter().for_each(Profiler::begin);
        clock.begin(timed, pushed == Pushed::First);
        page.forget_no_memory();
        let mut sink = |answer: Answered<'_>| {
            // Sent before the answer: after the answer, the host may need nothing more.
            if let Some(beside) = &answer.beside {
                tell(outbox, beside);
            }
            if let Some(profile) = profiler.as_ref().map(Profiler::end) {
                outbox.send(&[&wire::head(Kind::Profile, &profile), &profile]);
            }
            let ended = Instant::now();
            pushed = outbox.push(&answer, ended - begun, setup.flush_each);
            // One look at the clock for each task, unless the host let the pipe fill up: that time is nobody's. The
            // time to restore an instance counts for the next task, like the time to make one.
            next = if pushed == Pushed::Sent { Instant::now() } else { ended };
        };
        match intrusion.and_then(|act| act(row.bytes)) {
            Some(output) => sink(Answered::ok(output.into())),
            None => sandbox.run(row, begun, sink).map_err(|NoFunction| WireError::Function)?,
        }
        begun = next;
        index = index.wrapping_add(1);
    }
    Ok(())
}

/// Sends the parts of an answer that precede it.
fn tell(outbox: &Outbox, beside: &Beside) {
    if let Some(dump) = &beside.core_dump {
        outbox.send(&[&wire::head(Kind::CoreDump, dump), dump]);
    }
    if let Some(notice) = &beside.notice {
        outbox.tell(notice);
    }
}
