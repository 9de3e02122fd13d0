//! Types in words, for reports and refusals.

use wasmtime::ExternType;
use wasmtime::component::Type;
use wasmtime::component::types::{self, ComponentFunc, ComponentItem};

use crate::model::typed::{self, Case, Field, Signature};

/// Most parts of the types of all functions of a program. A type counts each time that it is named. The largest
/// interfaces of WASI have some hundred.
const MAX_PARTS: usize = 10_000;
/// Bytes of a name that count as one more part.
const PART_BYTES: usize = 64;
/// Deepest nesting of types. Each level is three levels of JSON in a report, and its readers stop at 128.
const MAX_DEPTH: usize = 32;

/// The type of an import or export of a core module.
pub(super) fn core(ty: &ExternType) -> String {
    match ty {
        ExternType::Func(func) => {
            let params: Vec<_> = func.params().map(|ty| ty.to_string()).collect();
            let results: Vec<_> = func.results().map(|ty| ty.to_string()).collect();
            format!("func({}) -> ({})", params.join(", "), results.join(", "))
        }
        ExternType::Memory(memory) => match memory.maximum() {
            Some(maximum) => format!("memory of {} to {maximum} pages", memory.minimum()),
            None => format!("memory of {} pages", memory.minimum()),
        },
        ExternType::Table(table) => format!("table of {} elements", table.minimum()),
        ExternType::Global(global) => format!("global {}", global.content()),
        ExternType::Tag(_) => "tag".to_owned(),
    }
}

/// The type of an import or export of a component.
pub(super) fn item(item: &ComponentItem) -> String {
    match item {
        ComponentItem::ComponentFunc(_) => "function".to_owned(),
        ComponentItem::ComponentInstance(_) => "interface".to_owned(),
        ComponentItem::CoreFunc(_) => "core function".to_owned(),
        ComponentItem::Module(_) => "core module".to_owned(),
        ComponentItem::Component(_) => "component".to_owned(),
        ComponentItem::Type(_) => "type".to_owned(),
        ComponentItem::Resource(_) => "resource".to_owned(),
    }
}

/// Reads the types of functions as trees. Types refer to each other, so the tree of a small program can be endless.
pub(super) struct Reader {
    /// Parts that may still be read.
    left: usize,
}

impl Reader {
    pub fn new() -> Self {
        Reader { left: MAX_PARTS }
    }

    /// The parameters and result of a component's function, or the reason why a row cannot become a call of it.
    pub fn signature(&mut self, func: &ComponentFunc) -> Result<Signature, String> {
        let params = func.params().map(|(name, ty)| self.field(name, &ty, 0)).collect::<Result<_, _>>()?;
        let mut results = func.results();
        let result = results.next().map(|ty| self.read(&ty, 0)).transpose()?;
        match results.next() {
            None => Ok(Signature { params, result }),
            Some(_) => Err("it has several results, which no language makes any more".to_owned()),
        }
    }

    fn field(&mut self, name: &str, ty: &Type, depth: usize) -> Result<Field, String> {
        Ok(Field { name: self.name(name)?, ty: self.read(ty, depth)? })
    }

    /// A name. Its length counts as well, because a report repeats it each time.
    fn name(&mut self, name: &str) -> Result<String, String> {
        self.charge(1 + name.len() / PART_BYTES)?;
        Ok(name.to_owned())
    }

    fn charge(&mut self, parts: usize) -> Result<(), String> {
        let left = self.left.checked_sub(parts);
        self.left = left.ok_or_else(|| format!("the program's types have more than {MAX_PARTS} parts"))?;
        Ok(())
    }

    fn read(&mut self, ty: &Type, depth: usize) -> Result<typed::Type, String> {
        use typed::Type as T;
        self.charge(1)?;
        if depth > MAX_DEPTH {
            return Err(format!("its types are more than {MAX_DEPTH} deep"));
        }
        let depth = depth + 1;
        Ok(match ty {
            Type::Bool => T::Bool,
            Type::S8 => T::S8,
            Type::U8 => T::U8,
            Type::S16 => T::S16,
            Type::U16 => T::U16,
            Type::S32 => T::S32,
            Type::U32 => T::U32,
            Type::S64 => T::S64,
            Type::U64 => T::U64,
            Type::Float32 => T::F32,
            Type::Float64 => T::F64,
            Type::Char => T::Char,
            Type::String => T::String,
            Type::List(list) => T::List(Box::new(self.read(&list.ty(), depth)?)),
            Type::Option(option) => T::Option(Box::new(self.read(&option.ty(), depth)?)),
            Type::Tuple(tuple) => T::Tuple(tuple.types().map(|ty| self.read(&ty, depth)).collect::<Result<_, _>>()?),
            Type::Record(record) => {
                let fields = record.fields().map(|field| self.field(field.name, &field.ty, depth));
                T::Record(fields.collect::<Result<_, _>>()?)
            }
            Type::Variant(variant) => {
                let case = |case: types::Case<'_>| {
                    let payload = case.ty.as_ref().map(|ty| self.read(ty, depth)).transpose()?;
                    Ok(Case { name: self.name(case.name)?, payload })
                };
                T::Variant(variant.cases().map(case).collect::<Result<_, String>>()?)
            }
            Type::Result(result) => {
                let mut payload = |ty: Option<Type>| {
                    let read = ty.as_ref().map(|ty| self.read(ty, depth)).transpose()?;
                    Ok::<_, String>(read.map(Box::new))
                };
                T::Result { ok: payload(result.ok())?, err: payload(result.err())? }
            }
            Type::Enum(names) => T::Enum(names.names().map(|name| self.name(name)).collect::<Result<_, _>>()?),
            Type::Flags(names) => T::Flags(names.names().map(|name| self.name(name)).collect::<Result<_, _>>()?),
            Type::Own(_) | Type::Borrow(_) => return Err(no_data("a resource")),
            Type::Future(_) => return Err(no_data("a future")),
            Type::Stream(_) => return Err(no_data("a stream")),
            Type::ErrorContext => return Err(no_data("an error-context")),
            Type::Map(_) => return Err("it takes or gives a map, which wpool does not convert yet".to_owned()),
            Type::FixedLengthList(_) => {
                return Err("it takes or gives a list of fixed length, which wpool does not convert yet".to_owned());
            }
        })
    }
}

fn no_data(what: &str) -> String {
    format!("it takes or gives {what}, which no JSON can hold")
}
