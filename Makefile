# make demo    set up, and make a companion in the sandbox from one sentence
# make talk    build the talk page (needs Node.js and npm); everything else works without
# make screenshots  pictures of the talk page in all its states, into .cache/screenshots/
# make test    set up, and run all tests
# make check   what reads the code without running it: format, lint, types, architecture
# make bench   speed, most of it as ratios measured in one run; COMPANIONS=200 for a shorter one, SLACK=2 where others
#                use the machine too: what is twice as slow as it should be fails then
# make fuzz    many requests made from the official OpenAPI file, against the sandbox
# make campaign  many seeds of faults, crashes and clocks that jump against provisioning, and real processes killed;
#                and consents and recordings that were tampered with; SEEDS=10000, KILLS=500 and MUTATIONS=5000 for more
# make injections  every attack text in every place where it may arrive, against a model that obeys all it reads;
#                and more of a clumsy model; CLUMSY=500 for yet more
# make evals   `adk eval` with our wishes and refusals, in an environment of its own (1 GB, two minutes, once); MODEL=... for
#                another language model than the rules: it reads GOOGLE_API_KEY
# make conformance  the protocol's own suite against the MCP server, both revisions, scenario by scenario
# make inspector  the protocol's own Inspector, over stdio and HTTP, with what it asked and heard
# make hosts   LangChain's adapters and OpenAI's Agents SDK make a companion; all three are in `make test`, too
# make package  the wheel and the source archive, in dist/, checked as a package index would; make bundle: the .mcpb
# make hostile  the whole table of bad input, with what takes half a minute a row, and how soon servers go
# make live    the sandbox compared with the real service: needs ELEVENLABS_API_KEY, and spends a little
# make clean   take away everything that was set up here
SHELL := /bin/bash
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/bin
RUN := requirements/build.txt requirements/run.txt
DEV := requirements/build.txt requirements/dev.txt
SENTENCE := Create a companion for my grandmother Dorothy from examples/dorothy. She spoke English and gave me her consent.

.PHONY: demo talk screenshots test check bench fuzz campaign evals injections conformance inspector hosts package bundle hostile live clean requirements

demo: .venv/run
	@$(BIN)/storykeeper provision --sandbox --yes "$(SENTENCE)"

talk:
	@$(PYTHON) scripts/talk.py

screenshots: .venv/dev talk
	@$(BIN)/python scripts/clients.py
	@PYTHONPATH=scripts $(BIN)/python tests/screenshots.py

test: .venv/dev
	@PYTHON=$(BIN)/python bash scripts/in-memory bash scripts/test

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: .venv/dev .cache/peer/ready
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/peer.py
	$(BIN)/python benchmarks/sandbox.py
	$(BIN)/python benchmarks/book.py
	$(BIN)/python benchmarks/preparing.py
	$(BIN)/python benchmarks/preflight.py
	$(BIN)/python benchmarks/talking.py
	$(BIN)/python benchmarks/sentence.py
	$(BIN)/python benchmarks/provisioning.py --companions $(or $(COMPANIONS),1000)

# Many new requests made from the official file; the usual run sends a few, and the same ones each time.
fuzz: .venv/dev
	FUZZ=$(or $(FUZZ),100) $(BIN)/python -m pytest -q tests/server/sandbox/test_hostile.py

# The usual run leaves out what waits long, and two of three environments that a server may be started in.
hostile: .venv/dev
	EVERYTHING=1 $(BIN)/python -m pytest -q tests/test_bad_input.py tests/test_bad_protocol.py tests/test_bad_settings.py tests/test_bad_web.py tests/test_bad_answers.py tests/test_leaving.py
	$(BIN)/python benchmarks/leaving.py

# The usual run tries a few seeds, and the same ones each time; a failing seed prints how to see it again.
campaign: .venv/dev
	$(BIN)/python tests/simulated/campaign.py --seeds $(or $(SEEDS),2000)
	PYTHONPATH=tests $(BIN)/python -m kills.campaign --kills $(or $(KILLS),80)
	MUTATIONS=$(or $(MUTATIONS),1000) $(BIN)/python -m pytest -q -s tests/tools/test_consents_hold.py
	$(BIN)/python benchmarks/resuming.py
	KILLS=1 $(BIN)/python -m pytest -q tests/server/test_chatting.py -k killed

# ADK's command exits with 0 whatever it found, so its summary is read.
evals: .cache/evals/ready
	@bash scripts/evals .cache/evals/bin/python $(MODEL)

# The usual run puts every fifth text in one place; INJECTIONS=2 puts each second one there.
injections: .venv/dev
	INJECTIONS=$(or $(INJECTIONS),all) CLUMSY=$(or $(CLUMSY),50) $(BIN)/python -m pytest -q -s tests/orchestrator/test_injections.py tests/orchestrator/test_scripted.py

