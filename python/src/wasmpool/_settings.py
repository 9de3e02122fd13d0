"""Keyword arguments as settings of the server."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from . import _values
from ._errors import SettingsError

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


def size(name: str, value: int | str | None) -> int | None:
    """A number of bytes, such as `64MiB`."""
    if value is None or isinstance(value, int):
        return value
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([a-zA-Z]*)", value.strip())
    if not found or found[2].upper() not in _UNITS:
        raise SettingsError(f"{name} must be a number of bytes, or a text such as 64MiB, not {value!r}")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def directory(grant: str | tuple[str | os.PathLike[str], ...]) -> dict[str, Any]:
    """A directory as on the command line, `HOST[::GUEST][:ro|:rw]`, or a tuple of these parts."""
    if isinstance(grant, tuple):
        parts = [os.fspath(part) for part in grant]
        host, guest, mode = (parts + [parts[0], "ro"][len(parts) - 1 :])[:3] if 1 <= len(parts) <= 3 else ("", "", "")
    else:
        path, mode = (grant[:-3], grant[-2:]) if grant[-3:] in (":ro", ":rw") else (grant, "ro")
        host, _, guest = path.partition("::")
        guest = guest or host
    if not host or mode not in ("ro", "rw"):
        raise SettingsError(f"a directory is HOST[::GUEST][:ro|:rw], or a tuple of these, not {grant!r}")
    return {"host": os.path.abspath(host), "guest": guest, "writable": mode == "rw"}


def own_directory(scratch: str | tuple[str, int | str] | None) -> dict[str, Any] | None:
    """A directory that each task has for itself: its path in the program, and its size."""
    if scratch is None or isinstance(scratch, str):
        return None if scratch is None else {"guest": scratch}
    guest, room = scratch
    return {"guest": guest, "size": size("scratch", room)}


def settings(
    *,
    max_workers: int | None,
    timeout: float | None,
    cpu_time: float | None,
    memory: int | str | None,
    max_output: int | str | None,
    retries: int,
    isolation: str,
    init_arg: Any,
    call: str | None,
    alloc: str | None,
    args: Iterable[str],
    env: Mapping[str, str] | None,
    dirs: Iterable[str | tuple[str | os.PathLike[str], ...]],
    scratch: str | tuple[str, int | str] | None,
    fuel: int | None,
    deterministic: bool | int,
    receipts: bool,
    rows: str,
) -> dict[str, Any]:
    if max_workers is not None and max_workers <= 0:
        raise ValueError("max_workers must be greater than 0")
    known: dict[str, Any] = {
        "max_workers": max_workers,
        "timeout": timeout,
        "cpu_time": cpu_time,
        "memory": size("memory", memory),
        "max_output": size("max_output", max_output),
        "retries": retries,
        "isolation": isolation,
        "call": call,
        "alloc": alloc,
        "args": list(args),
        "env": list((env or {}).items()),
        "dirs": [directory(grant) for grant in dirs],
        "scratch": own_directory(scratch),
        "fuel": fuel,
        "receipts": receipts,
        "rows": rows,
    }
    if deterministic is not False:
        known["deterministic"] = 0 if deterministic is True else deterministic
    if init_arg is not None:
        known["init_arg"] = base64.b64encode(_values.row(init_arg)[0]).decode()
    return {name: value for name, value in known.items() if value is not None}
