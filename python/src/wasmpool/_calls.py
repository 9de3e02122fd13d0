"""Calls of Python functions as rows of a program, and its outputs as what the calls gave."""

from __future__ import annotations

import base64
import functools
import marshal
import operator
import struct
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pickle import PicklingError
from typing import Any, NamedTuple

from . import _frames
from ._errors import RemoteTraceback, ResultRefused, TaskFailed
from ._functions import Bundle, Classes, is_full
from ._future import Ended, TaskFuture
from ._results import Results, Trusted
from ._shipped import data
from ._shipped.data import DataError

#: As in `_sandboxed.py`.
HEAD = struct.Struct("<BII")
PLAIN, BUNDLE = 0, 1
RAISED = "_sandboxed.Raised: "
#: Calls after which a function becomes a part of the snapshot. Making one costs as much as coming along twice as often.
ENOUGH = 1000
#: Deepest nesting of arguments that go the quick way.
DEPTH = 20
_ATOMS = {int, float, complex, bool, str, bytes, type(None)}
_CONTAINERS = {list, tuple, dict, set, frozenset}
#: Bytes of a function that cost as much as another call.
PORTION = 16 << 10
#: Functions that are kept taken apart.
MOST_FUNCTIONS = 1024
#: Classes that are sent along with a function, because its arguments had instances of them.
MOST_COMPANIONS = 64


class Function:
    """A function as it was when it was taken apart."""

    def __init__(self, function: Callable[..., Any], bundle: Bundle, companions: tuple[type, ...]) -> None:
        self.bundle = bundle
        for one in companions:
            bundle.extend(one)
        self.data = bundle.dumps(function)
        self.companions = companions
        self._state = _state(function)
        bundle.forget()
        #: How often it came along with a call, and more for a large one.
        self.sent = 0

    def is_current(self, function: Callable[..., Any]) -> bool:
        """Whether the function, and what it names, still are what they were."""
        for space, name, value in self.bundle.looked_up:
            if space.get(name, self) is not value:
                return False
        if not isinstance(function, types.FunctionType):
            return True
        code, defaults, keywords, cells = self._state
        if function.__code__ is not code or function.__defaults__ is not defaults or function.__kwdefaults__ is not keywords:
            return False
        return not cells or all(map(operator.is_, cells, _cells(function)))


class Call(NamedTuple):
    function: Function
    #: `PLAIN` or `BUNDLE`.
    form: int
    content: bytes


def _plain_data(args: tuple[Any, ...], keywords: dict[str, Any]) -> bytes | None:
    """Builtin values as bytes, or `None` for others. Only the sandbox reads them, whose Python knows this version of marshal."""
    if _ATOMS.issuperset(map(type, args)) and not keywords or _is_plain((args, keywords), DEPTH):
        return marshal.dumps((args, keywords), 4)
    return None


def _is_plain(value: Any, depth: int) -> bool:
    """Whether a container has nothing but builtin values, down to a depth. marshal would take others for bytes."""
    if type(value) is dict:
        return _is_plain(list(value), depth) and _is_plain(list(value.values()), depth)
    kinds = set(map(type, value)) - _ATOMS
    if not kinds:
        return True
    inner = (_is_plain(one, depth - 1) for one in value if type(one) in _CONTAINERS)
    return depth > 0 and kinds <= _CONTAINERS and all(inner)


class FunctionFuture(TaskFuture):
    """The future of a call. Its row is made when it is sent, by what the sandbox has then."""

    def __init__(self, calls: Calls, call: Call | None) -> None:
        super().__init__(b"", True, calls.read, 0, None)
        self._calls, self._call = calls, call

    def _begin(self) -> bytes | None:
        row, call, connection = super()._begin(), self._call, self._connection
        if row is None or call is None or connection is None:
            return row
        self._call = None
        return self._calls.row(call, connection.note)

    def _failure(self, ended: Ended) -> Exception:
        return self._calls.failure(ended)


def _state(function: Callable[..., Any]) -> tuple[Any, ...]:
    """What may change in a function."""
    if not isinstance(function, types.FunctionType):
        return ()
    return function.__code__, function.__defaults__, function.__kwdefaults__, _cells(function)


def _cells(function: types.FunctionType) -> list[Any]:
    contents = [cell.cell_contents if is_full(cell) else None for cell in function.__closure__ or ()]
    # A function that names itself would keep itself alive.
    return [None if content is function else content for content in contents]


