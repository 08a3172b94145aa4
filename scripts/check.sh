#!/usr/bin/env bash
# All checks: formatting, lint, types, layers, then every test. The static checks
# are quiet unless they find something; pytest's summary comes last. The exit
# status is 0 only where all of them passed. `--static` alone leaves the tests out,
# `--quick` runs those that need no root and take a minute together. Other arguments
# go to pytest, which then runs in one process.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly bin=.venv/bin
failed=()

check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "$name: ok"
    else
        printf '%s: FAILED\n%s\n' "$name" "$output"
        failed+=("$name")
    fi
}

check "ruff check" $bin/ruff check --quiet
check "ruff format" $bin/ruff format --quiet --check --diff
check "mypy" $bin/mypy -p evpnd -p integration
check "lint-imports" $bin/lint-imports --no-cache

# The tests wait more than they compute, so there are more workers than processors. The
# tests of a file share what they set up, so a file stays with one worker.
run_tests() {
    local workers=$1
    shift
    $bin/python -m pytest -q -r fE --numprocesses "$workers" --dist loadfile "$@" ||
        failed+=(pytest)
}

readonly cpus=$(nproc)
case "${1:-}" in
--static) ;;
--quick) run_tests "$cpus" tests/unit tests/golden tests/golden_errors tests/conformance ;;
"") run_tests $((2 * cpus)) ;;
*) run_tests 0 "$@" ;;
esac
[ ${#failed[@]} -eq 0 ]
