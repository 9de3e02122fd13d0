//! Components whose instances can be put back, rewritten so that all their state is within reach.
//!
//! A component has no memories or globals of its own. Its core modules have them, so each of these is checked like a
//! lone core module ([`super::resettable`]). The component adds handles, tasks and more instances. It is eligible if
//! its only handles can be those of the host's resources, which the worker sees. [`crate::isolation`] is the whole
//! argument.
//!
//! The engine gives no access to core instances inside a component. So each module exports its state under names of
//! wpool's own. A further module imports all of it ([`super::restorer`]), and the component exports the functions of
//! that module.

use std::collections::BTreeMap;
use std::ops::Range;

use wasm_encoder::{ComponentSectionId, RawSection};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType,
    Instance, Parser, Payload, ValidPayload, Validator,
};

use super::data::{Take, Taken, start_of};
use super::inspect::COMMAND_INTERFACE;
use super::resettable::{ModuleState, Prepared, Stands};
use super::restorer::{self, Counts};
use super::sections::with_exports;
use super::startup::{self, Startup};
use crate::child::names;
use crate::model::report::unversioned;

/// A component rewritten so that its state can be put back, or the reason why it cannot be. An invalid component may
/// give either.
pub(super) fn prepare(wasm: &[u8], take: Take) -> Result<Prepared, String> {
    let flat = Flat::read(wasm)?;
    let states: Vec<_> = flat.live().map(|(_, _, state)| state).collect();
    ModuleState::check_size(&states)?;
    let copying_fuel = flat.copying_fuel(wasm);
    let data = flat.take_data(wasm, take).map_err(|error| error.to_string())?;
    let start = flat.start(&data)?;
    let wasm = flat.write(wasm, &data).map_err(|error| error.to_string())?;
    Ok(Prepared { wasm, start, copying_fuel })
}

/// The parts of a component.
#[derive(Default)]
struct Flat {
    /// In order, with the number of the module, if the section is one.
    sections: Vec<(u8, Range<usize>, Option<u32>)>,
    modules: Vec<ModuleState>,
    /// Modules that are instantiated, by number, with the numbers of their instances.
    instances: BTreeMap<u32, u32>,
    /// Number of core instances so far.
    core_instances: u32,
    counts: Counts,
}

/// The construct around the parser's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Module,
    Component,
}

