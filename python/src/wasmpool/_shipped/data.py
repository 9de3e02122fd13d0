"""Python values as bytes, between a host and a sandbox that may be captured.

It is a format of its own and not pickle: reading never imports, calls or looks up anything that the bytes name. Builtin
containers and scalars, dates, decimals, fractions and UUIDs are read as they are. Instances of classes, functions and
modules are *extensions*: whoever reads decides with `extend` whether there are any, and without it they are refused.

Reading takes memory and time in proportion to the bytes: counts are checked against what is left, the depth is limited, and
keys that all have one hash are refused. Lists, dictionaries and sets that occur twice are written once.
"""

from __future__ import annotations

import array
import datetime
import decimal
import fractions
import struct
import uuid
from collections.abc import Callable, Sequence
from typing import Any

#: Deepest nesting.
DEPTH = 200
#: Most bytes of a number, beyond which arithmetic on the host could take long.
NUMBER = 1 << 20
#: Keys of one dictionary or set that may have the same hash.
COLLISIONS = 64

_DOUBLE = struct.Struct("<d")
_PAIR = struct.Struct("<dd")
_UTC = datetime.UTC
#: Stands for an extension until its content is read.
_UNMADE = object()


class DataError(ValueError):
    """A value that cannot be written, or bytes that cannot be read."""


# Tags. Each is one byte, and what follows depends on it.
NONE, TRUE, FALSE, INT, BIG, FLOAT, COMPLEX, STR, BYTES, BYTEARRAY = range(10)
LIST, TUPLE, DICT, SET, FROZENSET, RANGE, SLICE, ELLIPSIS, SEEN, EXTENSION = range(10, 20)
DATE, TIME, DATETIME, DELTA, ZONE, DECIMAL, FRACTION, UUID = range(20, 28)

# What the contents of a container are: values of any kind, or many of one kind together, which takes no Python for each.
MIXED, INTS, FLOATS, STRS, BOOLS, ROWS = range(6)
#: Contents that are worth a look at their kinds.
MANY = 8

#: Makes an extension of a value: its kind and a value that can be written; `None` if it has no form.
Extend = Callable[[Any], "tuple[str, Any] | None"]
#: Makes a value of an extension.
Restore = Callable[[str, Any], Any]


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
    float: lambda w, v, d: w.out.extend(bytes([FLOAT]) + _DOUBLE.pack(v)),
    complex: lambda w, v, d: w.out.extend(bytes([COMPLEX]) + _PAIR.pack(v.real, v.imag)),
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
    return datetime.timezone(offset) if offset else _UTC


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
    FLOAT: lambda r, d: _DOUBLE.unpack(r._take(8))[0],
    COMPLEX: lambda r, d: complex(*_PAIR.unpack(r._take(16))),
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
