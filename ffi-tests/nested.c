/* Lists and structs of everything and of one another: each chunk is random memory made for a model of its
 * values, with garbage wherever a value does not count. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "expected.h"

enum { SOURCE = 19, ROWS = 31, CHUNKS = 60 };

static uint64_t random_bits(void) {
  static uint64_t x = 88172645463325252;
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return x;
}

static size_t below(size_t n) { return (size_t)(random_bits() >> 33) % n; }

/* A chunk's memory, all of it freed at its end. */
static void *kept[4096];
static size_t kept_count;

static void *keep(size_t size) {
  CHECK(kept_count < sizeof kept / sizeof *kept);
  void *memory = calloc(size + 1, 1);
  CHECK(memory != NULL);
  return kept[kept_count++] = memory;
}

static void forget(void) {
  while (kept_count > 0) free(kept[--kept_count]);
}

#define REQUIRED PF_FIELD_REQUIRED
#define NULLABLE PF_FIELD_NULLABLE
#define KEPT PF_FIELD_DICTIONARY
#define LIST(name, flags, element) PF_FIELD_OF_CHILDREN(name, PF_TYPE_LIST, flags, &(element), 1)
#define STRUCT(name, flags, fields) \
  PF_FIELD_OF_CHILDREN(name, PF_TYPE_STRUCT, flags, fields, sizeof(fields) / sizeof *(fields))

static const pf_field int64 = PF_FIELD(NULL, PF_TYPE_INT64, NULLABLE);
static const pf_field int16 = PF_FIELD(NULL, PF_TYPE_INT16, REQUIRED);
static const pf_field real = PF_FIELD(NULL, PF_TYPE_FLOAT64, NULLABLE);
static const pf_field half = PF_FIELD(NULL, PF_TYPE_FLOAT16, REQUIRED);
static const pf_field text = PF_FIELD(NULL, PF_TYPE_UTF8, NULLABLE);
static const pf_field needed_text = PF_FIELD(NULL, PF_TYPE_UTF8, REQUIRED);
static const pf_field bytes = PF_FIELD(NULL, PF_TYPE_BINARY, NULLABLE);
static const pf_field boolean = PF_FIELD(NULL, PF_TYPE_BOOL, NULLABLE);
static const pf_field needed_bool = PF_FIELD(NULL, PF_TYPE_BOOL, REQUIRED);
static const pf_field time = PF_FIELD_IN_ZONE(NULL, PF_TYPE_TIMESTAMP_S, NULLABLE, "UTC");
static const pf_field uuid = PF_FIELD(NULL, PF_TYPE_UUID, NULLABLE);
static const pf_field money = PF_FIELD_OF_WIDTH(NULL, PF_TYPE_DECIMAL128, NULLABLE, 38, 4);
static const pf_field symbol = PF_FIELD(NULL, PF_TYPE_UTF8, NULLABLE | KEPT);
static const pf_field point[] = {PF_FIELD("x", PF_TYPE_FLOAT64, REQUIRED),
                                 PF_FIELD("y", PF_TYPE_FLOAT32, NULLABLE)};
static const pf_field trade[] = {
    PF_FIELD("id", PF_TYPE_INT32, REQUIRED),
    PF_FIELD("venue", PF_TYPE_UTF8, REQUIRED),
    PF_FIELD("at", PF_TYPE_TIMESTAMP_NS, NULLABLE),
    PF_FIELD("symbol", PF_TYPE_UTF8, REQUIRED | KEPT),
    PF_FIELD("buy", PF_TYPE_BOOL, REQUIRED),
    PF_FIELD_OF_WIDTH("price", PF_TYPE_DECIMAL64, REQUIRED, 18, 4),
};
static const pf_field leg = STRUCT(NULL, NULLABLE, trade), needed_leg = STRUCT(NULL, REQUIRED, point);
static const pf_field book[] = {LIST("bids", REQUIRED, int16), LIST("asks", NULLABLE, text),
                                PF_FIELD("side", PF_TYPE_INT8, NULLABLE)};
static const pf_field row = LIST(NULL, NULLABLE, int64), needed_row = LIST(NULL, REQUIRED, needed_text);
static const pf_field inner[] = {STRUCT("point", NULLABLE, point), LIST("legs", NULLABLE, leg)};
static const pf_field outer[] = {STRUCT("inner", REQUIRED, inner), PF_FIELD("n", PF_TYPE_UINT64, REQUIRED)};
static const pf_field deep = STRUCT(NULL, NULLABLE, outer);

