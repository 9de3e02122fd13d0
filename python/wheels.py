"""Makes wheels ready for others: `strip` takes the symbols out of a wheel's executable, and `runtime` makes the wheel of the
program that runs Python.

    python wheels.py strip WHEEL
    python wheels.py runtime WPOOL DIR

`WPOOL` is an executable of wpool, which makes the program with componentize-py from `PATH`.
"""

import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNTIME = HERE / "runtime"
PACKAGE = "wasmpool_runtime_python"
#: As `zipfile` has it for files without a date, so that equal contents are equal wheels.
NO_DATE = (1980, 1, 1, 0, 0, 0)
ELF = b"\x7fELF"

#: The contents of a wheel: bytes and mode by name.
Files = dict[str, tuple[bytes, int]]


def read(wheel: Path) -> Files:
    with zipfile.ZipFile(wheel) as archive:
        return {one.filename: (archive.read(one), one.external_attr >> 16) for one in archive.infolist()}


def write(wheel: Path, files: Files) -> None:
    """Writes a wheel with its record, which comes last."""
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    lines = []
    for name, (content, _) in files.items():
        if name != record:
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(content)}\n")
    whole = {name: one for name, one in files.items() if name != record}
    whole[record] = ("".join([*lines, f"{record},,\n"]).encode(), 0o644)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, (content, mode) in whole.items():
            info = zipfile.ZipInfo(name, NO_DATE)
            info.external_attr = (0o100000 | mode & 0o777) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED, 9)


def stripped(content: bytes) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        subprocess.run(["strip", file.name], check=True)
        return Path(file.name).read_bytes()


def strip(wheel: Path) -> None:
    """Replaces the executables of a wheel: a copy is stripped, so cargo's own stays as it was built."""
    files = read(wheel)
    for name, (content, mode) in files.items():
        if content.startswith(ELF):
            files[name] = stripped(content), mode
    write(wheel, files)


def version() -> str:
    found = re.search(r'^version = "(.+)"$', (HERE.parent / "Cargo.toml").read_text(), re.MULTILINE)
    assert found is not None, "Cargo.toml begins with the version"
    return found[1]


def make_runtime(wpool: str) -> Path:
    """The file of the runtime, in a cache that is kept, so that it is made once for each version of it."""
    variables = {name: value for name, value in os.environ.items() if name != "WPOOL_RUNTIMES"}
    made = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wpool" / "runtimes"

    def current() -> list[str]:
        ran = subprocess.run([wpool, "runtime", "list"], env=variables, check=True, capture_output=True, text=True)
        lines = [line.split() for line in ran.stdout.splitlines()]
        return [line[0] for line in lines if line[0].startswith("python-") and line[-1] == "used"]

    if not current():
        subprocess.run([wpool, "runtime", "build", "python"], env=variables, check=True)
    return made / f"{current()[0]}.wasm"


def runtime(wpool: str, folder: Path) -> Path:
    info = f"{PACKAGE}-{version()}.dist-info"
    program = make_runtime(wpool)
    tags = "Wheel-Version: 1.0\nGenerator: wasmpool\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {
        f"{PACKAGE}/__init__.py": (RUNTIME / PACKAGE / "__init__.py").read_bytes(),
        f"{PACKAGE}/py.typed": b"",
        f"{PACKAGE}/{program.name}": program.read_bytes(),
        f"{info}/METADATA": (RUNTIME / "METADATA").read_text().format(version=version()).encode(),
        f"{info}/WHEEL": tags.encode(),
        f"{info}/licenses/LICENSE": (HERE / "LICENSE").read_bytes(),
        f"{info}/licenses/LICENSE-CPython.txt": (RUNTIME / "LICENSE-CPython.txt").read_bytes(),
        f"{info}/RECORD": b"",
    }
    wheel = folder / f"{PACKAGE}-{version()}-py3-none-any.whl"
    write(wheel, {name: (content, 0o644) for name, content in contents.items()})
    return wheel


def main(what: str, first: str, *rest: str) -> None:
    if what == "strip":
        strip(Path(first))
    elif what == "runtime":
        print(runtime(first, Path(*rest)))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
