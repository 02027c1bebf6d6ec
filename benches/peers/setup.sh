#!/usr/bin/env bash
# setup.sh [python|rust|web]: sets up the libraries that nn-core is compared with, once, in $PEERS_DIR (default
# ~/.cache/nn-core-peers): MNIST unpacked; a Python environment with PyTorch and JAX, another with TensorFlow (7 GB); the
# programs that time candle, gemm, matrixmultiply and burn (ten minutes on two cores); the libraries for browsers, by npm
# (450 MB). Without an argument, all.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
PEERS_DIR=${PEERS_DIR:-$HOME/.cache/nn-core-peers}
mkdir -p "$PEERS_DIR/mnist"
for file in "$root"/mnist-io/data/*/*.gz; do gzip -dc "$file" >"$PEERS_DIR/mnist/$(basename "$file" .gz)"; done

if [[ ${1:-python} == python ]]; then
  [[ -x $PEERS_DIR/venv/bin/python ]] || python3 -m venv "$PEERS_DIR/venv"
  "$PEERS_DIR/venv/bin/pip" install -q numpy safetensors threadpoolctl jax==0.10.2 torch==2.15.0
  [[ -x $PEERS_DIR/tfvenv/bin/python ]] || python3 -m venv "$PEERS_DIR/tfvenv"
  "$PEERS_DIR/tfvenv/bin/pip" install -q threadpoolctl tensorflow-cpu==2.21.0
fi

if [[ ${1:-rust} == rust ]]; then
  # As these libraries' own repositories build them: for this CPU, with link-time optimization.
  export CARGO_TARGET_DIR=$PEERS_DIR/rust-target RUSTFLAGS="-C target-cpu=native"
  export CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
  cargo build --release --manifest-path "$root/Cargo.toml" -p benches --features peers --bin throughput
  cargo build --release --manifest-path "$here/burn/Cargo.toml"
fi

if [[ ${1:-web} == web ]]; then
  mkdir -p "$PEERS_DIR/web"
  cp "$here/web/package.json" "$here/web/package-lock.json" "$PEERS_DIR/web"
  # None of them needs a script of its own to be installed.
  npm ci --prefix "$PEERS_DIR/web" --ignore-scripts --no-audit --no-fund
fi
