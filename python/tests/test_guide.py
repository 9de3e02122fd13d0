"""The Python of the pages runs, and prints what stands behind it."""

import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

from needs import need
from programs import GUESTS, HANG

ROOT = GUESTS.parent
PAGES = ["docs/guide/python.md", "docs/guide/from-processpoolexecutor.md", "python/README.md"]


def blocks(page: Path) -> list[tuple[int, str, str, str | None]]:
    """Line, needed module and text of each block of Python, and what it prints, if that stands behind it."""
    text = page.read_text()
    found = re.finditer(r"```python(?: needs (\w+))?\n(.*?)```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    return [(text.count("\n", 0, one.start()) + 1, one[1] or "wasmpool", one[2], one[3]) for one in found]


def png(width: int, height: int) -> bytes:
    """A picture of noise."""
    chance = random.Random(5)
    lines = b"".join(b"\0" + chance.randbytes(3 * width) for _ in range(height))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ]
    packed = [struct.pack(">I", len(body)) + kind + body for kind, body in chunks]
    sums = [struct.pack(">I", zlib.crc32(chunk[4:])) for chunk in packed]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(bytes.__add__, packed, sums))


def furnish(folder: Path) -> None:
    """Puts the files there that the pages name."""
    for guest in [*GUESTS.glob("*.wasm"), GUESTS / "wat" / "spin-on-bang.wat"]:
        shutil.copy(guest, folder)
    (folder / "guest-tasks").symlink_to(GUESTS)
    (folder / "photos").mkdir()
    for name in ("one.png", "two.png"):
        (folder / "photos" / name).write_bytes(png(300, 200))


def run(code: str, folder: str) -> subprocess.CompletedProcess:
    # A file: functions are sent by their source.
    script = Path(folder, "example.py")
    script.write_text(code)
    command = [sys.executable, "-W", "error", str(script)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG, cwd=folder, env=os.environ)


class GuideTest(unittest.TestCase):
    def test_every_block_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            furnish(Path(folder))
            seen = 0
            for page in PAGES:
                for line, needed, code, printed in blocks(ROOT / page):
                    with self.subTest(f"{page}:{line}"):
                        need(needed)
                        ran = run(code, folder)
                        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
                        if printed is not None:
                            self.assertEqual(ran.stdout, printed)
                    seen += 1
            self.assertGreater(seen, 16)


if __name__ == "__main__":
    unittest.main()