def plain(function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """The same call without bound methods and partials, whose parts are better arguments: they change from call to call."""
    called: Any = function
    while True:
        if isinstance(called, types.MethodType):
            called, args = called.__func__, (called.__self__, *args)
        elif type(called) is functools.partial:
            args, keywords = (*called.args, *args), {**called.keywords, **keywords}
            called = called.func
        else:
            return called, args, keywords


class Calls:
    """The functions of an executor, and what its results may be."""

    def __init__(self, modules: frozenset[str], trusted: Trusted) -> None:
        self._modules = modules
        self._classes = Classes()
        self._results = Results(self._classes, trusted)
        #: What all functions have in common: the initializer and its arguments.
        self.base = self._bundle()
        self._known: OrderedDict[int, tuple[weakref.ref[Any], Function]] = OrderedDict()
        self._lock = threading.RLock()
        #: Called when a function has come along often enough to become a part of the snapshot.
        self.on_enough: Callable[[], Callable[[], None] | None] | None = None

    def after_fork(self) -> None:
        """In a child of this process, in which nobody lets go of a lock."""
        self._lock = threading.RLock()
        self._classes.after_fork()

    def _bundle(self, parent: Bundle | None = None) -> Bundle:
        return Bundle(self._classes, self._modules, parent)

    # Functions.

    def function(self, function: Callable[..., Any]) -> Function:
        found = self._known.get(id(function))
        if found is not None and found[0]() is function and found[1].is_current(function):
            return found[1]
        return self._add(function, ())

    def _add(self, function: Callable[..., Any], companions: tuple[type, ...]) -> Function:
        if not callable(function):
            raise TypeError(f"{function!r} is not a function")
        made = Function(function, self._bundle(self.base), companions)
        key, known = id(function), self._known
        try:
            reference = weakref.ref(function, lambda gone: _forget(known, key, gone))
        except TypeError:
            # It has nothing to tell that it is gone.
            return made
        with self._lock:
            known[key] = reference, made
            known.move_to_end(key)
            while len(known) > MOST_FUNCTIONS:
                known.popitem(last=False)
        return made

    # Rows.

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> Call:
        function, args, keywords = plain(function, args, keywords)
        known = self.function(function)
        plain_args = _plain_data(args, keywords)
        if plain_args is not None:
            call = Call(known, PLAIN, plain_args)
        else:
            call = self._with_classes(function, known, (args, keywords))
        size = HEAD.size + len(known.data) + len(call.content)
        if size > _frames.MAX_ROW:
            raise PicklingError(f"the function and its arguments have {size} bytes, more than {_frames.MAX_ROW}")
        return call

    def row(self, call: Call, snapshot: dict[Function, int]) -> bytes:
        """The row of a call, for a sandbox that has some functions already. Others come along with each call."""
        number = snapshot.get(call.function)
        if number is not None:
            return HEAD.pack(call.form, number, 0) + call.content
        text = call.function.data
        before = call.function.sent
        call.function.sent += 1 + len(text) // PORTION
        if before < ENOUGH <= call.function.sent and self.on_enough is not None and (tell := self.on_enough()):
            tell()
        return HEAD.pack(call.form, 0, len(text)) + text + call.content

    def often(self, most: int) -> list[Function]:
        """The functions that are called often, up to a size."""
        with self._lock:
            known = [function for _, function in reversed(self._known.values())]
        found = []
        for function in known:
            most -= len(function.data)
            if function.sent >= ENOUGH // 4 and most > 0:
                found.append(function)
        return found

    def _with_classes(self, function: Callable[..., Any], known: Function, call: Any) -> Call:
        """Arguments that are more than data. Their classes stay with the function."""
        bundle = self._bundle(known.bundle)
        content = bundle.dumps(call)
        if bundle.classes and len(known.companions) + len(bundle.classes) <= MOST_COMPANIONS:
            known = self._add(function, (*known.companions, *bundle.classes))
            content = self._bundle(known.bundle).dumps(call)
        return Call(known, BUNDLE, content)

    # Results.

    def failure(self, ended: Ended) -> Exception:
        """What a call raises whose task is not ok. With retries it is one that has raised an error itself."""
        failed = ended.failure()
        if failed.status != "failed" or not failed.message.startswith(RAISED):
            return failed
        try:
            return self._error(base64.b64decode(failed.message[len(RAISED) :], validate=True))
        except ValueError:
            return failed

    def read(self, output: bytes, _: bool = True) -> Any:
        """The value that a call has returned. Raises the error that it has raised."""
        if output[:1] == b"\0":
            try:
                return self._results.loads(output[1:])
            except DataError as error:
                raise refused(f"the result does not come back: {error}") from None
        if output[:1] == b"\1":
            raise self._error(output)
        raise refused(_text(output[1:]))

    def _error(self, output: bytes) -> Exception:
        end = 5 + int.from_bytes(output[1:5], "little")
        trace = output[5:end].decode(errors="replace")
        error: Any
        try:
            error = self._results.loads(output[end:])
        except DataError:
            error = None
        if not isinstance(error, Exception):
            # The class is not known here.
            error = TaskFailed("failed", {"code": "exception", "message": _last_error(trace), "traceback": trace})
        error.__cause__ = RemoteTraceback(trace)
        return error  # type: ignore[no-any-return]


def _last_error(trace: str) -> str:
    """The line of a traceback that names its last error. Notes may stand behind it."""
    lines = trace.rstrip().split("\n")
    after = max((at for at, line in enumerate(lines, 1) if line.startswith(" ")), default=0)
    return lines[min(after, len(lines) - 1)]


def _forget(known: OrderedDict[int, tuple[Any, Any]], key: int, gone: Any) -> None:
    found = known.get(key)
    if found is not None and found[0] is gone:
        known.pop(key, None)


def refused(why: str) -> ResultRefused:
    return ResultRefused("failed", {"code": "result-type", "message": why})


def _text(content: bytes) -> str:
    try:
        return str(data.loads(content))
    except DataError:
        return "the answer of the sandbox makes no sense"


__all__ = ["Calls", "PicklingError"]
