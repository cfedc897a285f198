# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The commands of a developer; what they do is in tests/tools. ARGS goes to pytest, ansible-test or the playbook:
#   make unit ARGS="-k retry -x"      make integration ARGS=ephemeral_container      make demo ARGS="-v"
# KUBECONFIG names a cluster to use instead of the one that these commands build and start.

SHELL := /bin/sh
RUN := sh tests/tools/run
CLUSTER := $(RUN) cluster
ARGS ?=
export KUBEDEBUG_PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test lint types docs sanity unit integration e2e faults bench importer build clean cluster-up \
	cluster-down cluster-status shell

help: ## list these commands
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do \
		printf '  make %-16s %s\n' "$$name" "$$text"; done

demo: ## a cluster, a small shop on it, and a debugging session on one of its pods (run it twice: the debugger is reused)
	@$(RUN) demo --args='$(ARGS)'

test: ## everything but the bench; the last line is the sum
	@$(RUN) test

lint: ## Python's style and format, YAML, ansible-lint (production), shell scripts
	@$(RUN) test --live lint

types: ## mypy, strict
	@$(RUN) test --live types

docs: ## the plugins' documentation and the changelog fragments
	@$(RUN) test --live docs

sanity: ## ansible-test sanity, without an ignore file (ARGS="--test pylint")
	@$(RUN) test --live sanity --args='$(ARGS)'

unit: ## unit tests on the newest and the oldest pair of Python, ansible-core and client (ARGS="-k name")
	@$(RUN) test --live unit --args='$(ARGS)'

integration: ## ansible-test integration targets on the cluster (ARGS=target)
	@$(RUN) test --live integration --args='$(ARGS)'

e2e: ## whole sessions on the cluster (ARGS="-k name")
	@$(RUN) test --live e2e --args='$(ARGS)'

faults: ## what happens when something breaks half way, on the cluster
	@$(RUN) test --live faults --args='$(ARGS)'

bench: ## compare with kubernetes.core and kubectl, on the cluster (ARGS=bench_name)
	@$(RUN) test --live bench --args='$(ARGS)'

importer: ## build the archive; Galaxy's import checks, and ansible-builder, on it
	@$(RUN) test --live importer

build: ## build the collection's archive into this folder
	@$(RUN) build

cluster-up: ## start the test cluster (the first time builds it: about ten minutes)
	@$(CLUSTER) up

cluster-status: ## say what of the test cluster runs
	@$(CLUSTER) status

cluster-down: ## stop the test cluster and remove what it made
	@$(CLUSTER) down

shell: ## a shell in which ansible-playbook, kubectl, the collection and the cluster are found
	@$(RUN) exec

clean: ## remove results, environments and generated trees (not the cluster's build)
	@$(RUN) clean
