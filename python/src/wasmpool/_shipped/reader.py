"""Bytes that anybody may have made, as values."""

from __future__ import annotations

import array
import datetime
import decimal
import fractions
import uuid
from collections.abc import Callable
from typing import Any

from .tags import (
    BIG,
    BOOLS,
    BYTEARRAY,
    BYTES,
    COLLISIONS,
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

#: Makes a value of an extension.
Restore = Callable[[str, Any], Any]

#: Stands for an extension until its content is read.
_UNMADE = object()


class Reader:
    """Reads what a `Writer` has written, or raises `DataError`."""

    def __init__(self, data: bytes, restore: Restore | None = None) -> None:
        self._data = data
        self._at = 0
        self._restore = restore
        self._seen: list[Any] = []

    def read(self, depth: int = DEPTH) -> Any:
        if depth <= 0:
            raise DataError(f"the data is nested more than {DEPTH} deep")
        read = _READERS.get(self._byte())
        if read is None:
            raise DataError(f"there is no tag {self._data[self._at - 1]}")
        return read(self, depth - 1)

    def end(self) -> None:
        if self._at != len(self._data):
            raise DataError("something stands behind the value")

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise DataError("the data is cut off")
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise DataError("the data is cut off")
        self._at += count
        return self._data[self._at - count : self._at]

    def _count(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
            if shift > 63:
                raise DataError("a count has no end")

    def _length(self) -> int:
        """The number of values that follow: each takes a byte at least."""
        count = self._count()
        if count > len(self._data) - self._at:
            raise DataError("the data is cut off")
        return count

    def _text(self) -> str:
        try:
            return self._take(self._count()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise DataError("a text is not UTF-8") from error

    def _int(self) -> int:
        number = self._count()
        return -(number + 1 >> 1) if number & 1 else number >> 1

    def _big(self) -> int:
        length = self._count()
        if length > NUMBER:
            raise DataError(f"a number has {length} bytes, more than {NUMBER}")
        return int.from_bytes(self._take(length), "little", signed=True)

    def _keep(self, value: Any) -> Any:
        self._seen.append(value)
        return value

    def _list(self, depth: int) -> list[Any]:
        values: list[Any] = self._keep([])
        values += self._contents(depth)
        return values

    def _tuple(self, depth: int) -> tuple[Any, ...]:
        return tuple(self._contents(depth))

    def _contents(self, depth: int) -> list[Any]:
        kind = self._byte()
        if kind == MIXED:
            values = []
            for _ in range(self._length()):
                values.append(self.read(depth))
            return values
        if kind == INTS or kind == FLOATS:
            numbers: array.array[Any] = array.array("q" if kind == INTS else "d")
            data = self._take(self._count())
            if len(data) % numbers.itemsize:
                raise DataError("a number is cut off")
            numbers.frombytes(data)
            return numbers.tolist()
        if kind == STRS:
            return list(self._text().split("\0"))
        if kind == BOOLS:
            return list(map(bool, self._take(self._count())))
        if kind == ROWS and depth > 0:
            return self._rows(depth - 1)
        raise DataError(f"there are no contents of kind {kind}")

    def _rows(self, depth: int) -> list[Any]:
        keys = self._contents(depth)
        self._keys(keys)
        columns = [self._contents(depth) for _ in keys]
        # Dictionaries of one key would take much more memory than they have bytes.
        if len(keys) < 2 or len(set(map(len, columns))) > 1:
            raise DataError("the columns do not fit")
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]

    def _keys(self, values: list[Any]) -> None:
        try:
            hashes = set(map(hash, values))
        except TypeError as error:
            raise DataError(f"a key has no hash: {error}") from error
        if len(values) > COLLISIONS * max(1, len(hashes)):
            raise DataError("too many keys have the same hash")

    def _set(self, depth: int) -> set[Any]:
        found: set[Any] = self._keep(set())
        values = self._contents(depth)
        self._keys(values)
        found.update(values)
        return found

    def _frozenset(self, depth: int) -> frozenset[Any]:
        values = self._contents(depth)
        self._keys(values)
        return frozenset(values)

    def _dict(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = self._keep({})
        keys, values = self._contents(depth), self._contents(depth)
        if len(keys) != len(values):
            raise DataError("keys and values do not fit")
        self._keys(keys)
        found.update(zip(keys, values, strict=True))
        return found

    def _again(self) -> Any:
        number = self._count()
        if number >= len(self._seen) or self._seen[number] is _UNMADE:
            raise DataError("a reference leads nowhere")
        return self._seen[number]

    def _extension(self, depth: int) -> Any:
        place = len(self._seen)
        self._seen.append(_UNMADE)
        kind = self._text()
        content = self.read(depth)
        if self._restore is None:
            raise DataError(f"there may be no {kind!r} here")
        self._seen[place] = self._restore(kind, content)
        return self._seen[place]

    def _made(self, make: Callable[..., Any], depth: int, count: int) -> Any:
        """A value of plain parts. A class that takes a hostile part at its word is not among those that are made so."""
        parts = [self.read(depth) for _ in range(count)]
        try:
            return make(*parts)
        except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
            raise DataError(f"the parts of a value do not fit: {error}") from error


def _ints(values: Any, count: int) -> tuple[int, ...]:
    if type(values) is not tuple or [type(value) for value in values] != [int] * count:
        raise DataError("numbers were expected")
    return values


def _to_zone(offset: Any) -> datetime.timezone | None:
    if offset is None:
        return None
    if type(offset) is not datetime.timedelta:
        raise DataError("a zone is a distance from UTC")
    return datetime.timezone(offset) if offset else datetime.UTC


def _with_zone(parts: Any, count: int) -> tuple[tuple[int, ...], datetime.timezone | None]:
    if type(parts) is not tuple or len(parts) != count + 1:
        raise DataError("numbers and a zone were expected")
    return _ints(parts[:count], count), _to_zone(parts[count])


def _to_time(parts: Any) -> datetime.time:
    (hour, minute, second, micro, fold), zone = _with_zone(parts, 5)
    return datetime.time(hour, minute, second, micro, zone, fold=fold)


def _to_datetime(parts: Any) -> datetime.datetime:
    (*numbers, fold), zone = _with_zone(parts, 8)
    return datetime.datetime(*numbers, zone, fold=fold)  # type: ignore[misc, arg-type]


def _to_decimal(text: Any) -> decimal.Decimal:
    if type(text) is not str or len(text) > NUMBER:
        raise DataError("a decimal is a text of digits")
    return decimal.Decimal(text)


def _to_fraction(numerator: Any, denominator: Any) -> fractions.Fraction:
    _ints((numerator, denominator), 2)
    # Reducing takes time that grows with the square.
    if max(numerator.bit_length(), denominator.bit_length()) > 1 << 16:
        raise DataError("a fraction has numbers of 8 KiB at most")
    return fractions.Fraction(numerator, denominator)


def _to_uuid(data: Any) -> uuid.UUID:
    if type(data) is not bytes:
        raise DataError("a UUID is bytes")
    return uuid.UUID(bytes=data)


_READERS: dict[int, Callable[[Reader, int], Any]] = {
    NONE: lambda r, d: None,
    TRUE: lambda r, d: True,
    FALSE: lambda r, d: False,
    INT: lambda r, d: r._int(),
    BIG: lambda r, d: r._big(),
    FLOAT: lambda r, d: DOUBLE.unpack(r._take(8))[0],
    COMPLEX: lambda r, d: complex(*PAIR.unpack(r._take(16))),
    STR: lambda r, d: r._text(),
    BYTES: lambda r, d: r._take(r._count()),
    BYTEARRAY: lambda r, d: bytearray(r._take(r._count())),
    LIST: Reader._list,
    TUPLE: Reader._tuple,
    DICT: Reader._dict,
    SET: Reader._set,
    FROZENSET: Reader._frozenset,
    RANGE: lambda r, d: r._made(lambda *numbers: range(*_ints(numbers, 3)), d, 3),
    SLICE: lambda r, d: r._made(slice, d, 3),
    ELLIPSIS: lambda r, d: ...,
    SEEN: lambda r, d: r._again(),
    EXTENSION: Reader._extension,
    DATE: lambda r, d: r._made(lambda parts: datetime.date(*_ints(parts, 3)), d, 1),
    TIME: lambda r, d: r._made(_to_time, d, 1),
    DATETIME: lambda r, d: r._made(_to_datetime, d, 1),
    DELTA: lambda r, d: r._made(lambda parts: datetime.timedelta(*_ints(parts, 3)), d, 1),
    ZONE: lambda r, d: r._made(_to_zone, d, 1),
    DECIMAL: lambda r, d: r._made(_to_decimal, d, 1),
    FRACTION: lambda r, d: r._made(_to_fraction, d, 2),
    UUID: lambda r, d: r._made(_to_uuid, d, 1),
}
