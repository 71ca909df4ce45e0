# libflow: `make demo` shows the main job, `make test` runs every test. Both set up what they need.
#
#   make build     dist/: libflow.a, libflow.so, flow.h, flow.hpp, and the tool `flow`
#   make demo      captures a feed into Parquet and looks at it (FEED=path: your own ITCH file)
#   make test      lint, Rust tests, C tests (plain, valgrind, AddressSanitizer), examples, read-back
#   make lint      formats and lints, without changing anything
#   make format    formats everything
#   make soak      random writers from many threads, 5 minutes, and 1,000 kills of a capturing process;
#                  `make test` has 20 seconds and 100 kills of it
#   make bench     side-by-side benchmarks: a table, target/bench/summary.json, benches/bench.svg
#                  (ONLY=parquet: the groups whose name contains it; ORDERS=path: a .mbo.dbn.zst file, written too)
#   make clean     removes everything built

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

# One profile and one set of features for everything, so that nothing is compiled twice.
FEATURES := --features cli --locked
CARGO := --release $(FEATURES)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SONAME := libflow.so.$(shell echo $(VERSION) | cut -d. -f1,2)
C_FILES = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.cpp' '*.hpp' | grep -v '^include/flow.h\|^src/')
JOBS := $(shell nproc)

.PHONY: build demo test test-rust test-c test-sanitize test-readback test-readme lint format soak bench clean setup-demo setup-test setup-bench

build:
	@echo "== build: the libraries and the tool (the first time takes some minutes)"
	cargo build $(CARGO) --all-targets
	@mkdir -p dist/lib dist/include dist/bin
	@tools/archive.sh target/release/libflow.a dist/lib/libflow.a include/flow.h
	@cp target/release/libflow.so dist/lib/libflow.so.$(VERSION)
	@ln -sf libflow.so.$(VERSION) dist/lib/$(SONAME)
	@ln -sf $(SONAME) dist/lib/libflow.so
	@cp include/flow.h include/flow.hpp dist/include/
	@cp target/release/flow dist/bin/

setup-demo:
	@tools/setup.sh demo

setup-test:
	@tools/setup.sh test

setup-bench:
	@tools/setup.sh bench

demo: setup-demo build
	@cmake -S cpp-examples -B target/demo-build -DFLOW_DIST=$(CURDIR)/dist >/dev/null
	@cmake --build target/demo-build -j$(JOBS) >/dev/null
	@target/demo-build/feed_capture/feed_capture $(FEED) --out target/demo
	@echo
	@dist/bin/flow inspect target/demo/orders.parquet
	@echo
	@dist/bin/flow head target/demo/orders.parquet -n 10

test: setup-test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-rust
	@$(MAKE) --no-print-directory test-c
	@$(MAKE) --no-print-directory test-sanitize
	@$(MAKE) --no-print-directory test-readback
	@$(MAKE) --no-print-directory test-readme
	@echo "== all tests passed"

test-rust: build
	@echo "== Rust tests"
	cargo test $(CARGO) -q

test-c: build
	@echo "== C and C++ tests, plain and under valgrind"
	@cmake -S . -B target/cmake >/dev/null
	@cmake --build target/cmake -j$(JOBS) >/dev/null
	ctest --test-dir target/cmake -j$(JOBS) --output-on-failure --progress --no-tests=error

test-sanitize: build
	@echo "== C and C++ tests with AddressSanitizer and UndefinedBehaviorSanitizer"
	@cmake -S . -B target/cmake-sanitize -DFLOW_SANITIZE=ON >/dev/null
	@cmake --build target/cmake-sanitize -j$(JOBS) >/dev/null
	ctest --test-dir target/cmake-sanitize -j$(JOBS) --output-on-failure --progress --no-tests=error

test-readback:
	@echo "== Every file read back by pyarrow, DuckDB and Polars"
	FEED_CAPTURE=target/cmake/cpp-examples/feed_capture/feed_capture FEED_FILES="$(FEED_FILES)" \
	  .venv/bin/python -m pytest -q -p no:cacheprovider tests/readback --out target/cmake/out

test-readme: build
	@echo "== README: every block is run"
	@tools/readme.py README.md

lint: setup-test
	@echo "== lint"
	cargo fmt --check
	cargo clippy $(CARGO) --all-targets -q -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO) --no-deps -q --lib
	@clang-format --dry-run -Werror $(C_FILES)
	@git diff --exit-code --stat include/flow.h || \
	  { echo "include/flow.h is not what src/ffi says; the build has written it anew: commit it" >&2; exit 1; }

format:
	cargo fmt
	clang-format -i $(C_FILES)

soak:
	FLOW_SOAK_SECONDS=300 cargo test $(CARGO) --test soak -- --nocapture
	FLOW_KILLS=1000 cargo test $(CARGO) --test killed_sink -- --nocapture

bench: setup-bench
	cargo bench $(FEATURES) --bench flow -- $(ONLY)
	@tools/chart.py target/bench/summary.json benches/bench.svg

clean:
	rm -rf target dist .venv
