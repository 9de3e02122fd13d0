"""The runtime of Python scripts: `init` takes a script, `run` calls its function `run` with a row."""

import base64
import gc
import inspect
import io
import json
import os
import sys

import wit_world
import wpool_bundle
import wpool_errors
import wpool_places
import wpool_rehearsal
import wpool_resources
import wpool_settle
import wpool_stdlib
import wpool_system
import wpool_warm
from componentize_py_types import Err, Ok
from wit_world.imports.types import Failure
from wpool_results import Unfit, output

# What many scripts import is ready.
import collections, copy, dataclasses, datetime, decimal, enum, functools, hashlib, importlib.resources  # noqa: E401
import itertools, math, operator, re, string, textwrap, typing, urllib.parse, uuid  # noqa: E401

wpool_system.install()
STDLIB = wpool_stdlib.install()
wpool_errors.warm_up()

DECODER = json.JSONDecoder()


class Diagnostics(io.RawIOBase):
    """Where prints go."""

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        wit_world.print(data)
        return len(data)


def decode(data: bytes) -> object:
    """The value of a JSON text; `None` of an empty one, since a run without rows has one task without content."""
    text = data.decode()
    try:
        value, end = DECODER.scan_once(text, 0)
    except StopIteration:
        end = None
    if end == len(text):
        return value
    # White space around a value, and errors, take longer.
    return DECODER.decode(text) if text else None


def hint(function: object) -> object:
    """The type hint of a function's first parameter."""
    try:
        function = inspect.unwrap(function)
        code = function.__code__
        return function.__annotations__.get(code.co_varnames[0]) if code.co_argcount else None
    except Exception:
        return None


def parser(rows: str, function: object):
    """How the bytes of a row become the argument of `run`."""
    if rows == "bytes" or hint(function) in (bytes, "bytes"):
        return bytes
    if rows == "text":
        return lambda row: row.decode("utf-8", "replace")
    return decode


def awaited(function):
    """An `async def run` as a function."""
    import asyncio

    return lambda row: asyncio.run(function(row))


def check_parameters(function: object) -> None:
    """Refuses a `run` that cannot be called with a row alone."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Functions of C may not say what they take.
        return
    try:
        signature.bind(None)
    except TypeError as error:
        raise Unfit(f"`run` is called with the row alone, as in `def run(row)`: {error}") from None


def value_of(argument: bytes) -> object:
    """The value of `--init-arg`."""
    try:
        return json.loads(argument)
    except ValueError as error:
        raise Unfit(
            f"the argument of `init` is not JSON ({error}); `def init(arg: bytes)` takes the content as it is"
        ) from None


class Runtime:
    """The script and what is made of it before the first row."""

    bundle = function = parse = out = None

    def begin(self) -> None:
        self.out = io.TextIOWrapper(
            io.BufferedWriter(Diagnostics()), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = self.out

    def start(self, bundle: wpool_bundle.Bundle) -> None:
        self.bundle = bundle
        bundle.install()
        module = bundle.load_main()
        self.function = getattr(module, "run", None)
        if not callable(self.function):
            raise Unfit(f"{bundle.paths[bundle.main]} defines no function `run`")
        check_parameters(self.function)
        self.prepare(module)
        bundle.compile_all()
        self.parse = parser(bundle.rows, self.function)
        if inspect.iscoroutinefunction(inspect.unwrap(self.function)):
            self.function = awaited(self.function)
        wpool_warm.warm(bundle, STDLIB.has)
        wpool_stdlib.forget_random()
        gc.collect()
        wpool_settle.settle()
        wpool_settle.settle_these([self, bundle, self.out])
        wpool_places.fill_gaps()
        wpool_places.begin_zone(wpool_places.OF_TASK)
        # Objects that stay are not looked at again, so tasks change less memory.
        gc.freeze()

    def prepare(self, module: object) -> None:
        """Calls the script's own `init`."""
        init, argument = getattr(module, "init", None), self.bundle.arg
        if not callable(init):
            if argument is not None:
                raise Unfit("the script has no function `init` that could take the argument")
            return
        takes_one = getattr(getattr(init, "__code__", None), "co_argcount", 1) > 0
        if argument is None:
            init(*[None] * (takes_one and not init.__defaults__))
            return
        content = base64.b64decode(argument)
        init(content if hint(init) in (bytes, "bytes") else value_of(content))


RUNTIME = Runtime()


class WitWorld(wit_world.WitWorld):
    def init(self, bundle: bytes) -> None:
        # One for each function of the world.
        wpool_settle.settle_these([thing for thing in gc.get_objects() if type(thing) is WitWorld])
        wpool_places.keep_callers(self, bundle)
        # There are some from the making of the runtime.
        wpool_places.fill_gaps()
        wpool_places.begin_zone(wpool_places.OF_SCRIPT)
        RUNTIME.begin()
        try:
            RUNTIME.start(wpool_bundle.Bundle(bundle))
        except Unfit as error:
            raise Err(Failure("exception", str(error), "", None)) from None
        except BaseException as error:
            raise Err(wpool_errors.failure(error, RUNTIME.bundle, starting=True)) from None
        finally:
            RUNTIME.out.flush()

    def run(self, row: bytes) -> bytes:
        runtime = RUNTIME
        try:
            return output(runtime.function(runtime.parse(row)), runtime.bundle.bare)
        except Unfit as error:
            raise Err(Failure("result-type", wpool_errors.clean(str(error)), "", None)) from None
        except BaseException as error:
            raise Err(wpool_errors.failure(error, runtime.bundle)) from None
        finally:
            runtime.out.flush()


# What every task runs, or many.
OF_TASKS = [WitWorld.run, decode, output, Ok.__init__, *vars(re).values()]


def rehearse() -> None:
    """Runs tasks while the runtime is made, see `wpool_rehearsal`."""
    streams, plain = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__), wit_world.print
    wit_world.print = len
    RUNTIME.begin()
    RUNTIME.bundle, RUNTIME.function = wpool_bundle.Bundle.empty(), wpool_rehearsal.run
    rows = [json.dumps(row, ensure_ascii=False).encode() for row in wpool_rehearsal.ROWS]
    RUNTIME.parse = parser("json", RUNTIME.function)
    for row in rows * wpool_rehearsal.ROUNDS:
        Ok(WitWorld().run(row))
    RUNTIME.function = str
    for form in ["text", "bytes", "json"] * wpool_rehearsal.ROUNDS:
        RUNTIME.parse = parser(form, RUNTIME.function)
        WitWorld().run(b"12")
    RUNTIME.bundle = RUNTIME.function = RUNTIME.parse = RUNTIME.out = None
    wit_world.print = plain
    sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = streams


rehearse()
gc.collect()
wpool_places.begin_zone(wpool_places.OF_CODE)
wpool_places.lay_together(OF_TASKS)
rehearse()
re.purge()
gc.collect()
wpool_settle.settle(wpool_settle.of_runtime)
wpool_places.fill_gaps()
gc.freeze()
