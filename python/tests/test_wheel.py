"""The wheels: what is in them, and that an environment without tools has all it needs."""

import importlib.metadata
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import wasmpool
from needs import need
from programs import GUESTS
from wasmpool import _binary

#: The folder of the wheels that are installed.
WHEELS = os.environ.get("WASMPOOL_WHEELS")
LARGEST = 15_000_000
#: The type of section of an executable's symbols.
SYMBOLS = 2


def sections(elf):
    """The types of the sections of an executable."""
    (begin,), (size, count) = struct.unpack_from("<Q", elf, 0x28), struct.unpack_from("<HH", elf, 0x3A)
    return {struct.unpack_from("<I", elf, begin + number * size + 4)[0] for number in range(count)}


def version():
    return re.search(r'(?m)^version = "(.+)"$', (GUESTS.parent / "Cargo.toml").read_text())[1]


@unittest.skipUnless(WHEELS, "NOT RUN: WASMPOOL_WHEELS names no folder with the wheels")
class WheelTest(unittest.TestCase):
    def setUp(self):
        self.wheels = {wheel.name.split("-")[0]: wheel for wheel in Path(WHEELS).glob("*.whl")}
        self.assertEqual(set(self.wheels), {"wasmpool", "wasmpool_runtime_python"})

    def test_they_are_small_typed_and_have_their_licences(self):
        for name, wheel in self.wheels.items():
            self.assertLess(wheel.stat().st_size, LARGEST, wheel.name)
            with zipfile.ZipFile(wheel) as archive:
                names = archive.namelist()
                self.assertIsNone(archive.testzip())
            info = f"{name}-{version()}.dist-info"
            for wanted in (f"{name}/py.typed", f"{info}/licenses/LICENSE", f"{info}/RECORD"):
                self.assertIn(wanted, names)

    def test_the_executable_is_stripped_and_every_linux_of_its_age_takes_it(self):
        wheel = self.wheels["wasmpool"]
        self.assertRegex(wheel.name, r"-py3-none-manylinux_2_\d+_(x86_64|aarch64)\.whl$")
        with zipfile.ZipFile(wheel) as archive:
            (one,) = [one for one in archive.infolist() if one.filename.endswith("/wpool")]
            self.assertTrue(one.external_attr >> 16 & 0o100, "it can be executed")
            self.assertNotIn(SYMBOLS, sections(archive.read(one)))

    def test_the_wheel_of_the_runtime_is_pure(self):
        self.assertTrue(self.wheels["wasmpool_runtime_python"].name.endswith("-py3-none-any.whl"))


@unittest.skipUnless(WHEELS, "NOT RUN: WASMPOOL_WHEELS names no folder with the wheels")
class InstalledTest(unittest.TestCase):
    def test_the_metadata_say_what_belongs_together(self):
        about = importlib.metadata.metadata("wasmpool")
        self.assertEqual((about["Requires-Python"], about["License-Expression"]), (">=3.11", "Apache-2.0"))
        needed = [one.partition(";")[0].strip() for one in about.get_all("Requires-Dist") if "functions" in one]
        self.assertEqual(needed, [f"wasmpool-runtime-python=={version()}"])

    def test_pip_finds_every_file_as_it_was_recorded(self):
        for name in ("wasmpool", "wasmpool-runtime-python"):
            for file in importlib.metadata.files(name):
                self.assertTrue(file.locate().is_file(), file)
        ran = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout)

    def test_the_executable_is_the_wheels(self):
        self.assertTrue(Path(_binary.find()).is_relative_to(sys.prefix))


class RuntimeTest(unittest.TestCase):
    def test_python_runs_where_no_tool_is(self):
        need(_binary.RUNTIME)
        with tempfile.TemporaryDirectory() as empty:
            variables = os.environ | {"PATH": empty}
            ran = subprocess.run(
                [sys.executable, "-m", "wasmpool", "runtime", "list"], capture_output=True, text=True, env=variables
            )
            self.assertRegex(ran.stdout, r"(?m)^python-\S+ .*used, given by WPOOL_RUNTIMES$", ran.stderr)
            script = Path(empty, "app.py")
            script.write_text("import sys\n\ndef run(row):\n    return [row * 2, sys.platform]\n")
            with mock.patch.dict(os.environ, {"PATH": empty}):
                self.assertIsNone(shutil.which("componentize-py"))
                with wasmpool.Executor(script, max_workers=1) as executor:
                    self.assertEqual(executor.submit(21).result(), [42, "wasi"])

    def test_without_it_an_error_says_how_to_get_it(self):
        with tempfile.TemporaryDirectory() as empty:
            variables = {"PATH": empty, "XDG_CACHE_HOME": empty, _binary.RUNTIMES: "", "VIRTUAL_ENV": ""}
            with mock.patch.dict(os.environ, variables), self.assertRaises(wasmpool.Error) as caught:
                wasmpool.SandboxExecutor(max_workers=1)
        self.assertIn("wasmpool[functions]", caught.exception.__notes__[0])

    def test_a_variable_of_the_user_stays(self):
        need(_binary.RUNTIME)
        self.assertTrue(os.path.isabs(_binary.environment()[_binary.RUNTIMES]))
        with mock.patch.dict(os.environ, {_binary.RUNTIMES: "/mine.wasm"}):
            self.assertEqual(_binary.environment()[_binary.RUNTIMES], "/mine.wasm")


if __name__ == "__main__":
    unittest.main()
