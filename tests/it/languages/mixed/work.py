"""One kind of work for each row: whatever a task may leave behind it. A result depends on the row alone, or there is no
isolation."""

import array
import asyncio
import base64
import collections
import contextlib
import copy
import csv
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gc
import hashlib
import heapq
import io
import itertools
import json
import marshal
import math
import operator
import os
import pickle
import random
import re
import string
import struct
import sys
import textwrap
import traceback
import types
import unicodedata
import urllib.parse
import uuid
import warnings
import weakref
import zlib

KEPT, TABLE, HOOKS = [], {}, []
COUNTS = collections.Counter()


class Shape:
    sides = 0

    def area(self):
        return self.sides

    def __del__(self):
        KEPT.append("a shape ended")


class Weekday(enum.Enum):
    MONDAY = 1
    SUNDAY = 7


@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: float = 0.5


@functools.lru_cache(maxsize=64)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def kept(n, text):
    """What is kept in globals, and every row must find empty."""
    found = [len(KEPT), len(TABLE), len(COUNTS), fib.cache_info().currsize, hasattr(Shape, "added"), hasattr(math, "mine")]
    KEPT.extend(range(n % 50))
    TABLE[text] = {n: text * 3}
    COUNTS.update(text)
    fib(n % 60)
    Shape.added, math.mine = n, text
    return found


def slug(n, text):
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def patterns(n, text):
    found = re.compile(f"(?P<w>\\w+){{1,{n % 7 + 1}}}\\s*({n % 13})?").search(text)
    return [found and found["w"], re.findall(r"\d", str(n)), re.split("[aeiou]", text)[:3], len(re._cache) > 0]


def hashes(n, text):
    name = sorted(hashlib.algorithms_guaranteed)[n % len(hashlib.algorithms_guaranteed)]
    running = hashlib.new(name, text.encode())
    running.update(bytes(n % 5000))
    return running.hexdigest(8) if name.startswith("shake") else running.hexdigest()


def dates(n, text):
    at = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(minutes=n)
    return [at.strftime("%Y-%m-%d %H:%M %a"), datetime.datetime.strptime("2024/03/06", "%Y/%m/%d").isoweekday(), at.isoformat()]


def nested(n, text):
    value = text
    for depth in range(n % 90):
        value = [value] if depth % 2 else {"in": value, "n": depth}
    return json.loads(json.dumps(value, indent=n % 3))


def packed(n, text):
    data = (text * (n % 400 + 1)).encode()
    small = zlib.compress(data, n % 10)
    assert zlib.decompress(small) == data
    return [len(data), zlib.crc32(data), base64.b85encode(small[:20]).decode()]


def exact(n, text):
    decimal.getcontext().prec = 10 + n % 40
    total = sum((fractions.Fraction(1, k) for k in range(1, n % 20 + 2)), fractions.Fraction())
    return [str(decimal.Decimal(n).sqrt()), str(total), str(decimal.Decimal("0.1") * 3)]


def prints(n, text):
    for k in range(n % 20):
        print(k, text, file=sys.stderr if k % 3 else sys.stdout, end="" if k % 5 == 1 else "\n")
    sys.stdout.write("no end of line")


def redirected(n, text):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print(text)
    if n % 3 == 0:
        # Stays so: this task's own business.
        sys.stdout = io.StringIO()
    return out.getvalue()


def raises(n, text):
    errors = [ValueError(text), KeyError(n), OSError(2, "no file"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, text), StopIteration(n)]
    try:
        raise errors[n % 5]
    except Exception as error:
        raise RuntimeError(f"row {n}") from error


def caught(n, text):
    def deep(k):
        if k == 0:
            raise ExceptionGroup("many", [ValueError(text), TypeError(n)])
        deep(k - 1)

    try:
        deep(n % 60)
    except* ValueError as group:
        lines = traceback.format_exception(group)
    except* TypeError:
        pass
    KEPT.append(sys.exception)
    return len(lines) > 3


def recursive(n, text):
    def endless(k):
        return endless(k + 1) + 1

    if n % 2:
        return endless(0)
    try:
        return endless(0)
    except RecursionError:
        return "caught"


def ends(n, text):
    if n % 2:
        sys.exit(n % 5)
    os._exit(3)


def large(n, text):
    blocks = [bytearray(1 << (10 + n % 12)) for _ in range(n % 24)]
    KEPT.append(blocks)
    return sum(map(len, blocks))


def denied(n, text):
    if n % 2:
        return len(bytearray(1 << 30))
    try:
        return len(bytearray(1 << 30))
    except MemoryError:
        return "caught"


def classes(n, text):
    kind = type(f"Kind{n}", (Shape,), {"sides": n, "__slots__": ("x",) if n % 2 else ()})
    one = kind()
    Shape.area = lambda self: -self.sides
    kind.sides = property(lambda self: n + 1)
    Pair = collections.namedtuple("Pair", ["a", f"b{n % 10}"])
    flags = enum.Flag(f"Flags{n % 10}", ["A", "B"])
    return [one.area(), list(Pair(1, 2)._asdict()), str(flags.A | flags.B), Weekday(7).name]


def patched(n, text):
    target, name = [(math, "sqrt"), (json, "dumps"), (str, None), (sys.modules[__name__], "slug"), (random, "random")][n % 5]
    if name is None:
        return text.upper()
    setattr(target, name, lambda *given: "patched")
    return getattr(target, name)(n)


def generators(n, text):
    def numbers():
        try:
            for k in itertools.count():
                yield k
        finally:
            KEPT.append(text)

    running = numbers()
    found = [next(running) for _ in range(n % 30)]
    if n % 2:
        KEPT.append(running)
    else:
        running.close()
    return found[-2:]