static const pf_field fields[] = {
    LIST("int64s", NULLABLE, int64),
    LIST("int16s", REQUIRED, int16),
    LIST("reals", NULLABLE, real),
    LIST("halves", NULLABLE, half),
    LIST("texts", NULLABLE, text),
    LIST("needed_texts", REQUIRED, needed_text),
    LIST("byte_strings", NULLABLE, bytes),
    LIST("bools", NULLABLE, boolean),
    LIST("needed_bools", REQUIRED, needed_bool),
    LIST("times", NULLABLE, time),
    LIST("uuids", NULLABLE, uuid),
    LIST("monies", REQUIRED, money),
    LIST("symbols", NULLABLE, symbol),
    STRUCT("point", REQUIRED, point),
    STRUCT("trade", NULLABLE, trade),
    STRUCT("book", NULLABLE, book),
    LIST("legs", NULLABLE, leg),
    LIST("points", REQUIRED, needed_leg),
    LIST("grid", NULLABLE, row),
    LIST("needed_grid", REQUIRED, needed_row),
    LIST("deep", NULLABLE, deep),
};
enum { COLUMNS = sizeof fields / sizeof *fields };

/* A column of the model, or one inside another: which elements count and are valid, and what they are. */
typedef struct node {
  const pf_field *field;
  size_t length;
  bool *valid;
  const void **value; /* scalars */
  size_t *size;
  int64_t *from, *to; /* lists */
  struct node *children;
} node;

/* What came up, at the top and inside: each is to come up. */
enum { VALID, BITMAP, BYTES, SENTINEL, NAN_IS_NULL, VALIDITIES };
static unsigned seen_validity[VALIDITIES][2], seen_layout[PF_LAYOUT_STRUCT + 1][2];

/* Which elements are null, and the memory that says so. `sentinel` and `nan`: the slice can say it so. */
static int set_validity(node *n, pf_column_slice *slice, const bool *live, bool sentinel, bool nan,
                        bool top) {
  const bool nullable = (n->field->flags & PF_FIELD_NULLABLE) != 0;
  int kind = (int)below(VALIDITIES);
  if (kind == NAN_IS_NULL && !nan) kind = SENTINEL;
  if (kind == SENTINEL && !sentinel) kind = 1 + (int)below(2);
  seen_validity[kind][!top]++;
  uint8_t *memory = keep(n->length + 8);
  for (size_t i = 0; i < n->length; i++) {
    n->valid[i] = kind == VALID || (live[i] && !nullable) || below(3) != 0;
    if (kind == BYTES && n->valid[i]) memory[i] = (uint8_t)(i + 1) | 1;
    if (kind == BITMAP && n->valid[i]) memory[(i + 11) / 8] |= (uint8_t)(1 << (i + 11) % 8);
  }
  static const int32_t kinds[] = {PF_VALIDITY_BITMAP, PF_VALIDITY_BITMAP, PF_VALIDITY_BYTES,
                                  PF_VALIDITY_SENTINEL, PF_VALIDITY_NAN};
  slice->validity_kind = kinds[kind];
  if (kind == BITMAP || kind == BYTES) slice->validity = memory;
  if (kind == BITMAP) slice->validity_offset = 11;
  return kind;
}

/* Offsets of runs of up to four; between those that count lie gaps, or none, or they fall. Returns how many
 * elements that takes. */
static int64_t set_offsets(pf_column_slice *slice, size_t length, const bool *counts, bool may_fall,
                           int64_t *from, int64_t *to) {
  const bool wide = below(2) == 0, adjacent = below(2) == 0;
  int64_t *wide_offsets = keep((length + 1) * 8), end = adjacent ? 0 : 3;
  int32_t *offsets = keep((length + 1) * 4);
  wide_offsets[0] = end;
  for (size_t i = 0; i < length; i++) {
    /* What does not count ends where the next begins, wherever that is. */
    const bool back = may_fall && !adjacent && !counts[i] && below(2) == 0;
    from[i] = wide_offsets[i];
    to[i] = from[i] + (counts[i] ? (int64_t)below(5) : adjacent ? 0 : back ? -(from[i] / 2) : 3);
    wide_offsets[i + 1] = to[i];
    if (to[i] > end) end = to[i];
  }
  for (size_t i = 0; i <= length; i++) offsets[i] = (int32_t)wide_offsets[i];
  slice->layout = wide ? PF_LAYOUT_OFFSETS64 : PF_LAYOUT_OFFSETS;
  slice->offsets = wide ? (const void *)wide_offsets : offsets;
  return end;
}

