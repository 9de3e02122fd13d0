#!/usr/bin/env bash
# Rebuilds runtime.wasm, which stands inside wpool's executable. The same bytes come out wherever this runs with the
# compilers that it names.
#
#   build.sh [--out FILE]    write FILE instead of host/cli/scripts/runtimes/javascript.wasm
set -euo pipefail

usage() {
    echo "usage: build.sh [--out FILE]" >&2
    exit 2
}

out=
while (($#)); do
    case $1 in
        --out)
            (($# > 1)) || usage
            out=$(realpath -m "$2")
            shift 2
            ;;
        *) usage ;;
    esac
done

cd "$(dirname "$(realpath "$0")")"
: "${out:=$(realpath ../../../host/cli/scripts/runtimes)/javascript.wasm}"

# `ZIG` or the module of Python: `pip install ziglang==0.17.1`.
zig=(${ZIG:-python3 -m ziglang})
version=$("${zig[@]}" version)
if [[ $version != 0.17.1 ]]; then
    echo "build.sh: found zig $version, but the bytes are made by 0.17.1; run: pip install ziglang==0.17.1" >&2
    exit 1
fi
if ! command -v patch >/dev/null; then
    echo "build.sh: found no patch; install it, for example by: apt-get install patch" >&2
    exit 1
fi
target=wasm32-unknown-unknown
if [[ ! -d $(rustc --print target-libdir --target $target) ]]; then
    echo "build.sh: rustc has no standard library for $target; run: rustup target add $target" >&2
    exit 1
fi

# Source paths would be in messages; without the builder's own in them, the bytes are the same wherever this runs.
cargo_home=$(realpath -m "${CARGO_HOME:-$HOME/.cargo}")
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
flags=(
    "--remap-path-prefix=$cargo_home=/cargo" "--remap-path-prefix=$PWD=/runtime"
    # Deep calls of a script end by the script's own RangeError, see `STACK` in lib.rs.
    -Clink-arg=-zstack-size=1048576
    -Ctarget-feature=+simd128,+bulk-memory
    # Makes a component of the module, with no adapter: the runtime imports the functions of its world and no others.
    "-Clinker=$(rustc --print sysroot)/lib/rustlib/$(rustc --print host-tuple)/bin/wasm-component-ld"
    -Clink-arg=--wasi-adapter=none
)
CARGO_ENCODED_RUSTFLAGS=$(
    IFS=$'\x1f'
    echo "${flags[*]}"
)
export CARGO_ENCODED_RUSTFLAGS

# The C compiler takes the place of clang: it knows a target under another name. It compiles QuickJS with quickjs.patch,
# of which each line has to fit: the crate's build script copies the sources anew before.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
cat >"$tools/cc" <<END
#!/usr/bin/env bash
args=()
for arg; do
    [[ \$arg == --target=* ]] || args+=("\$arg")
    [[ \$arg != */quickjs.c ]] || patch --silent --fuzz=0 "\$arg" ${PWD@Q}/quickjs.patch || exit 1
done
exec ${zig[*]@Q} cc -target wasm32-freestanding "\${args[@]}"
END
cat >"$tools/ar" <<END
#!/usr/bin/env bash
exec ${zig[*]@Q} ar "\$@"
END
chmod +x "$tools/cc" "$tools/ar"
export ZIG_GLOBAL_CACHE_DIR=${ZIG_GLOBAL_CACHE_DIR:-$CARGO_TARGET_DIR/zig}
export CC_wasm32_unknown_unknown=$tools/cc AR_wasm32_unknown_unknown=$tools/ar CRATE_CC_NO_DEFAULTS=1
# `-fhosted`: the C library is there. Without it, each copy of a few bytes would be a call of `memcpy`, and an operation of
# the interpreter takes twice as long.
export CFLAGS_wasm32_unknown_unknown="-O3 -fhosted -fomit-frame-pointer -DNDEBUG -msimd128 -mbulk-memory -ffile-prefix-map=$CARGO_TARGET_DIR=/target"

cargo build --locked --release --target $target
install -D -m 644 "$CARGO_TARGET_DIR/$target/release/javascript_runtime.wasm" "$out"
