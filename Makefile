# The project's commands. Each is one line here; what it does is in deploy/ (python -m deploy --help).
# Variables given to make reach it through the environment: make loadtest WORKLOAD=my.txt REPLICAS=4

# What a shell has set for other programs stays out: which code Python runs and whether it asserts, what bash runs before
# a script, where cd goes. deploy/stack/caller.py sorts out the rest.
unexport $(filter-out PYTHON,$(filter PYTHON%,$(.VARIABLES))) BASH_ENV ENV CDPATH PSYCOPG_IMPL
export PYTHONUTF8 := 1

# The names on make's command line: deploy/commands/misspelt.py looks for slips among them.
export GIVEN_TO_MAKE := $(strip $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name))))
# Their values are passed on as they are, for instance a file name with a $, in which make would look for a variable.
$(foreach name,$(filter-out MAKE%,$(GIVEN_TO_MAKE)),$(eval override export $(name) := $$(value $(name))))

# Inputs of each target of `make fuzz`.
RUNS ?= 1000000

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

VENV := .venv
STAMP := $(VENV)/.requirements-installed
# Programs of `make lock`, `make sbom` and `make audit` only.
TOOLS := $(VENV)/tools
TOOLS_STAMP := $(TOOLS)/.requirements-installed
# The project's packages and atheris, for `make fuzz` only.
FUZZ := $(VENV)/fuzz
FUZZ_STAMP := $(FUZZ)/.requirements-installed
# As root in somebody's checkout, Python writes no bytecode until it goes on as the owner (deploy/stack/owner.py).
NO_BYTECODE := $(if $(filter 0,$(shell id -u)),$(if $(filter-out 0,$(shell stat -c %u .)),-B))
DEPLOY := $(VENV)/bin/python $(NO_BYTECODE) -m deploy
AS_OWNER := $(VENV)/bin/python $(NO_BYTECODE) -m deploy.stack.owner

# A virtual environment whose interpreter is gone is made anew, whatever was installed into it.
ifeq ($(realpath $(VENV)/bin/python),)
.PHONY: $(STAMP)
endif

.PHONY: help venv servers lint fuzz licences sbom audit lock up web admin bench bench-web bench-waiting bench-flood down status env loadtest test test-unit test-integration test-browser test-chaos chaos soak state history replay verify bench-quotes bench-triggers what-if dead-letters clean

##@ Run the whole system

loadtest: $(STAMP) ## Run a workload from nothing [WORKLOAD=file REPLICAS=1 QUOTES=instant|realistic RATE= REPORT= REPORT_HTML= DUMP_DIR=]
	@$(DEPLOY) loadtest

up: $(STAMP) ## Start servers and workers; they keep running [REPLICAS=1 QUOTES=realistic QUOTE_SERVER=host:port]
	@$(DEPLOY) up

web: $(STAMP) ## Start servers, workers and the site; print its address and a demo person [WEB_PORT= LIVE_PORT= REPLICAS=1]
	@$(DEPLOY) web

admin: $(STAMP) ## Make a person an administrator of the site [USER=name EXISTING=yes]
	@$(DEPLOY) admin $(if $(filter USER,$(GIVEN_TO_MAKE)),-- "$$USER")

status: $(STAMP) ## Show what runs
	@$(DEPLOY) status

env: $(STAMP) ## Print AMQP_URL and DATABASE_URL as shell assignments [PROFILE=live|loadtest|test ROLE=operator]
	@$(DEPLOY) env

down: $(STAMP) ## Drain the workers, stop everything
	@$(DEPLOY) down

##@ Look at the last run

state: $(STAMP) ## Write every account as the last run left it [STATE=file.json]
	@$(DEPLOY) state

history: $(STAMP) ## Write the history of the last run [HISTORY=file.jsonl]
	@$(DEPLOY) history

replay: $(STAMP) ## Rebuild the state of the last run from its command streams, compare the two
	@$(DEPLOY) replay

verify: $(STAMP) ## Recompute every invariant of what the last run left [DUMP=file HEADS=file]
	@$(DEPLOY) verify

dead-letters: $(STAMP) ## List the undecodable messages of the last run
	@$(DEPLOY) dead-letters

what-if: $(STAMP) ## Show which trigger orders recorded prices would have fired [USER=name PRICES=file.csv]
	@$(DEPLOY) what-if $(if $(filter USER,$(GIVEN_TO_MAKE)),-- "$$USER" "$$PRICES")

##@ Check the code

lint: $(STAMP) ## Check style, format and types
	@$(AS_OWNER) $(VENV)/bin/ruff check --quiet .
	@$(AS_OWNER) $(VENV)/bin/ruff format --quiet --check .
	@$(AS_OWNER) $(VENV)/bin/python -m mypy --no-error-summary

licences: $(STAMP) ## List the licences of all packages; fail on one that is not allowed
	@$(AS_OWNER) $(VENV)/bin/python -m deploy.commands.licences