static const char *const words[] = {
    "", "a", "\xC3\xA9", "\xE6\x97\xA5\xE6\x9C\xAC", "\"quoted\"", "a text of more than twelve bytes"};

static void set_texts(node *n, pf_column_slice *slice, const bool *live, bool top) {
  bool *counts = keep(n->length);
  set_validity(n, slice, live, false, false, top);
  for (size_t i = 0; i < n->length; i++) counts[i] = live[i] && n->valid[i];
  if (below(2) == 0) {
    const bool may_fall = below(2) == 0; /* then texts overlap, and no character has two bytes */
    int64_t *from = keep(n->length * 8), *to = keep(n->length * 8);
    const int64_t size = set_offsets(slice, n->length, counts, may_fall, from, to);
    unsigned char *memory = keep((size_t)size);
    memset(memory, 0xFF, (size_t)size); /* no UTF-8 where nothing counts */
    for (size_t i = 0; i < n->length; i++) {
      if (!counts[i]) continue;
      for (int64_t at = from[i]; at < to[i]; at++) memory[at] = (unsigned char)('a' + below(26));
      if (!may_fall && to[i] - from[i] >= 2) memcpy(memory + from[i], "\xC3\xA9", 2);
      n->value[i] = memory + from[i];
      n->size[i] = (size_t)(to[i] - from[i]);
    }
    slice->values = memory;
    slice->values_size = (uint64_t)size;
    return;
  }
  const char **pointers = keep(n->length * sizeof *pointers);
  int64_t *lengths = keep(n->length * 8);
  for (size_t i = 0; i < n->length; i++) {
    const char *word = words[below(sizeof words / sizeof *words)];
    pointers[i] = counts[i] ? word : NULL;
    lengths[i] = counts[i] ? (int64_t)strlen(word) : below(2) == 0 ? -1 : 77;
    n->value[i] = word;
    n->size[i] = strlen(word);
  }
  slice->layout = PF_LAYOUT_POINTERS;
  slice->values = pointers;
  slice->values_size = n->length * sizeof *pointers;
  slice->offsets = lengths;
}

/* Indices into the words. */
static void set_dictionary(node *n, pf_column_slice *slice, const bool *live, bool top) {
  enum { WORDS = sizeof words / sizeof *words };
  static int64_t lengths[WORDS];
  static pf_column_slice values = PF_POINTERS(words, lengths, WORDS, NULL);
  for (size_t i = 0; i < WORDS; i++) lengths[i] = (int64_t)strlen(words[i]);
  const size_t width = (size_t)1 << below(4);
  unsigned char *indices = keep(n->length * width);
  const int kind = set_validity(n, slice, live, true, false, top);
  for (size_t i = 0; i < n->length; i++) {
    const int64_t index = (int64_t)below(WORDS), wild = -1;
    const bool counts = live[i] && n->valid[i];
    memcpy(indices + i * width, counts ? &index : &wild, width); /* -1 is the sentinel, too */
    n->value[i] = words[index];
    n->size[i] = strlen(words[index]);
  }
  if (kind == SENTINEL) slice->null_value = -1;
  slice->layout = PF_LAYOUT_DICTIONARY;
  slice->values = indices;
  slice->values_size = n->length * width;
  slice->index_width = (uint32_t)width;
  slice->dictionary = &values;
}

static void set_fixed(node *n, pf_column_slice *slice, const bool *live, bool top) {
  const int32_t type = n->field->type;
  const size_t size = value_size(type, n->field->width), stride = below(2) == 0 ? size : size + 3;
  const bool is_float = type == PF_TYPE_FLOAT16 || type == PF_TYPE_FLOAT32 || type == PF_TYPE_FLOAT64;
  unsigned char *memory = keep(n->length * stride + 1) /* of no alignment */, *values = memory + 1;
  const int kind = set_validity(n, slice, live, size <= 8, is_float, top);
  for (size_t i = 0; i < n->length; i++) {
    unsigned char *value = values + i * stride;
    for (size_t b = 0; b < size; b++) value[b] = (unsigned char)random_bits();
    value[size - 1] &= 0x07;                                  /* no NaN, no sentinel, a decimal's digits */
    if (type == PF_TYPE_TIMESTAMP_S) memset(value + 5, 0, 3); /* and DuckDB's microseconds */
    if (type == PF_TYPE_DECIMAL64) value[7] = 0;
    if (!live[i] || !n->valid[i]) memset(value, 0xFF, size); /* NaN, sentinel, out of range */
    n->value[i] = value;
    n->size[i] = size;
  }
  if (kind == SENTINEL) slice->null_value = -1;
  slice->layout = PF_LAYOUT_VALUES;
  slice->values = values;
  slice->values_size = n->length > 0 ? (n->length - 1) * stride + size : 0;
  slice->stride = stride;
}

