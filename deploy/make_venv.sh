#!/bin/bash
# Makes the virtual environment and installs the pinned requirements into it: make_venv.sh FOLDER REQUIREMENTS.
# pip refuses a file whose hash the requirements do not contain, whatever package index this machine uses.
# It is a shell script because it runs before any Python package is installed. It sets up nothing but the virtual
# environment.
set -euo pipefail
venv=$1 requirements=$2
python=${PYTHON:-python3}

# An interpreter that was built with optimisation takes less CPU: those of distributions are, those of pyenv are not. Unless
# PYTHON names one, the distribution's is taken if the first one on the path is not optimised, and nothing has to be installed.
optimised='import sys; from runtime.interpreter import is_optimised; sys.exit(not is_optimised())'
if [ -z "${PYTHON:-}" ] && ! "$python" -B -c "$optimised" 2>/dev/null; then
    system=/usr/bin/python3
    if "$system" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        "$system" -B -c "$optimised"; then
        python=$system
    fi
fi

fail() { echo "error: $*"; exit 1; }

command -v "$python" >/dev/null || fail "$python is missing. Install Python 3.11 or newer."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, but $("$python" -V) was found. Name another one: make PYTHON=python3.12 ..."
"$python" -B -m deploy.stack.checkout_path || exit 1

# Debian keeps ensurepip, without which a venv has no pip, in a package of its own. The package
# is named after the interpreter's version, because /usr/bin/python3 and the distribution's python3-venv always belong together.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $package with apt-get (about half a minute)"
        export DEBIAN_FRONTEND=noninteractive
        said=$({ apt-get -qq update && apt-get -qq install --no-install-recommends "$package"; } 2>&1) ||
            fail "apt-get could not install $package: $(tail -n 1 <<<"$said")"
    else
        fail "Python's venv module is missing. Install it: sudo apt-get install $package"
    fi
fi

# Only the installation above needs root. The rest runs as the owner of the checkout.
if [ "${3-}" != as-owner ]; then
    exec "$python" -B -m deploy.stack.owner "$0" "$venv" "$requirements" as-owner
fi
[ -w . ] || fail "$(id -un) has no permission to write in $(pwd -P)."
# Also single files: a package that root has installed keeps pip from installing another version of it.
if [ -e "$venv" ] && [ "$(id -u)" != 0 ] && others=$(find "$venv" ! -user "$(id -u)" -print -quit) && [ "$others" ]; then
    fail "$others belongs to $(stat -c %U "$others"). Run this once: sudo chown -R $(id -un): $(printf %q "$(pwd -P)")"
fi

# This script decides what pip installs, and where. The machine's settings decide how pip gets it: index, proxy,
# certificates, cache.
for name in $(compgen -e PIP_); do
    case ${name#PIP_} in
    *INDEX* | FIND_LINKS | TRUSTED_HOST | PROXY | *CERT | *CACHE* | *TIMEOUT | RETRIES | CONFIG_FILE | KEYRING*) ;;
    *) unset "$name" ;;
    esac
done
export PIP_USER=0 # a pip.conf may say otherwise

# A venv that was moved or whose interpreter is gone cannot be repaired by installing into it.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    echo "Making $venv with $("$python" -V)"
    "$python" -m venv --clear "$venv" || fail "$python -m venv failed."
fi

log=$venv/pip.log
echo "Installing $(grep -c '==' "$requirements") packages from $requirements (about 20 s the first time)"
"$venv/bin/python" -m pip install --disable-pip-version-check --no-input --require-hashes -r "$requirements" >"$log" 2>&1 &
pip=$!
trap 'kill $pip 2>/dev/null' INT TERM
while kill -0 $pip 2>/dev/null; do
    printf '.'
    sleep 1
done
echo
wait $pip || { grep -E '^ERROR' "$log" | head -3; fail "pip failed; its output is in $log."; }
touch "$venv/.requirements-installed"
