//! Logging of preview 2 calls of a component.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, ErrorCode, Host as _, HostDescriptor as _, NewTimestamp, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::bindings::{cli, clocks, sockets};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};

use super::component_store::ComponentStore;
use super::interfaces::{MONOTONIC, VERSION};
use super::kind::GuestStore as _;
use super::log::Ended;
use crate::model::touched::Access;

type Store<'a> = StoreContextMut<'a, ComponentStore>;
type Handle = Resource<Descriptor>;

const PREOPENS: &str = "wasi:filesystem/preopens";
const TYPES: &str = "wasi:filesystem/types";

/// Puts itself before the engine's interfaces. Those whose functions are told apart log by themselves, and streams are
/// only the way to use another interface.
pub(super) fn add_to_linker(linker: &mut Linker<ComponentStore>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    add_streams(linker)?;
    add_sockets(linker)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, |store| store.touching(MONOTONIC).clocks())?;
    preopens::add_to_linker::<_, WasiFilesystem>(linker, |store| store.touching(PREOPENS).filesystem())?;
    linker.instance(&format!("{PREOPENS}@{VERSION}"))?.func_wrap("get-directories", |mut store: Store<'_>, ()| {
        let data = store.data_mut().touching(PREOPENS);
        let dirs = preopens::Host::get_directories(&mut data.filesystem())?;
        if let Some(log) = data.log() {
            log.number(dirs.iter().map(|(dir, _)| dir.rep()));
        }
        Ok((dirs,))
    })?;
    types::add_to_linker::<_, WasiFilesystem>(linker, |store| store.touching(TYPES).filesystem())?;
    let mut files = linker.instance(&format!("{TYPES}@{VERSION}"))?;
    add_open(&mut files)?;
    add_lookups(&mut files)?;
    add_times(&mut files)?;
    add_moves(&mut files)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn add_streams(linker: &mut Linker<ComponentStore>) -> wasmtime::Result<()> {
    cli::exit::add_to_linker::<_, WasiCli>(linker, |store| store.touching("wasi:cli/exit").cli())?;
    cli::stdin::add_to_linker::<_, WasiCli>(linker, |store| store.touching("wasi:cli/stdin").cli())?;
    cli::stdout::add_to_linker::<_, WasiCli>(linker, |store| store.touching("wasi:cli/stdout").cli())?;
    cli::stderr::add_to_linker::<_, WasiCli>(linker, |store| store.touching("wasi:cli/stderr").cli())
}

/// Nobody has a network, so each call of these is denied.
fn add_sockets(linker: &mut Linker<ComponentStore>) -> wasmtime::Result<()> {
    macro_rules! denied {
        ($module:ident, $name:literal $(, $options:expr)?) => {
            sockets::$module::add_to_linker::<_, WasiSockets>(linker, $($options,)? |store| {
                store.deny($name);
                store.sockets()
            })?
        };
    }
    denied!(tcp, "wasi:sockets/tcp");
    denied!(udp, "wasi:sockets/udp");
    denied!(tcp_create_socket, "wasi:sockets/tcp-create-socket");
    denied!(udp_create_socket, "wasi:sockets/udp-create-socket");
    denied!(instance_network, "wasi:sockets/instance-network");
    denied!(ip_name_lookup, "wasi:sockets/ip-name-lookup");
    denied!(network, "wasi:sockets/network", &sockets::network::LinkOptions::default());
    Ok(())
}

fn add_open(files: &mut LinkerInstance<'_, ComponentStore>) -> wasmtime::Result<()> {
    type Args = (Handle, PathFlags, String, OpenFlags, DescriptorFlags);
    files.func_wrap_async("[method]descriptor.open-at", |mut store: Store<'_>, args: Args| {
        Box::new(async move {
            let (dir, how, path, flags, mode) = args;
            let (number, text) = (dir.rep(), path.clone());
            let data = store.data_mut().touching(TYPES);
            let opened = data.filesystem().open_at(dir, how, path, flags, mode).await;
            let opened = converted(data, opened)?;
            let is_dir = flags.contains(OpenFlags::DIRECTORY);
            let writes =
                flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE) || mode.contains(DescriptorFlags::WRITE);
            let access = Access::of_open(writes, is_dir);
            looked_up(data, (number, &text), access, &opened);
            if let (Ok(opened), Some(log)) = (&opened, data.log()) {
                log.open(number, &text, opened.rep());
            }
            Ok((opened,))
        })
    })
}