static void set_bits(node *n, pf_column_slice *slice, const bool *live, bool top) {
  static const uint8_t bools[] = {0, 1};
  uint8_t *bits = keep(n->length / 8 + 2);
  set_validity(n, slice, live, false, false, top);
  for (size_t i = 0; i < n->length; i++) {
    const size_t value = below(2);
    bits[(i + 5) / 8] |= (uint8_t)(value << (i + 5) % 8);
    n->value[i] = &bools[value];
    n->size[i] = 1;
  }
  slice->layout = PF_LAYOUT_BITS;
  slice->values = bits;
  slice->values_size = (n->length + 12) / 8;
  slice->values_offset = 5;
}

/* A node of so many elements, and a slice that says it; what those that are not `live` say does not count. */
static node make_node(const pf_field *field, size_t length, const bool *live, pf_column_slice *slice,
                      bool top) {
  const pf_column_slice empty = PF_SLICE(NULL, 0, length, PF_LAYOUT_VALUES, NULL, NULL);
  node n = {field, length, NULL, NULL, NULL, NULL, NULL, NULL};
  *slice = empty;
  n.valid = keep(length);
  n.value = keep(length * sizeof *n.value);
  n.size = keep(length * sizeof *n.size);
  const size_t count = (size_t)field->child_count;
  bool *counts = keep(length);
  pf_column_slice *slices = keep(count * sizeof *slices);
  n.children = keep(count * sizeof *n.children);
  if (count > 0) {
    set_validity(&n, slice, live, false, false, top);
    for (size_t i = 0; i < length; i++) counts[i] = live[i] && n.valid[i];
    slice->children = slices;
    slice->child_count = count;
  }
  if (field->type == PF_TYPE_STRUCT) {
    slice->layout = PF_LAYOUT_STRUCT;
    for (size_t i = 0; i < count; i++)
      n.children[i] = make_node(&field->children[i], length, counts, &slices[i], false);
  } else if (field->type == PF_TYPE_LIST) {
    n.from = keep(length * 8), n.to = keep(length * 8);
    const size_t elements = (size_t)set_offsets(slice, length, counts, true, n.from, n.to);
    bool *used = keep(elements);
    for (size_t i = 0; i < length; i++)
      for (int64_t at = n.from[i]; counts[i] && at < n.to[i]; at++) used[at] = true;
    n.children[0] = make_node(field->children, elements, used, slices, false);
  } else if ((field->flags & PF_FIELD_DICTIONARY) != 0 || (field->type == PF_TYPE_UTF8 && below(3) == 0)) {
    set_dictionary(&n, slice, live, top);
  } else if (field->type == PF_TYPE_UTF8 || field->type == PF_TYPE_BINARY) {
    set_texts(&n, slice, live, top);
  } else if (field->type == PF_TYPE_BOOL && below(2) == 0) {
    set_bits(&n, slice, live, top);
  } else {
    set_fixed(&n, slice, live, top);
  }
  seen_layout[slice->layout][!top]++;
  return n;
}

static void expect_node(expected *to, const node *n, size_t i) {
  if (!n->valid[i]) {
    expect_value(to, NULL, 0);
  } else if (n->field->type == PF_TYPE_LIST) {
    expect_list_begin(to);
    for (int64_t at = n->from[i]; at < n->to[i]; at++) expect_node(to, &n->children[0], (size_t)at);
    expect_list_end(to);
  } else if (n->field->type == PF_TYPE_STRUCT) {
    expect_struct_begin(to);
    for (size_t c = 0; c < n->field->child_count; c++) expect_node(to, &n->children[c], i);
    expect_struct_end(to);
  } else {
    expect_value(to, n->value[i], n->size[i]);
  }
}

