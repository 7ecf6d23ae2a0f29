# SPDX-License-Identifier: Apache-2.0
# File formats and reports that the tools share; independent of libhal.
noinst_LTLIBRARIES += libhal_tools.la
libhal_tools_la_SOURCES = \
	tools/common/bpe.c tools/common/bpe.h \
	tools/common/byte_alphabet.c tools/common/byte_alphabet.h \
	tools/common/checkpoint.c tools/common/checkpoint.h \
	tools/common/dataset.c tools/common/dataset.h \
	tools/common/deadline.c tools/common/deadline.h \
	tools/common/error.c tools/common/error.h \
	tools/common/file.c tools/common/file.h \
	tools/common/id_list.c tools/common/id_list.h \
	tools/common/json_input.c tools/common/json_input.h \
	tools/common/load_guard.c tools/common/load_guard.h \
	tools/common/markup.c tools/common/markup.h \
	tools/common/model_config.c tools/common/model_config.h \
	tools/common/plot.c tools/common/plot.h \
	tools/common/progress.c tools/common/progress.h \
	tools/common/safetensors.c tools/common/safetensors.h \
	tools/common/safetensors_writer.c tools/common/safetensors_writer.h \
	tools/common/text_source.c tools/common/text_source.h \
	tools/common/text_split.c tools/common/text_split.h \
	tools/common/tokenizer.c tools/common/tokenizer.h \
	tools/common/tokenizer_json.c tools/common/tokenizer_json.h \
	tools/common/weights.c tools/common/weights.h
libhal_tools_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(PCRE2_CFLAGS)
libhal_tools_la_LIBADD = $(JANSSON_LIBS) $(PCRE2_LIBS) -lm
