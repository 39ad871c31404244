# auship. `make run` shows it at work, `make test` runs every test, `make help` lists the rest.

PREFIX  ?= /usr
DESTDIR ?=
SBINDIR ?= $(PREFIX)/sbin
DOCDIR  ?= $(PREFIX)/share/doc/auship
ETC     ?= /etc
SPOOLDIR ?= /var/spool/auship
CARGO   ?= cargo
FEATURES ?=

CARGO_FLAGS := $(if $(FEATURES),--features $(FEATURES))
BINARY := target/release/auship
SAMPLE := tests/data/sample.log

# What building needs, and what testing needs besides.
APT_BUILD := gcc pkg-config libauparse-dev libaudit-dev libcurl4-openssl-dev libssl-dev libclang-dev
APT_TEST  := auditd python3-audit python3 openssl valgrind zstd util-linux logrotate rsyslog rsyslog-openssl nginx \
             prometheus python3-prometheus-client python3-fusepy python3-pip nodejs
DNF_BUILD := gcc pkgconf-pkg-config audit-libs-devel libcurl-devel openssl-devel clang-devel
DNF_TEST  := audit python3-audit python3 openssl valgrind zstd util-linux logrotate rsyslog rsyslog-openssl nginx \
             python3-prometheus_client python3-pip nodejs

# Servers for tests: a search server, and one that runs ingest pipelines.
OSMEM := 0.1.6
NOIDA := 0.2.3

.PHONY: help deps deps-bench soak parents deps-build build run test lint msrv deny bench fuzz install uninstall clean keys circles

help:
	@echo "make run        build, and show a real sample log turning into JSON"
	@echo "make test       every test; those that need the kernel's audit need root"
	@echo "make lint       formatting and lints"
	@echo "make msrv       the minimum Rust version (rust-version in Cargo.toml) has all that the code uses"
	@echo "make deny       licences, sources and duplicates of the dependencies, with cargo-deny (DENY=advisories)"
	@echo "make keys       write conf/auship.conf, the manual's definitions and docs/migration.md's tables of keys anew, from src"
	@echo "make circles    no two modules of the library use each other, with cargo-modules"
	@echo "make bench      speed, beside a program that only walks libauparse's fields"
	@echo "make soak       the server stopped, busy, hanging, the plugin killed, under load, for two minutes"
	@echo "make parents    what documents say of parents, compared with the truth of 100,000 processes on this kernel; needs root"
	@echo "make fuzz       fuzz the way from bytes to JSON (FUZZ_SECONDS=600)"
	@echo "make deps       install what building and testing need (apt or dnf), only what is missing"
	@echo "make build      target/release/auship"
	@echo "make install    into DESTDIR, under PREFIX (/usr); make uninstall takes it out again"
	@echo "make clean"

deps-build:
	@packaging/install-deps "$(APT_BUILD)" "$(DNF_BUILD)"

deps: deps-build
	@packaging/install-deps "$(APT_TEST)" "$(DNF_TEST)"
	@packaging/install-syslog-ng target/syslog-ng
	@packaging/install-statsd
	@packaging/add-user
	@$(MAKE) --no-print-directory target/osmem target/noida

# The tests say when one is missing.
target/osmem:
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: \
		--target $@ osmem-server==$(OSMEM) || \
		echo "osmem-server can't be installed: Elasticsearch and OpenSearch aren't tested against a real server" >&2

target/noida:
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: \
		--target $@ noida-db==$(NOIDA) && chmod +x $@/noida_db/noida-db || \
		echo "noida-db can't be installed: ingest pipelines aren't tested against a real server" >&2

deps-bench: deps
	@packaging/install-deps "wrk" "wrk"

build: deps-build
	$(CARGO) build --release --locked $(CARGO_FLAGS)

run: build
	@echo "# $(SAMPLE): $$(grep -c . $(SAMPLE)) audit records, recorded from a real kernel. As MozDef JSON, one event a line:"
	@$(BINARY) convert $(SAMPLE)

# Every test, also when one fails. A test that can't run says so; where CI is set, it fails. RECORDED names the directory of
# recorded data that isn't the project's own (../shared/corpus). With the other features: the build, and the unit tests.
test: deps
	$(CARGO) build --release --locked --features bsm
	$(CARGO) build --release --locked
	$(CARGO) test --locked --no-fail-fast
	$(CARGO) test --locked --no-fail-fast --features bsm --lib

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets --all-features -- -D warnings

# Clippy knows which version of Rust brought each item of the standard library. So this works with any newer toolchain.
msrv:
	@test "$$(sed -n 's/^rust-version = //p' Cargo.toml)" = "$$(sed -n 's/^msrv = //p' clippy.toml)" || \
		{ echo "rust-version in Cargo.toml and msrv in clippy.toml differ" >&2; exit 1; }
	$(CARGO) clippy --locked --all-features -- -D clippy::incompatible_msrv

# What cargo-deny checks. `advisories` fetches the database of known vulnerabilities.
DENY ?= licenses bans sources
# cargo-deny and cargo-modules take minutes to install. Where one is missing, its target says so and passes, in CI too.
deny:
	@if command -v cargo-deny >/dev/null; then \
		$(CARGO) deny --locked check $(DENY); \
	else \
		echo "*** NOT CHECKED: dependencies ($(DENY)): cargo-deny is missing: cargo install --locked cargo-deny ***" >&2; \
	fi

