"""Calls of Python functions as rows of a program, and its outputs as what the calls gave."""

from __future__ import annotations

import dataclasses
import functools
import struct
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pickle import PicklingError
from typing import Any

from ._errors import RemoteTraceback, ResultRefused, TaskFailed
from ._functions import Bundle, is_full
from ._results import Results, Trusted
from ._shipped import data
from ._shipped.data import DataError
from ._values import Raised

#: As in `_sandboxed.py`.
HEAD = struct.Struct("<BII")
VALUE, ERROR = 0, 1
#: Functions that are kept taken apart.
MOST_FUNCTIONS = 1024
#: Classes that are sent along with a function, because its arguments had instances of them.
MOST_COMPANIONS = 64


class Function:
    """A function as it was when it was taken apart."""

    def __init__(self, function: Callable[..., Any], base: Bundle, modules: frozenset[str], companions: tuple[type, ...]) -> None:
        self.bundle = Bundle(modules, base)
        for one in companions:
            self.bundle.extend(one)
        self.data = self.bundle.dumps(function)
        self.companions = companions
        self._state = _state(function)
        self._looked_up = self.bundle.looked_up
        self.bundle.forget()
        #: How often it was sent, and its number in the snapshot of each connection that has it.
        self.sent = 0

    def is_current(self, function: Callable[..., Any]) -> bool:
        """Whether the function, and what it names, still are what they were."""
        if any(space.get(name, self) is not value for space, name, value in self._looked_up):
            return False
        now = _state(function)
        return len(now) == len(self._state) and all(map(_is, now, self._state))


def _is(one: Any, other: Any) -> bool:
    return one is other


def _state(function: Callable[..., Any]) -> tuple[Any, ...]:
    """What may change in a function object."""
    if not isinstance(function, types.FunctionType):
        return ()
    cells = [cell.cell_contents if is_full(cell) else None for cell in function.__closure__ or ()]
    # A function that names itself would keep itself alive.
    cells = [None if content is function else content for content in cells]
    return function.__code__, function.__defaults__, function.__kwdefaults__, *cells


class Functions:
    """The functions of an executor. The last ones are kept, as long as somebody else has them."""

    def __init__(self, modules: frozenset[str]) -> None:
        self._modules = modules
        self.base = Bundle(modules)
        self._known: OrderedDict[int, tuple[Any, Function]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, function: Callable[..., Any]) -> Function:
        key = id(function)
        found = self._known.get(key)
        if found is not None and found[0]() is function and found[1].is_current(function):
            return found[1]
        return self._add(function, ())

    def accompany(self, function: Callable[..., Any], known: Function, classes: list[type]) -> Function:
        """The same function, with classes that its arguments have."""
        if len(known.companions) + len(classes) > MOST_COMPANIONS:
            return known
        return self._add(function, (*known.companions, *classes))

    def _add(self, function: Callable[..., Any], companions: tuple[type, ...]) -> Function:
        made = Function(function, self.base, self._modules, companions)
        key = id(function)
        known = weakref.ref(self._known)  # type: ignore[type-var] if False else None

        def gone(_: Any, known: Any = known) -> None:
            pass

        with self._lock:
            self._known[key] = (weakref.ref(function), made)
            self._known.move_to_end(key)
            while len(self._known) > MOST_FUNCTIONS:
                self._known.popitem(last=False)
        return made
