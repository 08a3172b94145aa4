#!/usr/bin/env bash
# All checks: formatting, lint, types, layers, then every test, with the coverage that
# [tool.coverage] in pyproject.toml asks for. The static checks are quiet unless they
# find something. The slow ones of them run beside the tests, and tell at the end. The
# exit status is 0 only where all of them passed. `--static` alone leaves the tests out,
# `--quick` runs those that need no root and take a minute together. Other arguments go
# to pytest.
#
# Tests run side by side (conftest.py). Most of them wait, so there are more workers
# than processors, eight at most; EVPND_TEST_WORKERS says how many.
set -euo pipefail
cd "$(dirname "$0")/.."

# Tests start Python hundreds of times. Each source is compiled once, whatever the
# environment says.
unset PYTHONDONTWRITEBYTECODE

readonly bin=.venv/bin
failed=()

check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "$name: ok"
    else
        printf '%s: FAILED\n%s\n' "$name" "$output"
        return 1
    fi
}

slow_checks() {
    local status=0
    check "mypy" $bin/mypy -p evpnd -p lab -p integration || status=1
    check "lint-imports" $bin/lint-imports --no-cache || status=1
    return $status
}

check "ruff check" $bin/ruff check --quiet || failed+=(ruff)
check "ruff format" $bin/ruff format --quiet --check --diff || failed+=(format)
said=$(mktemp)
trap 'rm -f "$said"' EXIT
slow_checks >"$said" &
readonly slow_checks=$!

$bin/python -m compileall -q evpnd lab

run_tests() { $bin/python -m pytest -q -r fE "$@" || failed+=(pytest); }

# Runs tests by so many workers, each test by the one that is free.
run_spread() {
    local workers=${EVPND_TEST_WORKERS:-$1}
    shift
    run_tests --numprocesses "$workers" --dist loadgroup --no-loadscope-reorder "$@"
}

case "${1:-}" in
--static) ;;
--quick)
    run_spread "$(nproc)" tests/unit tests/golden tests/golden_errors \
        tests/golden_views tests/conformance lab/tests/unit
    ;;
"")
    processors=$(nproc)
    run_spread $((processors < 4 ? 2 * processors : 8)) --cov --cov-report=
    ;;
*) run_tests "$@" ;;
esac
wait $slow_checks || failed+=(static)
cat "$said"
[ ${#failed[@]} -eq 0 ]
