# Tillproof. `make demo` shows what it does, `make test` runs everything that CI runs.

SHELL := /bin/sh
.DEFAULT_GOAL := help

.PHONY: help demo dev reconcile-demo test native thorough simulation soak properties samples clients browser lint build checks bench deploy setup clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## real-shaped orders become proven invoices in stand-in ledgers, on the real runtime
	cargo build --example demo
	@cargo run --quiet --example demo

dev: build ## the same, left running, with its addresses
	cargo build --example demo
	@cargo run --quiet --example demo -- --keep

reconcile-demo: build ## another integration's books of 400 orders are audited and repaired, on the real runtime
	cargo build --example reconcile_demo
	@cargo run --quiet --example reconcile_demo

test: setup lint native thorough simulation clients checks build browser ## everything that CI runs
	cargo test --test worker -- --test-threads=2

native: ## the native tests: seconds
	cargo test --workspace

thorough: ## the native tests that have many combinations, with all of them: minutes
	THOROUGH=1 cargo test --test engine --test backlog --test reconcile

simulation: ## a few hundred lives of a shop with everything going wrong; SEED=n replays one
	SEEDS=300 STRIDE=7 cargo test --test simulation -- --nocapture

soak: ## lives without end, until stopped or EVENTS=n are through
	cargo test --profile soak --test simulation -- --ignored --nocapture soak

clients: ## the vendors' own client libraries against the stand-ins, our queries against Shopify's schema
	@[ tests/clients/node_modules/.package-lock.json -nt tests/clients/package-lock.json ] || \
		(cd tests/clients && npm ci --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json)
	@cargo build --quiet -p sandbox
	node --test tests/clients/*.test.mjs

browser: build ## what people do on the pages, in a headless Chromium; SHOTS=folder keeps the screenshots
	@[ tests/browser/node_modules/.package-lock.json -nt tests/browser/package-lock.json ] || \
		(cd tests/browser && npm ci --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json)
	cargo test --test browser -- --test-threads=2

properties: ## a hundred thousand drawn orders, on paper, damaged bodies, texts and splits: minutes; SEED=n draws others
	PROPTEST_CASES=100000 cargo test --profile soak --test properties
	PROPTEST_CASES=100000 cargo test --profile soak --lib normalize::

samples: ## every sample of Shopify's bodies and signatures in SHOPIFY_SAMPLES=folder, which is not part of this project
	@[ -d "$$SHOPIFY_SAMPLES" ] || { echo "make samples SHOPIFY_SAMPLES=folder: the folder with the samples" >&2; exit 2; }
	cargo test --test samples -- --ignored --nocapture
	VECTORS="$$SHOPIFY_SAMPLES/hmac-vectors.json" cargo test --test signatures -- --ignored

lint: ## formatting and clippy, for this machine and for wasm
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --lib --target wasm32-unknown-unknown -- -D warnings

setup: ## the tools that are missing on this machine
	@./scripts/setup

build: ## the Worker, into build/
	@./scripts/build

checks: ## the Worker with the checks that the worker suite needs, into build/checks
	@./scripts/build --features checks

bench: ## what it costs, as ratios beside a peer
	cargo bench --bench cost

deploy: setup ## to Cloudflare
	npx wrangler deploy

clean: ## what was built
	cargo clean
	rm -rf build
