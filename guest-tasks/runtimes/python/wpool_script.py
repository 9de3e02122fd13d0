"""The runtime of Python scripts: `init` takes a script, `run` calls its function `run` with a row."""

import base64
import gc
import io
import json
import os
import sys

import wit_world
import wpool_bundle
import wpool_errors
import wpool_resources
import wpool_stdlib
from componentize_py_types import Err
from wit_world.imports.types import Failure

# What many scripts import is ready.
import collections, copy, dataclasses, datetime, decimal, enum, functools, hashlib, importlib.resources  # noqa: E401
import itertools, math, operator, re, string, textwrap, typing, urllib.parse, uuid  # noqa: E401

wpool_stdlib.install()
wpool_errors.warm_up()

decode = json.JSONDecoder().decode
encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
EXPECTED = "return str, bytes, a number, True, False, None, a list or a dict"


class Diagnostics(io.RawIOBase):
    """Where prints go."""

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        wit_world.print(data)
        return len(data)


class Unfit(Exception):
    """The script, or a result, is not of the form that it must have."""


def output(result: object, bare: bool) -> bytes:
    """The output that a result becomes."""
    if isinstance(result, (bytes, bytearray, memoryview)):
        return bytes(result)
    try:
        if bare and isinstance(result, str):
            return result.encode()
        return encode(result).encode()
    except UnicodeEncodeError:
        raise Unfit("run returned a text with half a character (a lone surrogate), which no output can hold") from None
    except TypeError as error:
        inner = str(error).removeprefix("Object of type ").partition(" ")[0]
        name = type(result).__name__
        if inner == name or not isinstance(result, (list, tuple, dict)):
            raise Unfit(f"run returned a value of type {name}; {EXPECTED}") from None
        raise Unfit(f"run returned a {name} that JSON cannot hold: {error}") from None
    except ValueError as error:
        raise Unfit(f"run returned a value that JSON cannot hold: {error}") from None
    except RecursionError:
        raise Unfit("run returned a value that is nested too deep for JSON") from None


def hint(function: object) -> object:
    """The type hint of a function's first parameter."""
    try:
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
    # A run without rows has one task without content.
    return lambda row: decode(row.decode()) if row else None


class Runtime:
    """The script and what is made of it before the first row."""

    bundle = function = parse = reseed = out = None

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
        self.prepare(module)
        bundle.compile_all()
        self.parse, self.reseed = parser(bundle.rows, self.function), wpool_stdlib.reseeder()
        gc.collect()
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
        init(content if hint(init) in (bytes, "bytes") else decode(content.decode()))


# A call of the world is made on a new object each time.
RUNTIME = Runtime()


class WitWorld(wit_world.WitWorld):
    def init(self, bundle: bytes) -> None:
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
            if runtime.reseed is not None:
                runtime.reseed()
            return output(runtime.function(runtime.parse(row)), runtime.bundle.bare)
        except Unfit as error:
            raise Err(Failure("result-type", wpool_errors.clean(str(error)), "", None)) from None
        except BaseException as error:
            raise Err(wpool_errors.failure(error, runtime.bundle)) from None
        finally:
            runtime.out.flush()
