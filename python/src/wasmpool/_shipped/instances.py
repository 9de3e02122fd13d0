"""Instances of classes as their class and their state, which both sides read and write."""

from __future__ import annotations

import collections
import enum
import pathlib
import sys
from typing import Any

from .data import DataError

#: Types whose instances have state that Python code cannot see are told by a flag: this one says that a class statement made it.
_HEAP = 0x200
#: Containers of the standard library beside the builtin ones.
_CONTAINERS = (collections.Counter, collections.OrderedDict, collections.deque)
#: Paths, which are their texts. One of this machine is one of the sandbox, as both are those of POSIX.
PATHS: dict[str, type[pathlib.PurePath]] = {
    kind.__name__: kind for kind in (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.PureWindowsPath)
}
#: What a `defaultdict` may make of nothing.
FACTORIES: dict[str, type] = {kind.__name__: kind for kind in (int, float, str, bytes, list, dict, set, tuple, bool)}


def is_own(kind: type) -> bool:
    """Whether a class is not one of the standard library."""
    top = kind.__module__.split(".")[0]
    return top == "__main__" or top not in sys.stdlib_module_names


def instance(value: Any) -> tuple[str, Any] | None:
    """The kind of an instance, its class and its state."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        return "enum", (kind, value.name)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return "tuple", (kind, tuple(value))
    if isinstance(value, BaseException):
        # What begins with an underscore is of Python itself, such as the notes.
        return "error", (kind, value.args, {name: part for name, part in vars(value).items() if name[:2] != "__"})
    if kind in _CONTAINERS or kind is collections.defaultdict:
        return container(value)
    if PATHS.get(kind.__name__) is kind:
        return "path", (kind.__name__, str(value))
    # Whoever says how it is pickled has state that is nowhere to be seen.
    if not is_own(kind) or any("__reduce_ex__" in vars(base) for base in kind.__mro__ if base is not object):
        return None
    if any(base is not object and not base.__flags__ & _HEAP for base in kind.__mro__):
        return None
    return "instance", (kind, state(value))


def state(value: Any) -> dict[str, Any]:
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def container(value: Any) -> tuple[str, Any] | None:
    if isinstance(value, collections.deque):
        return "deque", (list(value), value.maxlen)
    if isinstance(value, collections.Counter):
        return "Counter", dict(value)
    if isinstance(value, collections.OrderedDict):
        return "OrderedDict", dict(value)
    made = value.default_factory
    if made is not None and FACTORIES.get(getattr(made, "__name__", "")) is not made:
        return None
    return "defaultdict", (made and made.__name__, dict(value))


def restored(kind: str, content: Any) -> Any:
    """An instance of its class and its state. Runs no `__init__` and no `__setstate__`."""
    if kind == "enum":
        return content[0].__members__[content[1]]
    if kind == "tuple":
        return tuple.__new__(content[0], content[1])
    if kind == "error":
        if content[0].__module__ == "builtins":
            # These keep their parts where only their own code puts them.
            error = content[0](*content[1])
        else:
            error = content[0].__new__(content[0], *content[1])
            error.args = content[1]
        vars(error).update(content[2])
        return error
    if kind == "instance":
        made = object.__new__(content[0])
        for name, value in content[1].items():
            object.__setattr__(made, name, value)
        return made
    return _container(kind, content)


def _container(kind: str, content: Any) -> Any:
    if kind in ("Counter", "OrderedDict") and type(content) is dict:
        found: Any = collections.Counter() if kind == "Counter" else collections.OrderedDict()
        # Not `Counter.update`, which adds.
        dict.update(found, content) if kind == "Counter" else found.update(content)
        return found
    if type(content) is tuple and len(content) == 2:
        first, second = content
        fits = second is None or type(second) is int and 0 <= second < 1 << 31
        if kind == "deque" and type(first) is list and fits:
            return collections.deque(first, second)
        if kind == "path" and type(first) is str and first in PATHS and type(second) is str:
            return PATHS[first](second)
        if kind == "defaultdict" and type(second) is dict and (first is None or type(first) is str and first in FACTORIES):
            return collections.defaultdict(FACTORIES[first] if first else None, second)
    raise DataError(f"there may be no {kind!r} here")
