"""Python functions by their source, so that the interpreter that runs them may be of another version.

`Bundle` takes a value apart: functions become the place of their code in a piece of source, with their defaults, cells and the
globals that they name; classes become the place of their statement. `Loader` puts them together again, in the sandbox.
"""

from __future__ import annotations

import dis
import functools
import itertools
import logging
import marshal
import re
import sys
import threading
import types
import weakref
from collections.abc import Iterator
from pickle import PicklingError
from typing import Any

from . import _sources
from ._shipped import data, places
from ._shipped.data import DataError
from ._shipped.instances import instance

_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"}
#: Kinds of values that the sandbox finds by name.
_BY_NAME = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    type,
)


@functools.lru_cache(maxsize=1024)
def names(code: types.CodeType) -> frozenset[str]:
    """The globals that a code or one inside it names."""
    instructions = (one for inner in places.codes(code) for one in dis.get_instructions(inner))
    return frozenset(str(one.argval) for one in instructions if one.opname in _GLOBAL)


class Classes:
    """Numbers for classes that were sent. Results name classes by them."""

    def __init__(self) -> None:
        self._by_number: weakref.WeakValueDictionary[int, type] = weakref.WeakValueDictionary()
        self._numbers: weakref.WeakKeyDictionary[type, int] = weakref.WeakKeyDictionary()
        self._next = itertools.count()
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def number(self, kind: type) -> int:
        with self._lock:
            number = self._numbers.get(kind)
            if number is None:
                number = self._numbers[kind] = next(self._next)
                self._by_number[number] = kind
            return number

    def get(self, number: int) -> type | None:
        return self._by_number.get(number)


