//! The compiler process's report on a program. The host knows nothing else of a program but its hash.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use crate::model::convention::Convention;
use crate::model::convention::{ASKED_FOR, Fit};
use crate::model::entries::{CoreEntries, CoreFunction};
use crate::model::error::{Refusal, RefusalCode};
use crate::model::grants::Grants;
use crate::model::outcome::ErrorDetail;
use crate::model::settings::Setting;
use crate::model::task::Input;
use crate::model::template::Row;
use crate::model::typed::{self, Parameters, RowError, Signature};

/// The kind of a program's binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A component, whose imports and exports have types.
    Component,
    /// A core module.
    CoreModule,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Component => "component",
            Kind::CoreModule => "core module",
        })
    }
}

/// The compiler's report on a program that can be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The kind of the binary.
    pub kind: Kind,
    /// How its tasks are called.
    pub convention: Convention,
    /// The reason for this convention.
    pub why: String,
    /// The path of the function to call: names of nested exports, outermost first.
    pub entry: Vec<String>,
    /// The exported allocator of a raw module.
    pub allocator: Option<String>,
    /// Whether a core module exports `_initialize`, which is called first where the entry is not `_start`.
    pub initialize: bool,
    /// The path of the function that prepares the program for its tasks, if it has one.
    pub init: Option<Vec<String>>,
    /// Whether the program imports any function of WASI. Without one, a task runs without an asynchronous stack.
    pub wasi: bool,
    /// Exports as `name: type`.
    pub exports: Vec<String>,
    /// Imports as `name: type`.
    pub imports: Vec<String>,
    /// Every function that a component exports, itself or in an interface.
    pub functions: Vec<Function>,
    /// The functions of a core module that can be called by name.
    pub entries: Vec<CoreFunction>,
    /// The amounts that one instance takes.
    pub resources: Resources,
    /// Whether all changes of a task to an instance can be put back ([`crate::Isolation::Reset`]), or why not.
    pub resettable: Result<(), String>,
    /// Fuel that making such an instance takes beyond that of a fresh one, whose initial memory is mapped and not
    /// copied. Set for an image of such instances that counts fuel.
    pub copying_fuel: Option<u64>,
}

/// An exported function of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Names of nested exports, outermost first.
    pub path: Vec<String>,
    /// Its type, or the reason why a row cannot become a call of it.
    pub signature: Result<Signature, String>,
}

impl Function {
    /// The name for calls: `function`, or `interface.function` without package and version.
    pub fn name(&self) -> String {
        let interfaces = self.path.split_last().map(|(_, interfaces)| interfaces).unwrap_or_default();
        let short = interfaces.iter().map(|interface| short(interface));
        short.chain(self.path.last().map(String::as_str)).collect::<Vec<_>>().join(".")
    }

    /// Whether `call` means this function: by its name, by the function's name alone, or with the interface's package,
    /// with or without the version, which stands behind the interface or, as current tools write it, behind the function.
    fn is_called(&self, call: &str) -> bool {
        let Some((function, interfaces)) = self.path.split_last() else { return false };
        let whole = interfaces.join(".");
        let unversioned: Vec<_> = interfaces.iter().map(|interface| unversioned(interface)).collect();
        let unversioned = unversioned.join(".");
        let version = interfaces.last().and_then(|interface| interface.split_once('@')).map(|(_, version)| version);
        let is = |interface: &str, end: &str| {
            !interface.is_empty() && ['.', '#'].iter().any(|dot| call == format!("{interface}{dot}{function}{end}"))
        };
        let ends = version.is_some_and(|version| is(&unversioned, &format!("@{version}")));
        call == function || call == self.name() || is(&whole, "") || is(&unversioned, "") || ends
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.described(&self.name()))
    }
}

impl Function {
    fn described(&self, name: &str) -> String {
        match &self.signature {
            Ok(signature) => format!("{name}: {signature}"),
            Err(why) => format!("{name} ({why})"),
        }
    }
}

