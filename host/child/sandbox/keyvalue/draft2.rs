//! `wasi:keyvalue@0.2.0-draft2`.

use wasmtime::component::{HasSelf, Linker, Resource};

use self::bindings::wasi::keyvalue::{atomics, batch, store};
use super::calls::{self, Bucket, Keyvalue, Pairs, Refused, Watched};
use super::host::implement_store;
use crate::protocol::state_calls::{Delta, Reply, Request};
use atomics::CasError;
use store::{Error, KeyResponse};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/deps/keyvalue-0.2.0-draft2",
        world: "imports",
        imports: { default: trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::child::sandbox::keyvalue::calls::Bucket,
            "wasi:keyvalue/atomics.cas": crate::child::sandbox::keyvalue::calls::Watched,
        },
    });
}

pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut Keyvalue,
) -> wasmtime::Result<()> {
    bindings::Imports::add_to_linker::<_, HasSelf<Keyvalue>>(linker, get)
}

implement_store!(String, |state: &mut Keyvalue, after| state.keys_after(after));

impl atomics::Host for Keyvalue {
    fn increment(&mut self, _: Resource<Bucket>, key: String, delta: i64) -> Called<i64> {
        let sum = |reply| if let Reply::Number(sum) = reply { i64::try_from(sum).ok() } else { None };
        called(self.ask(Request::Increment { key, delta: Delta::Signed(delta) }, sum))
    }

    fn swap(&mut self, handle: Resource<Watched>, value: Vec<u8>) -> wasmtime::Result<Result<(), CasError>> {
        let watched = self.release(handle)?;
        Ok(match Keyvalue::swap(self, watched, value)? {
            Ok(None) => Ok(()),
            Ok(Some(now)) => Err(match self.hold(now)? {
                Ok(handle) => CasError::CasFailed(handle),
                Err(refused) => CasError::StoreError(refused.into()),
            }),
            Err(refused) => Err(CasError::StoreError(refused.into())),
        })
    }
}

impl atomics::HostCas for Keyvalue {
    fn new(&mut self, _: Resource<Bucket>, key: String) -> Called<Resource<Watched>> {
        match self.watch(key)? {
            Ok(watched) => called(self.hold(watched)),
            Err(refused) => Ok(Err(refused.into())),
        }
    }

    fn current(&mut self, handle: Resource<Watched>) -> Called<Option<Vec<u8>>> {
        Ok(Ok(Keyvalue::current(self, &handle)?))
    }

    fn drop(&mut self, handle: Resource<Watched>) -> wasmtime::Result<()> {
        self.release(handle).map(drop)
    }
}
