/* What a part must hold, written as `<part>.expected.jsonl` for tests/readback to compare with.
 *
 * The first line describes the columns, each further line is a row: integers as they are, floats as hex
 * floats or "nan:<bits>", decimals as text with all digits of their scale, text as text, bytes and UUIDs as
 * {"hex": "..."}, dates, times and durations in their stored unit, lists as arrays, structs as objects. A
 * nested column has "levels": the greatest definition and repetition level of each of its leaves. A value
 * that the program cannot know is {"any": true}: it may be everything but null.
 */
#ifndef FLOW_EXPECTED_H
#define FLOW_EXPECTED_H

#include <flow.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct expected {
  FILE *file;
  const pf_field *fields;
  size_t count;
  size_t next;
  /* The lists and structs that are open, from the outermost in, and how many values each has so far. */
  const pf_field *open[8];
  size_t values[8];
  size_t depth;
} expected;

/* In a field's flags: a bare `repeated` field of Parquet, which readers show as a required list. */
#define EXPECT_REPEATED 4

/* Starts the file. `unordered`: the rows come in any order; `sink`: the part has a gap summary. */
expected expect_begin(const char *part, const pf_field *fields, size_t count, uint64_t row_groups,
                      bool unordered, bool sink);

/* The next value, row by row: `size` bytes as they lie in the caller's memory; NULL is null. */
void expect_value(expected *to, const void *value, size_t size);

/* The next value is not null, and else what libflow made it. */
void expect_any(expected *to);

/* The next value is a list of the values that come in between; or a struct of them, one a field. */
void expect_list_begin(expected *to);
void expect_list_end(expected *to);
void expect_struct_begin(expected *to);
void expect_struct_end(expected *to);

void expect_end(expected *to);

/* Bytes of a value of the type in memory; `width` is that of the field. 0: any length. */
size_t value_size(int32_t type, size_t width);

#endif
