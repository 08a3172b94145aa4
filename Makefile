# Everything sets itself up; run as root on Debian 12 or newer.
.PHONY: help setup demo demo-clean test lint

help:
	@echo "make demo        three hosts in network namespaces, checked as it goes"
	@echo "                 (KEEP=1 leaves them up to look around in)"
	@echo "make demo-clean  remove what KEEP=1 left"
	@echo "make test        all checks and tests"
	@echo "make lint        the static checks alone"
	@echo "make setup       Debian packages and .venv; the others call it"

setup:
	@scripts/setup.sh

demo: setup
	@.venv/bin/python -m integration.demo

demo-clean: setup
	@.venv/bin/python -m integration.demo clean

test: setup
	@scripts/check.sh

lint: setup
	@scripts/check.sh --static
