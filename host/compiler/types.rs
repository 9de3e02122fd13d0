//! Types in words, for reports and refusals.

use wasmtime::ExternType;
use wasmtime::component::Type;
use wasmtime::component::types::{ComponentFunc, ComponentItem};

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
        ComponentItem::ComponentFunc(func) => function(func),
        ComponentItem::ComponentInstance(_) => "interface".to_owned(),
        ComponentItem::CoreFunc(_) => "core function".to_owned(),
        ComponentItem::Module(_) => "core module".to_owned(),
        ComponentItem::Component(_) => "component".to_owned(),
        ComponentItem::Type(_) => "type".to_owned(),
        ComponentItem::Resource(_) => "resource".to_owned(),
    }
}

fn function(func: &ComponentFunc) -> String {
    let params: Vec<_> = func.params().map(|(name, ty)| format!("{name}: {}", value(&ty))).collect();
    let results: Vec<_> = func.results().map(|ty| value(&ty)).collect();
    let arrow = if results.is_empty() { "" } else { " -> " };
    format!("func({}){arrow}{}", params.join(", "), results.join(", "))
}

pub(super) fn value(ty: &Type) -> String {
    let optional = |ty: Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), value);
    match ty {
        Type::Bool => "bool".into(),
        Type::S8 => "s8".into(),
        Type::U8 => "u8".into(),
        Type::S16 => "s16".into(),
        Type::U16 => "u16".into(),
        Type::S32 => "s32".into(),
        Type::U32 => "u32".into(),
        Type::S64 => "s64".into(),
        Type::U64 => "u64".into(),
        Type::Float32 => "f32".into(),
        Type::Float64 => "f64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::List(list) => format!("list<{}>", value(&list.ty())),
        Type::Option(option) => format!("option<{}>", value(&option.ty())),
        Type::Result(result) => format!("result<{}, {}>", optional(result.ok()), optional(result.err())),
        Type::Tuple(tuple) => {
            let types: Vec<_> = tuple.types().map(|ty| value(&ty)).collect();
            format!("tuple<{}>", types.join(", "))
        }
        Type::Record(_) => "record".into(),
        Type::Variant(_) => "variant".into(),
        Type::Enum(_) => "enum".into(),
        Type::Flags(_) => "flags".into(),
        Type::Own(_) | Type::Borrow(_) => "resource".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}
