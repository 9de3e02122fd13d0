//! `wasi:keyvalue@0.2.0-draft`.

use wasmtime::component::{HasSelf, Linker, Resource};

use self::bindings::wasi::keyvalue::{atomics, batch, store};
use super::super::component::State;
use super::{Bucket, Keyvalue, Refused};
use crate::protocol::state_calls::{Delta, Reply, Request};
use store::{Error, KeyResponse};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/deps/keyvalue-0.2.0-draft",
        world: "imports",
        imports: { default: trappable },
        with: { "wasi:keyvalue/store.bucket": super::super::Bucket },
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

    fn list_keys(&mut self, _: Resource<Bucket>, cursor: Option<u64>) -> Called<KeyResponse> {
        let after = match cursor.map(|cursor| self.cursor(cursor)).transpose() {
            Ok(after) => after,
            Err(refused) => return Ok(Err(refused.into())),
        };
        Ok(match self.keys(after)? {
            Ok((keys, more)) => {
                let last = keys.last().filter(|_| more).cloned();
                Ok(KeyResponse { cursor: last.map(|last| self.new_cursor(last)), keys })
            }
            Err(refused) => Err(refused.into()),
        })
    }

    fn drop(&mut self, _: Resource<Bucket>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl atomics::Host for Keyvalue {
    fn increment(&mut self, _: Resource<Bucket>, key: String, delta: u64) -> Called<u64> {
        let sum = |reply| if let Reply::Number(sum) = reply { u64::try_from(sum).ok() } else { None };
        called(self.ask(Request::Increment { key, delta: Delta::Unsigned(delta) }, sum))
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
