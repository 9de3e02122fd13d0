"""Python functions by their source, so that the interpreter that runs them may be of another version.

`Bundle` takes a value apart on the host: functions become the place of their code in a source file, with their defaults,
cells and the globals that they name; classes become the place of their statement. `Loader` puts them together again, in the
sandbox. What comes back is data: `Results` makes instances of classes that the host itself has sent, without running any of
their code, and nothing else.
"""

from __future__ import annotations

import ast
import builtins
import collections
import dataclasses
import dis
import enum
import functools
import linecache
import sys
import types
from pickle import PicklingError
from typing import Any

from . import _data
from ._data import DataError

_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"}
#: Kinds of values that the sandbox finds by name.
_BY_NAME = (types.FunctionType, types.BuiltinFunctionType, type)


# Codes and statements in a source.


def _place(code: types.CodeType) -> tuple[str, int, int]:
    """What finds a code again, whatever version compiles its source: its name, and where it begins."""
    starts = [(line, column) for line, _, column, _ in code.co_positions() if line and column is not None and column > 0]
    inner = [start for start in starts if start[0] >= code.co_firstlineno]
    return code.co_qualname, code.co_firstlineno, min(inner, default=(0, 0))[1]


def _codes(code: types.CodeType) -> Any:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


@functools.lru_cache(maxsize=64)
def _compiled(text: str, name: str) -> dict[tuple[str, int, int], types.CodeType]:
    return {_place(code): code for code in _codes(compile(text, name, "exec", dont_inherit=True))}


def _find(text: str, name: str, place: tuple[str, int, int]) -> types.CodeType | None:
    codes = _compiled(text, name)
    if place in codes:
        return codes[place]
    # Columns differ between versions where nothing else does.
    same = [code for (qualname, line, _), code in codes.items() if (qualname, line) == place[:2]]
    return same[0] if len(same) == 1 else None


def _names(code: types.CodeType) -> set[str]:
    """The globals that a code or one inside it names."""
    return {
        str(one.argval) for inner in _codes(code) for one in dis.get_instructions(inner) if one.opname in _GLOBAL
    }


def _statement(text: str, name: str, qualname: str) -> ast.ClassDef | None:
    """The outermost class statement around a class."""
    first = qualname.split(".")[0]
    found = [node for node in ast.walk(ast.parse(text, name)) if isinstance(node, ast.ClassDef) and node.name == first]
    return found[-1] if found else None


def _class_names(statement: ast.ClassDef) -> tuple[set[str], set[str]]:
    """The names that a class statement needs to be executed, and those that its methods need later."""
    now: set[str] = set()
    later: set[str] = set()

    def walk(node: ast.AST, names: set[str]) -> None:
        if isinstance(node, ast.Name):
            names.add(node.id)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            body = node.body if isinstance(node.body, list) else [node.body]
            for child in ast.iter_child_nodes(node):
                walk(child, later if child in body else names)
            return
        for child in ast.iter_child_nodes(node):
            walk(child, names)

    walk(statement, now)
    return now, later - now


# The host.


