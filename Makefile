# The short way in. `make run` and `make test` do all the set-up themselves; see `make help`.
#
#   SANITIZE=address|thread   another build directory (build-address, build-thread) with that sanitizer
#   TESTS=regex               only the tests whose folder/name matches
#   ARGS=...                  arguments for `dormouse serve` in `make run`, and for the benchmarks
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

# What `make valgrind` runs: the folders, and the scripts whose servers it watches.
VALGRIND_TESTS := ^(unit|proto|actors|net)/|^interop/(server_openssl|curl_gnutls)$$

.PHONY: build run test valgrind bench bench-actors docs install clean distclean format lint help setup setup-test \
    setup-bench setup-docs configure

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

setup-bench:
	@.setup/packages bench
	@.setup/wolfcrypt

setup-docs:
	@.setup/packages docs

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

# Memcheck over the tests, in a build of its own: a plain test runner, and no pools of memory.
valgrind:
	@$(MAKE) --no-print-directory test BUILD=build-valgrind CMAKE_FLAGS="-DDORMOUSE_MEMCHECK=ON $(CMAKE_FLAGS)" \
	    TESTS='$(or $(TESTS),$(VALGRIND_TESTS))'

bench: setup-test configure
	@cmake --build $(BUILD) -j $(JOBS)
	@exec $(BUILD)/dormouse-bench $(ARGS)

bench-actors: setup-bench configure
	@cmake --build $(BUILD) -j $(JOBS)
	@exec $(BUILD)/dormouse-bench-actors $(ARGS)

docs: setup-docs
	@docs/reference/make.py $(BUILD)/docs

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
	@echo 'make docs       the reference, from the headers: build/docs/html/index.html and man pages'
	@echo 'make valgrind   the tests under memcheck (TESTS=regex)'
	@echo 'make bench      the benchmarks of TLS (ARGS=...);  make bench-actors  those of actors'
	@echo 'make format     clang-format in place;  make lint  checks it'
	@echo 'make clean      remove what was built, but not the cached wolfCrypt;  make distclean  removes all'
