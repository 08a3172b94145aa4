#!/usr/bin/env bash
# Makes a Debian 12 machine ready for `make test`: Debian packages that are missing,
# and a virtual environment in .venv with exactly the versions of constraints.txt.
# With `--bed` also the Debian 13 root that some tests run in (integration/bed.py).
# With `--demo` only what `make demo` uses: evpnd itself, ip and ping. Does nothing
# where nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly venv=.venv
# Says that all of it is there, or evpnd alone.
readonly complete=$venv/.complete demo=$venv/.demo
# What is needed, as PROGRAM:PACKAGE; an absolute path where the program is not
# on PATH.
needs=(ip:iproute2 ping:iputils-ping)
readonly needs_of_tests=(
    tcpdump:tcpdump ethtool:ethtool ps:procps nft:nftables iptables-legacy:iptables
    /usr/lib/frr/bgpd:frr gobgpd:gobgpd bird:bird2 debootstrap:debootstrap
    chromium:chromium promtool:prometheus
)
# The services that these packages bring; the lab starts its own daemons, in
# network namespaces, and nothing is to listen on the machine's own addresses.
readonly services=(frr gobgpd bird prometheus)

say() { printf 'setup: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

suitable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    for name in python3 python3.11 python3.12 python3.13 /usr/bin/python3; do
        if command -v "$name" >/dev/null && suitable "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

missing_packages() {
    local pair
    for pair in "${needs[@]}"; do
        command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
    done
    local python
    if ! python=$(find_python); then
        echo python3
        echo python3-venv
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo python3-venv
    fi
}

# Runs a command; what it prints is shown only where it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        die "$1 failed; all it printed is in $log"
    fi
    rm -f "$log"
}

install_packages() {
    local policy=/usr/sbin/policy-rc.d
    say "installing Debian packages: $*"
    # Debian's own way to keep a package from starting its service.
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        trap "rm -f $policy" EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update
    quietly apt-get install -y --no-install-recommends "$@"
    # Nor is it to start with the next boot. A service that was there before is
    # left as it was.
    local service
    if command -v systemctl >/dev/null; then
        for service in "${services[@]}"; do
            case " $* " in
            *" $service "*) systemctl disable --quiet "$service" 2>/dev/null || true ;;
            esac
        done
    fi
}

current() {
    [ -x $venv/bin/evpnd ] || return 1
    local stamp
    for stamp in "$@"; do
        [ ! -e "$stamp" ] || [ "$(cat "$stamp")" != "$(fingerprint)" ] || return 0
    done
    return 1
}

fingerprint() { sha256sum pyproject.toml constraints.txt scripts/setup.sh; }

install_python() {
    local stamp=$1 what=$2 python
    python=$(find_python) || die "no Python 3.11 or newer was found"
    say "making $venv with $("$python" --version)"
    "$python" -m venv --clear $venv
    quietly $venv/bin/python -m pip install --disable-pip-version-check \
        --constraint constraints.txt --editable "$what"
    fingerprint >"$stamp"
}

[ "$(id -u)" -eq 0 ] ||
    die "run this as root: network namespaces, VXLAN devices and packages need it"

[ "${1:-}" = --demo ] || needs+=("${needs_of_tests[@]}")
mapfile -t packages < <(missing_packages)
[ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
if [ "${1:-}" = --demo ]; then
    current $demo $complete || install_python $demo .
else
    current $complete || install_python $complete '.[dev]'
fi
# An editable package has no bytecode, and evpnd would compile itself at each start.
$venv/bin/python -m compileall -q evpnd lab
if [ "${1:-}" = --bed ]; then
    $venv/bin/python -m integration.bed
    $venv/bin/python -m integration.system
fi