/// Functions that look up one path.
fn add_lookups(files: &mut LinkerInstance<'_, ComponentStore>) -> wasmtime::Result<()> {
    macro_rules! looks_up {
        ($access:ident: $name:literal $method:ident($($arg:ident: $ty:ty),*) at $path:ident -> $result:ty) => {
            files.func_wrap_async(
                concat!("[method]descriptor.", $name),
                |mut store: Store<'_>, (dir, $($arg,)*): (Handle, $($ty,)*)| {
                    Box::new(async move {
                        let (number, text) = (dir.rep(), $path.clone());
                        let data = store.data_mut().touching(TYPES);
                        let ended: FsResult<$result> = data.filesystem().$method(dir, $($arg),*).await;
                        let ended = converted(data, ended)?;
                        looked_up(data, (number, &text), Access::$access, &ended);
                        Ok((ended,))
                    })
                },
            )?
        };
    }
    looks_up!(Open: "stat-at" stat_at(how: PathFlags, path: String) at path -> DescriptorStat);
    looks_up!(Open: "readlink-at" readlink_at(path: String) at path -> String);
    looks_up!(Mkdir: "create-directory-at" create_directory_at(path: String) at path -> ());
    looks_up!(Write: "remove-directory-at" remove_directory_at(path: String) at path -> ());
    looks_up!(Write: "unlink-file-at" unlink_file_at(path: String) at path -> ());
    looks_up!(Write: "symlink-at" symlink_at(to: String, path: String) at path -> ());
    looks_up!(
        Write: "set-times-at" set_times_at(how: PathFlags, path: String, read: NewTimestamp, written: NewTimestamp) at path -> ()
    );
    Ok(())
}

/// Changes the times of what is open, be it to read alone.
fn add_times(files: &mut LinkerInstance<'_, ComponentStore>) -> wasmtime::Result<()> {
    type Times = (Handle, NewTimestamp, NewTimestamp);
    files.func_wrap_async("[method]descriptor.set-times", |mut store: Store<'_>, args: Times| {
        Box::new(async move {
            let (file, read, written) = args;
            let number = file.rep();
            let data = store.data_mut().touching(TYPES);
            let ended = data.filesystem().set_times(file, read, written).await;
            let ended = converted(data, ended)?;
            looked_up(data, (number, ""), Access::Write, &ended);
            Ok((ended,))
        })
    })
}

/// Functions of two paths.
fn add_moves(files: &mut LinkerInstance<'_, ComponentStore>) -> wasmtime::Result<()> {
    type Link = (Handle, PathFlags, String, Handle, String);
    files.func_wrap_async("[method]descriptor.link-at", |mut store: Store<'_>, args: Link| {
        Box::new(async move {
            let (old_dir, how, old, dir, path) = args;
            let (from, to) = ((old_dir.rep(), old.clone()), (dir.rep(), path.clone()));
            let data = store.data_mut().touching(TYPES);
            let ended = data.filesystem().link_at(old_dir, how, old, dir, path).await;
            let ended = converted(data, ended)?;
            looked_up(data, (from.0, &from.1), Access::Open, &ended);
            looked_up(data, (to.0, &to.1), Access::Write, &ended);
            Ok((ended,))
        })
    })?;
    type Rename = (Handle, String, Handle, String);
    files.func_wrap_async("[method]descriptor.rename-at", |mut store: Store<'_>, args: Rename| {
        Box::new(async move {
            let (old_dir, old, dir, path) = args;
            let (from, to) = ((old_dir.rep(), old.clone()), (dir.rep(), path.clone()));
            let data = store.data_mut().touching(TYPES);
            let ended = data.filesystem().rename_at(old_dir, old, dir, path).await;
            let ended = converted(data, ended)?;
            looked_up(data, (from.0, &from.1), Access::Write, &ended);
            looked_up(data, (to.0, &to.1), Access::Write, &ended);
            Ok((ended,))
        })
    })
}

/// The result as the guest gets it. An error without a code is a trap.
fn converted<T>(store: &mut ComponentStore, ended: FsResult<T>) -> wasmtime::Result<Result<T, ErrorCode>> {
    match ended {
        Ok(value) => Ok(Ok(value)),
        Err(error) => store.filesystem().convert_error_code(error).map(Err),
    }
}

fn looked_up<T>(store: &mut ComponentStore, (dir, path): (u32, &str), access: Access, ended: &Result<T, ErrorCode>) {
    let ended = match ended {
        Ok(_) => Ended::Well,
        Err(ErrorCode::Access | ErrorCode::NotPermitted | ErrorCode::ReadOnly) => Ended::Denied,
        Err(_) => Ended::Badly,
    };
    if let Some(log) = store.log() {
        log.look_up(dir, path, access, ended);
    }
}
