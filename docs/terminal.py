#!/usr/bin/env python3
"""Runs wpool in a terminal and draws the terminal: writes docs/run.svg, the picture in the README.

    cargo build --release
    python3 docs/terminal.py

The commands are real runs of the guests in guest-tasks/, so their times differ from picture to picture.
"""

import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "run.svg"

COMMANDS = [
    "tail -3 guest-tasks/numbers.jsonl | wpool run guest-tasks/largest-prime-factor.wasm",
    "cat rows.jsonl",
    "wpool run guest-tasks/wat/storm.wat rows.jsonl --timeout 500ms --memory 4MiB",
]
# What storm.wat does is in the first letter of a row: it computes, traps, never ends, takes all memory, sleeps.
ROWS = '"compute"\n"trap"\n"do not end"\n"memory"\n"sleep"\n'

COLUMNS = 104
CHARACTER, LINE, MARGIN = 7.8, 18, 16
TITLE = "A terminal in which wpool runs a program over rows"


def run(command, folder, environment):
    """Lines that a command writes to a terminal, standard output and standard error together."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        ["sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # Linux reports the end of a terminal as an error.
            break
        if not part:
            break
        written += part
    os.close(ours)
    child.wait()
    text = written.decode().replace("\r\n", "\n")
    if any(ord(character) < 32 and character != "\n" for character in text):
        raise SystemExit(f"{command}: this script draws plain text only: {text!r}")
    return text.splitlines()


def wrapped(line):
    """The rows of the screen that a line takes."""
    return [line[at : at + COLUMNS] for at in range(0, max(len(line), 1), COLUMNS)]


def screen():
    """Pairs of a kind of text and a row of the screen."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "guest-tasks").symlink_to(ROOT / "guest-tasks")
        (folder / "rows.jsonl").write_text(ROWS)
        binaries = ROOT / "target" / "release"
        environment = {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_STATE_HOME": str(folder / "state"),
            "TERM": "xterm",
            "COLUMNS": str(COLUMNS),
        }
        if not shutil.which("wpool", path=str(binaries)):
            raise SystemExit("there is no target/release/wpool: run `cargo build --release` first")
        for command in COMMANDS:
            yield "command", f"$ {command}"
            for line in run(command, folder, environment):
                for row in wrapped(line):
                    yield "output", row
        yield "command", "$"


def draw(rows):
    width = COLUMNS * CHARACTER + 2 * MARGIN
    height = len(rows) * LINE + 2 * MARGIN
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">'
    yield f"<title>{TITLE}</title>"
    yield "<style>text{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;fill:#d0d7de}"
    yield ".command{fill:#7ee787}</style>"
    yield f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#161b22"/>'
    for number, (kind, text) in enumerate(rows):
        y = MARGIN + number * LINE + 13
        # The width is given, so that every font has the same columns.
        length = f'textLength="{len(text) * CHARACTER:.1f}" lengthAdjust="spacingAndGlyphs"'
        yield f'<text class="{kind}" x="{MARGIN}" y="{y}" {length} xml:space="preserve">{escape(text)}</text>'
    yield "</svg>"


PICTURE.write_text("\n".join(draw(list(screen()))) + "\n")
print(f"wrote {PICTURE.relative_to(ROOT)}")