/// A name for each function that means no other: the short one, or the whole path where several have the same short one.
pub fn names(functions: &[Function]) -> Vec<String> {
    let mut names: Vec<_> = functions.iter().map(Function::name).collect();
    let mut counts = HashMap::<_, u32>::new();
    names.iter().for_each(|name| *counts.entry(name.clone()).or_default() += 1);
    for (name, function) in names.iter_mut().zip(functions) {
        if counts[name] > 1 {
            *name = function.path.join(".");
        }
    }
    names
}

/// The functions with their types, by names that tell them apart.
pub fn described(functions: &[Function]) -> Vec<String> {
    functions.iter().zip(names(functions)).map(|(function, name)| function.described(&name)).collect()
}

/// `geometry` of `example:shapes/geometry@1.0.0`.
fn short(interface: &str) -> &str {
    let unversioned = unversioned(interface);
    unversioned.rsplit_once('/').map_or(unversioned, |(_, name)| name)
}

/// The name of an interface without its version.
pub(crate) fn unversioned(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

impl Report {
    /// The type of the function that tasks call, if the convention is [`Convention::Function`].
    pub fn signature(&self) -> Option<&Signature> {
        let called = |function: &&Function| self.convention == Convention::Function && function.path == self.entry;
        self.functions.iter().find(called)?.signature.as_ref().ok()
    }

    /// Whether the function was chosen by its name, and not by the program's exports.
    pub fn is_asked_for(&self) -> bool {
        self.why == ASKED_FOR
    }

    /// The index in `functions` of the function that `call` means.
    pub(crate) fn function_named(&self, call: &str) -> Result<u32, Refusal> {
        find(&self.functions, call).map(|at| at as u32)
    }

    /// A check of JSON rows, before anything runs with these grants.
    pub fn row_check(&self, grants: &Grants) -> RowCheck {
        RowCheck { parameters: self.signature().map(Parameters::new), grants: grants.clone(), texts: false }
    }

    /// Whether `init` cannot read its argument: a core module reads it from standard input.
    pub(crate) fn is_deaf(&self) -> bool {
        self.kind == Kind::CoreModule && !self.wasi
    }

    /// JSON Schema (draft 2020-12) of the program's rows. Without a typed function it says only that rows are JSON.
    pub fn input_schema(&self) -> Json {
        self.signature().map_or_else(|| Json::Object(Default::default()), typed::input)
    }

    /// JSON Schema (draft 2020-12) of the program's outputs.
    pub fn output_schema(&self) -> Json {
        self.signature().map_or_else(|| Json::Object(Default::default()), typed::output)
    }
}

/// Checks rows against a program's types, by the same code with which workers read them.
#[derive(Clone, Debug)]
pub struct RowCheck {
    parameters: Option<Parameters>,
    grants: Grants,
    texts: bool,
}

impl RowCheck {
    /// The same check for rows whose members may be texts ([`crate::TaskSettings::text_values`]).
    pub fn of_texts(self, texts: bool) -> RowCheck {
        RowCheck { texts, ..self }
    }

    /// The error in the record of a row that cannot run: it is too long, is not JSON, does not fit the function, or
    /// makes no argument or standard input.
    pub fn flaw(&self, row: &Input) -> Option<ErrorDetail> {
        match row.rejection() {
            Some(reason) => Some(reason.detail()),
            None => self.check(row).err().map(ErrorDetail::from),
        }
    }

    fn check(&self, input: &Input) -> Result<(), RowError> {
        match &self.parameters {
            Some(parameters) => parameters.check(&input.bytes, self.texts)?,
            None => typed::json_row(&input.bytes)?,
        }
        let row = Row::of(input, true);
        self.grants.arguments(row)?;
        self.grants.check_dirs(row)?;
        self.grants.input(row).map(drop)
    }
}

/// A report before the choice of a calling convention. The compiler sends it, and it is kept with an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub kind: Kind,
    /// The convention that the program fits without a named function.
    pub fit: Result<Fit, Refusal>,
    pub initialize: bool,
    pub init: Option<Vec<String>>,
    pub wasi: bool,
    pub exports: Vec<String>,
    pub imports: Vec<String>,
    pub functions: Vec<Function>,
    pub core: CoreEntries,
    pub resources: Resources,
    pub resettable: Result<(), String>,
    pub copying_fuel: Option<u64>,
}