/* Chunks through every selection: none; int32 and int64 from 0 and from 1; of no rows. */
static void random_chunks(const char *path, uint64_t window_rows) {
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = window_rows;
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(fields, COLUMNS, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  expected to = expect_begin(path, fields, COLUMNS, 1, false, false);
  uint64_t rows = 0;
  for (int c = 0; c < CHUNKS; c++) {
    const int kind = c % 6;
    const size_t base = kind % 2, width = kind < 3 ? 4 : 8, count = kind == 0 ? SOURCE : kind == 5 ? 0 : ROWS;
    size_t selected[ROWS];
    bool live[SOURCE] = {false};
    unsigned char sel[ROWS * 8];
    for (size_t i = 0; i < count; i++) {
      selected[i] = kind == 0 ? i : below(SOURCE);
      live[selected[i]] = true;
      const uint64_t index = selected[i] + base;
      memcpy(sel + i * width, &index, width);
    }
    node nodes[COLUMNS];
    pf_column_slice slices[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
      nodes[i] = make_node(&fields[i], SOURCE, live, &slices[i], true);
      if (kind == 0) continue;
      slices[i].sel = sel;
      slices[i].sel_length = count;
      slices[i].sel_kind = width == 4 ? PF_SEL_INT32 : PF_SEL_INT64;
      slices[i].sel_base = (uint32_t)base;
    }
    const pf_row_chunk chunk = PF_ROW_CHUNK(slices, COLUMNS);
    CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
    for (size_t i = 0; i < count; i++)
      for (size_t column = 0; column < COLUMNS; column++) expect_node(&to, &nodes[column], selected[i]);
    rows += count;
    forget();
  }
  expect_end(&to);
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == rows);
  pf_writer_free(writer);
}

/* PF_LISTS and PF_STRUCTS, as a user would write them. */
static void by_macros(void) {
  static const int64_t values[] = {1, 2, 3, 4, 5};
  static const double x[] = {0.5, 1.5, 2.5};
  static const float y[] = {1, 2, 3};
  static const int32_t offsets[] = {0, 2, 2, 5};
  static const uint8_t second_is_null = 0x5;
  static const pf_field two[] = {LIST("list", NULLABLE, int64), STRUCT("point", NULLABLE, point)};
  const pf_column_slice elements = PF_VALUES(values, 5, NULL);
  const pf_column_slice xy[] = {PF_VALUES(x, 3, NULL), PF_VALUES(y, 3, NULL)};
  const pf_column_slice slices[] = {PF_LISTS(&elements, offsets, 3, &second_is_null),
                                    PF_STRUCTS(xy, 2, 3, &second_is_null)};
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, 2);
  const char *path = path_of("by_macros.parquet");
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.page_crc = 1;
  CHECK_OK(pf_schema_new(two, 2, sizeof *two, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  CHECK_OK(pf_close(writer, NULL, &err));
  pf_writer_free(writer);
  expected to = expect_begin(path, two, 2, 1, false, false);
  for (size_t i = 0; i < 3; i++) {
    if (i == 1) {
      expect_value(&to, NULL, 0);
      expect_value(&to, NULL, 0);
      continue;
    }
    expect_list_begin(&to);
    for (int32_t at = offsets[i]; at < offsets[i + 1]; at++) expect_value(&to, &values[at], 8);
    expect_list_end(&to);
    expect_struct_begin(&to);
    expect_value(&to, &x[i], 8);
    expect_value(&to, &y[i], 4);
    expect_struct_end(&to);
  }
  expect_end(&to);
}

static void everything_came_up(void) {
  static const int32_t inside[] = {PF_LAYOUT_VALUES,   PF_LAYOUT_OFFSETS, PF_LAYOUT_OFFSETS64,
                                   PF_LAYOUT_POINTERS, PF_LAYOUT_BITS,    PF_LAYOUT_DICTIONARY,
                                   PF_LAYOUT_STRUCT};
  for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) CHECK(seen_layout[inside[i]][1] > 0);
  for (int kind = VALID; kind < VALIDITIES; kind++) CHECK(seen_validity[kind][1] > 0);
  for (int kind = VALID; kind < SENTINEL; kind++) CHECK(seen_validity[kind][0] > 0);
  CHECK(seen_layout[PF_LAYOUT_OFFSETS][0] > 0 && seen_layout[PF_LAYOUT_OFFSETS64][0] > 0);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  random_chunks(path_of("one_window.parquet"), 0);
  random_chunks(path_of("many_windows.parquet"), 7);
  by_macros();
  everything_came_up();
  return test_end();
}
