# auship. `make run` shows it at work, `make test` runs every test, `make help` lists the rest.

PREFIX  ?= /usr
DESTDIR ?=
SBINDIR ?= $(PREFIX)/sbin
DOCDIR  ?= $(PREFIX)/share/doc/auship
MANDIR  ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
ZSHDIR  ?= $(DATADIR)/zsh/vendor-completions
ETC     ?= /etc
APPARMORDIR ?= $(ETC)/apparmor.d
SPOOLDIR ?= /var/spool/auship
CARGO   ?= cargo
FEATURES ?=
# Whether auditd starts the plugin: `active` in the plugin file.
ACTIVE  ?= yes

CARGO_FLAGS := $(if $(FEATURES),--features $(FEATURES))
BINARY := target/release/auship
SAMPLE := tests/data/sample.log

# What building needs, and what testing needs besides.
APT_BUILD := gcc pkg-config libauparse-dev libaudit-dev libcurl4-openssl-dev libssl-dev libclang-dev
APT_TEST  := auditd python3-audit python3 openssl valgrind zstd util-linux logrotate rsyslog rsyslog-openssl nginx \
             prometheus python3-prometheus-client python3-fusepy python3-pip python3-seccomp nodejs
DNF_BUILD := gcc pkgconf-pkg-config audit-libs-devel libcurl-devel openssl-devel clang-devel
DNF_TEST  := audit python3-audit python3 openssl valgrind zstd util-linux logrotate rsyslog rsyslog-openssl nginx \
             python3-prometheus_client python3-pip nodejs

# What building packages needs besides, and what testing them needs.
APT_DEB := dpkg-dev pandoc python3
APT_RPM := rpm pandoc python3 checkpolicy semodule-utils
DNF_RPM := rpm-build python3 checkpolicy policycoreutils
# Not every distribution has pandoc. There, MANPAGES names the directory of man pages that `make man` made elsewhere.
DNF_MAN := $(if $(MANPAGES),,pandoc)
APT_PACKAGE_TEST := $(APT_DEB) $(APT_RPM) mmdebstrap lintian rpmlint apparmor selinux-policy-dev mandoc man-db bash zsh \
             fish

# The version of packages. The date of what they contain is that of the last commit; without a repository, of the changelog.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
RELEASE ?= 1
# Whether auditd starts the plugin as soon as the package is installed. By default the administrator says where events go
# first. Whoever brings an auship.conf with another package sets "yes".
PLUGIN_ACTIVE ?= no
# Whoever publishes packages is their maintainer.
MAINTAINER ?= auship developers <auship@localhost>
PACKAGES ?= target/packages
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
INSTALL_VARIABLES = DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" SBINDIR="$(SBINDIR)" DOCDIR="$(DOCDIR)" MANDIR="$(MANDIR)" \
	DATADIR="$(DATADIR)" ZSHDIR="$(ZSHDIR)" ETC="$(ETC)" APPARMORDIR="$(APPARMORDIR)" SPOOLDIR="$(SPOOLDIR)" \
	BINARY="$(BINARY)" CARGO="$(CARGO)" FEATURES="$(FEATURES)" ACTIVE="$(ACTIVE)" PACKAGE="$(PACKAGE)" MANPAGES="$(MANPAGES)" \
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH)
PACKAGE_VARIABLES = BINARY="$(BINARY)" VERSION="$(VERSION)" RELEASE="$(RELEASE)" PLUGIN_ACTIVE="$(PLUGIN_ACTIVE)" MAINTAINER="$(MAINTAINER)" PACKAGES="$(PACKAGES)" MAKE="$(MAKE)" MANPAGES="$(MANPAGES)" \
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH)

# Paths of this directory and of cargo's don't get into the program, so that any directory gives the same.
CARGO_DIR := $(or $(CARGO_HOME),$(HOME)/.cargo)
PREFIX_MAP := -ffile-prefix-map=$(CURDIR)=/usr/src/auship -ffile-prefix-map=$(CARGO_DIR)=/usr/src/cargo
# The crate that compiles C reads HOST_CFLAGS where the program is built for this machine, otherwise TARGET_CFLAGS.
RELEASE_ENV = RUSTFLAGS="--remap-path-prefix=$(CURDIR)=/usr/src/auship --remap-path-prefix=$(CARGO_DIR)=/usr/src/cargo \
	-C link-arg=-Wl,--build-id=sha1" HOST_CFLAGS="$(PREFIX_MAP)" TARGET_CFLAGS="$(PREFIX_MAP)"

# Servers for tests: a search server, and one that runs ingest pipelines.
OSMEM := 0.1.6
NOIDA := 0.2.3

