//! The functions that the drafts share.

/// Implements the interfaces `store` and `batch` for the bindings of a draft in scope. Each draft has its own traits
/// and types, and its own type of cursor, for which `$list` returns a page of keys.
macro_rules! implement_store {
    ($cursor:ty, $list:expr) => {
        type Called<T> = wasmtime::Result<Result<T, Error>>;

        impl From<Refused> for Error {
            fn from(refused: Refused) -> Error {
                match refused {
                    Refused::NoSuchStore => Error::NoSuchStore,
                    Refused::Other(why) => Error::Other(why),
                }
            }
        }

        fn called<T>(result: calls::Called<T>) -> Called<T> {
            Ok(result?.map_err(Error::from))
        }

        impl store::Host for Keyvalue {
            fn open(&mut self, name: String) -> Called<Resource<Bucket>> {
                Ok(Keyvalue::open(&name).map_err(Error::from))
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

            fn list_keys(&mut self, _: Resource<Bucket>, cursor: Option<$cursor>) -> Called<KeyResponse> {
                let page = called($list(self, cursor))?;
                Ok(page.map(|(keys, cursor)| KeyResponse { keys, cursor }))
            }

            fn drop(&mut self, _: Resource<Bucket>) -> wasmtime::Result<()> {
                Ok(())
            }
        }

        impl batch::Host for Keyvalue {
            fn get_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Called<Pairs> {
                called(Keyvalue::get_many(self, keys))
            }

            fn set_many(&mut self, _: Resource<Bucket>, pairs: Vec<(String, Vec<u8>)>) -> Called<()> {
                called(Keyvalue::set_many(self, pairs))
            }

            fn delete_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Called<()> {
                called(self.tell(Request::DeleteMany { keys }))
            }
        }
    };
}

pub(super) use implement_store;
