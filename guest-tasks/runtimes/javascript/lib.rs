//! The runtime of JavaScript scripts: QuickJS, and the functions of the world `wpool:script` around it.
//!
//! `init` evaluates the script, so that its top-level code runs once, and leaves it in memory. Tasks start from there.

mod bundle;
mod errors;
mod map;
mod natives;
mod rejections;
mod url;

use std::cell::RefCell;

use rquickjs::function::Args;
use rquickjs::module::Evaluated;
use rquickjs::promise::PromiseState;
use rquickjs::{
    Array, CString, Context, Ctx, Function, Module, Object, Persistent, Promise, Runtime, Type, TypedArray, Value,
};

use crate::bundle::{Bundle, Rows};
use crate::errors::{Sources, Stop};

wit_bindgen::generate!({ world: "runtime", path: "wit", generate_all });

/// The part of the stack in memory that calls of the script may use. Each call also takes of the engine's own stack, of
/// which a worker has 8 MiB; this one has to end first, since its end is an exception and no trap.
const STACK: usize = 600 << 10;
/// Memory that tasks may take before the collector of cycles looks at all objects, which changes every page.
const GARBAGE: usize = 16 << 20;
/// Memory that is kept for reporting that there is none.
const RESERVE: usize = 64 << 10;

const PRELUDE: &str = include_str!("prelude.js");
const URL: &str = include_str!("url.js");

/// A script that was evaluated.
struct Script {
    context: Context,
    run: Persistent<Function<'static>>,
    prelude: Prelude,
    rows: Rows,
    is_bare: bool,
    sources: Sources,
    reserve: RefCell<Vec<u8>>,
}

/// The functions that the prelude has for the runtime.
struct Prelude {
    describe: Persistent<Function<'static>>,
    finish: Persistent<Function<'static>>,
    next_timer: Persistent<Function<'static>>,
}

thread_local! {
    static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
}

struct Component;

export!(Component);

impl Guest for Component {
    fn init(bundle: Vec<u8>) -> Result<(), Failure> {
        let script = Script::start(&bundle)?;
        natives::forget_random();
        SCRIPT.set(Some(script));
        Ok(())
    }

    fn run(row: Vec<u8>) -> Result<Vec<u8>, Failure> {
        SCRIPT.with_borrow(|script| {
            let script = script.as_ref().ok_or_else(|| Failure::plain("exception", "the runtime has no script"))?;
            script.context.with(|ctx| script.task(&ctx, row).map_err(|stop| script.failure(&ctx, stop)))
        })
    }
}

impl Script {
    fn start(bundle: &[u8]) -> Result<Script, Failure> {
        let broken = |_| Failure::plain("out-of-memory", "out of memory");
        let runtime = Runtime::new().map_err(broken)?;
        runtime.set_max_stack_size(STACK);
        rejections::watch(&runtime);
        let context = Context::full(&runtime).map_err(broken)?;
        let bundle = context.with(|ctx| Bundle::read(&ctx, bundle))?;
        let sources = Sources::new(&bundle);
        runtime.set_loader(bundle::Files::of(&bundle), bundle::Files::of(&bundle));
        let (prelude, run, sources) = context.with(|ctx| {
            let prelude = Prelude::install(&ctx).map_err(|_| Failure::plain("exception", "the prelude failed"))?;
            let sources = sources.with_maps(&ctx, &bundle);
            match evaluate(&ctx, &prelude, &bundle) {
                Ok(run) => Ok((prelude, Persistent::save(&ctx, run), sources)),
                Err(stop) => Err(errors::failure(&ctx, &prelude.describe, &sources, stop)),
            }
        })?;
        runtime.run_gc();
        runtime.set_gc_threshold(runtime.memory_usage().malloc_size as usize + GARBAGE);
        let reserve = RefCell::new(Vec::with_capacity(RESERVE));
        Ok(Script { context, run, prelude, rows: bundle.rows, is_bare: bundle.is_bare, sources, reserve })
    }

    /// Calls the script with one row.
    fn task<'js>(&self, ctx: &Ctx<'js>, row: Vec<u8>) -> Result<Vec<u8>, Stop<'js>> {
        rejections::forget();
        let row = self.rows.argument(ctx, row)?;
        let run = self.run.clone().restore(ctx)?;
        let result = run.call((row,)).map_err(|error| Stop::of(ctx, error))?;
        self.output(ctx, settle(ctx, &self.prelude, result)?)
    }

    /// The output that a result becomes.
    fn output<'js>(&self, ctx: &Ctx<'js>, result: Value<'js>) -> Result<Vec<u8>, Stop<'js>> {
        if self.is_bare && result.type_of() == Type::String {
            return bytes_of(result);
        }
        if let Some(bytes) = result.as_object().and_then(bytes_in) {
            return Ok(bytes);
        }
        let finish = self.prelude.finish.clone().restore(ctx)?;
        bytes_of(finish.call((result,)).map_err(|error| Stop::of(ctx, error))?)
    }

    fn failure<'js>(&self, ctx: &Ctx<'js>, stop: Stop<'js>) -> Failure {
        self.reserve.take();
        errors::failure(ctx, &self.prelude.describe, &self.sources, stop)
    }
}