sbom: licences $(TOOLS_STAMP) ## Check licences and write the list of all packages (CycloneDX) to build/sbom.json
	@$(AS_OWNER) mkdir -p build
	@$(AS_OWNER) $(TOOLS)/bin/python -m cyclonedx_py environment $(VENV)/bin/python --output-format JSON --output-file build/sbom.json

audit: $(STAMP) $(TOOLS_STAMP) ## Look for known weaknesses of all pinned packages; fails also where they cannot be looked up
	@$(AS_OWNER) $(VENV)/bin/python -m deploy.commands.weaknesses $(TOOLS)/bin/python

test: $(STAMP) ## Run all tests, with three rounds of chaos; ARGS chooses some [ARGS="-k name"]
	@$(DEPLOY) test

test-unit: $(STAMP) ## Run the tests that need no server [ARGS="-k name"]
	@$(DEPLOY) test unit

test-integration: $(STAMP) ## Run the tests of processes on real servers [ARGS="-k name"]
	@$(DEPLOY) test integration

test-browser: $(STAMP) ## Run the tests of the site in a real browser [ARGS="-k name"]
	@$(DEPLOY) test browser

test-chaos: $(STAMP) ## Run ten short rounds of chaos, and the tests of their judges [ARGS="-k name"]
	@$(DEPLOY) test chaos

chaos: $(STAMP) ## Run workloads while seeded faults strike, and check that nothing broke [SEED=1 ROUNDS=1]
	@$(DEPLOY) chaos

soak: $(STAMP) ## 200 rounds of chaos, figures into docs/reliability.md; continues where it stopped [SEED=1 ROUNDS=200 AGAIN=]
	@$(DEPLOY) soak

fuzz: $(STAMP) $(FUZZ_STAMP) ## Try random input at every door, guided by coverage; takes hours [RUNS=1000000]
	@$(AS_OWNER) $(FUZZ)/bin/python -m tests.fuzz --runs $(RUNS) build/fuzz
	@DAYTRADE_FUZZ_RUNS=$(RUNS) $(DEPLOY) test fuzz

##@ Measure

bench: $(STAMP) ## Run load tests of several sizes and rates; print results beside targets [RUNS=3 CASES="..." BARE_PATH=folder JSON=file]
	@$(AS_OWNER) $(VENV)/bin/python -m bench.speed

bench-quotes: $(STAMP) ## Measure cost and speed of quotes [WORKLOAD=file PARTS="cold rate virtual waiting hedging takeover" RATE=500 ROUNDS=3]
	@$(DEPLOY) bench-quotes

bench-triggers: $(STAMP) ## Measure price events on 10,000 and 1,000,000 armed orders [FIRED= ARMED= REPLICAS=1]
	@$(DEPLOY) bench-triggers

bench-web: $(STAMP) ## Measure how many commands/s one API client gets done, and the latency beside load and open pages
	@$(DEPLOY) bench-web

bench-flood: $(STAMP) ## Measure people's orders while a workload publishes unthrottled [SECONDS=120 POSTS=8 PEOPLE=40 REPLICAS=1]
	@$(DEPLOY) bench-flood

bench-waiting: $(STAMP) ## Measure the site's pages while 40 people wait for quotes [SECONDS=15 PEOPLE=40 PAGES=20]
	@$(DEPLOY) bench-waiting

##@ Set up and clean up

help: ## List these targets
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

venv: $(STAMP) ## Make .venv and install requirements.txt into it

lock: $(TOOLS_STAMP) ## Compile requirements.in into requirements.txt, with the hashes of all files
	@for name in requirements requirements-tools requirements-fuzz; do $(AS_OWNER) $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --annotation-style line --custom-compile-command 'make lock' --output-file $$name.txt $$name.in >/dev/null || exit 1; done

servers: $(STAMP) ## Start RabbitMQ and Postgres only
	@$(DEPLOY) servers

clean: ## Stop everything; remove .stack, .venv and dumps
	@if [ ! -d .stack ]; then :; elif $(VENV)/bin/python $(NO_BYTECODE) -c 'import deploy.commands.cli' 2>/dev/null; then $(DEPLOY) clean; else $(or $(PYTHON),python3) $(NO_BYTECODE) -m deploy.supervision.leftovers; fi
	@rm -rf .stack $(VENV) dumps 2>/dev/null || { $(or $(PYTHON),python3) -B -m deploy.stack.owner true && rm -rf .stack $(VENV) dumps; }

# All on stderr: `make env` promises nothing but two lines on stdout. Bytecode is compiled on first use instead.
# Standard input may be a workload, which no installer is to read.
$(STAMP): requirements.txt deploy/make_venv.sh
	@deploy/make_venv.sh $(VENV) requirements.txt >&2 </dev/null

$(FUZZ_STAMP): requirements-fuzz.txt deploy/make_venv.sh | $(STAMP)
	@deploy/make_venv.sh $(FUZZ) requirements-fuzz.txt >&2 </dev/null

$(TOOLS_STAMP): requirements-tools.txt deploy/make_venv.sh | $(STAMP)
	@deploy/make_venv.sh $(TOOLS) requirements-tools.txt >&2 </dev/null
