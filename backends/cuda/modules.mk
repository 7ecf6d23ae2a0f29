# SPDX-License-Identifier: Apache-2.0
# In a folder of texts: of each text in texts.list PTX for the oldest device that is served and code for devices of ARCHS
# ("80 90"), as NAME.ptx and NAME.fatbin; NAME.log has what the compilers said, with the registers and spills of each kernel.
# Those that begin with mma (ops/cuda) are for devices from 8.0 on. A make of its own, since the texts are known only when it
# runs; it takes part in the parallelism of its caller. FROM is the folder of another build's modules, or empty: what was
# made there of the same text, by the same compiler with the same flags, is taken.

# nothing is contracted: products and sums are rounded as they are written
FLAGS = -fmad=false --std=c++17
OLDEST = compute_75
mma%: OLDEST = compute_80
empty :=
comma := ,
CODE := $(subst $(empty) ,$(comma),$(strip $(ARCHS:%=sm_%)))
TOGETHER := $(dir $(abspath $(firstword $(MAKEFILE_LIST))))module.sh
export NVCC FROM

# All but the text that a module depends on. It gets a new date only when it changes.
made.with := $(FLAGS) $(CODE) $(shell $(NVCC) --version | tail -n 2)
$(shell echo '$(made.with)' | cmp -s - made.with || echo '$(made.with)' >made.with)

modules: $(patsubst %.cu,%.sum,$(shell cat texts.list))

%.sum: %.cu made.with
	@sh '$(TOGETHER)' '$*' $(OLDEST) '$(CODE)' $(FLAGS)
