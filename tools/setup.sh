#!/bin/sh
# Make the environment $2 with the Python $1: exactly what the lock names, and outgrow itself, editable.
set -eu
python=$1 venv=$2
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: \"$python\" is no Python 3.11 or newer. Name one: make setup PYTHON=python3.13" >&2
    exit 1
fi
echo "setup: $("$python" --version) in $venv"
test -x "$venv/bin/python" || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements/dev.txt
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