impl Flat {
    fn read(wasm: &[u8]) -> Result<Flat, String> {
        let unread = |error: wasmparser::BinaryReaderError| error.to_string();
        let mut flat = Flat::default();
        // This validator only counts items. The engine has its own, which decides.
        let mut validator = Validator::new();
        let mut within = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(unread)?;
            if within.is_empty() && matches!(payload, Payload::End(_)) {
                flat.counts = Counts::of(&validator).ok_or("it is not a component")?;
            }
            // The engine alone validates functions.
            let _: ValidPayload<'_> = validator.payload(&payload).map_err(unread)?;
            match within.last() {
                None => flat.note(wasm, &payload)?,
                Some(Within::Component) => note_nested(&payload)?,
                Some(Within::Module) => {}
            }
            match payload {
                Payload::ModuleSection { .. } => within.push(Within::Module),
                Payload::ComponentSection { .. } => within.push(Within::Component),
                Payload::End(_) => drop(within.pop()),
                _ => {}
            }
        }
        Ok(flat)
    }

    /// Reads a section of the component itself.
    fn note(&mut self, wasm: &[u8], payload: &Payload<'_>) -> Result<(), String> {
        let unread = |error: wasmparser::BinaryReaderError| error.to_string();
        let mut module = None;
        match payload {
            Payload::ModuleSection { unchecked_range, .. } => {
                module = Some(self.modules.len() as u32);
                let bytes = wasm.get(unchecked_range.clone()).ok_or("it ends within a module")?;
                self.modules.push(ModuleState::read(bytes, Stands::InComponent)?);
            }
            Payload::InstanceSection(instances) => {
                for instance in instances.clone() {
                    self.instance(&instance.map_err(unread)?)?;
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions.clone() {
                    check_canonical(&function.map_err(unread)?)?;
                }
            }
            Payload::ComponentStartSection { .. } => return Err("it has a start function of its own".to_owned()),
            Payload::ComponentExportSection(exports) => {
                for name in exports.clone().into_iter().flatten().map(|export| export.name.name) {
                    if unversioned(name) == COMMAND_INTERFACE {
                        return Err("it is a command, and its streams are handles that the engine numbers".to_owned());
                    }
                    if name == names::INTERFACE {
                        return Err("it has an export of a name that is wpool's own".to_owned());
                    }
                }
                check_definitions(payload)?;
            }
            other => check_definitions(other)?,
        }
        if let Some((id, range)) = payload.as_section() {
            self.sections.push((id, range, module));
        }
        Ok(())
    }

    fn instance(&mut self, instance: &Instance<'_>) -> Result<(), String> {
        if let Instance::Instantiate { module_index, .. } = instance
            && self.instances.insert(*module_index, self.core_instances).is_some()
        {
            return Err("it has two instances of one module".to_owned());
        }
        self.core_instances += 1;
        Ok(())
    }

    /// Modules that are instantiated: number, number of the instance, state. No module comes from outside, so the numbers
    /// are places.
    fn live(&self) -> impl Iterator<Item = (u32, u32, &ModuleState)> {
        self.instances
            .iter()
            .filter_map(|(&module, &instance)| Some((module, instance, self.modules.get(module as usize)?)))
    }

    /// Fuel for copying data in the order in which instances are made. The restorer's instance takes none.
    fn copying_fuel(&self, wasm: &[u8]) -> Option<u64> {
        let modules =
            self.sections.iter().filter_map(|(_, range, module)| Some((module.as_ref()?, wasm.get(range.clone())?)));
        let modules: BTreeMap<u32, &[u8]> = modules.map(|(module, bytes)| (*module, bytes)).collect();
        let mut live: Vec<_> = self.instances.iter().map(|(&module, &instance)| (instance, module)).collect();
        live.sort_unstable();
        let startups = live.iter().map(|(_, module)| Startup::of(modules.get(module)?));
        startup::copying_fuel(startups.collect::<Option<Vec<_>>>()?)
    }

    /// The data of live modules, by their numbers.
    fn take_data(&self, wasm: &[u8], take: Take) -> wasmparser::Result<BTreeMap<u32, Taken>> {
        let modules = self.sections.iter().filter_map(|(_, range, module)| Some(((*module)?, range)));
        let live = modules.filter(|(module, _)| self.instances.contains_key(module));
        let states = live.filter_map(|(module, range)| Some((module, range, self.modules.get(module as usize)?)));
        states
            .map(|(module, range, state)| {
                Ok((module, Taken::out_of(&wasm[range.clone()], &state.memory_types(), take)?))
            })
            .collect()
    }

    /// The initial contents of all memories. Memories are made in the order of the instances.
    fn start(&self, data: &BTreeMap<u32, Taken>) -> Result<Vec<u8>, String> {
        let mut live: Vec<_> = self.live().collect();
        live.sort_by_key(|(_, instance, _)| *instance);
        let modules: Vec<_> =
            live.into_iter().filter_map(|(module, _, state)| Some((data.get(&module)?, state.parts()))).collect();
        start_of(&modules)
    }

    fn write(&self, wasm: &[u8], taken: &BTreeMap<u32, Taken>) -> wasmparser::Result<Vec<u8>> {
        let mut component = wasm_encoder::Component::new();
        for (id, range, module) in &self.sections {
            let data = &wasm[range.clone()];
            let live = module.filter(|module| self.instances.contains_key(module));
            match live.and_then(|module| Some((self.modules.get(module as usize)?, taken.get(&module)?))) {
                Some((state, taken)) => {
                    let data = with_exports(data, &state.exports(), taken.rest.as_ref())?;
                    component.section(&RawSection { id: ComponentSectionId::CoreModule.into(), data: &data });
                }
                None => {
                    component.section(&RawSection { id: *id, data });
                }
            }
        }
        let live: Vec<_> = self.live().map(|(_, instance, state)| (instance, state)).collect();
        restorer::append(&mut component, &self.counts, &live);
        Ok(component.finish())
    }
}

/// Checks a section of a nested component. It may only give names and types to outer items, as tools do for exported
/// interfaces.
fn note_nested(payload: &Payload<'_>) -> Result<(), String> {
    match payload {
        Payload::ModuleSection { .. }
        | Payload::InstanceSection(_)
        | Payload::CoreTypeSection(_)
        | Payload::ComponentCanonicalSection(_)
        | Payload::ComponentStartSection { .. } => Err("it is made of several components".to_owned()),
        other => check_definitions(other),
    }
}

