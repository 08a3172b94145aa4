#!/usr/bin/env bash
# All checks: formatting, lint, types, layers, then every test. The static checks
# are quiet unless they find something; pytest's summary comes last. The exit
# status is 0 only where all of them passed. Arguments go to pytest; `--static`
# alone leaves the tests out.
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

if [ "${1:-}" != --static ]; then
    status=0
    $bin/python -m pytest -q -r fE "$@" || status=$?
    if [ $status -ne 0 ]; then
        failed+=(pytest)
    fi
fi
[ ${#failed[@]} -eq 0 ]
