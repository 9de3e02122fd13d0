//! A worker's life: it loads its program, raises the fence, and serves tasks.

mod clock;
mod initialize;
mod line;
mod loaded;
mod memory;
mod outbox;
mod serve;

use std::os::fd::AsFd;
use std::sync::Arc;

pub(super) use self::initialize::initialize;
pub(super) use self::loaded::Intrusion;
use self::loaded::fenced;
use super::pipes::{BROKEN, Pipes};
use super::{allocator, confine, faults};
use crate::model::limits::MAX_INPUT;
use crate::protocol::page::{Cause, SharedPage};
use crate::protocol::roles::{IMAGE_FD, PAGE_FD, Role};
use crate::protocol::setup::{ChildError, WorkerSetup};
use crate::protocol::wire::{Decoder, FRAME_TARGET, Kind, MAX_TEXT};

pub(super) fn work(mut pipes: Pipes, intrusion: Option<Intrusion>) -> i32 {
    let mut decoder = Decoder::new(MAX_TEXT.max(MAX_INPUT + 2 * FRAME_TARGET));
    let (setup, page) = match prepare(&mut pipes, &mut decoder) {
        Ok(prepared) => prepared,
        Err(why) => return pipes.refuse(why),
    };
    let (mut fenced, fence) = match fenced(&mut pipes, &mut decoder, Role::Worker, &setup, page.clone(), |_| None) {
        Ok(ready) => ready,
        Err(why) => return pipes.refuse(why),
    };
    fenced.intrusion = intrusion;
    if let Err(error) = faults::tell_sent_from_raised() {
        return pipes.refuse(ChildError::Other(format!("cannot watch its faults: {error}")));
    }
    // Everything that needs more rights than a guest is done. From here on the guest may control this process.
    pipes.send(Kind::Ready, &fence);
    match serve::serve(&setup, fenced, page.clone(), pipes, decoder) {
        Ok(()) => 0,
        Err(error) => {
            page.set_cause(Cause::Protocol);
            confine::last_words(&error.to_string());
            BROKEN
        }
    }
}

fn prepare(pipes: &mut Pipes, decoder: &mut Decoder) -> Result<(WorkerSetup, Arc<SharedPage>), ChildError> {
    let setup = pipes.setup(decoder)?;
    let page_file = pipes
        .handed
        .get((PAGE_FD - IMAGE_FD) as usize)
        .ok_or_else(|| ChildError::Other("it was given no page".into()))?;
    let page = SharedPage::map(page_file.as_fd()).map_err(|error| ChildError::Other(error.to_string()))?;
    let page = Arc::new(page);
    confine::report_panics_to(page.clone());
    allocator::report_to(page.clone());
    Ok((setup, page))
}
