PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More workers than two cores keep busy, as many tests wait for servers. Browsers and servers come first, so that
# none of them is left at the end alone.
TESTS := $(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help run demo collect test check bench evaluate dev-setup services-up services-demo services-down backup restore infra-verify \
	deploy infra-init infra-plan infra-apply infra-destroy teardown cost-estimate status

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | expand -t 14

$(VENV)/.run: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "GPU Watchdog needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@

run: $(VENV)/.run  ## Start the app at http://localhost:8501
	$(BIN)/python -m watchdog serve

demo: $(VENV)/.run  ## The same on a simulated cluster
	WATCHDOG_SOURCE=demo $(BIN)/python -m watchdog serve

collect: $(VENV)/.run  ## Read the source once and print what it says
	$(BIN)/python -m watchdog collect --once --to stdout

services-up:  ## Start app, Prometheus, Alertmanager, Grafana and gateway in Docker at http://localhost:8080
	docker/services.sh up

services-demo:  ## The same, fed by a simulated cluster
	docker/services.sh up --demo

services-down:  ## Stop them; what they know is kept
	docker/services.sh down

BACKUP ?= backups/$(shell date -u +%Y%m%dT%H%M%SZ)

backup: $(VENV)/.run  ## Back up history (and Prometheus, in Docker) while all runs, to BACKUP=folder
	docker/services.sh backup $(BACKUP)

restore: $(VENV)/.run  ## Put a backup back: make restore BACKUP=folder
	docker/services.sh restore $(BACKUP)

# More words for the driver: make infra-apply ARGS="--workers 3 --gpu any-of:A100-80GB,H100 --max-hourly 10"
CLUSTER := $(BIN)/python -m infra.cluster

deploy: infra-apply  ## Rent a cluster and start the services; without a key a dry run
	@if $(CLUSTER) key; then docker/services.sh up; else echo "Dry run: services were not started; make services-demo does."; fi

infra-init: $(VENV)/.run  ## Check the RunPod key, prepare Terraform
	$(CLUSTER) init

infra-plan: $(VENV)/.run  ## What would be rented, and what it would cost
	$(CLUSTER) plan $(ARGS)

infra-apply: $(VENV)/.run  ## Rent a cluster at RunPod; says the price before it asks
	$(CLUSTER) up $(ARGS)

infra-destroy: $(VENV)/.run  ## Return the cluster, and prove that nothing is left on the bill
	$(CLUSTER) down $(ARGS)

teardown: infra-destroy  ## The same, and stop the services
	@if docker info >/dev/null 2>&1; then docker/services.sh down; fi

cost-estimate: $(VENV)/.run  ## What a cluster would cost an hour, a day, a month; needs no key
	@$(CLUSTER) cost --estimate $(ARGS)

status: $(VENV)/.run  ## The pods of the cluster, their cost and their deadline
	@$(CLUSTER) status $(ARGS)

dev-setup: $(VENV)/.dev  ## Install what tests and checks need

test: $(VENV)/.dev  ## Run every test this machine can run
	$(TESTS)

check: $(VENV)/.dev  ## Everything CI runs: lint, format, types, layers, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.infra.provider.check
	$(TESTS)

evaluate: $(VENV)/.run  ## Score the assistant without a model, and write it into docs/assistant.md
	$(BIN)/python -m watchdog evaluate --rules --write docs/assistant.md

infra-verify: $(VENV)/.dev  ## Hold infra/terraform against RunPod's real Terraform provider (needs the registry; rents nothing)
	$(BIN)/python -m tests.infra.provider.verify

bench: $(VENV)/.dev  ## Print the benchmark tables
	@for script in benchmarks/bench_*.py; do PYTHONPATH=. $(BIN)/python $$script || exit 1; done
