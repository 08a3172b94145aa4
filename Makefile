# Everything sets itself up; run as root on Debian 12 or newer.
.PHONY: help setup setup-demo bed demo demo-clean check test deep lint fuzz lab interop image soak bench deb

help:
	@echo "make demo        a fabric of three hosts in network namespaces, with checks"
	@echo "                 (KEEP=1 leaves them running)"
	@echo "make demo-clean  remove what KEEP=1 left running"
	@echo "make lab         start, test and remove a containerlab topology in namespaces"
	@echo "                 (TOPO=containerlab/back-to-back, KEEP=1 leaves it running)"
	@echo "make interop     run all topologies and measure interoperability"
	@echo "                 (WRITE=docs/interop-matrix.md writes the page)"
	@echo "make bench       measure evpnd beside FRR and BIRD on this machine"
	@echo "                 (ROWS=learn,move SIZE=10000 RUNS=3 DAEMONS=evpnd,frr JSON=file"
	@echo "                 WRITE=docs/performance.md writes the table into the page)"
	@echo "make image       the container image evpnd:latest"
	@echo "make deb         dist/evpnd_VERSION_amd64.deb for Debian 12 and 13"
	@echo "make check       the static checks, unit, golden and conformance tests: a minute"
	@echo "make test        all checks and tests: half an hour on two processors"
	@echo "make deep        the property tests with five times as many fabrics as make test"
	@echo "make lint        the static checks alone"
	@echo "make fuzz        fuzz the UPDATE codec, guided by coverage"
	@echo "                 (SECONDS=600 sets how long)"
	@echo "make soak        measure the memory of agent and speaker over hours of changes"
	@echo "                 (SECONDS=3600 sets how long)"
	@echo "make setup       install Debian packages and .venv; the others call it,"
	@echo "                 but for demo, which installs only what it uses"
	@echo "make bed         make setup, and a Debian 13 root with FRR 10 and a kernel to boot;"
	@echo "                 test and interop call it (EVPND_BEDS=FOLDER: another place)"

setup:
	@scripts/setup.sh

setup-demo:
	@scripts/setup.sh --demo

bed:
	@scripts/setup.sh --bed

demo: setup-demo
	@.venv/bin/python -m integration.demo

demo-clean: setup-demo
	@.venv/bin/python -m integration.demo clean

lab: TOPO ?= containerlab/back-to-back
lab: setup
	@.venv/bin/python -m lab run $(if $(filter-out 0,$(KEEP)),--keep) $(TOPO)

interop: bed
	@.venv/bin/python -m integration.interop $(if $(WRITE),--write $(WRITE))

bench: bed
	@.venv/bin/python -m integration.bench $(if $(ROWS),--rows $(ROWS)) \
		$(if $(SIZE),--size $(SIZE)) $(if $(VNIS),--vnis $(VNIS)) \
		$(if $(RUNS),--runs $(RUNS)) $(if $(DAEMONS),--daemons $(DAEMONS)) \
		$(if $(JSON),--json $(JSON)) $(if $(WRITE),--write $(WRITE))

image:
	docker build --file containerlab/Dockerfile --tag evpnd:latest .

deb: setup
	@.venv/bin/python packaging/build_deb.py dist

test: bed
	@scripts/check.sh

check: setup
	@scripts/check.sh --quick

deep: setup
	@EVPND_DEEP=1 scripts/check.sh tests/property --numprocesses auto

lint: setup
	@scripts/check.sh --static

fuzz: SECONDS ?= 600
fuzz: setup
	@.venv/bin/pip install --quiet --constraint constraints.txt --editable '.[fuzz]'
	@.venv/bin/python -m tests.fuzz.target -max_total_time=$(SECONDS)

soak: SECONDS ?= 3600
soak: setup
	@.venv/bin/python -m integration.soak --seconds $(SECONDS)
