//! `wasi:keyvalue@0.2.0-draft`.

use wasmtime::component::{HasSelf, Linker, Resource};

use self::bindings::wasi::keyvalue::{atomics, batch, store};
use super::calls::{self, Bucket, Keyvalue, Pairs, Refused};
use super::host::implement_store;
use crate::protocol::state_calls::{Delta, Reply, Request};
use store::{Error, KeyResponse};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/deps/keyvalue-0.2.0-draft",
        world: "imports",
        imports: { default: trappable },
        with: { "wasi:keyvalue/store.bucket": crate::child::sandbox::keyvalue::calls::Bucket },
    });
}

pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut Keyvalue,
) -> wasmtime::Result<()> {
    bindings::Imports::add_to_linker::<_, HasSelf<Keyvalue>>(linker, get)
}

implement_store!(u64, Keyvalue::keys_at);

impl atomics::Host for Keyvalue {
    fn increment(&mut self, _: Resource<Bucket>, key: String, delta: u64) -> Called<u64> {
        let sum = |reply| if let Reply::Number(sum) = reply { u64::try_from(sum).ok() } else { None };
        called(self.ask(Request::Increment { key, delta: Delta::Unsigned(delta) }, sum))
    }
}
