#!/bin/sh
# Install SessionTrail from the folder above this one into a new environment of its own.
#
#   deploy/install.sh FOLDER
#
# The image is built by this script, and tests/deploy runs it outside of one.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
environment=$1

# Without pip: nothing is installed after this, and what is not there need not be patched.
python3 -m venv --without-pip "$environment"
# Wheels only: a dependency that wanted a compiler would fail here, as slim images have none.
python3 -m pip --python "$environment/bin/python" install \
    --disable-pip-version-check --only-binary :all: "$source"
"$environment/bin/sessiontrail" --version
