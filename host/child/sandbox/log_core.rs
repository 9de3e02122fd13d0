//! Logging of preview 1 calls: by which a module learns about the world around its row, or reaches a file.

use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestMemory;

use super::core_store::{CoreStore, MODULE, world};
use super::kind::GuestStore as _;
use super::log::Ended;
use crate::model::touched::Access;

/// Error numbers that say that something is not allowed: EACCES, EPERM, EROFS and ENOTCAPABLE.
const DENIED: [i32; 4] = [2, 63, 69, 76];

/// Longest path of which a lookup is logged: no file system takes a longer one.
const MAX_PATH: i32 = 4 << 10;

/// Flags of `path_open`: make the file, take a directory, empty the file.
const CREATE: i32 = 1;
const DIRECTORY: i32 = 2;
const TRUNCATE: i32 = 8;
/// The right to write.
const FD_WRITE: i64 = 1 << 6;

/// Puts itself before functions of the engine, and of this worker's own.
pub(super) fn add_to_linker(linker: &mut Linker<CoreStore>) -> wasmtime::Result<()> {
    add_facts(linker)?;
    add_open(linker)?;
    add_lookups(linker)
}

/// Functions that tell something.
fn add_facts(linker: &mut Linker<CoreStore>) -> wasmtime::Result<()> {
    macro_rules! called {
        ($function:ident($($arg:ident: $ty:ty),*), $($note:ident)?) => {
            linker.func_wrap(MODULE, stringify!($function), |mut caller: Caller<'_, CoreStore>, $($arg: $ty),*| {
                let (memory, store) = world(&mut caller)?;
                store.touch(concat!("wasi_snapshot_preview1.", stringify!($function)));
                $(store.$note();)?
                p1::$function(store.wasi(), &mut GuestMemory::Unshared(memory), $($arg),*)
            })?
        };
    }
    called!(args_get(list: i32, texts: i32),);
    called!(args_sizes_get(count: i32, size: i32),);
    called!(clock_res_get(clock: i32, at: i32),);
    called!(clock_time_get(clock: i32, precision: i64, at: i32),);
    called!(environ_get(list: i32, texts: i32), ask_for_variables);
    called!(environ_sizes_get(count: i32, size: i32), ask_for_variables);
    Ok(())
}

fn add_open(linker: &mut Linker<CoreStore>) -> wasmtime::Result<()> {
    type Args = (i32, i32, i32, i32, i32, i64, i64, i32, i32);
    linker.func_wrap_async(MODULE, "path_open", |mut caller: Caller<'_, CoreStore>, args: Args| {
        Box::new(async move {
            let (dir, how, path, length, flags, rights, inheriting, mode, at) = args;
            let (memory, store) = world(&mut caller)?;
            let text = text(memory, path, length);
            let whole = &mut GuestMemory::Unshared(&mut *memory);
            let wasi = store.wasi();
            let opened = p1::path_open(wasi, whole, dir, how, path, length, flags, rights, inheriting, mode, at);
            let errno = opened.await?;
            let is_dir = flags & DIRECTORY != 0;
            let writes = flags & (CREATE | TRUNCATE) != 0 || rights & FD_WRITE != 0;
            let access = Access::of_open(writes, is_dir);
            looked_up(store, "wasi_snapshot_preview1.path_open", (dir, &text), (access, errno));
            let number = memory.get(at.cast_unsigned() as usize..).and_then(<[u8]>::first_chunk);
            if let (0, Some(number), Some(log)) = (errno, number, store.log()) {
                log.open(dir.cast_unsigned(), &text, u32::from_le_bytes(*number));
            }
            Ok(errno)
        })
    })?;
    Ok(())
}

/// Functions that look up paths, each with the directories, paths and lengths among its arguments.
fn add_lookups(linker: &mut Linker<CoreStore>) -> wasmtime::Result<()> {
    macro_rules! looks_up {
        ($function:ident($($arg:ident: $ty:ty),*), $($access:ident at $dir:ident $path:ident $length:ident),+) => {
            linker.func_wrap_async(
                MODULE,
                stringify!($function),
                |mut caller: Caller<'_, CoreStore>, ($($arg,)*): ($($ty,)*)| {
                    Box::new(async move {
                        let (memory, store) = world(&mut caller)?;
                        let texts = [$(($dir, text(memory, $path, $length), Access::$access)),+];
                        let memory = &mut GuestMemory::Unshared(memory);
                        let errno = p1::$function(store.wasi(), memory, $($arg),*).await?;
                        let function = concat!("wasi_snapshot_preview1.", stringify!($function));
                        for (dir, path, access) in &texts {
                            looked_up(store, function, (*dir, path), (*access, errno));
                        }
                        Ok(errno)
                    })
                },
            )?
        };
    }
    looks_up!(path_filestat_get(dir: i32, how: i32, path: i32, length: i32, at: i32), Open at dir path length);
    looks_up!(path_readlink(dir: i32, path: i32, length: i32, at: i32, room: i32, used: i32), Open at dir path length);
    looks_up!(path_create_directory(dir: i32, path: i32, length: i32), Mkdir at dir path length);
    looks_up!(path_remove_directory(dir: i32, path: i32, length: i32), Write at dir path length);
    looks_up!(path_unlink_file(dir: i32, path: i32, length: i32), Write at dir path length);
    looks_up!(
        path_filestat_set_times(dir: i32, how: i32, path: i32, length: i32, read: i64, written: i64, flags: i32),
        Write at dir path length
    );
    type Times = (i32, i64, i64, i32);
    linker.func_wrap_async(MODULE, "fd_filestat_set_times", |mut caller: Caller<'_, CoreStore>, args: Times| {
        Box::new(async move {
            let (file, read, written, flags) = args;
            let (memory, store) = world(&mut caller)?;
            let memory = &mut GuestMemory::Unshared(memory);
            let errno = p1::fd_filestat_set_times(store.wasi(), memory, file, read, written, flags).await?;
            looked_up(store, "wasi_snapshot_preview1.fd_filestat_set_times", (file, ""), (Access::Write, errno));
            Ok(errno)
        })
    })?;
    looks_up!(path_symlink(to: i32, to_length: i32, dir: i32, path: i32, length: i32), Write at dir path length);
    looks_up!(
        path_link(old_dir: i32, how: i32, old: i32, old_length: i32, dir: i32, path: i32, length: i32),
        Open at old_dir old old_length,
        Write at dir path length
    );
    looks_up!(
        path_rename(old_dir: i32, old: i32, old_length: i32, dir: i32, path: i32, length: i32),
        Write at old_dir old old_length,
        Write at dir path length
    );
    Ok(())
}

fn looked_up(store: &mut CoreStore, function: &str, (dir, path): (i32, &str), (access, errno): (Access, i32)) {
    let ended = match errno {
        0 => Ended::Well,
        errno if DENIED.contains(&errno) => Ended::Denied,
        _ => Ended::Badly,
    };
    store.touch(function);
    if let Some(log) = store.log() {
        log.look_up(dir.cast_unsigned(), path, access, ended);
    }
}

/// A path in the memory of a module; empty if it is not one.
fn text(memory: &[u8], at: i32, length: i32) -> String {
    let at = at.cast_unsigned() as usize;
    let length = length.clamp(0, MAX_PATH) as usize;
    memory.get(at..at + length).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}
