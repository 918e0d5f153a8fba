# Every task of a developer or CI is a target here. `make help` lists them.
#
# PHP, PHP_CONFIG, PHP_FPM, NGINX, CHROMIUM, FIREFOX, REDIS_SERVER and NODE choose other programs than those in PATH;
# CARGO_FLAGS goes to every cargo build.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO_FLAGS ?=
target := $(abspath $(or $(CARGO_TARGET_DIR),target))
extension := $(target)/release/libfastapi_websocket.so
broadcaster := $(target)/release/fastapi-broadcaster

# Build scripts need paths, people write names.
ifneq ($(PHP),)
export PHP := $(or $(shell command -v $(PHP)),$(PHP))
endif
ifneq ($(PHP_CONFIG),)
export PHP_CONFIG := $(or $(shell command -v $(PHP_CONFIG)),$(PHP_CONFIG))
endif
export FASTAPI_EXTENSION := $(extension)
export FASTAPI_BROADCASTER := $(broadcaster)
# What --version prints, with the commit.
export FASTAPI_VERSION := $(shell packaging/version)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build, start the broadcaster and a PHP endpoint, print the address of a page to try it
	@exec examples/run

.PHONY: test
test: setup rust-test php-test polyfill-test client-test laravel-test symfony-test e2e ## Run all tests: Rust, PHP extension, packages for PHP and pages, end to end

.PHONY: build
build: setup-run ## Build the extension and the broadcaster for release
	cargo build --release $(CARGO_FLAGS) -p fastapi_websocket -p fastapi-broadcaster

# In the dev profile: tests need its debug assertions and overflow checks more than speed.
.PHONY: rust-test
rust-test: ## Test the Rust crates
	cargo test $(CARGO_FLAGS) -p fastapi-websocket-queue -p fastapi-websocket-server -p fastapi-broadcaster -p testkit

.PHONY: php-test
php-test: build ## Test the extension with PHP's own run-tests.php
	php-tests/run $(extension)

.PHONY: polyfill-test
polyfill-test: build ## Test the classes in PHP by the tests of the extension
	packages/polyfill/tests/run

.PHONY: client-test
client-test: setup-client build ## Test the client for pages, with a real broadcaster too
	packages/client/test/run

.PHONY: laravel-test
laravel-test: setup-laravel build ## Test the Laravel package with the real framework and broadcaster
	packages/laravel/tests/run

.PHONY: symfony-test
symfony-test: setup-symfony build ## Test the Symfony bundle with the real framework, Doctrine and broadcaster
	packages/symfony/tests/run

.PHONY: e2e
e2e: setup build ## Run the end-to-end tests: PHP, php-fpm behind nginx, broadcaster, clients
	cargo test $(CARGO_FLAGS) -p e2e

.PHONY: package
package: build ## Build the two Debian packages, into target/packages
	packaging/build $(target)/packages

.PHONY: archives
archives: build ## Pack the source, the broadcaster and the extension as archives, into target/archives
	packaging/archives $(target)/archives

.PHONY: pictures
pictures: setup build ## Take new pictures for docs, from the pages in Chromium
	cargo test $(CARGO_FLAGS) -p e2e pictures_are_taken::in_chromium
	install -d docs/images
	install -m 644 $(target)/tmp/pictures/{page-*,status-light}.png docs/images

.PHONY: lint
lint: setup-lint ## Check format, clippy, scripts, PHP syntax and the queue's dependencies
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	cargo clippy $(CARGO_FLAGS) -p fastapi-websocket-server --features fuzzing -- -D warnings
	.ci/check-scripts
	.ci/check-queue

.PHONY: fmt
fmt: ## Format the Rust code
	cargo fmt --all

.PHONY: bench
bench: build ## Measure against references (bench/run help lists more)
	@exec bench/run

.PHONY: bench-parts
bench-parts: ## Measure encode, append, enqueue, scan and ack alone
	cargo bench $(CARGO_FLAGS) -p bench

.PHONY: flame-graph
flame-graph: setup-profile ## Profile the broadcaster under load, into docs/images
	@exec bench/profile

