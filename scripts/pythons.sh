#!/usr/bin/env bash
# Prints the path of every Python >= 3.11 of this machine that can make a virtual environment, one for each version:
# those on the PATH and those that pyenv keeps, the tested versions first.
# With a command or path as its argument, checks that one alone, and says what is wrong with it.
set -euo pipefail

oldest='(3, 11)'
versions='3.13 3.12 3.11 3.14'

describe() { # the minor version of interpreter $1, if it is good enough
  "$1" -c "import sys, venv, ensurepip; sys.version_info >= $oldest or sys.exit(1); print('%d.%d' % sys.version_info[:2])" 2>/dev/null
}

if [ $# -gt 0 ]; then
  path=$(command -v "$1") || { echo "$1: there is no such command" >&2; exit 1; }
  describe "$path" >/dev/null || {
    echo "$1: penstock needs Python 3.11 or later, with the venv module; this one is: $("$path" --version 2>&1 | head -n 1)" >&2
    exit 1
  }
  echo "$path"
  exit
fi

candidates() {
  for version in $versions; do
    type -aP "python$version" || true
    # A version manager's own copies: its commands on the PATH run only where a version was chosen.
    ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python 2>/dev/null | sort -r || true
  done
  type -aP python3 python || true
}

seen=' '
while IFS= read -r path; do
  version=$(describe "$path") || continue
  case "$seen" in *" $version "*) continue ;; esac
  seen="$seen$version "
  echo "$path"
done < <(candidates)
