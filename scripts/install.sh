#!/usr/bin/env bash
# Makes .venv and installs penstock into it, in place, with the pinned packages of requirements.txt ("runtime") or of
# requirements-dev.txt ("dev", which holds the others too). Does nothing where that was done before.
# PYTHON names the interpreter; without it, the first that scripts/pythons.sh finds is taken.
# Usage: scripts/install.sh runtime|dev
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
what=${1:?usage: scripts/install.sh runtime|dev}
case "$what" in
  runtime) installs='runtime' requirements=requirements.txt ;;
  dev) installs='runtime dev' requirements=requirements-dev.txt ;;
  *) echo "scripts/install.sh: runtime or dev, not $what" >&2; exit 2 ;;
esac

make_venv() {
  local python
  if [ -n "${PYTHON:-}" ]; then
    python=$(scripts/pythons.sh "$PYTHON")
    local wanted have
    wanted=$("$python" --version)
    have=$("$venv/bin/python" --version 2>/dev/null) || have=none
    [ "$wanted" = "$have" ] && return
    [ "$have" = none ] || echo "$venv is $have; making it anew with $wanted"
  else
    scripts/pythons.sh "$venv/bin/python" >/dev/null 2>&1 && return
    python=$(scripts/pythons.sh)
    python=${python%%$'\n'*}
  fi
  if [ -z "$python" ]; then
    echo "No Python 3.11 or later with the venv module was found. Install one, or name it: make PYTHON=/path/to/python ..." >&2
    exit 1
  fi
  echo "Making $venv with $python ($("$python" --version))"
  "$python" -m venv --clear "$venv"
}

state() { # what an install of $1 depends on
  echo "$PWD"
  cat pyproject.toml requirements.txt
  [ "$1" = runtime ] || cat requirements-dev.txt
}

make_venv
state "$what" | cmp -s - "$venv/.installed-$what" && exit
echo "Installing $requirements"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$requirements"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
for each in $installs; do
  state "$each" > "$venv/.installed-$each"
done