class Bundle:
    """Functions and classes that were met, and what they need."""

    def __init__(self) -> None:
        self._sources: list[dict[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._items: list[Any] = []
        self._places: dict[int, int] = {}
        self._written: list[Any] = []
        #: The classes, by their numbers in results.
        self.classes: dict[int, type] = {}

    def dumps(self, value: Any) -> bytes:
        """A value and everything that it needs.

        Raises `PicklingError` for a value that has no form, with its name."""
        try:
            root = _data.dumps(value, self.extend)
            # Writing an item may add further ones.
            while len(self._written) < len(self._items):
                self._written.append(self._write(self._items[len(self._written)]))
        except DataError as error:
            raise PicklingError(str(error)) from error
        return _data.dumps({"sources": self._sources, "items": self._written, "value": root})

    def extend(self, value: Any) -> tuple[str, Any] | None:
        if isinstance(value, types.ModuleType):
            return "module", value.__name__
        if isinstance(value, _BY_NAME) and (found := _by_name(value)) is not None:
            return "import", found
        if isinstance(value, types.FunctionType):
            return "item", self._number(value)
        if isinstance(value, types.CellType):
            return "item", self._number(value)
        if isinstance(value, type):
            return "class", self._number(value)
        if isinstance(value, types.MethodType):
            return "method", (value.__self__, value.__name__)
        if type(value) is functools.partial:
            return "partial", (value.func, value.args, value.keywords)
        return instance(value)

    def _number(self, value: Any) -> int:
        number = self._places.get(id(value))
        if number is None:
            number = self._places[id(value)] = len(self._items)
            self._items.append(value)
            if isinstance(value, type):
                self.classes[number] = value
        return number

    def _write(self, value: Any) -> dict[str, Any]:
        if isinstance(value, types.CellType):
            content = ("value", value.cell_contents) if _is_full(value) else ("empty", None)
            return {"kind": "cell", "values": _data.dumps(content, self.extend)}
        return self._function(value) if isinstance(value, types.FunctionType) else self._class(value)

    def _function(self, function: types.FunctionType) -> dict[str, Any]:
        code = function.__code__
        source = self._source(code.co_filename, function.__module__, function.__globals__, function.__qualname__)
        text = self._sources[source]["text"]
        place = _place(code)
        found = _find(text, code.co_filename, place)
        if found is None or found.co_code != code.co_code:
            raise PicklingError(
                f"the source of {function.__qualname__} cannot be found in {code.co_filename}: it was made by a program, or the "
                "file has changed since it was read"
            )
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        values = {
            "defaults": function.__defaults__,
            "keywords": function.__kwdefaults__,
            "members": {name: member for name, member in vars(function).items() if name != "__wrapped__"},
            "globals": self._globals(_names(code), function.__globals__, function.__qualname__),
        }
        return {
            "kind": "function",
            "source": source,
            "place": place,
            "name": function.__name__,
            "qualname": function.__qualname__,
            "cells": {name: self._number(cell) for name, cell in cells},
            "values": self._values(values, function.__qualname__),
        }

    def _class(self, kind: type) -> dict[str, Any]:
        fields = getattr(kind, "_fields", None)
        module = sys.modules.get(kind.__module__)
        space = vars(module) if module is not None else {}
        path = getattr(module, "__file__", None) or _file_of_members(kind)
        statement = None
        if path and "<locals>" not in kind.__qualname__:
            source = self._source(path, kind.__module__, space, kind.__qualname__)
            statement = _statement(self._sources[source]["text"], path, kind.__qualname__)
        if statement is None:
            if issubclass(kind, tuple) and fields is not None:
                defaults = tuple(getattr(kind, "_field_defaults", {}).values())
                head = {"kind": "namedtuple", "name": kind.__name__, "fields": fields, "module": kind.__module__}
                return head | {"values": self._values({"defaults": defaults}, kind.__qualname__)}
            raise PicklingError(
                f"the class {kind.__qualname__} has no statement at the top of a file, so it cannot be sent; define it there"
            )
        now, later = _class_names(statement)
        return {
            "kind": "class",
            "source": source,
            "qualname": kind.__qualname__,
            "values": self._values({"globals": self._globals(now, space, kind.__qualname__, kind)}, kind.__qualname__),
            "later": self._values({"globals": self._globals(later, space, kind.__qualname__, kind)}, kind.__qualname__),
        }

    def _globals(self, names: set[str], space: dict[str, Any], owner: str, but: Any = None) -> dict[str, Any]:
        """The globals of these names. A class that names itself has no need of it before it is there."""
        outer = owner.split(".")[0]
        return {
            name: space[name]
            for name in sorted(names)
            if name in space and space[name] is not but and not (but is not None and name == outer)
        }

    def _values(self, values: dict[str, Any], owner: str) -> bytes:
        try:
            return _data.dumps(values, self.extend)
        except DataError as error:
            for part, content in values.items():
                for name, value in content.items() if isinstance(content, dict) else ():
                    try:
                        _data.dumps(value, self.extend)
                    except DataError:
                        raise PicklingError(f"{owner} uses {name} ({part}): {error}") from error
            raise PicklingError(f"{owner}: {error}") from error

    def _source(self, path: str, module: str, space: dict[str, Any], owner: str) -> int:
        key = (path, module)
        if key not in self._numbers:
            lines = linecache.getlines(path, space)
            if not lines:
                raise PicklingError(
                    f"{owner} has no source: it comes from {path}. Functions go to the sandbox as source; define it in a file or "
                    "in a notebook"
                )
            self._numbers[key] = len(self._sources)
            self._sources.append({"name": path, "module": module, "text": "".join(lines)})
        return self._numbers[key]


def _is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _file_of_members(kind: type) -> str | None:
    for member in vars(kind).values():
        if isinstance(member, types.FunctionType) and not member.__code__.co_filename.startswith("<string"):
            return member.__code__.co_filename
    return None


def _by_name(value: Any) -> tuple[str, str] | None:
    """Module and name of a value of the standard library, which the sandbox has as well."""
    if value is type(None):
        return "types", "NoneType"
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    module = module or getattr(getattr(value, "__self__", None), "__name__", None)
    if not isinstance(module, str) or module.split(".")[0] not in sys.stdlib_module_names or module == "__main__":
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return (module, name) if found is value else None


def instance(value: Any) -> tuple[str, Any] | None:
    """An instance of a class as its class and its state. Both sides use it."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        return "enum", (kind, value.name)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return "tuple", (kind, tuple(value))
    if isinstance(value, BaseException):
        return "error", (kind, value.args, dict(vars(value)))
    # What is written in C has state of its own, which is nowhere to be seen; so have many of the standard library.
    own = kind.__module__ == "__main__" or kind.__module__.split(".")[0] not in sys.stdlib_module_names
    if not own or kind.__reduce_ex__ is not object.__reduce_ex__:
        return None
    if any(base is not object and not base.__flags__ & 0x200 for base in kind.__mro__):
        return None
    state = dict(getattr(value, "__dict__", {}))
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                state[name] = getattr(value, name)
    return "instance", (kind, state)


# The sandbox.


class Loader:
    """Puts together what a `Bundle` has written. Runs the code in it, so it belongs into the sandbox."""

    def __init__(self, data: bytes) -> None:
        bundle = _data.loads(data)
        self._sources, self._items = bundle["sources"], bundle["items"]
        self._made: dict[int, Any] = {}
        self._spaces: dict[str, dict[str, Any]] = {}
        self._unfilled: collections.deque[tuple[Any, Any]] = collections.deque()
        self._numbers: dict[int, int] = {}
        self.value = _data.loads(bundle["value"], self.restore)
        while self._unfilled:
            fill, values = self._unfilled.popleft()
            fill(_data.loads(values, self.restore))

    def restore(self, kind: str, content: Any) -> Any:
        if kind in ("item", "class"):
            return self._item(content)
        if kind == "module":
            return _module(content)
        if kind == "import":
            found = _module(content[0])
            for part in content[1].split("."):
                found = getattr(found, part)
            return found
        if kind == "method":
            return getattr(*content)
        if kind == "partial":
            return functools.partial(content[0], *content[1], **content[2])
        return restored(kind, content)

    def extend(self, value: Any) -> tuple[str, Any] | None:
        """For results: classes by the numbers that the host knows."""
        if isinstance(value, type):
            if id(value) in self._numbers:
                return "class", self._numbers[id(value)]
            if value.__module__ == "builtins" and issubclass(value, Exception):
                return "builtin-error", value.__name__
            return None
        return instance(value)

    def _item(self, number: int) -> Any:
        if number not in self._made:
            item = self._items[number]
            make = {"cell": self._cell, "function": self._function, "class": self._class}.get(item["kind"], self._named)
            make(number, item)
        return self._made[number]

    def _space(self, module: str) -> dict[str, Any]:
        return self._spaces.setdefault(module, {"__name__": module, "__builtins__": builtins})

    def _cell(self, number: int, item: dict[str, Any]) -> None:
        cell = self._made[number] = types.CellType()

        def fill(content: tuple[str, Any]) -> None:
            if content[0] == "value":
                cell.cell_contents = content[1]

        self._unfilled.append((fill, item["values"]))

    def _function(self, number: int, item: dict[str, Any]) -> None:
        source = self._sources[item["source"]]
        code = _find(source["text"], source["name"], item["place"])
        if code is None:
            raise DataError(f"{item['qualname']} is not in {source['name']} for this version of Python")
        space = self._space(source["module"])
        linecache.cache[source["name"]] = (len(source["text"]), None, source["text"].splitlines(True), source["name"])
        # Cells are there before their content, so functions that share one still do.
        cells = tuple(self._item(item["cells"][name]) for name in code.co_freevars)
        function = types.FunctionType(code, space, item["name"], None, cells)
        function.__qualname__, function.__module__ = item["qualname"], source["module"]
        self._made[number] = function

        def fill(values: dict[str, Any]) -> None:
            function.__defaults__, function.__kwdefaults__ = values["defaults"], values["keywords"]
            vars(function).update(values["members"])
            for name, value in values["globals"].items():
                space.setdefault(name, value)

        self._unfilled.append((fill, item["values"]))

    def _class(self, number: int, item: dict[str, Any]) -> None:
        source = self._sources[item["source"]]
        space = self._space(source["module"])
        module = sys.modules.get(source["module"]) or types.ModuleType(source["module"])
        if source["module"] != "__main__":
            # Where dataclasses and enums look up their module.
            sys.modules.setdefault(source["module"], module)
        for name, value in _data.loads(item["values"], self.restore)["globals"].items():
            space.setdefault(name, value)
        outer = item["qualname"].split(".")[0]
        if outer not in space:
            statement = _statement(source["text"], source["name"], item["qualname"])
            tree = ast.parse(source["text"], source["name"])
            tree.body = [node for node in tree.body if _is_future(node)] + [statement]  # type: ignore[list-item]
            exec(compile(tree, source["name"], "exec", dont_inherit=True), space)
        kind: Any = space[outer]
        for part in item["qualname"].split(".")[1:]:
            kind = getattr(kind, part)
        self._made[number] = kind
        self._numbers[id(kind)] = number

        def fill(values: dict[str, Any]) -> None:
            for name, value in values["globals"].items():
                space.setdefault(name, value)

        self._unfilled.append((fill, item["later"]))

    def _named(self, number: int, item: dict[str, Any]) -> None:
        defaults = _data.loads(item["values"], self.restore)["defaults"]
        kind = collections.namedtuple(item["name"], item["fields"], defaults=defaults, module=item["module"])  # type: ignore[misc]
        self._made[number] = kind
        self._numbers[id(kind)] = number


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _module(name: str) -> Any:
    __import__(name)
    return sys.modules[name]


def restored(kind: str, content: Any) -> Any:
    """An instance of its class and its state. Runs no `__init__` and no `__setstate__`."""
    if kind == "enum":
        return content[0].__members__[content[1]]
    if kind == "tuple":
        return tuple.__new__(content[0], content[1])
    if kind == "error":
        error = content[0].__new__(content[0], *content[1])
        error.args = content[1]
        vars(error).update(content[2])
        return error
    if kind == "instance":
        made = object.__new__(content[0])
        for name, value in content[1].items():
            object.__setattr__(made, name, value)
        return made
    raise DataError(f"there may be no {kind!r} here")


# The host again.


class Results:
    """Reads results: values, and instances of the classes of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._classes = bundle.classes

    def loads(self, data: bytes) -> Any:
        return _data.loads(data, self.restore)

    def restore(self, kind: str, content: Any) -> Any:
        if kind == "class":
            if type(content) is int and content in self._classes:
                return self._classes[content]
            raise DataError("a class comes back that was not sent")
        if kind == "builtin-error":
            found = vars(builtins).get(content) if type(content) is str else None
            if isinstance(found, type) and issubclass(found, Exception):
                return found
            raise DataError("an error comes back that there is not")
        self._check(kind, content)
        return restored(kind, content)

    def _check(self, kind: str, content: Any) -> None:
        """Refuses every state but that which the class itself could have, before anything is made."""
        if type(content) is not tuple or len(content) < 2 or not isinstance(content[0], type):
            raise DataError(f"{kind!r} without a class")
        of, state = content[0], content[1]
        if kind == "enum":
            fits = issubclass(of, enum.Enum) and type(state) is str and state in of.__members__
        elif kind == "tuple":
            fields = getattr(of, "_fields", None)
            fits = issubclass(of, tuple) and type(state) is tuple and fields is not None and len(state) == len(fields)
        elif kind == "error":
            fits = _is_plain_error(of) and len(content) == 3 and type(state) is tuple and _are_members(content[2])
        elif kind == "instance":
            fields = {field.name for field in dataclasses.fields(of)} if dataclasses.is_dataclass(of) else None
            fits = fields is not None and _are_members(state) and set(state) <= fields and of.__new__ is object.__new__
        else:
            fits = False
        if not fits:
            raise DataError(f"a {kind!r} of {of.__qualname__} cannot come back: return plain values, or a dataclass, a named tuple or an enum")


def _is_plain_error(of: type) -> bool:
    return issubclass(of, Exception) and not any("__new__" in vars(base) for base in of.__mro__ if base.__flags__ & 0x200)


def _are_members(state: Any) -> bool:
    return type(state) is dict and all(type(name) is str and not name.startswith("__") for name in state)
