# The only entry point: `make help` lists what there is.

SWIFT := $(shell scripts/find-swift)
# The compiler calls the linker that lies beside it; an empty environment has no PATH at all.
export PATH := $(patsubst %/,%,$(dir $(SWIFT))):$(or $(PATH),/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/chessd
BUILD_FLAGS := --explicit-target-dependency-import-check error
TEST_LOG := .build/test.log
# `make build ARCH=arm64` and `make test ARCH=arm64` on another machine use the cross toolchain.
CROSS := $(and $(filter arm64,$(ARCH)),$(filter-out aarch64,$(shell uname -m)))

.PHONY: help setup build toolchain demo test deb deb-reproducible install-test board-test check format bench kernels-check \
    decode-check models clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 16

setup:  ## installs what is missing from the distribution's packages
	@scripts/setup

build: setup  ## builds chessd and chessctl, release; with ARCH=arm64 for boards, by the cross toolchain
ifneq ($(CROSS),)
	@toolchain/build-arm64
else
	@$(SWIFT) build -c release $(BUILD_FLAGS)
endif

toolchain:  ## makes the aarch64 cross toolchain in the cache (5 GB, two minutes); see toolchain/README.md
	@toolchain/make-sdk

models: setup  ## fetches the test model (93 MB, cached)
	@scripts/fetch-model smollm2 >/dev/null

demo: build  ## imports a small real model, starts chessd, asks it a question, stops it
	@scripts/demo

ifneq ($(CROSS),)
test: build models
	@toolchain/test-arm64
else
test: build models kernels-check  ## builds and runs every test; with ARCH=arm64 what can run under qemu
	@CHESSD_TEST_MODEL="$$(scripts/fetch-model smollm2)" $(SWIFT) test --no-parallel $(BUILD_FLAGS)
endif

# Without DEB the package that these sources make, built first where it is missing or older than they are.
BOARD_DEB := chessd_$(shell scripts/version)_arm64.deb
board-test: $(if $(DEB),,$(BOARD_DEB))  ## boots an emulated Debian 13 board, checks there what DEB=package promises
	@toolchain/board/run $(or $(DEB),$(BOARD_DEB))

$(BOARD_DEB): Package.swift LICENSE README.md toolchain/versions toolchain/make-sdk toolchain/build-arm64 \
    $(shell find Sources systemd packaging docs/man -type f ! -name 'test-*' ! -path packaging/README.md)
	@test -e $@ && echo "board-test: $@ is older than $(firstword $?); building it again" >&2 || \
	    echo "board-test: $@ is not there; building it" >&2
	@packaging/build-deb arm64

kernels-check: setup  ## checks every C kernel against the scalar one, natively and under qemu-aarch64
	@scripts/check-kernels

decode-check: build models  ## decodes SmolLM2 with the NEON kernels under qemu, beside llama.cpp's outputs
	@.build/release/chessctl import --force --compression none "$$(scripts/fetch-model smollm2)" \
	    -o .build/decode-check.chess >/dev/null
	@Tests/KernelCheck/decode.sh .build/decode-check.chess

check: build  ## format, layering, limits on length and unsafe code, the manual
	@scripts/check
	@scripts/check-manual .build/release

deb:  ## packs chessd_VERSION_ARCH.deb for ARCH=amd64 or arm64, by default this machine's; see packaging/README.md
	@packaging/build-deb $(ARCH)

deb-reproducible:  ## builds the committed package for ARCH twice, in two folders, and compares the bytes
	@packaging/test-reproducible $(ARCH)

install-test:  ## installs, upgrades, removes and purges DEB=package in a Debian of its own; needs root
	@packaging/test-install $(DEB)

format:  ## rewrites the Swift and C sources in the project's format
	@swift-format format --in-place --parallel --recursive Sources Tests Package.swift

bench: build  ## decode and prefill speed of the test model; see Benchmarks/README.md
	@scripts/bench

clean:  ## removes what was built
	@rm -rf .build chessd_*.deb chessd-dbgsym_*.deb
