#!/usr/bin/env bash
# The steps of CI, one function each: `.ci/steps.sh STEP…`. `.ci/run` runs them all, the justfile names them for people.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly ui=loom-studio-server/ui
readonly work=target/ci
# What the steps themselves need from PyPI. It comes last, so that a tool that is already installed wins.
export PATH="$PATH:$PWD/$work/tools/bin"

tools() {
  local packages=()
  command -v chromium >/dev/null || packages+=(chromium)
  fc-list 2>/dev/null | grep -q 'Noto Sans CJK' || packages+=(fonts-noto-cjk)
  if ((${#packages[@]})); then
    local as_root=()
    ((EUID == 0)) || as_root=(sudo)
    "${as_root[@]}" apt-get update -q
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qy --no-install-recommends "${packages[@]}"
  fi

  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed" >&2; return 1; }
  [[ -x $work/tools/bin/python ]] || python3 -m venv "$work/tools"
  local wanted=(maturin==1.16.0)
  command -v just >/dev/null || wanted+=(rust-just)
  "$work/tools/bin/pip" install -q "${wanted[@]}"
  # Built without optimisation, which takes a minute instead of several; it runs for seconds.
  command -v cargo-deny >/dev/null ||
    CARGO_TARGET_DIR="$work/cargo-deny" cargo install -q cargo-deny --version 0.20.2 --locked --debug --no-default-features --root "$work/tools"

  npm --prefix "$ui" ci --no-audit --no-fund
}

# The justfile is well-formed, and every step it names exists.
justfile() {
  just --summary >/dev/null
  local step
  while read -r step; do
    [[ $(type -t "$step") == function ]] || { echo "justfile: no such step: $step" >&2; return 1; }
  done < <(sed -n 's|^    \.ci/steps\.sh ||p' justfile | tr ' ' '\n')
}

fmt() {
  cargo fmt --all --check
  cargo fmt --manifest-path fuzz/Cargo.toml --check
}

clippy() {
  # A feature set that nobody builds rots. Libraries alone here: test targets switch features on.
  local features
  for features in '' --no-default-features '--no-default-features --features file' '--no-default-features --features cloudevents' \
    '--no-default-features --features conformance' '--no-default-features --features fuzzing' --all-features; do
    # shellcheck disable=SC2086 # the words of one set
    run_clippy -p loom-studio-core --lib $features
  done
  run_clippy -p loom-studio-server --lib --bins --no-default-features
  run_clippy -p loom-studio-server --lib --bins
  run_clippy -p loom-studio-py --no-default-features
  run_clippy -p loom-studio-py --no-default-features --features python
  run_clippy -p loom-studio-py
  run_clippy --workspace --all-targets
  # The fuzz targets are a workspace of their own. What they do is tested by `cargo test`; here they need only build.
  run_clippy --manifest-path fuzz/Cargo.toml --target-dir "$work/fuzz" --bins
}

run_clippy() {
  echo "cargo clippy $*"
  cargo clippy --quiet "$@" -- -D warnings
}

deny() {
  # Advisories are left out: their database has to be fetched.
  cargo deny check --hide-inclusion-graph bans licenses sources
}

doc() {
  RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --workspace --all-features
}

test() {
  cargo test
  # Its tests can't be linked with Python's part, so they are no part of the default run.
  cargo test -p loom-studio-py --no-default-features
}

examples() {
  cargo run -p loom-studio-examples --example embed
}

build() {
  # The wheel carries the server. Naming its package too gives what both are made of the features of both, so that the wheel finds it compiled.
  cargo build --release -p loom-studio-server -p loom-studio-py --bin loom-studio
}

benches() {
  cargo bench -p loom-studio-benches --no-run
}

ui_lint() {
  npm --prefix "$ui" run lint
}

ui_test() {
  npm --prefix "$ui" test
}

# What is generated and committed is what the sources generate.
ui_fresh() {
  npm --prefix "$ui" run api
  npm --prefix "$ui" run build
  npm --prefix "$ui" run size
  is_committed "$ui/src/data/api.gen.ts" "$ui/dist"
}

is_committed() {
  local changes
  changes=$(git status --porcelain -- "$@")
  [[ -z $changes ]] || { printf 'Generated files differ from the committed ones:\n%s\n' "$changes" >&2; git --no-pager diff --stat -- "$@" >&2; return 1; }
}

ui_e2e() {
  LOOM_STUDIO_BIN="$PWD/target/release/loom-studio" npm --prefix "$ui" run e2e
}

readonly max_wheel_bytes=$((20 << 20))

wheel() {
  rm -rf "$work/wheels"
  "$work/tools/bin/maturin" build --release --manifest-path loom-studio-py/Cargo.toml --out "$work/wheels"
  local bytes
  bytes=$(stat -c %s "$work"/wheels/loom_studio-*.whl)
  echo "the wheel has $bytes bytes"
  ((bytes <= max_wheel_bytes)) || { echo "more than $max_wheel_bytes are too many" >&2; return 1; }
  python_with python test
  python_with python-loom038 test-loom038
}

# A fresh environment: the wheel, and what a dependency group names.
python_with() {
  rm -rf "${work:?}/$1"
  python3 -m venv "$work/$1"
  # pip reads dependency groups from 25.1 on.
  "$work/$1/bin/pip" install -q --upgrade 'pip>=25.1'
  "$work/$1/bin/pip" install -q --group "loom-studio-py/pyproject.toml:$2" "$work"/wheels/loom_studio-*.whl
}

# The source distribution holds all that a build needs. Unoptimised, which is quick here; what it builds serves the page.
sdist() {
  rm -rf "$work/sdist" "$work/python-sdist"
  "$work/tools/bin/maturin" sdist --manifest-path loom-studio-py/Cargo.toml --out "$work/sdist"
  PATH="$PWD/$work/tools/bin:$PATH" CARGO_TARGET_DIR="$PWD/target" MATURIN_PEP517_ARGS='--profile dev' \
    "$work/tools/bin/pip" wheel -q --no-deps --no-build-isolation -w "$work/sdist" "$work"/sdist/loom_studio-*.tar.gz
  python3 -m venv "$work/python-sdist"
  "$work/python-sdist/bin/pip" install -q "$work"/sdist/loom_studio-*.whl
  "$work/python-sdist/bin/loom-studio" --version
  "$work/python-sdist/bin/python" -c '
import pathlib, sysconfig, urllib.request, loom_studio
assert pathlib.Path(sysconfig.get_path("platlib"), "loom_studio_hook.pth").is_file()
with loom_studio.serve(port=0, memory=True) as server, urllib.request.urlopen(server.url) as page:
    assert b"<title>Loom Studio</title>" in page.read()
'
}

py_types() {
  local python="$PWD/$work/python/bin/python" loom038="$PWD/$work/python-loom038/bin/python"
  (
    cd loom-studio-py
    "$python" -m mypy.stubtest loom_studio
    "$python" -m mypy -p loom_studio
    "$python" -m mypy tests --exclude tests/loom038/
    [[ ! -d tests/loom038 ]] || "$loom038" -m mypy tests/loom038
  )
}

py_test() {
  local environment
  for environment in python python-loom038; do
    (cd loom-studio-py && LOOM_STUDIO_BIN="$OLDPWD/target/release/loom-studio" "$OLDPWD/$work/$environment/bin/python" -m pytest -ra)
  done
}

readme() {
  python3 .ci/readme.py
}

for step in "$@"; do
  [[ $(type -t "$step") == function ]] || { echo "no such step: $step" >&2; exit 2; }
  "$step"
done