.PHONY: soak
soak: ## Run half an hour of mixed load with kills and slow clients (SOAK_MINUTES=N)
	cargo test --release $(CARGO_FLAGS) -p fastapi-broadcaster --test faults -- \
		--ignored --exact soak::mixed_load_with_kills_and_slow_clients --nocapture

.PHONY: torture
torture: ## Clients resume at random for ten minutes of kills, restarts and hand-overs (TORTURE_SECONDS=N)
	TORTURE_SECONDS=$${TORTURE_SECONDS:-600} TORTURE_RESTARTS=$${TORTURE_RESTARTS:-50} \
		TORTURE_HAND_OVERS=$${TORTURE_HAND_OVERS:-20} TORTURE_CLIENTS=$${TORTURE_CLIENTS:-40} \
		cargo test --release $(CARGO_FLAGS) -p fastapi-broadcaster --test faults -- \
		--exact torture::every_client_gets_each_event_once_or_is_told --nocapture

.PHONY: torture-nodes
torture-nodes: ## The same with three broadcasters, ten minutes with one Redis and ten with Sentinels (TORTURE_SECONDS=N)
	seconds=$${TORTURE_SECONDS:-600}; for play in \
		"clients_of_several_broadcasters_get_each_event_once_or_are_told $$((seconds * 3 / 5))" \
		"clients_are_told_of_what_a_failover_has_lost $$((seconds / 4))"; do \
		set -- $$play; \
		TORTURE_SECONDS=$$seconds TORTURE_FAULTS=$${TORTURE_FAULTS:-$$2} TORTURE_CLIENTS=$${TORTURE_CLIENTS:-40} \
			cargo test --release $(CARGO_FLAGS) -p fastapi-broadcaster --test faults -- \
			--exact nodes::$$1 --nocapture || exit 1; \
	done

.PHONY: torture-journal
torture-journal: ## Producers of both forms of the queue and the broadcaster are killed for ten minutes (TORTURE_SECONDS=N)
	cargo test --release $(CARGO_FLAGS) -p fastapi-websocket-queue --test it -- --ignored journal_damage --nocapture
	LEFT_SEGMENTS=100000 cargo test --release $(CARGO_FLAGS) -p fastapi-broadcaster --test faults -- \
		--exact journal::limits::very_many_segments_that_were_left_behind_are_read_in_order_and_deleted --nocapture
	TORTURE_SECONDS=$${TORTURE_SECONDS:-600} cargo test --release $(CARGO_FLAGS) -p fastapi-broadcaster \
		--test faults -- --nocapture --exact \
		journal::torture::killed_producers_and_broadcasters_lose_nothing_of_both_forms_and_keep_the_order

.PHONY: attack
attack: ## Measure good clients under attacks, some minutes (ATTACK_BASELINE=BINARY compares)
	cargo test --release $(CARGO_FLAGS) -p fastapi-broadcaster --test faults -- \
		--ignored --exact attack::measure::good_clients_under_each_attack --nocapture

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: ## Fuzz what producers write and clients send, each target for FUZZ_SECONDS=N
	for target in $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs))); do fuzz/run "$$target" $(FUZZ_SECONDS); done

.PHONY: valgrind
valgrind: setup-valgrind build ## Check queueEvent and a server for memory errors and leaks
	php-tests/valgrind $(extension)
	php-tests/valgrind-server $(extension)

.PHONY: memory
memory: build ## Check that a server's memory stays constant over 100,000 connections
	php-tests/memory-server $(extension)

.PHONY: autobahn
autobahn: setup-autobahn build ## Run the Autobahn test suite against an echo handler in PHP
	php-tests/autobahn $(extension)

.PHONY: setup
setup: ## Install what run and test need
	@setup/install test
	@e2e/pusher/install

.PHONY: setup-run setup-client setup-laravel setup-symfony setup-lint setup-valgrind setup-autobahn setup-profile
setup-run setup-client setup-laravel setup-symfony setup-lint setup-valgrind setup-autobahn setup-profile: setup-%:
	@setup/install $*

.PHONY: setup-bench
setup-bench: ## Install the other servers that 'bench/run peers' measures
	@setup/install bench
	@bench/peers/install

.PHONY: clean
clean: ## Remove what was built
	cargo clean
