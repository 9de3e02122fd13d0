//! The proposals that a program uses: those for which parts of the engine are on, and those that wpool does not have.

use wasmparser::{BinaryReaderError, Validator, WasmFeatures};

use super::outer::is_component;
use crate::model::error::{Refusal, RefusalCode};
use crate::protocol::setup::Proposals;

/// The proposals that every program may use: those that need neither the collector nor tasks inside components.
const EVERY: WasmFeatures = WasmFeatures::WASM3
    .difference(WasmFeatures::GC_TYPES)
    .difference(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::COMPONENT_MODEL);
const HEAP: WasmFeatures = WasmFeatures::GC_TYPES.union(WasmFeatures::EXCEPTIONS);
const TASKS: WasmFeatures = WasmFeatures::CM_ASYNC;

/// Combinations of parts of the engine, the cheapest first.
const SOME: [Proposals; 3] = [
    Proposals { heap: false, tasks: false },
    Proposals { heap: true, tasks: false },
    Proposals { heap: false, tasks: true },
];
const MOST: Proposals = Proposals { heap: true, tasks: true };

/// The parts of the engine that a program needs. Validates it, and so refuses quickly what compiling would refuse much
/// later.
pub(super) fn used(wasm: &[u8]) -> Result<Proposals, Refusal> {
    let enough = SOME.into_iter().find(|proposals| validate(wasm, features(*proposals)).is_ok());
    match enough {
        Some(proposals) => Ok(proposals),
        None => validate(wasm, features(MOST)).map(|()| MOST).map_err(|first| refusal(wasm, &first)),
    }
}

fn features(proposals: Proposals) -> WasmFeatures {
    let on = |is_on, features| if is_on { features } else { WasmFeatures::empty() };
    EVERY.union(on(proposals.heap, HEAP)).union(on(proposals.tasks, TASKS))
}

fn validate(wasm: &[u8], features: WasmFeatures) -> Result<(), BinaryReaderError> {
    Validator::new_with_features(features).validate_all(wasm).map(drop)
}

/// The refusal of a program that is not valid with all that wpool has: by the proposal with which it is, or that at least
/// moves the first error.
fn refusal(wasm: &[u8], first: &BinaryReaderError) -> Refusal {
    let error = |more: WasmFeatures| validate(wasm, features(MOST).union(more)).err();
    let is_other = |now: Option<BinaryReaderError>| {
        now.is_none_or(|now| (now.offset(), now.message()) != (first.offset(), first.message()))
    };
    let mut single = MISSING.iter().filter(|missing| missing.features != WasmFeatures::all());
    let enough = single.find(|missing| error(missing.features).is_none());
    match enough.or_else(|| MISSING.iter().find(|missing| is_other(error(missing.features)))) {
        Some(Missing { what, purpose, advice, .. }) => {
            let message = format!("it uses {what}, {purpose}, which wpool does not have; {advice}");
            Refusal::new(RefusalCode::UnsupportedFeature, message)
        }
        None => {
            let kind = if is_component(wasm) { "component" } else { "module" };
            let message = format!(
                "not a valid {kind}: {first}; it is damaged, or its tools are at fault or newer than this wpool"
            );
            Refusal::new(RefusalCode::BadModule, message)
        }
    }
}

/// A proposal that wpool does not have, in words.
struct Missing {
    features: WasmFeatures,
    what: &'static str,
    purpose: &'static str,
    advice: &'static str,
}

