//! State that the tasks of a run share, through either draft of `wasi:keyvalue`.

mod first;
mod second;

wit_bindgen::generate!({
    path: [
        "../../wit/deps/keyvalue-0.2.0-draft",
        "../../wit/deps/keyvalue-0.2.0-draft2",
        "shared-state.wit",
    ],
    world: "example:shared-state/shared-state",
    generate_all,
});

use exports::example::shared_state::shared::Guest;
use second::words;
use wasi::keyvalue0_2_0_draft2::atomics::{self, Cas, CasError};
use wasi::keyvalue0_2_0_draft2::store::{self, Bucket};

struct SharedState;

export!(SharedState);

impl Guest for SharedState {
    fn square(n: u64) -> Result<u64, String> {
        let bucket = open()?;
        let square = n.checked_mul(n).ok_or("too large")?;
        bucket.set(&n.to_string(), square.to_string().as_bytes()).map_err(words)?;
        append(&bucket, "squares", &format!("{square}\n"))?;
        Ok(square)
    }

    fn count(times: u32) -> Result<i64, String> {
        let bucket = open()?;
        let mut counter = 0;
        for _ in 0..times {
            counter = atomics::increment(&bucket, "counter", 1).map_err(words)?;
        }
        Ok(counter)
    }

    fn wait(change: bool) -> Result<(), String> {
        let bucket = open()?;
        if change {
            atomics::increment(&bucket, "starts", 1).map_err(words)?;
        }
        while !bucket.exists("go").map_err(words)? {}
        Ok(())
    }
}

fn open() -> Result<Bucket, String> {
    store::open("default").map_err(words)
}

/// Appends to a value. Between reading it and writing it others may have done the same: then what they left is tried again.
fn append(bucket: &Bucket, key: &str, text: &str) -> Result<(), String> {
    let mut handle = Cas::new(bucket, key).map_err(words)?;
    loop {
        let mut value = handle.current().map_err(words)?.unwrap_or_default();
        value.extend_from_slice(text.as_bytes());
        match atomics::swap(handle, &value) {
            Ok(()) => return Ok(()),
            Err(CasError::CasFailed(anew)) => handle = anew,
            Err(CasError::StoreError(error)) => return Err(words(error)),
        }
    }
}
