# The two commands of the README are demo and test; each does its own set-up. CONTRIBUTING.md tells of the others.

GO ?= go
BIN := bin
export CGO_ENABLED ?= 0

.PHONY: build demo test check bench bench-isolation calibration soak generate clean

build:
	$(GO) build -o $(BIN)/ ./cmd/gnomon ./cmd/gnomon-plot ./examples/modelserver ./examples/faultserver ./examples/train
	$(GO) build -o $(BIN)/gnomon-demo ./examples/demo

# A whole shadow test on this machine: two models are trained, hosted, compared and exchanged.
demo: build
	$(BIN)/train --out $(BIN)/models
	$(BIN)/gnomon demo

# Everything that can be tested on this machine. What the machine lacks is skipped with a message. The race detector
# needs a C compiler; without one the tests run without it. Counts of allocations mean nothing under it and are taken
# in a run of their own. Packages are tested one after the other, since some of them measure shares of the processors.
test: check
ifneq ($(shell command -v gcc),)
	CGO_ENABLED=1 $(GO) test -race -p 1 -timeout 40m $(TESTFLAGS) ./...
	$(GO) test -run 'Alloc' $(TESTFLAGS) ./router ./front ./http1 ./sigv4 ./meter ./compare
else
	@echo "There is no C compiler (gcc): testing without the race detector."
	$(GO) test -p 1 -timeout 40m $(TESTFLAGS) ./...
endif

check:
	@test -z "$$(gofmt -l .)" || { echo "not gofmt'ed:"; gofmt -l .; exit 1; }
	$(GO) vet ./...

# BENCHFLAGS=-quick and the like. A missed ceiling fails.
bench:
	$(GO) run ./bench $(BENCHFLAGS)

bench-isolation:
	$(GO) run ./bench/isolation $(BENCHFLAGS)

# What verdicts are worth, by simulation. BENCHFLAGS=-quick is a minute. A verdict that is wrong too often fails.
calibration:
	$(GO) run ./bench/calibration $(BENCHFLAGS)

soak:
	$(GO) run ./bench/soak $(BENCHFLAGS)

generate:
	$(GO) generate ./...

clean:
	rm -rf $(BIN)
