//! The world of a guest: all that it is given besides its row.

use wasmtime_wasi::WasiCtxBuilder;

use super::log::Log;

/// A WASI world.
pub(super) struct World {
    pub wasi: WasiCtxBuilder,
    /// The log of what the guest does with it, if one is kept.
    pub log: Option<Box<Log>>,
}

impl World {
    /// Puts the log in the place of that of the world before. A task whose instance runs `init` has two worlds and one log.
    pub fn hand_log(self, place: &mut Option<Box<Log>>) {
        let before = place.take();
        *place = self.log;
        if let (Some(log), Some(before)) = (place, before) {
            log.follow(*before);
        }
    }
}
