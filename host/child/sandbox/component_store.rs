//! The host data of a component: its world and its handles.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Lift, Lower, ResourceTable, TypedFunc};
use wasmtime_wasi::cli::WasiCliCtxView;
use wasmtime_wasi::clocks::{WasiClocksCtx, WasiClocksCtxView};
use wasmtime_wasi::random::WasiRandomCtx;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::guard::Guard;
use super::keyvalue::Keyvalue;
use super::kind::{GuestStore, HAS_WORLD};
use super::log::Log;
use super::stdio::Stream;
use super::world::World;
use crate::model::touched::Access;

/// The data in the store of a component.
pub(super) struct ComponentStore {
    guard: Guard,
    table: ResourceTable,
    /// Set when the program imports WASI.
    wasi: Option<WasiCtx>,
    /// Set when tasks share state.
    pub keyvalue: Option<Keyvalue>,
    /// Where the import `print` writes to. Set when the program imports anything.
    printed: Option<Stream>,
    /// Since it got its world, the guest has learned a fact that another guest would have learned differently.
    told: bool,
    /// The guest has called a function that may make, use or drop a handle.
    held: bool,
    /// The log of what tasks touch, where it is asked for. Boxed, because hardly anybody asks.
    log: Option<Box<Log>>,
}

impl ComponentStore {
    /// Logs that a function of an interface was called.
    pub fn touching(&mut self, interface: &str) -> &mut Self {
        if let Some(log) = self.log() {
            log.call(interface);
        }
        self
    }

    /// Logs that the environment was asked for.
    pub fn asking_for_variables(&mut self) -> &mut Self {
        if let Some(log) = self.log() {
            log.ask_for_variables();
        }
        self
    }

    /// Logs that a function of an interface was called that nobody may call.
    pub fn deny(&mut self, interface: &str) {
        if let Some(log) = self.log() {
            log.deny(Access::Interface, interface);
        }
    }

    pub fn keyvalue(&mut self) -> &mut Keyvalue {
        self.touching("wasi:keyvalue");
        self.held = true;
        self.keyvalue.as_mut().expect("what was linked with shared state is given it before it is instantiated")
    }

    /// Adds text to the diagnostics of the task. The guest learns nothing from it and uses no handle, so its instance can
    /// be put back afterwards.
    pub fn print(&self, text: &[u8]) {
        if let Some(printed) = &self.printed {
            printed.print(text);
        }
    }

    /// For functions that give random numbers.
    pub fn chance(&mut self) -> &mut WasiRandomCtx {
        self.told = true;
        self.wasi().random()
    }

    /// For functions that return the time.
    pub fn time(&mut self) -> WasiClocksCtxView<'_> {
        self.told = true;
        let ctx = self.wasi.as_mut().expect(HAS_WORLD).clocks();
        WasiClocksCtxView { ctx, table: &mut self.table }
    }

    /// For functions whose value is the same in all tasks of a run: a task or a function has no arguments.
    pub fn environment(&mut self) -> WasiCliCtxView<'_> {
        let ctx = self.wasi.as_mut().expect(HAS_WORLD).cli();
        WasiCliCtxView { ctx, table: &mut self.table }
    }

    fn wasi(&mut self) -> &mut WasiCtx {
        self.wasi.as_mut().expect(HAS_WORLD)
    }

    /// Whether the guest has not looked at its world, and has never used a handle.
    pub fn is_unseen(&self) -> bool {
        !self.told && !self.held
    }

    /// Whether the guest has handles of the host's resources.
    pub fn has_open_resources(&self) -> bool {
        !self.table.is_empty()
    }
}

impl GuestStore for ComponentStore {
    fn new(guard: Guard) -> Self {
        let table = ResourceTable::new();
        let (told, held) = (false, false);
        ComponentStore { guard, table, wasi: None, keyvalue: None, printed: None, told, held, log: None }
    }

    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }

    fn seen_guard(&self) -> &Guard {
        &self.guard
    }

    fn give(&mut self, mut world: World) {
        self.wasi = Some(world.wasi.build());
        world.hand_log(&mut self.log);
        self.told = false;
    }

    fn log(&mut self) -> Option<&mut Log> {
        self.log.as_deref_mut()
    }

    fn print_to(&mut self, stream: &Stream) {
        self.printed = Some(stream.clone());
    }

    fn has_world(&self) -> bool {
        self.wasi.is_some()
    }

    /// Streams, arguments and environment are the same for all tasks of a restored component, which is never a command.
    /// Its clocks begin with the task.
    fn renew_world(&mut self) -> bool {
        let unseen = self.is_unseen();
        if let Some(wasi) = self.wasi.as_mut().filter(|_| unseen) {
            *wasi.clocks() = WasiClocksCtx::default();
        }
        unseen
    }

    fn can_be_put_back(&self) -> bool {
        !self.held
    }
}

impl WasiView for ComponentStore {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        (self.told, self.held) = (true, true);
        let ctx = self.wasi.as_mut().expect(HAS_WORLD);
        WasiCtxView { ctx, table: &mut self.table }
    }
}

/// Calls a function of a component, on the asynchronous stack if it can wait.
pub(super) async fn call_typed<P, R>(
    store: &mut Store<ComponentStore>,
    func: &TypedFunc<P, R>,
    params: P,
) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower + Send + Sync,
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    if store.data().has_world() { func.call_async(store, params).await } else { func.call(store, params) }
}
