"""Results from the sandbox: values, and instances of classes that the caller itself has sent or named. Reading them runs none of
their code, imports nothing, and calls nothing that the bytes name."""

from __future__ import annotations

import builtins
import dataclasses
import enum
import sys
from collections.abc import Collection
from typing import Any

from ._functions import Classes
from ._shipped import data
from ._shipped.data import DataError
from ._shipped.instances import restored

#: Kinds whose parts `restored` checks itself.
_CHECKED = ("Counter", "OrderedDict", "deque", "defaultdict", "path")


class Trusted:
    """Whose instances may come back by name: classes of the modules that the caller sends, and those that it trusts."""

    def __init__(self, classes: Collection[type] = (), modules: Collection[str] = ()) -> None:
        self.classes = frozenset(classes)
        self.modules = frozenset(modules)


class Results:
    """Reads results."""

    def __init__(self, classes: Classes, trusted: Trusted = Trusted()) -> None:  # noqa: B008
        self._classes, self._trusted = classes, trusted

    def loads(self, output: bytes) -> Any:
        return data.loads(output, self.restore)

    def restore(self, kind: str, content: Any) -> Any:
        if kind == "class":
            known = self._classes.get(content) if type(content) is int else None
            if known is not None:
                return known
            raise DataError("a class comes back that was not sent")
        if kind == "builtin-error":
            found = vars(builtins).get(content) if type(content) is str else None
            if isinstance(found, type) and issubclass(found, Exception):
                return found
            raise DataError("an error comes back that there is not")
        if kind == "named":
            return self._named(content)
        if kind not in _CHECKED:
            self._check(kind, content)
        try:
            return restored(kind, content)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise DataError(f"the parts of {kind!r} do not fit: {error}") from error

    def _named(self, content: Any) -> type:
        """A class by module and name, if both are known here. Nothing is imported."""
        if type(content) is not tuple or [type(part) for part in content] != [str, str]:
            raise DataError("a class without a name")
        module, qualname = content
        top = module.partition(".")[0]
        found: Any = sys.modules.get(module)
        for part in qualname.split("."):
            # Not `getattr`, which may be code.
            found = vars(found).get(part) if type(found) is type(sys) or isinstance(found, type) else None
        if isinstance(found, type):
            if top in self._trusted.modules or found in self._trusted.classes:
                return found
            if top in sys.stdlib_module_names and issubclass(found, Exception):
                return found
        raise DataError(f"an instance of {module}.{qualname} cannot come back: its class was not sent{_remedy(module)}")

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
            is_plain = not any("__new__" in vars(base) for base in of.__mro__ if base is not object)
            fits = _are_members(state) and is_plain and self._may_have(of, set(state))
        else:
            fits = False
        if not fits:
            raise DataError(
                f"an instance of {of.__qualname__} cannot come back: return plain values, a dataclass, a named tuple or an enum, "
                "or name its class in trust_results=[…]"
            )

    def _may_have(self, of: type, names: set[str]) -> bool:
        if of in self._trusted.classes:
            return True
        return dataclasses.is_dataclass(of) and names <= {field.name for field in dataclasses.fields(of)}


def _remedy(module: str) -> str:
    return "" if module in sys.stdlib_module_names else "; name it in trust_results=[…]"


def _is_plain_error(of: type) -> bool:
    return issubclass(of, Exception) and not any("__new__" in vars(base) for base in of.__mro__ if base.__flags__ & 0x200)


def _are_members(state: Any) -> bool:
    return type(state) is dict and all(type(name) is str and not name.startswith("__") for name in state)
