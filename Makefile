# The short way in. `make run` and `make test` do all the set-up themselves; see `make help`.
#
#   SANITIZE=address|thread   another build directory (build-address, build-thread) with that sanitizer
#   TESTS=regex               only the tests whose folder/name matches
#   ARGS=...                  arguments for `dormouse serve` in `make run`
#   WOLFCRYPT=system          the system's wolfSSL instead of our own build of wolfCrypt
#   WOLFCRYPT_TARBALL=path    a wolfSSL source tarball instead of the one that apt serves

SANITIZE ?=
BUILD ?= build$(if $(SANITIZE),-$(SANITIZE))
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
TEST_JOBS ?= 2
PREFIX ?= /usr/local
GENERATOR ?= $(if $(shell command -v ninja 2>/dev/null),Ninja,Unix Makefiles)
CMAKE_FLAGS ?=
TESTS ?=
LABELS ?=
ARGS ?=
export WOLFCRYPT WOLFCRYPT_TARBALL JOBS

VALGRIND := valgrind --quiet --error-exitcode=99 --trace-children=yes --leak-check=full \
            --show-leak-kinds=definite --errors-for-leak-kinds=definite

.PHONY: build run test valgrind valgrind-run bench install clean distclean format lint help setup setup-test configure

build: setup configure
	@cmake --build $(BUILD) -j $(JOBS)

# --- set-up: each step does nothing, and needs no network, when its work is there ---------------------------------

setup:
	@.setup/packages build
	@.setup/wolfcrypt

setup-test:
	@.setup/packages test
	@.setup/nginx
	@.setup/wolfcrypt

# A build directory configured without the tests (because Criterion is not there) gets them once it is.
tests_on = $(if $(shell pkg-config --exists criterion 2>/dev/null && echo y),ON,OFF)

configure:
	@cmake -S . -B $(BUILD) -G "$(GENERATOR)" -DDORMOUSE_WERROR=ON -DDORMOUSE_TESTS=$(tests_on) \
	    -DSANITIZE=$(SANITIZE) $(if $(WOLFCRYPT),-DWOLFCRYPT=$(WOLFCRYPT)) \
	    -DDORMOUSE_WOLFCRYPT_PREFIX=$$(.setup/wolfcrypt --path) $(CMAKE_FLAGS) >$(BUILD).log 2>&1 \
	    || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }; rm -f $(BUILD).log

# --- use ------------------------------------------------------------------------------------------------------------

run: build
	@exec $(BUILD)/dormouse serve $(ARGS)

test: setup-test configure
	@cmake --build $(BUILD) -j $(JOBS)
	@cd $(BUILD) && ctest --output-on-failure --no-tests=error -j $(TEST_JOBS) \
	    $(if $(TESTS),-R "$(TESTS)") $(if $(LABELS),-L "$(LABELS)")

# Memcheck over the tests that run in memory, in a build of its own whose test runner is a plain one.
valgrind:
	@$(MAKE) --no-print-directory BUILD=build-valgrind CMAKE_FLAGS=-DDORMOUSE_PLAIN_RUNNER=ON valgrind-run

valgrind-run: setup-test configure
	@cmake --build $(BUILD) -j $(JOBS)
	@status=0; for source in tests/unit/test_*.c tests/proto/test_*.c tests/actors/test_*.c; do \
	    program=$(BUILD)/$${source%.c}; [ -x $$program ] || continue; echo "valgrind $$program"; \
	    $(VALGRIND) $$program >$(BUILD)/valgrind.log 2>&1 || { status=1; tail -n 60 $(BUILD)/valgrind.log; }; \
	done; exit $$status

bench: setup configure
	@cmake --build $(BUILD) -j $(JOBS)
	@exec $(BUILD)/dormouse-bench $(ARGS)

install: build
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

# --- tidy -----------------------------------------------------------------------------------------------------------

ours = $(shell git ls-files '*.c' '*.h' '*.hpp' '*.cpp')

format:
	@clang-format -i $(ours)

lint: configure
	@clang-format --dry-run --Werror $(ours)
	@tests/arch/includes.py

clean:
	@rm -rf build-address build-thread build-valgrind
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name wolfcrypt -exec rm -rf {} +; fi

distclean:
	@rm -rf build build-address build-thread build-valgrind

help:
	@echo 'make run        set up, build and start a TLS server (ARGS="--port 5555")'
	@echo 'make test       set up, build and run the tests (TESTS=regex, SANITIZE=address|thread)'
	@echo 'make build      set up and build: build/dormouse, build/libdormouse.{a,so}'
	@echo 'make install    install below PREFIX=/usr/local (DESTDIR= for packagers)'
	@echo 'make valgrind   the in-memory tests under memcheck'
	@echo 'make bench      the benchmarks (ARGS=...)'
	@echo 'make format     clang-format in place;  make lint  checks it'
	@echo 'make clean      remove what was built, but not the cached wolfCrypt;  make distclean  removes all'
