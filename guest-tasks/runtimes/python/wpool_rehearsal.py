"""A task of ordinary work, which the runtime runs while it is made. Python adapts the code of its library to what it does
and caches attributes of classes; tasks find both as it was left."""

import base64
import collections
import datetime
import decimal
import functools
import hashlib
import itertools
import json
import math
import operator
import re
import string
import textwrap
import unicodedata
import urllib.parse

Pair = collections.namedtuple("Pair", "first second")
# Longer than Python waits before it adapts code.
ROUNDS = 20


def texts(text):
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.split(r"\s+", plain.lower().strip())
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    found = re.compile(r"(?P<key>\w+)=(\w+)").search(plain)
    pairs = [match.groups() for match in re.finditer(r"(\w+)=(\w+)", plain)]
    re.sub(r"(\w)(\w)", r"\2\1", plain)
    re.sub(r"\w+", lambda match: match.group(0).upper(), plain)
    re.findall(r"\d+", plain), re.match(r"\w", plain), re.fullmatch(r".*", plain)
    counts = collections.Counter(words)
    groups = collections.defaultdict(list)
    for word in words:
        groups[len(word)].append(word)
    text.title(), text.capitalize(), text.casefold(), text.replace("a", "b"), text.partition(" "), text.split(","), text.find("x")
    text.startswith("x"), text.endswith(("x", "y")), text.isdigit(), "é" in text, text[1:3], text.zfill(40), text.ljust(40)
    string.capwords(plain), textwrap.shorten(plain, 12), ", ".join(words)
    return f"{slug}:{found and found['key']}:{len(pairs):>4}", counts.most_common(2), sorted(groups.items())


def numbers(row):
    values = [float(value) for value in row["numbers"]]
    total = sum(value * value for value in values)
    exact = decimal.Decimal("1.10") * decimal.Decimal(3) + decimal.Decimal(str(values[0]))
    ordered = sorted(values, key=operator.neg, reverse=True)
    folded = functools.reduce(operator.add, itertools.islice(itertools.chain(values, ordered), 3))
    math.sqrt(total), math.floor(total), math.gcd(12, 18), divmod(7, 2), round(total, 2), abs(-total), int("12"), max(values)
    return {"total": total, "exact": str(exact), "folded": folded, "mean": total / len(values), "pow": 3**20 % 7}


def times(text):
    at = datetime.datetime.fromisoformat(text)
    due = at + datetime.timedelta(days=30)
    age = due - at
    due.strftime("%Y-%m-%d"), at.isoformat(), at.date().isoformat(), at.isoweekday(), at.timestamp(), age.total_seconds()
    at.astimezone(datetime.timezone.utc), at.replace(hour=1), datetime.date(2024, 1, 2) < due.date(), at.timetuple()
    return due.isoformat()


def data(row):
    text = json.dumps(row)
    again = json.loads(text)
    digest = hashlib.sha256(text.encode()).hexdigest(), hashlib.md5(text.encode()).hexdigest(), hashlib.sha1(b"").digest()
    coded = base64.b64decode(base64.b64encode(text.encode()))
    url = urllib.parse.urlsplit("https://example.org/a/b?c=d&e=f")
    urllib.parse.parse_qs(url.query), urllib.parse.quote(row["text"]), urllib.parse.urlencode({"a": 1}), urllib.parse.unquote("%20")
    try:
        again["absent"]
    except KeyError as error:
        again["absent"] = str(error)
    try:
        int("x")
    except ValueError as error:
        again.setdefault("error", repr(error))
    merged = {**row, **again, "digest": digest, "bytes": len(coded)}
    left = collections.deque([1, 2])
    left.append(left.popleft())
    pair = Pair(1, "b")._replace(first=2)
    merged.pop("error", None), merged.get("none"), isinstance(merged, dict), list(zip(range(3), "abc")), set("abc") & {"a"}
    return {"names": sorted(merged), "pair": pair._asdict(), "left": list(left), "any": any(merged), "url": url.hostname}


def run(row):
    print("a row", row["text"])
    return [texts(row["text"]), numbers(row), times(row["at"]), data(row), None, True, 1.5, -3, {"text": row["text"]}]


ROWS = [
    {"text": "Größe der Straße № 5: „Äpfel“ & a=b c=d 12", "numbers": [1, 2.5, -3], "at": "2024-03-06T05:30:00+00:00"},
    {"text": "plain words, in=ascii", "numbers": ["4", 1e9], "at": "2024-02-29"},
]
