"""The frames of `wpool serve`, which `docs/design/serve.md` describes."""

import json
import struct
from typing import Any

VERSION = 1
#: Longest row.
MAX_ROW = 64 << 20
#: Longest frame from the server: an output of 1 GiB, and what stands around it.
MAX_FRAME = (1 << 30) + (64 << 20)

HELLO, SUBMIT, REGISTER, CANCEL, STATS, SHUTDOWN = range(1, 7)
READY, RESULTS, ERROR, CREDIT, EVENT, CANCELLED, REGISTERED, STATS_REPLY, CLOSED = range(0x81, 0x8A)
DRAIN, CANCEL_WAITING, KILL = range(3)

HEAD = struct.Struct("<IB")
#: id, function, microseconds of its own time limit, length of the row
TASK = struct.Struct("<QIQI")
#: id, status, layer, has an output, attempts, worker, wall and wait in ns, lengths of output and detail
RESULT = struct.Struct("<QBBBxIIQQII")
STATUS_AT = 8
#: The same, of which only id, status and the two lengths are read.
_BRIEF = struct.Struct("<QB27xII")
CANCEL_BODY = struct.Struct("<QB")
PAIR = struct.Struct("<QQ")


def frame(kind: int, *parts: bytes) -> bytes:
    return HEAD.pack(1 + sum(map(len, parts)), kind) + b"".join(parts)


def hello(settings: dict[str, Any], program: bytes) -> bytes:
    text = json.dumps(settings).encode()
    return frame(HELLO, struct.pack("<II", VERSION, len(text)), text, program)


def cancel(task: int, running: bool) -> bytes:
    return frame(CANCEL, CANCEL_BODY.pack(task, running))


class FrameError(Exception):
    """The server does not speak the protocol."""


class Inbox:
    """Bytes from the server, cut into frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """The frames that are whole now."""
        buffer = self._bytes
        buffer += chunk
        frames = []
        at = 0
        while len(buffer) - at >= 4:
            length = int.from_bytes(buffer[at : at + 4], "little")
            if not 1 <= length <= MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes")
            end = at + 4 + length
            if len(buffer) < end:
                break
            frames.append((buffer[at + 4], bytes(buffer[at + 5 : end])))
            at = end
        if at:
            del buffer[:at]
        return frames


def results(body: bytes) -> list[tuple[int, int, bytes, int, int]]:
    """The results of a frame: id, status, output, and where the result begins and ends."""
    found = []
    at, end, head = 0, len(body), _BRIEF.size
    unpack, add = _BRIEF.unpack_from, found.append
    while at < end:
        if end - at < head:
            raise FrameError("a result is cut off")
        task, status, size, more = unpack(body, at)
        middle = at + head + size
        last = middle + more
        if last > end:
            raise FrameError("a result is cut off")
        add((task, status, body[at + head : middle], at, last))
        at = last
    return found
