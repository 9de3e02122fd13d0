#!/usr/bin/env bash
# Rebuilds every prebuilt .wasm of this folder.
#
#   build.sh [--out DIR]    write them to DIR instead of beside their sources
set -euo pipefail

usage() {
    echo "usage: build.sh [--out DIR]" >&2
    exit 2
}

out=
while (($#)); do
    case $1 in
        --out)
            (($# > 1)) || usage
            mkdir -p "$2"
            out=$(realpath "$2")
            shift 2
            ;;
        *) usage ;;
    esac
done

cd "$(dirname "$(realpath "$0")")"
: "${out:=$PWD}"

for target in wasm32-unknown-unknown wasm32-wasip1 wasm32-wasip2; do
    if [[ ! -d $(rustc --print target-libdir --target "$target") ]]; then
        echo "build.sh: rustc has no standard library for $target; run: rustup target add wasm32-unknown-unknown wasm32-wasip1 wasm32-wasip2" >&2
        exit 1
    fi
done

# Panic messages hold source paths; without the builder's own in them, the bytes are the same wherever this runs.
cargo_home=$(realpath -m "${CARGO_HOME:-$HOME/.cargo}")
export CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$cargo_home=/cargo"$'\x1f'"--remap-path-prefix=$PWD=/guest-tasks"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

# build TARGET FOLDER PROGRAM...
build() {
    local target=$1 folder=$2 program
    shift 2
    cargo build --locked --release --target "$target" --manifest-path "$folder/Cargo.toml" "${@/#/--package=}"
    for program; do
        local built=$CARGO_TARGET_DIR/$target/release/$program.wasm
        [[ -e $built ]] || built=$CARGO_TARGET_DIR/$target/release/${program//-/_}.wasm # a library's name
        install -m 644 "$built" "$out/$program.wasm"
    done
}

build wasm32-wasip2 . is-prime shared-state spelling sum-of-chunk sum-of-squares tally typed
build wasm32-wasip2 rust largest-prime-factor
build wasm32-unknown-unknown . document kernels transform
build wasm32-wasip1 . thumbnail word-count