/// Rejects resources of the program's own, and modules from elsewhere.
fn check_definitions(payload: &Payload<'_>) -> Result<(), String> {
    let unread = |error: wasmparser::BinaryReaderError| error.to_string();
    match payload {
        Payload::ComponentTypeSection(types) => {
            for ty in types.clone() {
                if matches!(ty.map_err(unread)?, ComponentType::Resource { .. }) {
                    return Err("it has resources of its own".to_owned());
                }
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases.clone() {
                let brings_module = match alias.map_err(unread)? {
                    ComponentAlias::InstanceExport { kind, .. } => kind == ComponentExternalKind::Module,
                    ComponentAlias::Outer { kind, .. } => kind == ComponentOuterAliasKind::CoreModule,
                    ComponentAlias::CoreInstanceExport { .. } => false,
                };
                if brings_module {
                    return Err("it hands modules on".to_owned());
                }
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                if import.map_err(unread)?.ty.kind() == ComponentExternalKind::Module {
                    return Err("it imports a module".to_owned());
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                if export.map_err(unread)?.kind == ComponentExternalKind::Module {
                    return Err("it hands modules on".to_owned());
                }
            }
        }
        Payload::UnknownSection { .. } => return Err("it has a section that is not known".to_owned()),
        _ => {}
    }
    Ok(())
}

/// Rejects every function that makes handles, tasks or threads inside.
fn check_canonical(function: &CanonicalFunction) -> Result<(), String> {
    let options = match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => options,
        CanonicalFunction::ResourceDrop { .. } => return Ok(()),
        CanonicalFunction::ResourceNew { .. } | CanonicalFunction::ResourceRep { .. } => {
            return Err("it has resources of its own".to_owned());
        }
        _ => return Err("it has tasks or threads of its own".to_owned()),
    };
    let is_plain = |option: &CanonicalOption| {
        use CanonicalOption::{CompactUTF16, Memory, PostReturn, Realloc, UTF8, UTF16};
        matches!(option, UTF8 | UTF16 | CompactUTF16 | Memory(_) | Realloc(_) | PostReturn(_))
    };
    if options.iter().all(is_plain) { Ok(()) } else { Err("it has asynchronous functions".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<Vec<u8>, String> {
        prepare(&wat::parse_str(format!("(component {text})")).unwrap(), Take::Data).map(|prepared| prepared.wasm)
    }

    const MODULE: &str = r#"(core module $m (memory 1) (global (mut v128) (v128.const i64x2 1 2)) (global i32 (i32.const 1))
        (func (export "f")))"#;
    const INSTANCE: &str = "(core instance $i (instantiate $m))";
    const FUNC: &str = r#"(func (export "f") (canon lift (core func $i "f")))"#;

    #[test]
    fn what_is_made_of_a_component_is_one() {
        let nested = r#"(component $c (import "f" (func $f)) (export "g" (func $f)))
            (func $f (canon lift (core func $i "f"))) (instance $n (instantiate $c (with "f" (func $f))))
            (export "n" (instance $n))"#;
        // A module without an instance may contain anything.
        let idle = r#"(core module (memory 4) (memory 4) (func (export "f")))"#;
        for text in [
            format!("{MODULE}{INSTANCE}{FUNC}"),
            format!("{idle}{MODULE}{INSTANCE}{FUNC}"),
            format!("{MODULE}{INSTANCE}{nested}"),
            r#"(import "f" (func))"#.to_owned(),
        ] {
            let prepared = verdict(&text).unwrap();
            Validator::new().validate_all(&prepared).unwrap();
            let again = prepare(&prepared, Take::Data).map(drop);
            assert!(again.is_err_and(|why| why.contains("begin with __wpool")) || !text.contains("instantiate"));
        }
    }

    #[test]
    fn what_has_handles_or_tasks_or_other_modules_of_its_own_cannot_be_put_back() {
        let with = |text: &str| verdict(&format!("{MODULE}{text}")).map(drop);
        for (text, why) in [
            (r#"(type $r (resource (rep i32))) (core func (canon resource.new $r))"#, "resources of its own"),
            (r#"(component (type (resource (rep i32))))"#, "resources of its own"),
            ("(core func (canon task.cancel))", "tasks or threads"),
            ("(core func (canon backpressure.inc))", "tasks or threads"),
            ("(core func (canon context.get i32 0))", "tasks or threads"),
            ("(core func (canon waitable-set.new))", "tasks or threads"),
            (r#"(import "f" (func $f async)) (core func (canon lower (func $f) async))"#, "asynchronous"),
            ("(core instance (instantiate $m)) (core instance (instantiate $m))", "two instances"),
            ("(component (core module))", "several components"),
            (r#"(import "m" (core module))"#, "imports a module"),
            (r#"(export "m" (core module $m))"#, "hands modules on"),
            ("(component $c (alias outer 1 $m (core module)))", "hands modules on"),
            (r#"(instance (export "wasi:cli/run@0.2.0"))"#, "a command"),
            ("(core module (table 1 funcref) (func (table.set (i32.const 0) (ref.null func))))", "changes a table"),
            ("(core module (tag))", "exceptions"),
            (r#"(core module (import "a" "b" (tag)))"#, "exceptions"),
        ] {
            let got = with(text);
            assert!(got.as_ref().is_err_and(|error| error.contains(why)), "{text}: {got:?}");
        }
    }

    #[test]
    fn the_modules_of_a_component_are_bounded_together() {
        let module =
            |name: &str, what: &str| format!("(core module ${name} {what}) (core instance (instantiate ${name}))");
        let globals = "(global (mut i32) (i32.const 1))".repeat(2_049);
        for (what, why) in
            [("(memory 1) (memory 1) (memory 1)", "memories"), (globals.as_str(), "more than 4096 mutable globals")]
        {
            assert!(verdict(&module("one", what)).is_ok());
            let got = verdict(&format!("{}{}", module("one", what), module("two", what)));
            assert!(got.as_ref().is_err_and(|error| error.contains(why)), "{why}: {:?}", got.map(drop));
        }
    }

    #[test]
    fn bytes_that_are_no_component_are_no_panic() {
        let wasm = wat::parse_str(format!("(component {MODULE}{INSTANCE}{FUNC})")).unwrap();
        for end in 0..wasm.len() {
            let _ = prepare(&wasm[..end], Take::Data);
        }
    }
}
