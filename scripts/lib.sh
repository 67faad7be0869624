# shellcheck shell=sh disable=SC2034
# Functions shared by the scripts in this directory, which read this file after `set -eu`; it changes to the project's root.

cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
program=$(basename "$0")
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
# Debian's interpreter is the one that has Debian's python3-pytest; another may come first in PATH.
python=/usr/bin/python3

say() {
    printf '%s: %s\n' "$program" "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# How many jobs make may run: one for each processor this process may use.
job_count() {
    nproc 2>/dev/null || echo 1
}

# Prints those of the named Debian packages that are not installed.
missing_packages() {
    for package; do
        status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" = installed ] || printf '%s ' "$package"
    done
}

# as_root COMMAND...: runs it with root's rights.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else
        die "needs root's rights for: $*"
    fi
}

# wait_until SECONDS COMMAND...: runs the command again and again until it succeeds; fails after that time.
wait_until() {
    deadline=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}
