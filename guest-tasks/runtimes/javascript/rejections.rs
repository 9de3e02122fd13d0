//! Promises that were rejected and that nothing has handled: an error, as in Node, once no job is left that could handle
//! them.

use std::cell::RefCell;
use std::collections::HashMap;

use rquickjs::{Ctx, Persistent, Runtime, Value, qjs};

use crate::errors::Stop;

#[derive(Default)]
struct Rejected {
    /// By their addresses, which cannot be another's while they are here. Each has its place in the order of rejections.
    promises: HashMap<usize, (u64, Persistent<Value<'static>>)>,
    count: u64,
}

thread_local! {
    static REJECTED: RefCell<Rejected> = RefCell::default();
}

/// Makes the engine report the promises of a runtime that are rejected, and those of them that are handled later.
pub fn watch(runtime: &Runtime) {
    runtime.set_host_promise_rejection_tracker(Some(Box::new(|ctx, promise, _, is_handled| {
        // SAFETY: it is an object.
        let address = unsafe { qjs::JS_VALUE_GET_PTR(promise.as_raw()) } as usize;
        if is_handled {
            let handled = REJECTED.with_borrow_mut(|rejected| rejected.promises.remove(&address));
            drop(handled);
        } else {
            add(address, Persistent::save(&ctx, promise));
        }
    })));
}

fn add(address: usize, promise: Persistent<Value<'static>>) {
    REJECTED.with_borrow_mut(|rejected| {
        // The rejection may be that memory is used up. Whoever waits for the promise reports that.
        if rejected.promises.try_reserve(1).is_ok() {
            rejected.count += 1;
            rejected.promises.insert(address, (rejected.count, promise));
        }
    });
}

/// Begins anew: an earlier task in the same instance may have ended before it handled its promises.
pub fn forget() {
    if REJECTED.with_borrow(|rejected| rejected.count > 0) {
        drop(REJECTED.take());
    }
}

/// Stops by the error of the promise that was rejected first, if there is one.
pub fn check<'js>(ctx: &Ctx<'js>) -> Result<(), Stop<'js>> {
    if REJECTED.with_borrow(|rejected| rejected.promises.is_empty()) {
        return Ok(());
    }
    let first = REJECTED.take().promises.into_values().min_by_key(|(order, _)| *order);
    let Some(promise) = first.and_then(|(_, it)| it.restore(ctx).ok()?.into_promise()) else { return Ok(()) };
    match promise.finish::<Value>().map_err(|error| Stop::of(ctx, error)) {
        Err(Stop::Thrown(error)) => Err(Stop::Unhandled(error)),
        other => other.map(drop),
    }
}