/// A program that needs several is refused by the first of them.
const MISSING: [Missing; 20] = [
    Missing {
        features: WasmFeatures::LEGACY_EXCEPTIONS,
        what: "the draft form of exceptions (`try`, `catch`, `delegate`)",
        purpose: "with which compilers threw until 2024",
        advice: "build it with the final form (clang: -mllvm -wasm-use-legacy-eh=false; emcc: -sWASM_LEGACY_EXCEPTIONS=0), or \
                 rewrite it with `wasm-opt --translate-to-exnref`",
    },
    Missing {
        features: WasmFeatures::SHARED_EVERYTHING_THREADS,
        what: "the proposal shared-everything-threads",
        purpose: "for functions, tables and structures that threads share",
        advice: "build it without threads: a task has one",
    },
    Missing {
        features: WasmFeatures::CUSTOM_PAGE_SIZES,
        what: "the proposal custom-page-sizes",
        purpose: "for memories in pages of other than 64 KiB",
        advice: "build it without (clang and wasm-ld: without --page-size)",
    },
    Missing {
        features: WasmFeatures::MEMORY_CONTROL,
        what: "the proposal memory-control",
        purpose: "for giving pages of a memory back",
        advice: "build it without `memory.discard`",
    },
    Missing {
        features: WasmFeatures::STACK_SWITCHING,
        what: "the proposal stack-switching",
        purpose: "for coroutines and green threads",
        advice: "build it with another form of them, such as Binaryen's Asyncify",
    },
    Missing {
        features: WasmFeatures::CUSTOM_DESCRIPTORS,
        what: "the proposal custom-descriptors",
        purpose: "for structures with prototypes of JavaScript",
        advice: "build it for WASI instead of JavaScript",
    },
    Missing {
        features: WasmFeatures::COMPACT_IMPORTS,
        what: "the proposal compact-import-section",
        purpose: "for shorter lists of imports",
        advice: "build it without, or write it anew with tools that know it, such as `wasm-opt`",
    },
    Missing {
        features: WasmFeatures::CM_ASYNC_STACKFUL,
        what: "the stackful form of asynchronous functions in components",
        purpose: "for waiting without a callback",
        advice: "build it with the form with callbacks, which is the default of wit-bindgen",
    },
    Missing {
        features: WasmFeatures::CM_MORE_ASYNC_BUILTINS,
        what: "further built-ins of asynchronous components",
        purpose: "for cancelling and for forms of waiting that are drafts",
        advice: "build it with the built-ins of WASI 0.3",
    },
    Missing {
        features: WasmFeatures::CM_THREADING,
        what: "threads of the component model",
        purpose: "for several stacks inside a component",
        advice: "build it without threads: a task has one",
    },
    Missing {
        features: WasmFeatures::CM_ERROR_CONTEXT,
        what: "the type `error-context` of the component model",
        purpose: "for errors of streams",
        advice: "build it with a result with an error of its own instead",
    },
    Missing {
        features: WasmFeatures::CM_FIXED_LENGTH_LISTS,
        what: "lists of fixed length in the types of the component",
        purpose: "such as `list<u8, 4>`",
        advice: "use a tuple or a list instead",
    },
    Missing {
        features: WasmFeatures::CM_MAP,
        what: "maps in the types of the component",
        purpose: "such as `map<string, u32>`",
        advice: "use a list of tuples instead",
    },
    Missing {
        features: WasmFeatures::CM_GC,
        what: "the component model with structures instead of memories",
        purpose: "for the values of managed languages",
        advice: "build it with values in linear memory, which is the default of all tools",
    },
    Missing {
        features: WasmFeatures::CM_VALUES,
        what: "values among the imports and exports of the component",
        purpose: "for constants and start functions",
        advice: "import and export functions instead",
    },
    Missing {
        features: WasmFeatures::CM_NESTED_NAMES,
        what: "nested namespaces in the names of the component",
        purpose: "such as `a:b:c/d`",
        advice: "use names of one namespace and one package",
    },
    Missing {
        features: WasmFeatures::CM64,
        what: "64-bit memories in the component model",
        purpose: "for components of more than 4 GiB",
        advice: "build its modules for wasm32",
    },
    Missing {
        features: WasmFeatures::CM_IMPLEMENTS,
        what: "imports or exports of the component that are marked with `implements`",
        purpose: "for several instances of one interface",
        advice: "give each interface a name of its own",
    },
    Missing {
        features: WasmFeatures::CM_CANON_NAMES,
        what: "names of the component that are marked with `version-suffix`",
        purpose: "for versions beside names",
        advice: "build it with names that contain the version",
    },
    // A program may need several at once.
    Missing {
        features: WasmFeatures::all(),
        what: "several proposals together",
        purpose: "each a draft",
        advice: "build it with the defaults of its tools",
    },
];

#[cfg(test)]
mod tests;