impl Draft {
    /// The report for calling the named function with the named allocator, or for the convention that the program fits by
    /// itself.
    ///
    /// # Errors
    /// If no convention fits, or if no function or several have the name; the message lists the functions.
    pub fn choose(self, call: Option<&str>, alloc: Option<&str>) -> Result<Report, Refusal> {
        let fit = match (call, alloc) {
            (None, None) => self.fit?,
            _ if self.kind == Kind::CoreModule => self.core.called(call, alloc)?,
            (Some(call), None) => self.called(call)?,
            (_, Some(_)) => {
                let what = "is a component, whose functions need no allocator to be named";
                return Err(Refusal::new(RefusalCode::NoFunction, what).about(&[Setting::Alloc]));
            }
        };
        // A caller who names `init` wants its result as an output.
        let init = self.init.filter(|init| *init != fit.entry);
        Ok(Report {
            kind: self.kind,
            convention: fit.convention,
            why: fit.why,
            entry: fit.entry,
            allocator: fit.allocator,
            initialize: self.initialize,
            init,
            wasi: self.wasi,
            exports: self.exports,
            imports: self.imports,
            functions: self.functions,
            entries: self.core.callable().cloned().collect(),
            resources: self.resources,
            resettable: self.resettable,
            copying_fuel: self.copying_fuel,
        })
    }

    fn called(&self, call: &str) -> Result<Fit, Refusal> {
        let function = &self.functions[find(&self.functions, call)?];
        Ok(Fit::of(function, Convention::Function, ASKED_FOR.to_owned()))
    }
}

/// The index of the one function that `call` means, if a row can become a call of it.
fn find(functions: &[Function], call: &str) -> Result<usize, Refusal> {
    let places = |fits: &dyn Fn(&Function) -> bool| -> Vec<usize> {
        (0..functions.len()).filter(|&at| fits(&functions[at])).collect()
    };
    let mut found = places(&|function| function.path.join(".") == call);
    if found.is_empty() {
        found = places(&|function| function.is_called(call));
    }
    let refuse = |code: RefusalCode, what: String| Err(Refusal::new(code, what));
    match found.as_slice() {
        [at] => match &functions[*at].signature {
            Ok(_) => Ok(*at),
            Err(why) => {
                refuse(RefusalCode::NoData, format!("`{}` cannot be called with a row: {why}", functions[*at].name()))
            }
        },
        [] => {
            let others = match names(functions).as_slice() {
                [] => ", nor any other function of a component".to_owned(),
                _ if functions.iter().all(|function| function.signature.is_err()) => {
                    format!("; {}", not_callable(functions))
                }
                names => format!("; its functions: {}", names.join(", ")),
            };
            refuse(RefusalCode::NoFunction, format!("exports no function `{call}`{others}"))
        }
        several => {
            let names: Vec<_> = several.iter().map(|&at| functions[at].path.join(".")).collect();
            let what = format!("exports several functions `{call}`; say which: {}", names.join(", "));
            Err(Refusal::new(RefusalCode::NoFunction, what).about(&[Setting::Call]))
        }
    }
}

impl Fit {
    /// A function of a component, called by a convention.
    pub fn of(function: &Function, convention: Convention, why: String) -> Fit {
        Fit { convention, why, entry: function.path.clone(), allocator: None }
    }
}

/// Functions in words.
#[cfg(feature = "engine")]
pub(crate) fn listed(functions: &[Function]) -> String {
    format!("its functions: {}", described(functions).join("; "))
}

/// Says of functions that none of them takes a row, and why.
pub(crate) fn not_callable(functions: &[Function]) -> String {
    format!("none of its functions can be called with a row: {}", described(functions).join("; "))
}

/// Needs of one instance of the program. The worker makes its pool of exactly this size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Number of linear memories.
    pub memories: u32,
    /// Bytes of the largest memory when the program starts.
    pub initial_memory: u64,
    /// Number of tables.
    pub tables: u32,
    /// Elements of the largest table when the program starts.
    pub initial_table: u64,
}
