#!/usr/bin/env bash
# Takes a Google Cloud project to a running pipeline, and keeps it there: run it once, and again after every change.
# What is already as it should be is left alone. docs/guides/deployment.md explains all of it.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
LOCK="$ROOT/requirements-deployment.lock"
PACKAGES='("dns", "googleapiclient", "jsonschema", "pydantic", "yaml")'

fail() {
  printf '\nStopped: %s\n' "$1" >&2
  shift
  printf '  %s\n' "$@" >&2
  exit 1
}

# Prints a Python that has the packages of the lock: that of .venv, or another one into which somebody has installed them.
# Where there is none, makes .venv.
find_python() {
  local ready
  for ready in "$ROOT/.venv/.ready" "$ROOT/.venv/.deployment"; do
    if [ "$ready" -nt "$LOCK" ]; then
      echo "$ROOT/.venv/bin/python"
      return
    fi
  done
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "python3, 3.11 or newer, is not installed." "Install it: https://www.python.org/downloads/"
  if python3 -c "import importlib.util as u; exit(not all(map(u.find_spec, $PACKAGES)))"; then
    echo python3
    return
  fi
  python3 "$ROOT/virtual_environment.py" "${LOCK##*/}" >&2 ||
    fail "the packages of ${LOCK##*/} could not be installed." "It says above why."
  touch "$ROOT/.venv/.deployment"
  echo "$ROOT/.venv/bin/python"
}

PYTHON="$(find_python)"
export PYTHONPATH="$ROOT"
exec "$PYTHON" -P -m deployment "$@"
