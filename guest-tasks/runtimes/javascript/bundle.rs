//! The bundle: a script, its files, and its argument.

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module, Object, TypedArray, Value};

use crate::Failure;
use crate::errors::Stop;
use crate::lossy;

/// The form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    Json,
    Text,
    Bytes,
}

#[derive(Debug, Clone)]
pub struct File {
    /// Its path for people, which is also its name as a module.
    pub path: String,
    pub content: Vec<u8>,
}

pub struct Bundle {
    main: usize,
    pub files: Vec<File>,
    pub rows: Rows,
    /// Whether texts are outputs as they are.
    pub is_bare: bool,
    pub arg: Option<Vec<u8>>,
}

impl Bundle {
    /// Reads a bundle in a context in which no script has run.
    pub fn read(ctx: &Ctx, bytes: &[u8]) -> Result<Bundle, Failure> {
        let refuse = || Failure::plain("exception", "the bundle of the script is broken");
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(refuse)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (header, contents) = rest.split_at_checked(length).ok_or_else(refuse)?;
        Bundle::of_header(ctx, header, contents).ok().flatten().ok_or_else(refuse)
    }

    fn of_header(ctx: &Ctx, header: &[u8], mut contents: &[u8]) -> rquickjs::Result<Option<Bundle>> {
        let header: Object = ctx.json_parse(header)?.get()?;
        let name: String = header.get("main")?;
        let rows = match header.get::<_, String>("rows")?.as_str() {
            "text" => Rows::Text,
            "bytes" => Rows::Bytes,
            _ => Rows::Json,
        };
        let arg = match header.get::<_, Option<String>>("arg")? {
            Some(text) => {
                let base: Object = ctx.globals().get("Uint8Array")?;
                let decode: rquickjs::Function = base.get("fromBase64")?;
                let bytes: TypedArray<u8> = decode.call((rquickjs::function::This(base), text))?;
                Some(crate::copy(&bytes))
            }
            None => None,
        };
        let (mut main, mut files) = (None, Vec::new());
        for file in header.get::<_, Vec<Object>>("files")? {
            let this: String = file.get("name")?;
            let Some((content, rest)) = contents.split_at_checked(file.get("size")?) else { return Ok(None) };
            contents = rest;
            if this == name {
                main = Some(files.len());
            }
            let path = file.get::<_, Option<String>>("path")?.unwrap_or(this);
            files.push(File { path, content: content.to_vec() });
        }
        let is_bare = header.get::<_, Option<bool>>("bare")?.unwrap_or(false);
        Ok(main.map(|main| Bundle { main, files, rows, is_bare, arg }))
    }

    pub fn main(&self) -> &File {
        &self.files[self.main]
    }
}

impl Rows {
    /// The argument that a row becomes.
    pub fn argument<'js>(self, ctx: &Ctx<'js>, row: Vec<u8>) -> Result<Value<'js>, Stop<'js>> {
        match self {
            Rows::Bytes => Ok(TypedArray::new(ctx.clone(), row)?.into_value()),
            Rows::Text => Ok(rquickjs::String::from_str(ctx.clone(), &lossy(row))?.into_value()),
            // A run without rows has one task without content.
            Rows::Json if row.is_empty() => Ok(Value::new_null(ctx.clone())),
            Rows::Json => ctx.json_parse(row).map_err(|error| Stop::of(ctx, error)),
        }
    }
}

/// The argument of the script's own `init`: JSON if it is that, or else a text, or else bytes.
pub fn argument<'js>(ctx: &Ctx<'js>, arg: Option<&[u8]>) -> Result<Value<'js>, Stop<'js>> {
    let Some(arg) = arg else { return Ok(Value::new_undefined(ctx.clone())) };
    if let Ok(value) = ctx.json_parse(arg) {
        return Ok(value);
    }
    ctx.catch();
    match std::str::from_utf8(arg) {
        Ok(text) => Ok(rquickjs::String::from_str(ctx.clone(), text)?.into_value()),
        Err(_) => Ok(TypedArray::new(ctx.clone(), arg)?.into_value()),
    }
}

/// The files of a script as modules: imports are found relative to the file that has them.
#[derive(Clone)]
pub struct Files(Vec<File>);

impl Files {
    pub fn of(bundle: &Bundle) -> Files {
        Files(bundle.files.iter().filter(|file| !file.path.ends_with(".map")).cloned().collect())
    }

    fn named(&self, path: &str) -> Option<&File> {
        self.0.iter().find(|file| file.path == path)
    }
}

impl Resolver for Files {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        let path = joined(base, name);
        if self.named(&path).is_some() {
            return Ok(path);
        }
        let why = if name.starts_with("./") || name.starts_with("../") {
            format!("Cannot find module '{name}' imported from {base}")
        } else if name.starts_with("node:") {
            format!("Cannot find module '{name}' imported from {base}: tasks have no Node, only the language")
        } else {
            format!("Cannot find package '{name}' imported from {base}: esbuild brings packages; npm install esbuild")
        };
        Err(rquickjs::Exception::throw_type(ctx, &why))
    }
}

impl Loader for Files {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        path: &str,
        attributes: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        let file = self.named(path).ok_or_else(|| Error::new_loading(path))?;
        let is_json = attributes.is_some_and(|it| it.get_type().ok().flatten().as_deref() == Some("json"));
        if is_json || path.ends_with(".json") {
            let text = [b"export default ".as_slice(), &file.content, b";"].concat();
            return Module::declare(ctx.clone(), path, text);
        }
        Module::declare(ctx.clone(), path, file.content.as_slice())
    }
}

/// The path of a relative import.
fn joined(base: &str, name: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
