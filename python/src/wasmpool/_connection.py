"""A `wpool serve` process, and the two threads that talk to it.

The threads of the caller only put things into a queue, so that a KeyboardInterrupt between any two of their steps leaves no
half-written frame. The writer sends as many tasks at once as there is credit for, and the reader settles as many as arrive.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _frames
from ._binary import environment, find
from ._errors import Error, ServerDied, SetUpFailed, of_server
from ._future import Ended, Names, TaskFuture

if TYPE_CHECKING:
    from ._stream import Stream

log = logging.getLogger("wasmpool")

#: Bytes that are read at once.
BLOCK = 1 << 18
#: A frame of tasks takes no further row beyond this size.
BATCH = 1 << 20
#: Seconds after which a wait begins anew: Ctrl-C just before it would not end it.
PATIENCE = 1.0
#: Numbers of tasks that a stream gets at once. Single tasks have those below `STREAMS`.
NUMBERS = 1 << 20
STREAMS = 1 << 62


class Rows:
    """Tasks that are submitted together: rows of one stream, packed, each with its head before it."""

    __slots__ = ("stream", "pieces", "size")

    def __init__(self, stream: Stream, pieces: list[bytes]) -> None:
        self.stream, self.pieces, self.size = stream, pieces, sum(map(len, pieces))


class _Credit:
    __slots__ = ("tasks", "bytes")

    def __init__(self, tasks: int, size: int) -> None:
        self.tasks, self.bytes = tasks, size


class _End:
    def __init__(self, how: int) -> None:
        self.how = how


class _Retire:
    def __init__(self, successor: Connection) -> None:
        self.successor = successor


_STOP = object()
#: Connections of this process, for the end of the interpreter and for forks.
LIVE: weakref.WeakSet[Connection] = weakref.WeakSet()


class Connection:
    """A pool in a process of its own."""

    def __init__(self, settings: dict[str, Any], program: bytes) -> None:
        self._hello = _frames.hello(settings | {"watch": os.getpid(), "at_end": "kill"}, program)
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pending: dict[int, TaskFuture] = {}
        # Streams by the upper part of their tasks' numbers, with the number that a row at their beginning would have. A
        # stream that nobody takes results of is not kept.
        self._leases: dict[int, tuple[weakref.ref[Stream], int]] = {}
        self._lock = threading.Lock()
        self._next = 0
        self._next_lease = STREAMS // NUMBERS
        self._replies: dict[tuple[int, int], tuple[threading.Event, list[Any]]] = {}
        self._inbox = _frames.Inbox()
        self._frames: deque[tuple[int, bytes]] = deque()
        self._backlog: deque[Any] = deque()
        self._credit = _Credit(0, 0)
        self._ending: int | None = None
        # The shutdown that the server was told of.
        self._said: int | None = None
        self._fault: dict[str, Any] | None = None
        self._lost: BaseException | None = None
        self._ready = threading.Event()
        self.info: dict[str, Any] = {}
        self._names: Names | None = None
        self.dead = False
        # How many are about to submit something, and who takes what is submitted after them.
        self._pins = 0
        self._successor: Connection | None = None
        # What the end waits for: tasks may still come from the connection before this one.
        self._before: Connection | None = None
        self._has_moved = threading.Event()
        self._is_closed = False
        #: What its owner notes.
        self.note: Any = None
        # A group of its own: Ctrl-C in a terminal is for this process, which then decides.
        self._process = subprocess.Popen(
            [find(), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            process_group=0,
            env=environment(),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        LIVE.add(self)
        self._reader = threading.Thread(target=self._read, name="wasmpool-reader", daemon=True)
        self._writer = threading.Thread(target=self._write, name="wasmpool-writer", daemon=True)
        # The reader joins the writer at the end, which may come at once.
        self._writer.start()
        self._reader.start()

    def open(self) -> None:
        """Waits until the pool is there.

        Raises what is wrong with the program, its settings, or the machine."""
        try:
            while not self._ready.wait(PATIENCE):
                pass
        except BaseException:
            self.kill()
            raise
        if self._lost is not None:
            raise self._lost

    # What threads of the caller call.

    def submit(self, future: TaskFuture) -> None:
        with self._lock:
            number = self._next
            self._next += 1
        future._id = number
        future._connection = self
        self._pending[number] = future
        self._queue.put(future)
        if self.dead:
            self._lose_rest()

    def lease(self, stream: Stream, place: int) -> range:
        """Numbers for the rows of a stream from a place on."""
        with self._lock:
            key = self._next_lease
            self._next_lease += 1
        numbers = range(key * NUMBERS, (key + 1) * NUMBERS)
        self._leases[key] = weakref.ref(stream), numbers.start - place
        return numbers

    def give_back(self, leases: list[int]) -> None:
        """Forgets a stream. What still comes for it is dropped."""
        for key in leases:
            self._leases.pop(key, None)

    def submit_rows(self, rows: Rows) -> None:
        self._queue.put(rows)
        if self.dead:
            self._lose_rest()

    def cancel(self, task: int, running: bool) -> bool:
        """Asks the server to cancel a task. Whether it did."""
        answer = self._ask(_frames.cancel(task, running), (_frames.CANCELLED, task))
        return bool(answer and answer[0])

    def cancel_all(self, tasks: list[int]) -> None:
        """Cancels tasks without waiting."""
        self._queue.put(b"".join(_frames.cancel(task, True) for task in tasks))

    def register(self, key: int, name: str) -> None:
        body = key.to_bytes(4, "little") + name.encode()
        answer = self._ask(_frames.frame(_frames.REGISTER, body), (_frames.REGISTERED, key))
        if answer is None:
            raise self._lost or ServerDied("the pool has ended")
        if fault := json.loads(answer).get("error"):
            raise of_server(fault)

    def stats(self) -> dict[str, Any]:
        answer = self._ask(_frames.frame(_frames.STATS), (_frames.STATS_REPLY, 0))
        return json.loads(answer) if answer else {}

    def is_running(self, task: int) -> bool:
        return any(one["id"] == task for one in self.stats().get("running", ()))

    def end(self, how: int) -> None:
        """Lets the server end: after all tasks, after the running ones, or at once. Does not wait for that."""
        before, self._before = self._before, None
        if before is not None and threading.current_thread() is not before._writer:
            before._has_moved.wait()
        self._queue.put(_End(how))

    def pin(self) -> Connection:
        """Lets it take tasks until `unpin`, although another takes its place."""
        with self._lock:
            self._pins += 1
        return self

    def unpin(self) -> None:
        with self._lock:
            self._pins -= 1
            ends = self._successor if not self._pins else None
        if ends:
            self._queue.put(_Retire(ends))

    def retire(self, successor: Connection) -> None:
        """Lets the tasks finish that were sent. The successor takes the others."""
        successor._before = self
        with self._lock:
            self._successor = successor
            ends = not self._pins
        if ends:
            self._queue.put(_Retire(successor))

    def kill(self) -> None:
        """Kills the server, and with it everything."""
        self._process.kill()
        self.join()

    def join(self) -> None:
        """Waits until the server is gone and every future is done."""
        while threading.current_thread() is not self._reader and self._reader.is_alive():
            self._reader.join(PATIENCE)

    def is_over(self) -> bool:
        return self.dead or self._ending is not None

    def _ask(self, question: bytes, key: tuple[int, int]) -> Any:
        """Sends a frame and waits for its answer; `None` if the server is gone."""
        with self._lock:
            event, answer = self._replies.setdefault(key, (threading.Event(), []))
        self._queue.put(question)
        if threading.current_thread() is self._reader:
            # In a callback of a future: nobody else reads meanwhile.
            while not event.is_set() and self._take(nested=True):
                pass
        else:
            while not event.wait(PATIENCE):
                if self.dead:
                    break
        return answer[0] if answer else None

    def after_fork(self) -> None:
        """In a child of this process, which must not hold the pipes open."""
        self.dead = True
        for stream in (self._process.stdin, self._process.stdout):
            try:
                stream.close()  # type: ignore[union-attr]
            except OSError:
                pass
        # It is not a child of this process, so it cannot be waited for.
        self._process.returncode = 0

    # The writer.

    def _write(self) -> None:
        try:
            self._write_all(self._hello)
            self._hello = b""
            while self._turn():
                pass
        except OSError:
            # The server is gone, which the reader reports.
            pass
        finally:
            self._has_moved.set()

    def _turn(self) -> bool:
        """Takes what has come, and sends what may be sent. False when there is nothing more to come."""
        control: list[bytes] = []
        item = self._queue.get()
        more = True
        try:
            while True:
                if item is _STOP:
                    more = False
                elif type(item) is bytes:
                    control.append(item)
                elif type(item) is _Credit:
                    self._credit.tasks += item.tasks
                    self._credit.bytes += item.bytes
                elif type(item) is _End:
                    self._end(item.how)
                elif type(item) is _Retire:
                    self._move(item.successor)
                elif self._ending is None:
                    self._backlog.append(item)
                else:
                    self._refuse(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        if control:
            # A task that is to be cancelled was sent before.
            self._write_all(b"".join(control))
        while more and (body := self._tasks()):
            self._write_all(_frames.HEAD.pack(1 + sum(map(len, body)), _frames.SUBMIT) + b"".join(body))
        if self._ending != self._said and not self._backlog:
            # A task that runs can still be killed, so the writer stays until the server is gone.
            self._said = self._ending
            self._write_all(_frames.frame(_frames.SHUTDOWN, bytes([self._ending or 0])))
        return more

    def _end(self, how: int) -> None:
        self._ending = how if self._ending is None else max(how, self._ending)
        if how != _frames.DRAIN:
            for item in self._backlog:
                self._refuse(item)
            self._backlog.clear()

    def _move(self, successor: Connection) -> None:
        """Hands the tasks over that were not sent. Rows of streams have their numbers, and stay."""
        futures = [item for item in self._backlog if type(item) is not Rows]
        if self._ending is None:
            self._backlog = deque(item for item in self._backlog if type(item) is Rows)
            for future in futures:
                self._pending.pop(future._id, None)
                successor.submit(future)
        self._has_moved.set()
        self._end(_frames.DRAIN)

    def _refuse(self, item: Any) -> None:
        """Ends what was not sent before the end."""
        if type(item) is Rows:
            item.stream._lose(RuntimeError("cannot schedule new futures after shutdown"))
        elif self._pending.pop(item._id, None) is not None:
            item.cancel()
            item.set_running_or_notify_cancel()

    def _tasks(self) -> list[bytes]:
        """The body of a frame with the tasks that there is credit for."""
        body: list[bytes] = []
        size = 0
        credit, backlog, pack = self._credit, self._backlog, _frames.TASK.pack
        while backlog and credit.tasks > 0 and credit.bytes > 0 and size < BATCH:
            item = backlog[0]
            if type(item) is Rows:
                pieces = self._take_rows(item)
                body += pieces
                size += sum(map(len, pieces))
                if not item.pieces:
                    backlog.popleft()
                continue
            backlog.popleft()
            row = item._begin()
            if row is None:
                self._pending.pop(item._id, None)
                continue
            body += (pack(item._id, item._function, item._micros, len(row)), row)
            size += len(row) + 24
            credit.tasks -= 1
            credit.bytes -= len(row)
        return body

    def _take_rows(self, item: Rows) -> list[bytes]:
        """Takes as many rows as there is credit for."""
        credit, pieces = self._credit, item.pieces
        count = min(credit.tasks, len(pieces) // 2)
        if 2 * count < len(pieces) or item.size > min(credit.bytes, BATCH):
            room = min(credit.bytes, BATCH)
            for at in range(count):
                room -= len(pieces[2 * at + 1])
                if room <= 0:
                    count = at + 1
                    break
        taken = pieces[: 2 * count]
        del pieces[: 2 * count]
        size = sum(map(len, taken))
        item.size -= size
        credit.tasks -= count
        credit.bytes -= size - count * _frames.TASK.size
        return taken

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._in, view) :]

    # The reader.

    def _read(self) -> None:
        error: BaseException | None = None
        try:
            while self._take(nested=False):
                pass
        except Exception as broken:
            # A server of another version, or a fault of ours: no future is left waiting.
            error = broken
        finally:
            self._bury(error)

    def _take(self, nested: bool) -> bool:
        """Reads some frames and handles them; only answers when it is called within a callback."""
        try:
            chunk = os.read(self._out, BLOCK)
        except OSError:
            chunk = b""
        if not chunk:
            return False
        frames = self._inbox.feed(chunk)
        if nested:
            for kind, body in frames:
                if kind in (_frames.CANCELLED, _frames.REGISTERED, _frames.STATS_REPLY):
                    self._handle(kind, body)
                else:
                    self._frames.append((kind, body))
            return True
        self._frames.extend(frames)
        while self._frames:
            self._handle(*self._frames.popleft())
        return True

    def _handle(self, kind: int, body: bytes) -> None:
        if kind == _frames.RESULTS:
            self._settle(body)
        elif kind == _frames.CREDIT:
            self._queue.put(_Credit(*_frames.PAIR.unpack(body)))
        elif kind == _frames.CANCELLED:
            task, stopped = _frames.CANCEL_BODY.unpack(body)
            self._answer((kind, task), (bool(stopped),))
        elif kind == _frames.REGISTERED:
            self._answer((kind, json.loads(body)["key"]), body)
        elif kind == _frames.STATS_REPLY:
            self._answer((kind, 0), body)
        elif kind == _frames.READY:
            self.info = json.loads(body)
            self._names = Names(self.info)
            credit = self.info["credit"]
            self._queue.put(_Credit(credit["tasks"], credit["bytes"]))
            self._ready.set()
        elif kind == _frames.ERROR:
            self._fault = json.loads(body)
        elif kind == _frames.CLOSED:
            self._is_closed = self._successor is not None
        elif kind == _frames.EVENT:
            self._tell(json.loads(body))

    def _settle(self, body: bytes) -> None:
        names = self._names
        assert names is not None, "results come behind the ready frame"
        streams: list[Stream] = []
        lease, stream, offset = 0, None, 0
        for task, status, output, at, last in _frames.results(body):
            if task >= STREAMS:
                # Results of one stream stand together.
                if task // NUMBERS != lease:
                    lease = task // NUMBERS
                    stream, offset = self._stream(lease)
                    if stream is not None:
                        streams.append(stream)
                if stream is not None:
                    ended = output if status == 0 else Ended(body, at, output, last, names)
                    stream._ended[task - offset] = ended
            elif (future := self._pending.pop(task, None)) is not None:
                future._settle(Ended(body, at, output, last, names))
        for stream in streams:
            stream._ring()

    def _stream(self, lease: int) -> tuple[Stream | None, int]:
        found, offset = self._leases.get(lease, (None, 0))
        stream = found() if found is not None else None
        if stream is None:
            self._leases.pop(lease, None)
        return stream, offset

    def _answer(self, key: tuple[int, int], answer: Any) -> None:
        with self._lock:
            found = self._replies.pop(key, None)
        if found is not None:
            found[1].append(answer)
            found[0].set()

    def _tell(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "warning":
            log.warning("%s", event.get("text"))
        elif kind == "worker-died":
            log.info("worker %s %s", event.get("worker"), event.get("why"))
        elif kind == "initialized" and event.get("printed"):
            log.info("init: %s", event["printed"])

    def _bury(self, error: BaseException | None) -> None:
        """After the last frame: every future gets its end."""
        self.dead = True
        if error is not None:
            self._process.kill()
        code = self._process.wait()
        if self._fault is not None:
            self._lost = of_server(self._fault)
        elif error is not None:
            self._lost = ServerDied(f"the answer of `wpool serve` makes no sense: {error}")
        elif not self._ready.is_set():
            self._lost = SetUpFailed(f"`wpool serve` ended before it was ready ({_ended(code)})")
        else:
            self._lost = ServerDied(f"`wpool serve` has ended under its tasks ({_ended(code)})")
        self._queue.put(_STOP)
        self._ready.set()
        self._lose_rest()
        with self._lock:
            waiting, self._replies = self._replies, {}
        for event, _ in waiting.values():
            event.set()
        # The writer may still be in the middle of a write, which then fails.
        self._process.stdout.close()  # type: ignore[union-attr]
        self._writer.join()
        self._process.stdin.close()  # type: ignore[union-attr]

    def _lose_rest(self) -> None:
        error: BaseException = self._lost or ServerDied("`wpool serve` has ended under its tasks")
        for future in _emptied(self._pending):
            future._lose(error)
        if self._is_closed:
            # All that was sent has its result.
            self._leases.clear()
        for found, _ in _emptied(self._leases):
            if (stream := found()) is not None:
                stream._lose(error)


def _emptied(waiting: dict[int, Any]) -> Iterator[Any]:
    """Takes all that is there, and what others put there meanwhile."""
    while True:
        try:
            yield waiting.popitem()[1]
        except KeyError:
            return


def _ended(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _after_fork() -> None:
    for connection in list(LIVE):
        connection.after_fork()
    LIVE.clear()


os.register_at_fork(after_in_child=_after_fork)

__all__ = ["LIVE", "Connection", "Error"]
