# SPDX-License-Identifier: Apache-2.0
# In a folder of texts: PTX for the oldest device that is served, and code for those that are common, of each text in
# texts.list; those that begin with mma (ops/cuda) are for devices from 8.0 on. A make of its own, since the texts are known only when it runs; it takes part in the parallelism of its caller.
# Nothing is contracted (-fmad=false): products and sums are rounded as they are written.

# what they are made with is told here, so they are made again when this file changes
HERE := $(firstword $(MAKEFILE_LIST))
FLAGS = -fmad=false --std=c++17
OLDEST = compute_75
mma%: OLDEST = compute_80
modules: $(patsubst %.cu,%.fatbin,$(shell cat texts.list))

%.ptx: %.cu $(HERE)
	@$(NVCC) -x cu -ptx -arch=$(OLDEST) $(FLAGS) -o $@.new $< && mv $@.new $@

%.fatbin: %.ptx
	@echo "  NVCC     $*" && \
	$(NVCC) -fatbin -Xfatbin -compress-all -gencode 'arch=$(OLDEST),code=[$(OLDEST),sm_80,sm_90]' -o $@.new.fatbin $< && mv $@.new.fatbin $@

.PRECIOUS: %.ptx
