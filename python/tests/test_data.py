"""The data between host and sandbox: what goes in comes out, and nothing in it is ever run."""

import datetime
import decimal
import fractions
import pickle
import random
import time
import unittest
import uuid

from wasmpool._shipped import tags, writer
from wasmpool._shipped.data import DataError, dumps, loads

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1 << 61,
    -(1 << 62),
    1 << 62,
    10**1000,
    -(10**1000),
    1.5,
    float("inf"),
    -0.0,
    2j,
    "",
    "grüße \ud800 \0",
    b"\xff",
    bytearray(b"ab"),
    [],
    [1, [2, (3,)]],
    {"a": {1: None}, (1, 2): 3.5},
    {1, 2, 3},
    frozenset({"a"}),
    range(1, 10, 2),
    slice(None, 5, None),
    ...,
    datetime.date(2000, 2, 29),
    datetime.time(1, 2, 3, 4),
    datetime.datetime(2000, 1, 1, 12, tzinfo=datetime.UTC),
    datetime.datetime(2000, 1, 1, 12, fold=1, tzinfo=datetime.timezone(datetime.timedelta(hours=-5))),
    datetime.timedelta(days=-3, microseconds=7),
    datetime.timezone(datetime.timedelta(minutes=90)),
    decimal.Decimal("1.50"),
    decimal.Decimal("NaN"),
    fractions.Fraction(-2, 3),
    uuid.UUID(int=7),
    # Many of one kind are written together.
    list(range(-5, 20)),
    [1 << 61, -1 << 61] * 5,
    [1 << 70] * 9,
    tuple(n / 3 for n in range(20)),
    [str(n) for n in range(20)],
    ["a\0b"] * 9,
    ["\ud800"] * 9,
    [True, False] * 5,
    {str(n): n for n in range(20)},
    set(range(20)),
    frozenset(range(20)),
    [{"id": n, "name": f"n{n}"} for n in range(20)],
    [{"a": 1, "b": 2}, {"b": 1, "a": 2}] * 5,
    [{} for _ in range(9)],
    [[n, n] for n in range(20)],
    [1, 2.5, "a", None, True, (), b"", {}, []],
]


class DataTest(unittest.TestCase):
    def test_what_goes_in_comes_out(self):
        for value in [*VALUES, VALUES]:
            again = loads(dumps(value))
            self.assertEqual((type(again), repr(again)), (type(value), repr(value)))

    def test_shared_and_circular_values_stay_so(self):
        inner = [1]
        first, second = loads(dumps([inner, inner]))
        self.assertIs(first, second)
        circle = {}
        circle["self"] = circle
        again = loads(dumps(circle))
        self.assertIs(again["self"], again)

    def test_what_has_no_form_is_named(self):
        class Own:
            pass

        for value, said in [(Own(), "Own"), (lambda: 1, "function"), (open, "builtin"), (int, "type")]:
            with self.assertRaisesRegex(DataError, said):
                dumps(value)
        deep = []
        for _ in range(tags.DEPTH + 1):
            deep = [deep]
        with self.assertRaisesRegex(DataError, "deep"):
            dumps(deep)

    def test_subclasses_are_not_taken_for_their_bases(self):
        # An IntEnum is not an int here: it would come back as another type.
        class Number(int):
            pass

        with self.assertRaises(DataError):
            dumps(Number(1))

    def test_extensions_are_for_those_who_ask(self):
        class Own:
            pass

        extend = lambda value: ("own", 7) if type(value) is Own else None  # noqa: E731
        data = dumps([Own()], extend)
        self.assertEqual(loads(data, lambda kind, content: (kind, content)), [("own", 7)])
        with self.assertRaisesRegex(DataError, "may be no 'own'"):
            loads(data)


class Ran(Exception):
    pass


class Evil:
    def __reduce__(self):
        return exec, ("raise Ran",)


class HostileTest(unittest.TestCase):
    def refused(self, data, **limits):
        start = time.process_time()
        with self.assertRaises(DataError):
            loads(data)
        self.assertLess(time.process_time() - start, 10)

    def test_hostile_data_is_refused_and_runs_nothing(self):
        count = lambda number: bytes([0x80 | number & 0x7F, 0x80 | number >> 7 & 0x7F, number >> 14])  # noqa: E731
        alike = writer.Writer()
        alike._frozenset([n * (2**61 - 1) for n in range(20_000)], 5)
        ab = bytes([tags.STRS, 3]) + b"a\0b"
        for name, data in {
            "a pickle": pickle.dumps(Evil()),
            "a pickle of protocol 0": pickle.dumps(Evil(), 0),
            "nothing": b"",
            "an unknown tag": b"\xf0",
            "deep lists": bytes([tags.LIST, tags.MIXED, 1]) * 100_000,
            "a text of 1 GiB": bytes([tags.STR, 0x80, 0x80, 0x80, 0x80, 4]),
            "a list of 2 million nothings": bytes([tags.LIST, tags.MIXED]) + count(2_000_000),
            "a count without an end": bytes([tags.LIST, tags.MIXED]) + b"\xff" * 50,
            "a reference to nowhere": bytes([tags.SEEN, 3]),
            "a list as a key": bytes([tags.DICT, tags.MIXED, 1, tags.LIST, tags.MIXED, 0, tags.BOOLS, 1, 1]),
            "a set of itself": bytes([tags.SET, tags.MIXED, 1, tags.SEEN, 0]),
            "keys of one hash": bytes(alike.out),
            "a huge number": bytes([tags.BIG]) + count(2_000_000) + b"\1" * 2_000_000,
            "a decimal of text": bytes([tags.DECIMAL, tags.STR, 1]) + b"x",
            "a fraction through zero": bytes([tags.FRACTION, tags.INT, 2, tags.INT, 0]),
            "a date of texts": bytes([tags.DATE, tags.TUPLE, tags.STRS, 1]) + b"x",
            "a day that there is not": dumps(datetime.date(2000, 1, 31)).replace(b"\x3e", b"\x50"),
            "a short UUID": bytes([tags.UUID, tags.BYTES, 1, 0]),
            "contents of no kind": bytes([tags.LIST, 9]),
            "numbers that are cut off": bytes([tags.LIST, tags.INTS, 7]) + b"\1" * 7,
            "rows of no keys": bytes([tags.LIST, tags.ROWS, tags.MIXED, 0, 0]),
            "rows of unequal columns": bytes([tags.LIST, tags.ROWS]) + ab + bytes([tags.BOOLS, 1, 1, tags.BOOLS, 2, 1, 1]),
            "rows of rows without an end": bytes([tags.LIST]) + bytes([tags.ROWS]) * 10_000,
            "keys without values": bytes([tags.DICT, tags.BOOLS, 1, 1, tags.BOOLS, 0]),
            "a class": bytes([tags.EXTENSION, 2]) + b"os" + bytes([tags.NONE]),
            "more than a value": bytes([tags.NONE, tags.NONE]),
        }.items():
            with self.subTest(name):
                self.refused(data)

    def test_random_data_only_ever_raises(self):
        chance = random.Random(11)
        whole = dumps(VALUES)
        for round in range(100_000):
            if round % 2:
                data = bytes(chance.choices(range(32), k=chance.randrange(24)))
            else:
                at = chance.randrange(len(whole))
                piece = bytearray(whole[at : at + chance.randrange(60)])
                if piece:
                    piece[chance.randrange(len(piece))] = chance.randrange(256)
                data = bytes(piece)
            try:
                loads(data)
            except DataError:
                pass


if __name__ == "__main__":
    unittest.main()
