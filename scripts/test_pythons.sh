#!/usr/bin/env bash
# Under every Python >= 3.11 of this machine but the one of .venv: installs penstock as its users do, into a fresh
# virtual environment, and runs the tour and the demo in short form.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Built from a copy, so that no build folder is left here.
mkdir "$work/source"
cp -R penstock pyproject.toml README.md LICENSE "$work/source"

smoke() { # interpreter $1
  local venv="$work/venv" program
  "$1" -m venv --clear "$venv"
  "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
  "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation "$work/source"
  cd "$work"  # away from the checkout, so that the installed package is what is imported
  "$venv/bin/penstock" doctor
  for program in "$root"/examples/tour/*.py; do
    echo "-- ${program#"$root"/}"
    "$venv/bin/penstock" run "$program"
  done
  "$venv/bin/python" "$root/examples/digits.py" --short --output "$work/demo-output"
  "$venv/bin/python" "$root/examples/classify.py" --output "$work/demo-output"
  cd "$root"
}

own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
tested=0
while IFS= read -r python; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  [ "$version" != "$own" ] || continue
  echo "==== Python $version: $python"
  smoke "$python" < /dev/null
  tested=$((tested + 1))
done < <(scripts/pythons.sh)
echo "The smoke test passed under $tested Python(s) besides $own."
