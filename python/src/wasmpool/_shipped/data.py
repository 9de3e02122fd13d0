"""Python values as bytes, between a host and a sandbox that may be captured.

It is a format of its own and not pickle: reading never imports, calls or looks up anything that the bytes name. Builtin
containers and scalars, dates, decimals, fractions and UUIDs are read as they are. Instances of classes, functions and
modules are *extensions*: whoever reads decides with `extend` whether there are any, and without it they are refused.

Reading takes memory and time in proportion to the bytes: counts are checked against what is left, the depth is limited, and
keys that all have one hash are refused. Lists, dictionaries and sets that occur twice are written once.
"""

from __future__ import annotations

from typing import Any

from .reader import Reader, Restore
from .tags import DataError
from .writer import Extend, Writer


def dumps(value: Any, extend: Extend | None = None) -> bytes:
    """A value as bytes."""
    writer = Writer(extend)
    writer.write(value)
    return bytes(writer.out)


def loads(data: bytes, restore: Restore | None = None) -> Any:
    """The value of bytes that anybody may have made."""
    reader = Reader(data, restore)
    value = reader.read()
    reader.end()
    return value


__all__ = ["DataError", "dumps", "loads"]
