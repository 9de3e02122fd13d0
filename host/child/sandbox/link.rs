//! Definitions of a program's imports, in one place: for the compiler, which refuses programs, and for workers.
//!
//! Real programs import more of WASI than they use: `wasi:http`, interfaces of other versions. An import of `wasi:…`
//! that wpool does not provide exists but is denied, so such a program runs as long as it does not call it. Any other
//! missing import makes linking fail.

use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{self, Component, LinkerInstance, ResourceType};
use wasmtime::{Engine, Linker, Module, StoreContextMut};
use wasmtime_wasi::cli::WasiCli;
use wasmtime_wasi::clocks::WasiClocks;
use wasmtime_wasi::p1;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::Host as _;
use wasmtime_wasi::p2::bindings::{cli, clocks, random as p2_random};
use wasmtime_wasi::random::WasiRandom;

use super::component_store::ComponentStore;
use super::core_store::CoreStore;
use super::guard::Stopped;
use super::interfaces::{ENVIRONMENT, MONOTONIC, PROVIDED, VERSION};
use super::time::ActiveTime;
use super::{exit, keyvalue, listing, log_component, log_core, random, reading, script, sleep};

type Store<'a> = StoreContextMut<'a, ComponentStore>;

/// How a module is linked.
#[derive(Clone, Debug, Default)]
pub(super) struct Means {
    /// Guests sleep by this clock, or by the engine's without it.
    pub clock: Option<ActiveTime>,
    /// The things that tasks touch are logged.
    pub logs: bool,
}

/// Links a module with WASI preview 1, if it imports anything.
pub(super) fn module(
    engine: &Engine,
    module: &Module,
    Means { clock, logs }: Means,
) -> wasmtime::Result<wasmtime::InstancePre<CoreStore>> {
    let mut linker = Linker::new(engine);
    if module.imports().len() > 0 {
        p1::add_to_linker_async(&mut linker, CoreStore::wasi)?;
        linker.allow_shadowing(true);
        exit::add_to_linker(&mut linker)?;
        listing::add_to_linker(&mut linker)?;
        reading::add_to_linker(&mut linker)?;
        random::add_to_linker(&mut linker, clock.clone())?;
        if let Some(clock) = clock {
            sleep::add_to_linker(&mut linker, clock)?;
        }
        if logs {
            log_core::add_to_linker(&mut linker)?;
        }
    }
    linker.instantiate_pre(module)
}

/// Links a component with WASI preview 2, if it imports anything, and with shared state, if there is any. What tasks touch
/// is logged if `logs`.
pub(super) fn component(
    engine: &Engine,
    component: &Component,
    state: bool,
    logs: bool,
) -> wasmtime::Result<component::InstancePre<ComponentStore>> {
    let mut linker = component::Linker::new(engine);
    if component.component_type().imports(engine).len() == 0 {
        return linker.instantiate_pre(component);
    }
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    if logs {
        log_component::add_to_linker(&mut linker)?;
    }
    tell_apart(&mut linker)?;
    if state {
        keyvalue::add_to_linker(&mut linker, ComponentStore::keyvalue)?;
    }
    script::add_to_linker(&mut linker)?;
    deny_interfaces(&mut linker, component, state)?;
    linker.instantiate_pre(component).or_else(|_| {
        // Perhaps a function that is newer than the engine.
        deny_functions(&mut linker, component)?;
        linker.instantiate_pre(component)
    })
}

/// Defines functions that have nothing to do with handles again, so that the store learns which kind was called. Every
/// other function, also a future one of the engine, counts as if it made a handle.
fn tell_apart(linker: &mut Components) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    p2_random::random::add_to_linker::<_, WasiRandom>(linker, |store| store.touching("wasi:random/random").chance())?;
    p2_random::insecure::add_to_linker::<_, WasiRandom>(linker, |store| {
        store.touching("wasi:random/insecure").chance()
    })?;
    p2_random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, |store| {
        store.touching("wasi:random/insecure-seed").chance()
    })?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, |store| store.touching(ENVIRONMENT).environment())?;
    linker.instance(&format!("{ENVIRONMENT}@{VERSION}"))?.func_wrap(
        "get-environment",
        |mut store: Store<'_>, ()| {
            let mut view = store.data_mut().touching(ENVIRONMENT).asking_for_variables().environment();
            Ok((cli::environment::Host::get_environment(&mut view)?,))
        },
    )?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, |store| {
        store.touching("wasi:clocks/wall-clock").time()
    })?;
    // The other functions of this interface make a pollable, which is a handle.
    let mut monotonic = linker.instance(&format!("{MONOTONIC}@{VERSION}"))?;
    monotonic
        .func_wrap("now", |mut store: Store<'_>, ()| Ok((store.data_mut().touching(MONOTONIC).time().now()?,)))?;
    monotonic.func_wrap("resolution", |mut store: Store<'_>, ()| {
        Ok((store.data_mut().touching(MONOTONIC).time().resolution()?,))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Whether a module can be linked.
pub(crate) fn check_module(engine: &Engine, linked: &Module) -> wasmtime::Result<()> {
    module(engine, linked, Means::default()).map(drop)
}

/// Whether a component can be linked.
pub(crate) fn check_component(engine: &Engine, linked: &Component) -> wasmtime::Result<()> {
    component(engine, linked, false, false).map(drop)
}

type Components = component::Linker<ComponentStore>;

/// Defines every interface of WASI that is imported and not provided.
fn deny_interfaces(linker: &mut Components, component: &Component, state: bool) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    // Resources of earlier interfaces: in later ones, the resource is only another name for them.
    let mut known: Vec<ResourceType> = Vec::new();
    for (name, import) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        let is_denied = is_denied(name) && !(state && keyvalue::provides(name));
        let mut denied = if is_denied { Some(linker.instance(name)?) } else { None };
        for (resource, item) in interface.exports(&engine) {
            let ComponentItem::Resource(ty) = item.ty else { continue };
            if known.contains(&ty) {
                continue;
            }
            known.push(ty);
            if let Some(denied) = &mut denied {
                // No such resource is ever made or dropped.
                denied.resource(resource, ResourceType::host::<Denied>(), |_, _| Ok(()))?;
            }
        }
        if let Some(denied) = &mut denied {
            deny_all(&engine, denied, name, &interface, |defined| defined)?;
        }
    }
    Ok(())
}

