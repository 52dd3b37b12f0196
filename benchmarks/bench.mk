# Targets of benchmarks/README.md; the Makefile at the root includes them.

BENCH := .build/bench
BENCH_PINS := benchmarks/requirements
# How often, and how long each time: the full run takes about 9 minutes. For a look:
#   make bench ROUNDS=1 SECONDS=0.5
ROUNDS ?= 5
SECONDS ?= 2

.PHONY: bench bench-typed bench-streams bench-setup bench-plot soak

bench: bench-setup ## compare with other servers; ROUNDS=5 SECONDS=2
	$(BIN)/python -m benchmarks.bench --rounds $(ROUNDS) --seconds $(SECONDS) $(ARGS)

bench-typed: bench-setup ## what a typed call costs beside ModelInfer; ROUNDS=5 SECONDS=2
	$(BIN)/python -m benchmarks.typed --rounds $(ROUNDS) --seconds $(SECONDS) $(ARGS)

bench-streams: bench-setup ## what a message of a stream costs, small and large; ROUNDS=5 SECONDS=2
	$(BIN)/python -m benchmarks.streams --rounds $(ROUNDS) --seconds $(SECONDS) $(ARGS)

bench-plot: bench-setup ## draw the latest results of make bench
	$(BENCH)/tools/bin/python -m benchmarks.plot

soak: bench-setup ## a million calls with cancels; memory and descriptors stay
	$(BIN)/python -m benchmarks.soak $(ARGS)

bench-setup: setup $(BENCH)/models $(BENCH)/kserve $(BENCH)/mlserver
	@command -v h2load >/dev/null || { \
	  echo 'h2load is missing; it comes with nghttp2: apt-get install nghttp2-client'; exit 1; }

$(BENCH)/models: $(BENCH)/tools benchmarks/make_models.py
	rm -rf $@
	$(BENCH)/tools/bin/python benchmarks/make_models.py $@

# One environment each: the peers need other releases of grpcio and protobuf than we do.
$(BENCH)/%: $(BENCH_PINS)/%.txt requirements/uv.txt
	$(PYTHON) -m venv --clear $@
	$(call install,$@,$<) || { rm -rf $@; exit 1; }
	touch $@
