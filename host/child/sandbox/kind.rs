//! The common interface of the kinds of programs.

use wasmtime::{Engine, Store};

use super::call::{Call, Returned};
use super::guard::Guard;
use super::log::Log;
use super::pristine::Pristine;
use super::stdio::Stream;
use super::world::World;

/// Why a store has a world when its guest asks for it.
pub(super) const HAS_WORLD: &str = "a program that imports WASI is given it before it is instantiated";

/// The data in the store of one kind of program.
pub(super) trait GuestStore: Sized + Send + 'static {
    fn new(guard: Guard) -> Self;
    fn guard(&mut self) -> &mut Guard;
    /// The guard, for reading.
    fn seen_guard(&self) -> &Guard;
    /// Gives the program its world. Called before instantiation, and only if the program imports WASI.
    fn give(&mut self, world: World);
    /// The log of what the task touches, if one is kept.
    fn log(&mut self) -> Option<&mut Log>;
    /// Has the import `print` of a script write to this stream from now on.
    fn print_to(&mut self, _: &Stream) {}
    fn has_world(&self) -> bool;
    /// Renews a world that no task has looked at. Returns false when a task has, or this is unknown.
    fn renew_world(&mut self) -> bool {
        false
    }
    /// Whether the task did nothing that only a fresh instance undoes.
    fn can_be_put_back(&self) -> bool {
        true
    }
}

/// A program of one kind: how it is instantiated and called.
pub(super) trait Program {
    type Store: GuestStore;
    type Instance: Copy;

    fn engine(&self) -> &Engine;
    /// Whether instances begin with the state that `init` left.
    fn is_prepared(&self) -> bool;
    /// An instance that is ready to be called.
    async fn instantiate(&self, store: &mut Store<Self::Store>) -> wasmtime::Result<Self::Instance>;
    /// Calls `init` in a new instance.
    async fn prepare(
        &self,
        store: &mut Store<Self::Store>,
        instance: Self::Instance,
        argument: &[u8],
    ) -> wasmtime::Result<()>;
    /// The state of an instance, encoded.
    async fn state(&self, store: &mut Store<Self::Store>, instance: Self::Instance) -> wasmtime::Result<Vec<u8>>;
    /// The state of a new instance before its first task, if the instance can be restored to it.
    fn pristine(&self, _: &mut Store<Self::Store>, _: Self::Instance) -> Option<Pristine> {
        None
    }
    /// The place where a restored instance differs from a fresh one, if it does.
    fn difference(
        &self,
        _kept: (&mut Store<Self::Store>, Self::Instance),
        _fresh: (&mut Store<Self::Store>, Self::Instance),
    ) -> Option<String> {
        None
    }
    /// Calls an instance with a task; an output longer than `limit` is an error.
    async fn call(
        &self,
        store: &mut Store<Self::Store>,
        instance: Self::Instance,
        call: &mut Call<'_>,
        limit: u64,
    ) -> wasmtime::Result<Returned>;
}
