"""Functions of all kinds, each with arguments, for the tests of `_functions`."""

import collections
import dataclasses
import enum
import functools
import logging
import math
import pathlib
import re
import string

FACTOR = 3
WORDS = re.compile("[a-z]+", re.IGNORECASE)
BYTES = re.compile(b"[a-z]+")
LOG = logging.getLogger("cases.inner")
ROOT_LOG = logging.getLogger()
FOLDER = pathlib.Path(__file__).parent
Pair = collections.namedtuple("Pair", "left right", defaults=(7,))


@dataclasses.dataclass
class Point:
    x: int
    y: int = FACTOR

    def length(self):
        return math.hypot(self.x, self.y)


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Wrong(ValueError):
    def __init__(self, what, *rest):
        super().__init__(what, *rest)
        self.what = what


class Base:
    def __init__(self, number):
        self.number = number

    def double(self):
        return helper(self.number)


class Derived(Base):
    def double(self):
        return super().double() + FACTOR


def traced(function):
    @functools.wraps(function)
    def wrapper(*args, **keywords):
        return "traced", function(*args, **keywords)

    return wrapper


def helper(number):
    return 2 * number


def plain(a, b):
    return a + b


def with_defaults(a, b=FACTOR, *, c=(1, 2)):
    return [a, b, c]


def with_globals(a):
    return a * FACTOR + helper(a)


def recursive(n):
    return 1 if n < 2 else n * recursive(n - 1)


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def nested(n):
    def inner(k):
        return [k + n for _ in range(2)]

    return inner(1)


def make_adder(n):
    def add(k):
        return k + n

    return add


def make_counter():
    count = 0

    def up():
        nonlocal count
        count += 1
        return count

    def twice():
        up()
        return up()

    return twice


@traced
def decorated(a):
    return a


first, second = (lambda a: a + 1), (lambda a: a - 1)


def imports_inside(text):
    import colorsys

    return colorsys.rgb_to_hsv(1, 0, 0), string.capwords(text)


def generator(n):
    return sum(k for k in (yield_them(n)))


def yield_them(n):
    yield from range(n)


def comprehensions(n):
    return {k: [j for j in range(k)] for k in range(n)}, {k % 2 for k in range(n)}


def matched(value):
    match value:
        case {"a": [first, *_]}:
            return first
        case _:
            return None


def annotated(a: "Point | None" = None) -> list["int"]:
    return [1] if a is None else [2]


def makes_a_point(x):
    return Point(x)


def takes_a_point(point):
    return point.length()


def makes_a_pair(x):
    return [Pair(x), Pair(1, 2)]


def colors(color):
    return Color.BLUE, color is Color.RED, color


def derived(n):
    return Derived(n).double()


def raises_mine(what):
    raise Wrong(what)


def raises_deep():
    def inner():
        return [][1]

    inner()


@functools.lru_cache(maxsize=None)
def cached(n):
    return n if n < 2 else cached(n - 1) + cached(n - 2)


def modules_as_globals(n):
    return math.floor(math.sqrt(n)), string.digits


def keyword_only(*, a, b=FACTOR):
    return a, b


def runs_a_loop():
    import asyncio

    async def answer():
        return 42

    return asyncio.run(answer())


def counts_words(text):
    return collections.Counter(text.split()), collections.deque([1], 3), collections.defaultdict(list, {"a": [1]})


def uses_what_modules_have_at_their_top(text):
    LOG.debug("looking at %s", text)
    logs = LOG.name, ROOT_LOG.name, ROOT_LOG is logging.getLogger()
    return WORDS.findall(text), BYTES.flags, logs, str(FOLDER / text), FOLDER, pathlib.PurePosixPath(text)


class Plain:
    """Its state is in slots."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def takes_an_object(plain):
    return plain.value


CASES = {
    "plain": (plain, (1, 2)),
    "defaults": (with_defaults, (1,)),
    "globals": (with_globals, (2,)),
    "recursion": (recursive, (5,)),
    "mutual recursion": (even, (5,)),
    "nested": (nested, (2,)),
    "closure": (make_adder(5), (1,)),
    "shared cells": (make_counter(), ()),
    "decorator": (decorated, (1,)),
    "lambda": (first, (1,)),
    "second lambda of a line": (second, (1,)),
    "partial": (functools.partial(plain, 10), (1,)),
    "imports inside": (imports_inside, ("two words",)),
    "generator": (generator, (4,)),
    "comprehensions": (comprehensions, (3,)),
    "match": (matched, ({"a": [7, 8]},)),
    "annotations": (annotated, ()),
    "a builtin": (math.sqrt, (2.0,)),
    "a method of a builtin type": (str.upper, ("a",)),
    "a method of a value": ("-".join, (["a", "b"],)),
    "a class method of a builtin type": (int.from_bytes, (b"a", "big")),
    "a class of the library": (collections.Counter.__mro__[1], ()),
    "dataclass as a result": (makes_a_point, (1,)),
    "dataclass as an argument": (takes_a_point, (Point(3, 4),)),
    "bound method": (Point(3, 4).length, ()),
    "named tuple": (makes_a_pair, (1,)),
    "enum": (colors, (Color.RED,)),
    "super": (derived, (4,)),
    "a method of a class": (Derived.double, (Derived(1),)),
    "lru_cache": (cached, (10,)),
    "modules as globals": (modules_as_globals, (10,)),
    "keyword only": (functools.partial(keyword_only, a=1), ()),
    "containers of the library": (counts_words, ("a b a",)),
    "patterns, loggers and paths as globals": (uses_what_modules_have_at_their_top, ("Ab/c",)),
    "object as an argument": (takes_an_object, (Plain(3),)),
    "asyncio": (runs_a_loop, ()),
    "own exception": (raises_mine, ("bad",)),
    "exception of the language": (raises_deep, ()),
}