def imports(n, text):
    names = ["statistics", "difflib", "colorsys", "shlex", "html.parser", "configparser", "ipaddress", "calendar", "bisect", "cmath"]
    name = names[n % len(names)]
    was = name in sys.modules
    __import__(name)
    return [was, name in sys.modules]


def absent(n, text):
    import not_there  # noqa: F401


def cycles(n, text):
    shapes = [Shape() for _ in range(n % 40)]
    for shape in shapes:
        shape.me, shape.others = shape, shapes
    seen = [weakref.ref(shape) for shape in shapes]
    if n % 3:
        gc.set_threshold(n % 100 + 1)
        gc.callbacks.append(lambda phase, info: HOOKS.append(phase))
    shape = None
    del shapes
    gc.collect()
    if n % 4 == 0:
        gc.disable()
    return [sum(ref() is None for ref in seen), gc.isenabled()]


def chance(n, text):
    if n % 2:
        random.seed(n)
        return [random.random(), random.getrandbits(60), random.sample(range(100), 3)]
    return [0 <= random.random() < 1, len(uuid.uuid4().hex), len(os.urandom(n % 40))]


def tasks(n, text):
    async def part(k):
        await asyncio.sleep(0)
        return k

    async def all_of_them():
        return sum(await asyncio.gather(*[part(k) for k in range(n % 12)]))

    return asyncio.run(all_of_them())


def settings(n, text):
    found = [sys.getrecursionlimit(), os.environ.get("MIXED"), len(warnings.filters), len(sys.path), decimal.getcontext().prec]
    sys.setrecursionlimit(500 + n)
    os.environ["MIXED"] = text
    warnings.simplefilter("ignore")
    sys.path.append(text)
    sys.intern(text + str(n))
    sys.setswitchinterval(0.001)
    decimal.getcontext().prec = 9
    return found


def ordered(n, text):
    values = [(k * 7919 + n) % 1009 for k in range(n % 300 + 1)]
    heap = values[:]
    heapq.heapify(heap)
    return [sorted(values, key=operator.neg)[:3], heapq.nsmallest(3, heap), str(7 ** (n % 700))[-6:], math.comb(60, n % 60)]


def formatted(n, text):
    written = io.StringIO()
    csv.writer(written).writerows([[n, text, f"{n:>8,}"], [f"{n / 7:.3e}", f"{text!r:.12}"]])
    return [written.getvalue(), textwrap.fill(text * 3, 20)[:40], string.Template("$a-$b").substitute(a=n, b=text), "%08.3f" % n]


def binary(n, text):
    numbers = array.array("i", range(n % 200))
    view = memoryview(numbers)[:: n % 3 + 1]
    data = struct.pack("<IHq", n, n % 65536, -n) + view.tobytes()[:8]
    return [data.hex(), struct.unpack_from("<I", data)[0], len(view)]


def compiled(n, text):
    names = {}
    exec(compile(f"def made(k):\n    return [k * {n}, {text!r}]\nclass Made: here = {n}\n", f"<{n}>", "exec"), names)
    code = marshal.loads(marshal.dumps(compile(f"{n} + 1", "<x>", "eval")))
    names["made"].__code__ = names["made"].__code__.replace(co_name="other")
    return [names["made"](2), names["Made"].here, eval(code), names["made"].__code__.co_name]


def copied(n, text):
    value = {"p": Point(n), "w": Weekday.MONDAY, "l": [text, {n}]}
    value["me"] = value
    again = copy.deepcopy(value)
    assert again["me"] is again and again["p"] is not value["p"]
    return [pickle.loads(pickle.dumps(value["p"])) == Point(n), sorted([Point(3), Point(n)])[0].x, again["w"] is Weekday.MONDAY]


def addresses(n, text):
    parts = urllib.parse.urlsplit(f"https://example.org/{urllib.parse.quote(text)}?n={n}&m=%20")
    return [parts.path, urllib.parse.parse_qs(parts.query), urllib.parse.urljoin(parts.geturl(), "../x")]


def files(n, text):
    try:
        with open(f"/tmp/{n}", "w") as file:
            file.write(text)
    except OSError as error:
        return error.errno
    return os.listdir("/tmp")


def traced(n, text):
    seen = []
    if n % 2:
        sys.settrace(lambda frame, event, arg: seen.append(event))
    else:
        sys.setprofile(lambda frame, event, arg: seen.append(event))
    slug(n, text)
    # Left on when the task ends.
    return len(seen) > 0


def hot(n, text):
    """Code that Python adapts: with numbers at first, and then with texts."""

    def add(a, b):
        return a + b

    total = functools.reduce(add, range(200))
    words = functools.reduce(add, [text] * 5)
    point, other = Point(1, 2.0), types.SimpleNamespace(x=text)
    return [total, len(words), [thing.x for _ in range(20) for thing in (point, other)][-1], [word for word in words.split()][:1]]


def unfit(n, text):
    return [{1, 2}, object(), float("nan"), lambda: 0, {(1, 2): 3}][n % 5]


KINDS = [
    kept, slug, patterns, hashes, dates, nested, packed, exact, prints, redirected, raises, caught, recursive, ends, large, denied,
    classes, patched, generators, imports, absent, cycles, chance, tasks, settings, ordered, formatted, binary, compiled, copied,
    addresses, files, traced, hot, unfit,
]  # fmt: skip


def run(row):
    n, kind = divmod(row["n"], len(KINDS))
    return KINDS[kind](n, row["text"])