# conf/auship.conf and the definitions in docs/auship.conf.5.md are made from the keys' own rows in src/config, the tables
# in docs/migration.md from those in src/migrate.
keys:
	UPDATE_KEYS=1 $(CARGO) test --locked --quiet --lib -- config::reference migrate::reference

# No two modules of the library use each other. cargo-modules draws the graph, tsort (coreutils) finds a circle in it.
# The graph goes into a file first, so that a failure of cargo-modules is one of make.
MODULES := target/modules.dot
circles:
	@if command -v cargo-modules >/dev/null; then \
		mkdir -p $(dir $(MODULES)) && \
		$(CARGO) modules dependencies --lib --no-externs --no-sysroot --no-fns --no-traits --no-types >$(MODULES) && \
		sed -n 's/.*"\(.*\)" -> "\(.*\)" \[label="uses".*/\1 \2/p' $(MODULES) | tsort >/dev/null && \
		echo "no circle of modules"; \
	else \
		echo "*** NOT CHECKED: circles of modules: cargo-modules is missing: cargo install --locked cargo-modules@0.27.0 ***" >&2; \
	fi

# BENCH_LOG names a log to measure with; without one a log is made.
bench: deps-bench
	$(CARGO) bench --locked

# A bad day in full length: 200,000 events at 5,000 a second, five outages, two kills. It takes over two minutes.
soak: deps
	OUTAGES=full $(CARGO) test --locked --test outages -- --nocapture

# The same as in `make test`, with more processes (PROCESSES=100000). It takes about ten minutes.
PROCESSES ?= 100000
parents: deps
	PROCESSES=$(PROCESSES) $(CARGO) test --locked --test parents -- --nocapture

FUZZ_SECONDS ?= 600
fuzz: deps-build
	@command -v cargo-fuzz >/dev/null || $(CARGO) install cargo-fuzz
	fuzz/run $(FUZZ_SECONDS)

# The same file serves auditd 3 and 4 (/etc/audit/plugins.d) and the audispd of older systems.
install: $(BINARY)
	install -D -m 0755 $(BINARY) $(DESTDIR)$(SBINDIR)/auship
	install -d -m 0750 $(DESTDIR)$(ETC)/auship
	install -d -m 0700 $(DESTDIR)$(SPOOLDIR)
	test -e $(DESTDIR)$(ETC)/auship/auship.conf || install -m 0640 conf/auship.conf $(DESTDIR)$(ETC)/auship/auship.conf
	for dir in $(ETC)/audit/plugins.d $(ETC)/audisp/plugins.d; do \
		if [ "$$dir" = $(ETC)/audit/plugins.d ] || [ -d "$(DESTDIR)$$dir" ]; then \
			test -e "$(DESTDIR)$$dir/auship.conf" || \
				sed 's|^path = .*|path = $(SBINDIR)/auship|' conf/plugins.d/auship.conf | \
				install -D -m 0640 /dev/stdin "$(DESTDIR)$$dir/auship.conf"; \
		fi; \
	done
	install -d -m 0755 $(DESTDIR)$(ETC)/auship/elasticsearch
	for file in conf/elasticsearch/*.json; do \
		test -e $(DESTDIR)$(ETC)/auship/elasticsearch/$${file##*/} || \
			install -m 0644 $$file $(DESTDIR)$(ETC)/auship/elasticsearch; \
	done
	install -d -m 0755 $(DESTDIR)$(DOCDIR)/rules $(DESTDIR)$(DOCDIR)/examples $(DESTDIR)$(DOCDIR)/dashboards
	install -m 0644 rules/* $(DESTDIR)$(DOCDIR)/rules
	install -m 0644 conf/examples/* $(DESTDIR)$(DOCDIR)/examples
	install -m 0644 conf/dashboards/* $(DESTDIR)$(DOCDIR)/dashboards
	install -D -m 0644 conf/prometheus/auship.rules.yml $(DESTDIR)$(DOCDIR)/prometheus/auship.rules.yml
	install -D -m 0644 conf/grafana/auship.json $(DESTDIR)$(DOCDIR)/grafana/auship.json
	install -m 0644 README.md CHANGELOG.md SECURITY.md LICENSE docs/*.md $(DESTDIR)$(DOCDIR)

$(BINARY):
	$(MAKE) build

# auship.conf, templates that were changed, and the spools stay, as a package manager would leave them; `make uninstall PURGE=1` takes them too. What tells auditd to
# start the plugin goes with the program.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/auship
	rm -f $(DESTDIR)$(ETC)/audit/plugins.d/auship.conf $(DESTDIR)$(ETC)/audisp/plugins.d/auship.conf
	rm -rf $(DESTDIR)$(DOCDIR)
	for file in conf/elasticsearch/*.json; do \
		to=$(DESTDIR)$(ETC)/auship/elasticsearch/$${file##*/}; \
		if cmp -s $$file $$to; then rm $$to; fi; \
	done
	if [ -d $(DESTDIR)$(ETC)/auship/elasticsearch ]; then \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$(ETC)/auship/elasticsearch; \
	fi
	$(if $(PURGE),rm -rf $(DESTDIR)$(ETC)/auship $(DESTDIR)$(SPOOLDIR))

clean:
	$(CARGO) clean
	rm -rf fuzz/target fuzz/corpus fuzz/artifacts