/// A resource of an interface that is denied.
struct Denied;

/// Defines functions of interfaces that are provided without them.
fn deny_functions(linker: &mut Components, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    linker.allow_shadowing(false);
    for (name, import) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        let Some(provided) = provided(name) else { continue };
        // A provided interface cannot be defined again, and stays.
        deny_all(&engine, &mut linker.instance(&provided)?, name, &interface, |_| Ok(()))?;
    }
    Ok(())
}

fn deny_all(
    engine: &Engine,
    linker: &mut LinkerInstance<'_, ComponentStore>,
    name: &str,
    interface: &ComponentInstance,
    check: impl Fn(wasmtime::Result<()>) -> wasmtime::Result<()>,
) -> wasmtime::Result<()> {
    for (function, item) in interface.exports(engine) {
        if let ComponentItem::ComponentFunc(ty) = item.ty {
            let advice = if keyvalue::provides(name) { "; in a pool with shared state it works" } else { "" };
            let message = format!(
                "called `{function}` of `{name}`, which is denied; it is there only so that the program loads{advice}"
            );
            let interface = name.to_owned();
            let denied = move |store: &mut ComponentStore| {
                store.deny(&interface);
                Err(Stopped::Denied(message.clone()).into())
            };
            check(match ty.async_() {
                true => linker.func_new_concurrent(function, move |accessor, _, _, _| {
                    let denied = accessor.with(|mut access| denied(access.data_mut()));
                    Box::pin(std::future::ready(denied))
                }),
                false => linker.func_new(function, move |mut store, _, _, _| denied(store.data_mut())),
            })?;
        }
    }
    Ok(())
}

/// Whether an import exists only to be denied.
pub(crate) fn is_denied(name: &str) -> bool {
    name.starts_with("wasi:") && provided(name).is_none()
}

/// Whether an import belongs to a WASI that is not preview 2. Its types differ, so a program cannot run with a part of
/// it denied.
pub(crate) fn is_of_another_wasi(name: &str) -> bool {
    let Some((interface, version)) = name.split_once('@') else { return false };
    let is_there = PROVIDED.contains(&interface) && provided(name).is_none();
    is_there || (interface.starts_with("wasi:") && version.starts_with("0.3."))
}

/// The engine's name of an interface, for any requested 0.2.x.
fn provided(name: &str) -> Option<String> {
    let (interface, version) = name.split_once('@')?;
    let patch = version.strip_prefix("0.2.")?;
    let compatible = !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit());
    (compatible && PROVIDED.contains(&interface)).then(|| format!("{interface}@{VERSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_provides_what_it_is_said_to() {
        let mut linker: Components = component::Linker::new(&Engine::default());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        linker.allow_shadowing(false);
        for name in PROVIDED {
            let again = linker.root().func_new(&format!("{name}@{VERSION}"), |_, _, _, _| Ok(()));
            assert!(again.is_err(), "the engine has no {name}@{VERSION}");
        }
    }

    #[test]
    fn every_patch_of_preview_2_is_provided_and_nothing_before_it() {
        for (name, expected) in [
            ("wasi:io/streams@0.2.0", false),
            ("wasi:io/streams@0.2.99", false),
            ("wasi:io/streams@0.2.0-rc-2023-11-10", true),
            ("wasi:io/streams@0.3.0", true),
            ("wasi:io/streams", true),
            ("wasi:http/types@0.2.0", true),
            ("other:io/streams@0.2.0", false),
        ] {
            assert_eq!(is_denied(name), expected, "{name}");
        }
    }

    #[test]
    fn another_wasi_is_told_from_parts_of_this_one_that_are_not_there() {
        for (name, expected) in [
            ("wasi:io/streams@0.2.99", false),
            ("wasi:io/streams@0.2.0-rc-2023-11-10", true),
            ("wasi:cli/stdout@0.3.0-rc-2025-09-16", true),
            ("wasi:http/handler@0.3.0", true),
            ("wasi:http/types@0.2.0", false),
            ("wasi:keyvalue/store@0.2.0-draft", false),
            ("wasi:logging/logging@0.1.0-draft", false),
            ("wasi:io/streams", false),
            ("other:io/streams@0.3.0", false),
        ] {
            assert_eq!(is_of_another_wasi(name), expected, "{name}");
        }
    }
}
