"""A server that lies, or is another program: the client raises, and hangs on nothing."""

import os
import random
import stat
import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import wasmpool
from programs import wat
from wasmpool import _frames
from wasmpool._frames import FrameError


class FramesTest(unittest.TestCase):
    def test_any_bytes_are_frames_or_an_error(self):
        chance = random.Random(3)
        for _ in range(100_000):
            data = bytes(chance.choices([0, 1, 2, 3, 44, 255], k=chance.randrange(60)))
            inbox = _frames.Inbox()
            try:
                for kind, body in inbox.feed(data):
                    self.assertIsInstance(kind, int)
                    _frames.results(body)
                _frames.results(data)
            except FrameError:
                pass

    def test_frames_may_come_in_pieces(self):
        data = _frames.frame(_frames.CREDIT, b"abc") + _frames.frame(_frames.CLOSED)
        inbox = _frames.Inbox()
        found = [frame for at in range(len(data)) for frame in inbox.feed(data[at : at + 1])]
        self.assertEqual(found, [(_frames.CREDIT, b"abc"), (_frames.CLOSED, b"")])


READY = b'{"credit":{"tasks":9,"bytes":9},"statuses":["ok"],"layers":[]}'


class LyingServerTest(unittest.TestCase):
    def start(self, answer: bytes, then: str = ""):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        Path(folder.name, "answer").write_bytes(answer)
        server = Path(folder.name, "wpool")
        server.write_text(f"#!/bin/sh\ncat {folder.name}/answer\n{then}\n")
        server.chmod(server.stat().st_mode | stat.S_IXUSR)
        with mock.patch.dict(os.environ, {"WASMPOOL_BINARY": str(server)}):
            return wasmpool.Executor(wat("echo"))

    def test_what_is_not_a_ready_pool_is_an_error(self):
        for answer in [
            b"",
            b"Usage: something else\n",
            b"\0\0\0\0",
            _frames.frame(_frames.READY, b"{}"),
            _frames.frame(_frames.READY, b"["),
            _frames.frame(_frames.RESULTS, b"\0" * 44),
            _frames.frame(_frames.ERROR, b'{"code":"set-up","message":"no"}'),
        ]:
            with self.subTest(answer[:20]), self.assertRaises(wasmpool.Error):
                self.start(answer)

    def test_a_result_that_makes_no_sense_fails_the_futures(self):
        ready = _frames.frame(_frames.READY, READY)
        # It reads the hello and a task before it answers.
        for lie in [b"\xff" * 8, _frames.frame(_frames.RESULTS, b"\0" * 43), _frames.frame(_frames.CREDIT, b"1")]:
            octal = "".join(f"\\{byte:03o}" for byte in lie)
            with self.start(ready, f"head -c 600 >/dev/null; printf '{octal}'; exec sleep 60") as executor:
                with self.assertRaises(wasmpool.ServerDied):
                    executor.submit(b"x" * 1000).result()

    def test_an_unknown_status_is_a_failure(self):
        numbers = struct.pack("<QBBBxIIQQII", 0, 77, 9, 0, 1, 0, 0, 0, 0, 0)
        octal = "".join(f"\\{byte:03o}" for byte in _frames.frame(_frames.RESULTS, numbers))
        ready = _frames.frame(_frames.READY, READY)
        with self.start(ready, f"head -c 600 >/dev/null; printf '{octal}'; exec sleep 60") as executor:
            with self.assertRaisesRegex(wasmpool.TaskFailed, "status 77"):
                executor.submit(b"x" * 1000).result()
            executor._connection.kill()


if __name__ == "__main__":
    unittest.main()
