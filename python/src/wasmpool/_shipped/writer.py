"""Values as bytes."""

from __future__ import annotations

import array
import datetime
import decimal
import fractions
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from .tags import (
    BIG,
    BOOLS,
    BYTEARRAY,
    BYTES,
    COMPLEX,
    DATE,
    DATETIME,
    DECIMAL,
    DELTA,
    DEPTH,
    DICT,
    DOUBLE,
    ELLIPSIS,
    EXTENSION,
    FALSE,
    FLOAT,
    FLOATS,
    FRACTION,
    FROZENSET,
    INT,
    INTS,
    LIST,
    MANY,
    MIXED,
    NONE,
    NUMBER,
    PAIR,
    RANGE,
    ROWS,
    SEEN,
    SET,
    SLICE,
    STR,
    STRS,
    TIME,
    TRUE,
    TUPLE,
    UUID,
    ZONE,
    DataError,
)

#: Makes an extension of a value: its kind and a value that can be written; `None` if it has no form.
Extend = Callable[[Any], "tuple[str, Any] | None"]


class Writer:
    """Writes values one behind the other."""

    def __init__(self, extend: Extend | None = None) -> None:
        self.out = bytearray()
        self._extend = extend
        self._seen: dict[int, int] = {}
        # Holds what was seen, so that no other object gets its identity.
        self._kept: list[Any] = []
        # Instances whose state is being written.
        self._open: set[int] = set()

    def write(self, value: Any, depth: int = DEPTH) -> None:
        if depth <= 0:
            raise DataError(f"the value is nested more than {DEPTH} deep")
        write = _WRITERS.get(type(value))
        if write is not None:
            write(self, value, depth - 1)
            return
        extension = self._extend(value) if self._extend is not None else None
        if extension is None:
            raise DataError(f"a value of type {type(value).__module__}.{type(value).__qualname__} has no form as data")
        if id(value) in self._open:
            raise DataError(f"an object of type {type(value).__qualname__} that contains itself has no form as data")
        if self._again(value):
            return
        kind, content = extension
        self._open.add(id(value))
        self.out.append(EXTENSION)
        self._text(kind)
        self.write(content, depth - 1)
        self._open.discard(id(value))

    def _again(self, value: Any) -> bool:
        """Writes a reference to an object that was written before, or counts it."""
        number = self._seen.get(id(value))
        if number is None:
            self._seen[id(value)] = len(self._kept)
            self._kept.append(value)
            return False
        self.out.append(SEEN)
        self._count(number)
        return True

    def _count(self, number: int) -> None:
        while number > 0x7F:
            self.out.append(0x80 | number & 0x7F)
            number >>= 7
        self.out.append(number)

    def _text(self, text: str) -> None:
        # Lone surrogates are legal in a str.
        data = text.encode("utf-8", "surrogatepass")
        self._count(len(data))
        self.out += data

    def _int(self, value: int, _: int) -> None:
        if -(1 << 62) <= value < 1 << 62:
            self.out.append(INT)
            self._count(value << 1 if value >= 0 else (-value << 1) - 1)
            return
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        if len(data) > NUMBER:
            raise DataError(f"a number has {len(data)} bytes, more than {NUMBER}")
        self.out.append(BIG)
        self._count(len(data))
        self.out += data

    # Few calls for each level, since the interpreter bounds their number.
    def _list(self, value: list[Any], depth: int) -> None:
        if not self._again(value):
            self.out.append(LIST)
            self._contents(value, depth)

    def _set(self, value: set[Any], depth: int) -> None:
        if not self._again(value):
            self.out.append(SET)
            self._contents(list(value), depth)

    def _tuple(self, value: tuple[Any, ...], depth: int) -> None:
        self.out.append(TUPLE)
        self._contents(value, depth)

    def _frozenset(self, value: frozenset[Any], depth: int) -> None:
        self.out.append(FROZENSET)
        self._contents(list(value), depth)

    def _dict(self, value: dict[Any, Any], depth: int) -> None:
        if not self._again(value):
            self.out.append(DICT)
            self._contents(list(value), depth)
            self._contents(list(value.values()), depth)

    def _contents(self, values: Sequence[Any], depth: int) -> None:
        if len(values) < MANY or not self._alike(values, depth):
            self.out.append(MIXED)
            self._count(len(values))
            for value in values:
                self.write(value, depth)

    def _alike(self, values: Sequence[Any], depth: int) -> bool:
        """Writes values of one kind together, if they are."""
        kind, *others = set(map(type, values))
        if others:
            return False
        if kind is bool:
            self._bytes(BOOLS, bytes(values))
        elif kind is int or kind is float:
            try:
                numbers = array.array("q" if kind is int else "d", values)
            except OverflowError:
                return False
            self._bytes(INTS if kind is int else FLOATS, numbers.tobytes())
        elif kind is str:
            text = "\0".join(values)
            if text.count("\0") >= len(values):
                return False
            self.out.append(STRS)
            self._text(text)
        else:
            return kind is dict and self._rows(values, depth)
        return True

    def _rows(self, values: Sequence[dict[Any, Any]], depth: int) -> bool:
        """Writes dictionaries with the same keys as columns, unless one occurs twice."""
        keys = list(values[0])
        ids = set(map(id, values))
        if len(keys) < 2 or len(ids) < len(values) or not self._seen.keys().isdisjoint(ids):
            return False
        if any(list(value) != keys for value in values):
            return False
        self.out.append(ROWS)
        self._contents(keys, depth - 1)
        for key in keys:
            self._contents([value[key] for value in values], depth - 1)
        return True

    def _bytes(self, tag: int, value: bytes | bytearray) -> None:
        self.out.append(tag)
        self._count(len(value))
        self.out += value

    def _parts(self, tag: int, depth: int, *parts: Any) -> None:
        self.out.append(tag)
        for part in parts:
            self.write(part, depth)

    def _str(self, value: str, _: int) -> None:
        self.out.append(STR)
        self._text(value)