class Bundle:
    """Functions and classes that were met, and what they need. One that has a parent may name what is in that."""

    def __init__(
        self, classes: Classes, modules: frozenset[str] = frozenset(), parent: Bundle | None = None
    ) -> None:
        self._class_numbers = classes
        # Outermost names of modules that the sandbox has beside the standard library.
        self._modules = modules
        self._parent = parent
        self._first: int = parent.end if parent else 0
        self._sources: list[tuple[str, places.Piece]] = []
        self._source_numbers: dict[tuple[str, str, int], int] = {}
        self._items: list[Any] = []
        self._places: dict[int, int] = {}
        self._written: list[Any] = []
        #: The classes that are in this bundle.
        self.classes: list[type] = []
        #: Where names were looked up, with the values that they had.
        self.looked_up: list[tuple[dict[str, Any], str, Any]] = []

    @property
    def end(self) -> int:
        return self._first + len(self._items)

    @property
    def is_empty(self) -> bool:
        return not self._items

    def dumps(self, value: Any) -> bytes:
        """A value and everything that it needs.

        Raises `PicklingError` for a value that has no form, with its name."""
        root = self.write(value)
        sources = [(module, tuple(piece)) for module, piece in self._sources]
        # Only the sandbox reads it. Plain values have the same form in this version of marshal for every Python.
        return marshal.dumps((self._first, sources, self._written, root), 2)

    def write(self, value: Any) -> bytes:
        """The value alone. What it needs is in the bundle."""
        try:
            root = data.dumps(value, self.extend)
            # Writing an item may add further ones.
            while len(self._written) < len(self._items):
                self._written.append(self._write(self._items[len(self._written)]))
        except DataError as error:
            raise PicklingError(str(error)) from error
        return root

    def forget(self) -> None:
        """Keeps what further bundles need: the classes."""
        self._places = {id(kind): self._places[id(kind)] for kind in self.classes}
        self._items = [None] * len(self._items)
        self._written, self._sources = [], []

    def extend(self, value: Any) -> tuple[str, Any] | None:
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, _BY_NAME) and (found := self._by_name(value)) is not None:
            return "import", found
        if isinstance(value, (types.FunctionType, types.CellType)):
            return "item", self._number(value)
        if isinstance(value, type):
            return "class", self._number(value)
        if isinstance(value, (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType)):
            return "method", (value.__self__, value.__name__)
        if type(value) is functools.partial:
            return "partial", (value.func, value.args, value.keywords)
        if isinstance(value, functools._lru_cache_wrapper):
            # The sandbox keeps no cache from one task to the next.
            return self.extend(value.__wrapped__)
        if isinstance(value, re.Pattern):
            return "pattern", (value.pattern, value.flags)
        if isinstance(value, logging.Logger):
            # The name of the root is that of no logger.
            return "logger", "" if value is logging.getLogger() else value.name
        return instance(value)

    def _module(self, module: types.ModuleType) -> tuple[str, str]:
        name = module.__name__
        if self._has(name):
            return "module", name
        top = name.partition(".")[0]
        what = "it" if top == name else f"its package {top}"
        raise DataError(
            f"the module {name} is not in the sandbox; name {what} in modules=[…], if it is pure Python, or import it in the function"
        )

    def _has(self, module: str) -> bool:
        top = module.partition(".")[0]
        return top != "__main__" and (top in sys.stdlib_module_names or top in self._modules)

    def _by_name(self, value: Any) -> tuple[str, str] | None:
        """Module and name of a value of a module that the sandbox has as well."""
        if value is type(None):
            return "types", "NoneType"
        owner = getattr(value, "__objclass__", value)
        module, name = getattr(owner, "__module__", None), getattr(value, "__qualname__", "")
        if not isinstance(module, str) or not self._has(module):
            return None
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        return (module, name) if found is value else None

    def _known(self, value: Any) -> int | None:
        number = self._places.get(id(value))
        return self._parent._known(value) if number is None and self._parent else number

    def _number(self, value: Any) -> int:
        number = self._known(value)
        if number is None:
            number = self._places[id(value)] = self.end
            self._items.append(value)
            if isinstance(value, type):
                self.classes.append(value)
        return number

    def _write(self, value: Any) -> dict[str, Any]:
        if isinstance(value, types.CellType):
            content = ("value", value.cell_contents) if is_full(value) else ("empty", None)
            return {"kind": "cell", "values": data.dumps(content, self.extend)}
        return self._function(value) if isinstance(value, types.FunctionType) else self._class(value)

    def _function(self, function: types.FunctionType) -> dict[str, Any]:
        code = function.__code__
        piece, found = _sources.piece(code, function.__globals__, function.__qualname__)
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        values = {
            "defaults": function.__defaults__,
            "keywords": function.__kwdefaults__,
            "members": {name: member for name, member in vars(function).items() if name != "__wrapped__"},
            "globals": self._globals(names(found), function.__globals__, function.__qualname__),
        }
        return {
            "kind": "function",
            "source": self._source(function.__module__, piece),
            "place": places.place(found),
            "name": function.__name__,
            "qualname": function.__qualname__,
            "cells": {name: self._number(cell) for name, cell in cells},
            "values": self._values(values, function.__qualname__),
        }

    def _class(self, kind: type) -> dict[str, Any]:
        fields = getattr(kind, "_fields", None)
        module = sys.modules.get(kind.__module__)
        space = vars(module) if module is not None else {}
        found = _sources.of_class(kind, module)
        if found is None:
            if issubclass(kind, tuple) and fields is not None:
                defaults = tuple(getattr(kind, "_field_defaults", {}).values())
                head = {"kind": "namedtuple", "name": kind.__name__, "fields": fields, "module": kind.__module__}
                values = self._values({"defaults": defaults}, kind.__qualname__)
                return head | {"number": self._class_numbers.number(kind), "values": values}
            raise PicklingError(
                f"the class {kind.__qualname__} has no statement at the top of a file, so it cannot be sent; define it there"
            )
        piece, statement = found
        now, later = _sources.class_names(statement)
        return {
            "kind": "class",
            "source": self._source(kind.__module__, piece),
            "qualname": kind.__qualname__,
            "number": self._class_numbers.number(kind),
            "values": self._values({"globals": self._globals(now, space, kind.__qualname__, kind)}, kind.__qualname__),
            "later": self._values({"globals": self._globals(later, space, kind.__qualname__, kind)}, kind.__qualname__),
        }

    def _globals(self, wanted: frozenset[str], space: dict[str, Any], owner: str, but: Any = None) -> dict[str, Any]:
        """The globals of these names. A class that names itself has no need of it before it is there."""
        outer = owner.split(".")[0]
        found = {
            name: space[name]
            for name in sorted(wanted)
            if name in space and space[name] is not but and not (but is not None and name == outer)
        }
        self.looked_up += [(space, name, value) for name, value in found.items()]
        return found

    def _values(self, values: dict[str, Any], owner: str) -> bytes | None:
        if not any(values.values()):
            return None
        try:
            return data.dumps(values, self.extend)
        except DataError as error:
            for part, name, value in _named_values(values):
                try:
                    data.dumps(value, self.extend)
                except DataError:
                    raise PicklingError(f"{owner} uses {name} ({part}): {error}{_remedy(part, value)}") from error
            raise PicklingError(f"{owner}: {error}") from error

    def _source(self, module: str, piece: places.Piece) -> int:
        key = (module, piece.name, piece.first)
        if key not in self._source_numbers:
            self._source_numbers[key] = len(self._sources)
            self._sources.append((module, piece))
        return self._source_numbers[key]


def _named_values(values: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for part, content in values.items():
        for name, value in content.items() if isinstance(content, dict) else ():
            yield part, name, value


def _remedy(part: str, value: Any) -> str:
    """A module's own message says what helps."""
    is_plain = part == "globals" and not isinstance(value, types.ModuleType)
    return "; make it in the function, or in an initializer" if is_plain else ""


def is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