.PHONY: help deps deps-bench soak parents deps-build build run test lint msrv deny bench fuzz install uninstall clean keys circles \
	man deb rpm package-binary deb-deps rpm-deps reproducible

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
	@echo "make man        the manuals as man pages, in target/man; needs pandoc"
	@echo "make deb        a package for Debian and Ubuntu, in target/packages; make deb-deps installs what that needs"
	@echo "make rpm        a package for Fedora and RHEL; make rpm-deps installs what that needs"
	@echo "make reproducible   build both packages twice, in two directories, and compare them"
	@echo "make clean"

deps-build:
	@packaging/install-deps "$(APT_BUILD)" "$(DNF_BUILD)"

deps: deps-build
	@packaging/install-deps "$(APT_TEST) $(APT_PACKAGE_TEST)" "$(DNF_TEST)"
	@packaging/install-syslog-ng target/syslog-ng
	@packaging/install-statsd
	@if [ "$$(id -u)" = 0 ]; then . packaging/common.sh && make_user; else \
		echo "only root can create user auship: without it the confinement isn't tested" >&2; fi
	@$(MAKE) --no-print-directory target/osmem target/noida $(ROOT)

# The tests say when one is missing.
target/osmem:
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: \
		--target $@ osmem-server==$(OSMEM) || \
		echo "osmem-server can't be installed: Elasticsearch and OpenSearch aren't tested against a real server" >&2

# A fresh Debian, for the tests of packages.
ROOT := target/debian-bookworm.tar
$(ROOT):
	@packaging/test-root $@ || echo "mmdebstrap can't make a Debian root: packages aren't tested" >&2

target/noida:
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: \
		--target $@ noida-db==$(NOIDA) && chmod +x $@/noida_db/noida-db || \
		echo "noida-db can't be installed: ingest pipelines aren't tested against a real server" >&2

deps-bench: deps
	@packaging/install-deps "wrk" "wrk"

build: deps-build
	$(RELEASE_ENV) $(CARGO) build --release --locked $(CARGO_FLAGS)

run: build
	@echo "# $(SAMPLE): $$(grep -c . $(SAMPLE)) audit records, recorded from a real kernel. As MozDef JSON, one event a line:"
	@$(BINARY) convert $(SAMPLE)

# Every test, also when one fails. A test that can't run says so; where CI is set, it fails. RECORDED names the directory of
# recorded data that isn't the project's own (../shared/corpus). With the other features: the build, and the unit tests.
test: deps
	$(MAKE) build
	$(MAKE) build FEATURES=bsm
	PACKAGE_BINARY=$(CURDIR)/$(BINARY) $(CARGO) test --locked --no-fail-fast
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

# What is installed is in packaging/files. An existing configuration is kept. Without pandoc or python3, what they make is
# left out with a message; packages (PACKAGE=1) must have it.
install: $(BINARY)
	@built=$$(mktemp -d) && trap 'rm -rf "$$built" "$$built.list"' EXIT && \
		$(INSTALL_VARIABLES) packaging/generate "$$built" && \
		$(INSTALL_VARIABLES) BUILT="$$built" packaging/install install
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || { . packaging/common.sh && make_user && own_files; }

$(BINARY):
	$(MAKE) build

# auship.conf, templates that were changed, and the spools stay, as a package manager would leave them; `make uninstall
# PURGE=1` takes them too. What tells auditd to start the plugin goes with the program.
uninstall:
	@built=$$(mktemp -d) && trap 'rm -rf "$$built" "$$built.list"' EXIT && \
		$(INSTALL_VARIABLES) BUILT="$$built" packaging/install uninstall
	$(if $(PURGE),rm -rf $(DESTDIR)$(ETC)/auship $(DESTDIR)$(SPOOLDIR))

man:
	@SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) packaging/man/build target/man
	@echo "target/man:" && ls target/man

# Packages, in $(PACKAGES). The binary is built with all features. RELEASE is the number of the package of this version.
deb: package-binary
	$(PACKAGE_VARIABLES) packaging/deb/build

rpm: package-binary
	$(PACKAGE_VARIABLES) packaging/rpm/build

package-binary:
	$(if $(filter target/release/auship,$(BINARY)),$(MAKE) build FEATURES=bsm)

# What building a package needs.
deb-deps:
	@packaging/install-deps "$(APT_BUILD) $(APT_DEB)" "$(DNF_BUILD) $(DNF_RPM) $(DNF_MAN)"

rpm-deps:
	@packaging/install-deps "$(APT_BUILD) $(APT_RPM)" "$(DNF_BUILD) $(DNF_RPM) $(DNF_MAN)"

# Builds everything twice, in two directories, and compares. It takes as long as two builds.
reproducible:
	packaging/reproducible

clean:
	$(CARGO) clean
	rm -rf fuzz/target fuzz/corpus fuzz/artifacts
