"""The Python of the guide's page runs, and prints what stands behind it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from programs import GUESTS, HANG

PAGE = GUESTS.parent / "docs" / "guide" / "python.md"
README = GUESTS.parent / "python" / "README.md"


def blocks(page: Path) -> list[tuple[int, str, str | None]]:
    """Line and text of each block of Python, and what it prints, if that stands behind it."""
    text = page.read_text()
    found = re.finditer(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    return [(text.count("\n", 0, one.start()) + 1, one[1], one[2]) for one in found]


class GuideTest(unittest.TestCase):
    def test_every_block_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            for guest in [*GUESTS.glob("*.wasm"), GUESTS / "wat" / "spin-on-bang.wat"]:
                shutil.copy(guest, folder)
            seen = 0
            for page in (PAGE, README):
                for line, code, printed in blocks(page):
                    with self.subTest(f"{page.name}:{line}"):
                        ran = subprocess.run(
                            [sys.executable, "-W", "error", "-c", code],
                            capture_output=True,
                            text=True,
                            timeout=HANG,
                            cwd=folder,
                            env=os.environ,
                        )
                        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
                        if printed is not None:
                            self.assertEqual(ran.stdout, printed)
                    seen += 1
            self.assertGreater(seen, 6)


if __name__ == "__main__":
    unittest.main()
