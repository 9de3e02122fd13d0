"""Functions and classes that a `Bundle` of the host has taken apart, put together again. Runs the code in them, so it belongs into
the sandbox."""

from __future__ import annotations

import builtins
import collections
import functools
import linecache
import marshal
import re
import sys
import types
from collections.abc import Callable
from typing import Any

from . import data, places
from .data import DataError
from .instances import instance, restored


class World:
    """The namespaces of modules whose functions came as source: all loaders have the same."""

    def __init__(self) -> None:
        self._spaces: dict[str, dict[str, Any]] = {}
        # Names that the initializer has used or set, which keep its values.
        self._fixed: dict[str, frozenset[str]] = {}
        self._pieces: list[places.Piece] = []

    def space(self, name: str) -> dict[str, Any]:
        if name not in self._spaces:
            module = types.ModuleType(name)
            self._spaces[name] = vars(module)
            vars(module).update(__builtins__=builtins, __getattr__=_lacking(name))
            # Where dataclasses and enums look up their module.
            if name == "__main__" or name not in sys.modules:
                sys.modules[name] = module
        return self._spaces[name]

    def free(self, module: str, names: dict[str, Any]) -> dict[str, Any]:
        """The names of a module that a function may bind."""
        fixed = self._fixed.get(module)
        return {name: value for name, value in names.items() if name not in fixed} if fixed else names

    def fix(self) -> None:
        self._fixed = {name: frozenset(space) for name, space in self._spaces.items()}

    def add(self, piece: places.Piece) -> None:
        self._pieces.append(piece)

    def show_sources(self) -> None:
        """Gives tracebacks the lines of all pieces."""
        files: dict[str, list[str]] = {}
        for piece in self._pieces:
            lines = piece.text.splitlines(keepends=True)
            file = files.setdefault(piece.name, [])
            last = piece.first - 1 + len(lines)
            file += ["\n"] * (last - len(file))
            file[piece.first - 1 : last] = lines
        for name, file in files.items():
            linecache.cache[name] = (0, None, file, name)


def _lacking(module: str) -> Callable[[str], Any]:
    def __getattr__(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"only what functions name of the module {module} is in the sandbox; name it in modules=[…]")

    return __getattr__


class Absent(types.ModuleType):
    """A module that a function names and that the sandbox has not. It may never be used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(f"the module {self.__name__} is not in the sandbox", name=self.__name__)


class Loader:
    """Makes what is in a bundle, which may name what is in another one."""

    def __init__(self, bundle: bytes, world: World, parent: Loader | None = None) -> None:
        self._first, sources, self._items, value = marshal.loads(bundle)
        self._world = world
        self._sources = [(module, places.Piece(*piece)) for module, piece in sources]
        self._made: dict[int, Any] = dict(parent._made) if parent else {}
        self._numbers: dict[int, int] = dict(parent._numbers) if parent else {}
        self._bindings: dict[str, dict[str, Any]] = {}
        self._unfilled: collections.deque[tuple[Callable[[Any], None], bytes]] = collections.deque()
        for _, piece in self._sources:
            world.add(piece)
        # Also those that only a further bundle names.
        for number in range(self._first, self._first + len(self._items)):
            self._item(number)
        self.value = data.loads(value, self.restore)
        while self._unfilled:
            fill, values = self._unfilled.popleft()
            fill(data.loads(values, self.restore))
        self.bind()

    def bind(self) -> None:
        """Gives the names that functions use the values of this bundle. Others may use the same for something else."""
        for module, values in self._bindings.items():
            self._world.space(module).update(values)

    def restore(self, kind: str, content: Any) -> Any:
        if kind in ("item", "class"):
            return self._item(content)
        if kind == "module":
            try:
                return _module(content)
            except ImportError:
                return Absent(content)
        if kind == "import":
            found = _module(content[0])
            for part in content[1].split("."):
                found = getattr(found, part)
            return found
        if kind == "method":
            return getattr(*content)
        if kind == "partial":
            return functools.partial(content[0], *content[1], **content[2])
        if kind == "pattern":
            return re.compile(*content)
        if kind == "logger":
            return _module("logging").getLogger(content)
        return restored(kind, content)

    def extend(self, value: Any) -> tuple[str, Any] | None:
        """For results: classes by the numbers that the host knows, or by their names."""
        if isinstance(value, type) and id(value) in self._numbers:
            return "class", self._numbers[id(value)]
        return extend(value)

    def _item(self, number: int) -> Any:
        if number not in self._made:
            item = self._items[number - self._first]
            make = {"cell": self._cell, "function": self._function, "class": self._class}.get(item["kind"], self._named)
            make(number, item)
        return self._made[number]

    def _bind(self, module: str, values: dict[str, Any]) -> None:
        self._bindings.setdefault(module, {}).update(self._world.free(module, values))

    def _cell(self, number: int, item: dict[str, Any]) -> None:
        cell = self._made[number] = types.CellType()

        def fill(content: tuple[str, Any]) -> None:
            if content[0] == "value":
                cell.cell_contents = content[1]

        self._unfilled.append((fill, item["values"]))

    def _function(self, number: int, item: dict[str, Any]) -> None:
        module, piece = self._sources[item["source"]]
        code = places.find(piece, item["place"])
        if code is None:
            raise DataError(f"{item['qualname']} is not in {piece.name} for this version of Python")
        code = places.moved(code, piece.first - 1)
        # Cells are there before their content, so functions that share one still do.
        cells = tuple(self._item(item["cells"][name]) for name in code.co_freevars)
        function = types.FunctionType(code, self._world.space(module), item["name"], None, cells)
        function.__qualname__, function.__module__ = item["qualname"], module
        self._made[number] = function

        def fill(values: dict[str, Any]) -> None:
            function.__defaults__, function.__kwdefaults__ = values["defaults"], values["keywords"]
            vars(function).update(values["members"])
            self._bind(module, values["globals"])

        if item["values"] is not None:
            self._unfilled.append((fill, item["values"]))

    def _class(self, number: int, item: dict[str, Any]) -> None:
        module, piece = self._sources[item["source"]]
        space = self._world.space(module)
        if item["values"] is not None:
            self._bind(module, data.loads(item["values"], self.restore)["globals"])
            self.bind()
        code = places.statement(piece, item["qualname"])
        if code is None:
            raise DataError(f"{item['qualname']} is not in {piece.name} for this version of Python")
        exec(code, space)
        outer, *inner = item["qualname"].split(".")
        kind: Any = space[outer]
        self._bind(module, {outer: kind})
        for part in inner:
            kind = getattr(kind, part)
        self._note(number, item, kind)
        if item["later"] is not None:
            self._unfilled.append((lambda values: self._bind(module, values["globals"]), item["later"]))

    def _named(self, number: int, item: dict[str, Any]) -> None:
        defaults = data.loads(item["values"], self.restore)["defaults"] if item["values"] else ()
        kind = collections.namedtuple(item["name"], item["fields"], defaults=defaults, module=item["module"])  # type: ignore[misc]
        self._note(number, item, kind)

    def _note(self, number: int, item: dict[str, Any], kind: type) -> None:
        self._made[number] = kind
        self._numbers[id(kind)] = item["number"]


def extend(value: Any) -> tuple[str, Any] | None:
    """For results: classes by their names, and instances."""
    if not isinstance(value, type):
        return instance(value)
    if value.__module__ == "builtins" and issubclass(value, Exception):
        return "builtin-error", value.__name__
    return "named", (value.__module__, value.__qualname__)


def _module(name: str) -> Any:
    __import__(name)
    return sys.modules[name]