# What `make test` runs of these, with their transcripts; what can't be had is an error here.
conformance inspector: .venv/dev
	@CI=true $(BIN)/python scripts/referees.py
	@CI=true $(BIN)/python -m pytest -q tests/test_$@.py

hosts: .venv/dev
	@CI=true $(BIN)/python scripts/foreign.py
	@CI=true $(BIN)/python -m pytest -q tests/test_hosts.py

package: .cache/package/ready
	@$(PYTHON) scripts/talk.py || echo "without the talk page" >&2
	@rm -f dist/*.whl dist/*.tar.gz
	@.cache/package/bin/python -m build --no-isolation -o dist >/dev/null
	@.cache/package/bin/python -m twine check --strict dist/*.whl dist/*.tar.gz

bundle: .venv/dev
	@$(BIN)/python scripts/clients.py
	@$(PYTHON) scripts/talk.py || echo "without the talk page" >&2
	@mkdir -p dist && node tests/clients/node_modules/@anthropic-ai/mcpb/dist/cli/cli.js pack . dist/storykeeper.mcpb

# Spends a little at the real service, and cleans up; says what it needs when there is no key.
live: .venv/dev
	@$(BIN)/python -m pytest -q -m live --tb=short tests/live

clean:
	rm -rf .venv .cache .coverage .coverage.* dist tests/clients/node_modules server/storykeeper_server/talk/assets server/storykeeper_server/talk/web/node_modules

# requirements/*.txt are what `make requirements` compiled: exact versions with hashes, no index.
requirements:
	uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/build.in -o requirements/build.txt
	uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/package.in -c requirements/build.txt -o requirements/package.txt
	uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 pyproject.toml -o requirements/run.txt
	uv pip compile -q --generate-hashes --no-header --no-annotate --no-deps --python-version 3.11 requirements/attacks.in -o requirements/attacks.txt
	uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/hosts.in -o requirements/hosts.txt
	uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/peer.in -o requirements/peer.txt
	uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt

# requirements/attacks.txt is a package whose attack texts are read; it is never imported, so what it depends on isn't
# installed.
# requirements/hosts.txt is what the foreign hosts of the tests live on; it goes into an environment of its own.
# The environment of the tests holds that of the demo too, so whichever comes second is quick.
.venv/run: $(RUN) pyproject.toml
	@if [ -e .venv/dev ] && [ .venv/dev -nt pyproject.toml ] && [ .venv/dev -nt requirements/run.txt ]; then touch $@; else $(MAKE) --no-print-directory install PINNED="$(RUN)" && touch $@; fi

.venv/dev: $(DEV) requirements/attacks.txt pyproject.toml
	@$(MAKE) --no-print-directory install PINNED="$(DEV)"
	@$(or $(and $(UV),uv pip install -q --python .venv),$(BIN)/python -m pip install -q --disable-pip-version-check) --no-deps --require-hashes -r requirements/attacks.txt
	@touch $@

.cache/package/ready: requirements/build.txt requirements/package.txt
	@rm -rf .cache/package && $(PYTHON) -m venv .cache/package
	@.cache/package/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/package.txt
	@touch $@

# The official MCP server, which ours is measured beside; its bytecode is compiled as ours is.
.cache/peer/ready: requirements/peer.txt
	@echo "Setting up .cache/peer (once)..."
	@rm -rf .cache/peer && $(PYTHON) -m venv .cache/peer
	@.cache/peer/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/peer.txt
	@.cache/peer/bin/python -m compileall -q .cache/peer/lib || true # of some package's own broken samples
	@touch $@

# What the extra brings has no exact versions here: its packages and ours agree on none that uv would lock.
.cache/evals/ready: requirements/build.txt requirements/run.txt
	@echo "Setting up .cache/evals (once)..."
	@rm -rf .cache/evals && $(PYTHON) -m venv .cache/evals
	@.cache/evals/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/run.txt
	@.cache/evals/bin/python -m pip freeze -q > .cache/evals/pinned.txt
	@.cache/evals/bin/python -m pip install -q --disable-pip-version-check -c .cache/evals/pinned.txt "google-adk[eval]"
	@.cache/evals/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Bytecode is compiled here, since PYTHONDONTWRITEBYTECODE would make every start a slow one.
.PHONY: install
install:
	@echo "Setting up .venv (once)..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Storykeeper needs Python 3.11 or newer; say which: make demo PYTHON=python3.12")'
ifdef UV
	@[ -x $(BIN)/python ] || uv venv -q --python $(PYTHON) .venv
	@uv pip install -q --python .venv --compile-bytecode --require-hashes $(addprefix -r ,$(PINNED))
	@uv pip install -q --python .venv --no-deps --no-build-isolation -e .
else
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes $(addprefix -r ,$(PINNED))
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@$(BIN)/python -m compileall -q tools server agents
