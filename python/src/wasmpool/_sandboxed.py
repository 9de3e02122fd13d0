"""The script that runs in the sandbox: its rows are calls, and its outputs are what the calls gave. The host never imports it."""

import base64
import errno
import marshal
import struct
import traceback
import types
from typing import Any

from _shipped import data, samples
from _shipped.loader import Loader, World, extend
from _shipped.modules import Modules

#: The form of the arguments, the number of a function of the snapshot, and the length of a function that comes along.
HEAD = struct.Struct("<BII")
BUNDLE = 1
#: The first byte of an output: the value that was returned, the error that was raised, or why neither can be sent.
VALUE, ERROR, UNFIT = b"\0", b"\1", b"\2"
#: Calls of each kind before the first.
WARM = 50
#: Most characters of a traceback.
MOST = 16384


class Raised(Exception):
    """The output of a call that has raised an error, as a text, where that is to make its task one that is not ok."""


class Snapshot:
    """All that tasks start from."""

    def __init__(self) -> None:
        self.world = World()
        self.base: Loader | None = None
        self.functions: dict[int, Loader | Exception] = {}
        self.modules = Modules(None, [])
        # The numbers of errors of the system, as the host has them, by their names.
        self.errors: dict[str, int] = {}
        # The output of all tasks, if the initializer has raised an error.
        self.broken: bytes | None = None
        self.raises = False

    def begin(self, settings: dict[str, Any]) -> None:
        self.modules = Modules(settings["modules"], settings["native"])
        self.modules.install()
        self.raises, self.errors = settings["raises"], settings["errors"]
        if settings["base"] is not None:
            self.initialize(settings["base"])
        for number, bundle in settings["functions"].items():
            try:
                self.functions[number] = Loader(bundle, self.world, self.base)
            except Exception as error:
                # Whoever calls it is told.
                self.functions[number] = error

    def warm_up(self) -> None:
        """Makes calls until the interpreter has made its quick forms of what every call runs. Tasks would begin with the slow ones."""
        function = Loader(marshal.dumps((0, [], [], data.dumps(None)), 2), World())
        function.value = lambda value: value
        self.functions[0] = function
        for value in [1, "a", 1.5, None, (1,), [1, 2], {"a": 1}] * WARM:
            run(HEAD.pack(0, 0, 0) + marshal.dumps(((value,), {}), 4))
        del self.functions[0]
        for number in range(WARM):
            samples.load(number)
        samples.forget()

    def initialize(self, bundle: bytes) -> None:
        try:
            self.base = Loader(bundle, self.world)
            function, args = self.base.value
            function(*args)
            self.world.fix()
        except Exception as error:
            self.broken = raised(error, self.base)

    def call(self, row: bytes) -> tuple[Loader, Any, Any, Any]:
        form, number, length = HEAD.unpack_from(row)
        start = HEAD.size + length
        if length:
            # It has come along.
            function = Loader(row[HEAD.size : start], self.world, self.base)
        else:
            known = self.functions[number]
            if isinstance(known, Exception):
                raise known
            function = known
            function.bind()
        loader = function
        if form == BUNDLE:
            loader = Loader(row[start:], self.world, function)
            args, keywords = loader.value
        else:
            args, keywords = marshal.loads(row[start:])
        return loader, function.value, args, keywords


SNAPSHOT = Snapshot()


def init(arg: bytes) -> None:
    SNAPSHOT.begin(data.loads(arg))
    if SNAPSHOT.broken is None:
        SNAPSHOT.warm_up()


def run(row: bytes) -> bytes:
    if SNAPSHOT.broken is not None or len(row) == 0:
        return SNAPSHOT.broken or VALUE + data.dumps(None)
    loader = None
    try:
        loader, function, args, keywords = SNAPSHOT.call(row)
        value = function(*args, **keywords)
    except Exception as error:
        output = raised(error, loader)
        if SNAPSHOT.raises:
            raise Raised(base64.b64encode(output).decode()) from None
        return output
    try:
        return VALUE + data.dumps(value, loader.extend)
    except data.DataError as error:
        return unfit(error)


def unfit(error: Exception) -> bytes:
    return UNFIT + data.dumps(str(error))


def raised(error: Exception, loader: Loader | None) -> bytes:
    """An error with its traceback, from the function on."""
    own = arguments(error)
    trace = text(error)
    head = ERROR + len(trace).to_bytes(4, "little") + trace
    for args in (own, tuple(map(repr, own))):
        try:
            error.args = args
            return head + data.dumps(error, loader.extend if loader else extend)
        except data.DataError:
            pass
    return head + data.dumps(None)


def arguments(error: Exception) -> tuple[Any, ...]:
    """What makes the error again on the host, where errors of the system have other numbers."""
    if not isinstance(error, OSError) or type(error).__module__ != "builtins" or type(error.errno) is not int:
        return error.args
    error.errno = SNAPSHOT.errors.get(errno.errorcode.get(error.errno, ""), error.errno)
    if error.filename is None:
        return error.errno, error.strerror
    second = (None, error.filename2) if error.filename2 is not None else ()
    return error.errno, error.strerror, error.filename, *second


def text(error: Exception) -> bytes:
    frames = error.__traceback__
    if isinstance(error, ModuleNotFoundError) and error.name:
        error.add_note(SNAPSHOT.modules.remedy(error.name))
    elif isinstance(error, MemoryError):
        error.add_note("A call has the memory that memory= of the executor says, or 512 MiB, and never more than 4 GiB.")
    elif isinstance(error, OSError) and any(is_socket(frame) for frame, _ in traceback.walk_tb(frames)):
        error.add_note("The sandbox has no sockets.")
    SNAPSHOT.world.show_sources()
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    lines = "".join(traceback.format_exception(type(error), error, frames))
    if len(lines) > MOST:
        lines = f"{lines[: MOST // 2]}\n  …\n{lines[-MOST // 2 :]}"
    return lines.encode("utf-8", "backslashreplace")


def is_socket(frame: types.FrameType) -> bool:
    return frame.f_code.co_filename.rpartition("/")[2] == "socket.py"