/// The bytes of a `Uint8Array` or an `ArrayBuffer`.
fn bytes_in(object: &Object) -> Option<Vec<u8>> {
    if let Some(bytes) = object.as_typed_array::<u8>() {
        // SAFETY: no code of the script runs while they are copied.
        return unsafe { bytes.as_bytes() }.map(<[u8]>::to_vec);
    }
    // SAFETY: as above.
    object.as_array_buffer().and_then(|buffer| unsafe { buffer.as_bytes() }.map(<[u8]>::to_vec))
}

/// A text as UTF-8. Halves of characters, which UTF-8 does not have, become the sign for them.
fn bytes_of<'js>(text: Value<'js>) -> Result<Vec<u8>, Stop<'js>> {
    let ctx = text.ctx().clone();
    let text = text.into_string().ok_or(Stop::Failure(Failure::plain("result-type", "the result has no text")))?;
    let text = CString::from_string(text).map_err(|error| Stop::of(&ctx, error))?;
    // SAFETY: the text lives as long as this block. QuickJS writes halves of characters in three bytes each.
    let bytes = unsafe { std::slice::from_raw_parts(text.as_ptr().cast::<u8>(), text.len()) };
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => text.as_bytes().to_vec(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned().into_bytes(),
    })
}

impl Prelude {
    fn install(ctx: &Ctx) -> rquickjs::Result<Prelude> {
        let evaluate = |source, name: &str| {
            let mut options = rquickjs::context::EvalOptions::default();
            options.filename = Some(name.to_owned());
            ctx.eval_with_options::<Function, _>(source, options)
        };
        let native = natives::object(ctx)?;
        let classes: Object = evaluate(URL, "wpool:url")?.call((native.clone(),))?;
        let functions: Object = evaluate(PRELUDE, "wpool:prelude")?.call((native, classes))?;
        let function = |name: &str| functions.get::<_, Function>(name).map(|it| Persistent::save(ctx, it));
        Ok(Prelude { describe: function("describe")?, finish: function("finish")?, next_timer: function("nextTimer")? })
    }
}

/// Evaluates the script, calls its own `init`, and returns its `run`.
fn evaluate<'js>(ctx: &Ctx<'js>, prelude: &Prelude, bundle: &Bundle) -> Result<Function<'js>, Stop<'js>> {
    let main = bundle.main();
    let module = Module::declare(ctx.clone(), main.path.as_str(), main.content.as_slice())
        .map_err(|error| Stop::of_start(ctx, error))?;
    let (module, done) = module.eval().map_err(|error| Stop::of_start(ctx, error))?;
    settle(ctx, prelude, done.into_value())?;
    let run = exported(ctx, &module, "run")?
        .ok_or_else(|| Stop::refused(format!("{} exports no function `run`", main.path)))?;
    let init = exported(ctx, &module, "init")?;
    match (init, &bundle.arg) {
        (None, Some(_)) => return Err(Stop::refused("the script exports no function `init` for the argument".into())),
        (None, None) => {}
        (Some(init), arg) => {
            let mut args = Args::new(ctx.clone(), 1);
            args.push_arg(bundle::argument(ctx, arg.as_deref())?)?;
            settle(ctx, prelude, init.call_arg(args).map_err(|error| Stop::of(ctx, error))?)?;
        }
    }
    Ok(run)
}

/// A function that a module exports, by its name or in its default export.
fn exported<'js>(
    ctx: &Ctx<'js>,
    module: &Module<'js, Evaluated>,
    name: &str,
) -> Result<Option<Function<'js>>, Stop<'js>> {
    let names = module.namespace()?;
    if let Some(function) = names.get::<_, Value>(name).map_err(|error| Stop::of(ctx, error))?.into_function() {
        return Ok(Some(function));
    }
    let default: Value = names.get("default").map_err(|error| Stop::of(ctx, error))?;
    match default.clone().into_function() {
        Some(function) if name == "run" => Ok(Some(function)),
        _ => match default.into_object() {
            Some(object) => Ok(object.get::<_, Value>(name).map_err(|error| Stop::of(ctx, error))?.into_function()),
            None => Ok(None),
        },
    }
}

/// Runs the jobs that a call has left, and gives its result. If it is a promise, jobs and timers run until it is settled.
fn settle<'js>(ctx: &Ctx<'js>, prelude: &Prelude, result: Value<'js>) -> Result<Value<'js>, Stop<'js>> {
    loop {
        while ctx.execute_pending_job() {}
        let promise = result.as_promise();
        let state = promise.map(Promise::state);
        // If the call itself has failed, its own error is the one to report.
        if state != Some(PromiseState::Rejected) {
            rejections::check(ctx)?;
        }
        match promise {
            None => return Ok(result),
            Some(_) if state == Some(PromiseState::Pending) => {}
            Some(promise) => return promise.finish().map_err(|error| Stop::of(ctx, error)),
        }
        let next = prelude.next_timer.clone().restore(ctx)?;
        if !next.call::<_, bool>(()).map_err(|error| Stop::of(ctx, error))? {
            let text = "the promise that the script waits for is never settled";
            return Err(Stop::Failure(Failure::plain("exception", text)));
        }
    }
}

/// The texts of an array of texts.
fn texts(array: &Array) -> Vec<String> {
    array.iter::<Value>().flatten().map(|text| bytes_of(text).unwrap_or_default()).map(lossy).collect()
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A copy of the bytes in an array.
fn copy(bytes: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: no code of the script runs while they are copied.
    unsafe { bytes.as_bytes() }.map(<[u8]>::to_vec).unwrap_or_default()
}