def _zone(zone: datetime.tzinfo | None) -> Any:
    """A zone as its distance from UTC, or `None`. A zone with rules of its own has no form."""
    if zone is None:
        return None
    if type(zone) is datetime.timezone:
        return zone.utcoffset(None)
    raise DataError(f"a time in the zone {zone!r} has no form as data: convert it with astimezone(timezone.utc)")


def _moment(value: datetime.datetime) -> tuple[Any, ...]:
    date = (value.year, value.month, value.day)
    return (*date, value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value.tzinfo))


_WRITERS: dict[type, Callable[[Writer, Any, int], None]] = {
    type(None): lambda w, v, d: w.out.append(NONE),
    bool: lambda w, v, d: w.out.append(TRUE if v else FALSE),
    int: Writer._int,
    float: lambda w, v, d: w.out.extend(bytes([FLOAT]) + DOUBLE.pack(v)),
    complex: lambda w, v, d: w.out.extend(bytes([COMPLEX]) + PAIR.pack(v.real, v.imag)),
    str: Writer._str,
    bytes: lambda w, v, d: w._bytes(BYTES, v),
    bytearray: lambda w, v, d: w._bytes(BYTEARRAY, v),
    list: Writer._list,
    tuple: Writer._tuple,
    dict: Writer._dict,
    set: Writer._set,
    frozenset: Writer._frozenset,
    range: lambda w, v, d: w._parts(RANGE, d, v.start, v.stop, v.step),
    slice: lambda w, v, d: w._parts(SLICE, d, v.start, v.stop, v.step),
    type(...): lambda w, v, d: w.out.append(ELLIPSIS),
    datetime.date: lambda w, v, d: w._parts(DATE, d, (v.year, v.month, v.day)),
    datetime.time: lambda w, v, d: w._parts(
        TIME, d, (v.hour, v.minute, v.second, v.microsecond, v.fold, _zone(v.tzinfo))
    ),
    datetime.datetime: lambda w, v, d: w._parts(DATETIME, d, _moment(v)),
    datetime.timedelta: lambda w, v, d: w._parts(DELTA, d, (v.days, v.seconds, v.microseconds)),
    datetime.timezone: lambda w, v, d: w._parts(ZONE, d, v.utcoffset(None)),
    decimal.Decimal: lambda w, v, d: w._parts(DECIMAL, d, str(v)),
    fractions.Fraction: lambda w, v, d: w._parts(FRACTION, d, v.numerator, v.denominator),
    uuid.UUID: lambda w, v, d: w._parts(UUID, d, v.bytes),
}
