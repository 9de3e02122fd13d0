//! `wasi:keyvalue@0.2.0-draft2`.

use wasmtime::component::{HasSelf, Linker, Resource};

use self::bindings::wasi::keyvalue::{atomics, batch, store};
use super::super::component::State;
use super::{Bucket, Keyvalue, MAX_HANDLES, Refused, Watched};
use crate::protocol::state_calls::{Delta, Reply, Request};
use atomics::CasError;
use store::{Error, KeyResponse};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/deps/keyvalue-0.2.0-draft2",
        world: "imports",
        imports: { default: trappable },
        with: {
            "wasi:keyvalue/store.bucket": super::super::Bucket,
            "wasi:keyvalue/atomics.cas": super::super::Watched,
        },
    });
}

type Called<T> = wasmtime::Result<Result<T, Error>>;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::Imports::add_to_linker::<_, HasSelf<Keyvalue>>(linker, State::keyvalue)
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        match refused {
            Refused::NoSuchStore => Error::NoSuchStore,
            Refused::Other(why) => Error::Other(why),
        }
    }
}

fn called<T>(result: super::Called<T>) -> Called<T> {
    Ok(result?.map_err(Error::from))
}

impl Keyvalue {
    /// A handle of what is watched, if there is room for it.
    fn hold(&mut self, watched: Watched) -> Called<Resource<Watched>> {
        let size = watched.size();
        if self.held + size > MAX_HANDLES {
            let why = format!("the handles of this task would hold over {MAX_HANDLES} bytes; drop some of them");
            return Ok(Err(Error::Other(why)));
        }
        self.held += size;
        Ok(Ok(self.table.push(watched)?))
    }

    fn release(&mut self, handle: Resource<Watched>) -> wasmtime::Result<Watched> {
        let watched = self.table.delete(handle)?;
        self.held -= watched.size();
        Ok(watched)
    }
}

impl store::Host for Keyvalue {
    fn open(&mut self, name: String) -> Called<Resource<Bucket>> {
        Ok(Keyvalue::open(self, &name).map(|()| Resource::new_own(0)).map_err(Error::from))
    }
}

impl store::HostBucket for Keyvalue {
    fn get(&mut self, _: Resource<Bucket>, key: String) -> Called<Option<Vec<u8>>> {
        called(Keyvalue::get(self, key))
    }

    fn set(&mut self, _: Resource<Bucket>, key: String, value: Vec<u8>) -> Called<()> {
        called(self.tell(Request::Set { key, value: value.into() }))
    }

    fn delete(&mut self, _: Resource<Bucket>, key: String) -> Called<()> {
        called(self.tell(Request::Delete { key }))
    }

    fn exists(&mut self, _: Resource<Bucket>, key: String) -> Called<bool> {
        called(Keyvalue::exists(self, key))
    }

    fn list_keys(&mut self, _: Resource<Bucket>, cursor: Option<String>) -> Called<KeyResponse> {
        called(
            self.keys(cursor).map(|page| {
                page.map(|(keys, more)| KeyResponse { cursor: keys.last().filter(|_| more).cloned(), keys })
            }),
        )
    }

    fn drop(&mut self, _: Resource<Bucket>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl atomics::Host for Keyvalue {
    fn increment(&mut self, _: Resource<Bucket>, key: String, delta: i64) -> Called<i64> {
        let sum = |reply| if let Reply::Number(sum) = reply { i64::try_from(sum).ok() } else { None };
        called(self.ask(Request::Increment { key, delta: Delta::Signed(delta) }, sum))
    }

    fn swap(&mut self, handle: Resource<Watched>, value: Vec<u8>) -> wasmtime::Result<Result<(), CasError>> {
        let watched = self.release(handle)?;
        Ok(match Keyvalue::swap(self, watched, value)? {
            Ok(None) => Ok(()),
            Ok(Some(now)) => Err(self.hold(now)?.map_or_else(CasError::StoreError, CasError::CasFailed)),
            Err(refused) => Err(CasError::StoreError(refused.into())),
        })
    }
}

impl atomics::HostCas for Keyvalue {
    fn new(&mut self, _: Resource<Bucket>, key: String) -> Called<Resource<Watched>> {
        match self.watch(key)? {
            Ok(watched) => self.hold(watched),
            Err(refused) => Ok(Err(refused.into())),
        }
    }

    fn current(&mut self, handle: Resource<Watched>) -> Called<Option<Vec<u8>>> {
        Ok(Ok(self.table.get(&handle)?.value.as_ref().map(|value| value.to_vec())))
    }

    fn drop(&mut self, handle: Resource<Watched>) -> wasmtime::Result<()> {
        self.release(handle).map(drop)
    }
}

impl batch::Host for Keyvalue {
    fn get_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Called<Vec<Option<(String, Vec<u8>)>>> {
        called(Keyvalue::get_many(self, keys))
    }

    fn set_many(&mut self, _: Resource<Bucket>, pairs: Vec<(String, Vec<u8>)>) -> Called<()> {
        called(Keyvalue::set_many(self, pairs))
    }

    fn delete_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Called<()> {
        called(self.tell(Request::DeleteMany { keys }))
    }
}
