/* Fields that keep their dictionary: one that every chunk repeats, one that grows, one that changes, one that
 * shrinks and grows again; of texts and of numbers, with nulls and through selections. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "expected.h"

enum { CHUNKS = 40, SOURCE = 50, WORDS = 300 };

/* How a dictionary follows the one before it. */
enum { SAME, GROWING, CHANGING, LAST_WORD, SHRINKING, HOWS };
/* What its values are. */
enum { TEXTS, POINTERS, NUMBERS, FIXED, SECONDS, KINDS };
enum { COLUMNS = HOWS * KINDS };

static char letters[WORDS][8], joined[WORDS * 8];
static const char *pointers[WORDS];
static int64_t lengths[WORDS], numbers[WORDS];
static int32_t offsets[WORDS + 1];

/* Word i: texts of 3 to 6 bytes, of which some begin as others do. */
static void make_words(void) {
  for (int i = 0; i < WORDS; i++) {
    lengths[i] = sprintf(letters[i], "w\xC3\xA9%d", i);
    memcpy(joined + offsets[i], letters[i], (size_t)lengths[i]);
    offsets[i + 1] = offsets[i] + (int32_t)lengths[i];
    pointers[i] = letters[i];
    numbers[i] = INT64_C(1) + i * 7919;
  }
}

/* The words `from` to `from + count` of a chunk's dictionary. */
static void range_of(int how, int chunk, int *from, int *count) {
  *from = how == CHANGING ? chunk * 3 : 0;
  *count = how == GROWING ? 3 + chunk * 5 : how == SHRINKING ? 20 - chunk % 7 : 9;
}

static pf_column_slice dictionary_of(int kind, int from, int count) {
  const pf_column_slice made[] = {
      [TEXTS] = PF_OFFSETS(joined, offsets[WORDS], offsets + from, count, NULL),
      [POINTERS] = PF_POINTERS(pointers + from, lengths + from, count, NULL),
      [NUMBERS] = PF_VALUES(numbers + from, count, NULL),
      [FIXED] = PF_SLICE(letters[from], count * 8, count, PF_LAYOUT_VALUES, NULL, NULL),
      [SECONDS] = PF_VALUES(numbers + from, count, NULL),
  };
  return made[kind];
}

static void every_kind(const char *path, uint64_t window_rows) {
  static const char *const hows[] = {"same", "growing", "changing", "last_word", "shrinking"};
  static const char *const kinds[] = {"texts", "pointers", "numbers", "fixed", "seconds"};
  static const int32_t types[] = {PF_TYPE_UTF8, PF_TYPE_BINARY, PF_TYPE_INT64, PF_TYPE_FIXED_SIZE_BINARY,
                                  PF_TYPE_TIMESTAMP_S};
  static char names[COLUMNS][32];
  static int64_t changed[WORDS];
  pf_field fields[COLUMNS];
  for (int c = 0; c < COLUMNS; c++) {
    const int kind = c % KINDS;
    snprintf(names[c], sizeof names[c], "%s_%s", hows[c / KINDS], kinds[kind]);
    const pf_field field = PF_FIELD_OF_WIDTH(
        names[c], types[kind], (c % 3 == 0 ? PF_FIELD_REQUIRED : PF_FIELD_NULLABLE) | PF_FIELD_DICTIONARY,
        kind == FIXED ? 8 : 0, 0);
    fields[c] = field;
  }
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = window_rows;
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(fields, COLUMNS, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  expected to = expect_begin(path, fields, COLUMNS, 1, false, false);
  uint64_t rows = 0;
  for (int chunk = 0; chunk < CHUNKS; chunk++) {
    pf_column_slice slices[COLUMNS], dictionaries[COLUMNS];
    unsigned char indices[COLUMNS][SOURCE * 8];
    uint8_t validity[COLUMNS][SOURCE];
    int32_t sel[SOURCE];
    const bool selected = chunk % 2 == 1;
    const size_t count = selected ? SOURCE / 2 : SOURCE;
    for (int32_t i = 0; i < SOURCE; i++) sel[i] = (i * 29 + chunk) % SOURCE + 1; /* counted from 1 */
    for (int c = 0; c < COLUMNS; c++) {
      int from, size;
      range_of(c / KINDS, chunk, &from, &size);
      dictionaries[c] = dictionary_of(c % KINDS, from, size);
      if (c / KINDS == LAST_WORD && c % KINDS == NUMBERS) { /* the same but for the last value */
        memcpy(changed, numbers, sizeof changed);
        changed[size - 1] = chunk;
        dictionaries[c].values = changed;
      }
      const size_t width = size > 120 ? 2u << (chunk + c) % 3 : 1u << (chunk + c) % 4;
      const pf_column_slice slice =
          PF_SLICE(indices[c], SOURCE * width, SOURCE, PF_LAYOUT_DICTIONARY, NULL, NULL);
      slices[c] = slice;
      slices[c].dictionary = &dictionaries[c];
      slices[c].index_width = (uint32_t)width;
      for (int i = 0; i < SOURCE; i++) {
        const bool null = (fields[c].flags & PF_FIELD_NULLABLE) != 0 && (i + c + chunk) % 5 == 0;
        const int64_t index = null ? -1 : (i * 11 + c) % size;
        validity[c][i] = !null;
        memcpy(indices[c] + (size_t)i * width, &index, width);
      }
      slices[c].validity_kind = c % 2 == 0 ? PF_VALIDITY_BYTES : PF_VALIDITY_SENTINEL;
      if (c % 2 == 0) slices[c].validity = validity[c];
      if (c % 2 == 1) slices[c].null_value = -1;
      if (!selected) continue;
      slices[c].sel = sel;
      slices[c].sel_kind = PF_SEL_INT32;
      slices[c].sel_length = count;
      slices[c].sel_base = 1;
    }
    const pf_row_chunk all = PF_ROW_CHUNK(slices, COLUMNS);
    CHECK_OK(pf_append_row_chunk(writer, &all, &err));
    for (size_t row = 0; row < count; row++)
      for (int c = 0; c < COLUMNS; c++) {
        const int i = selected ? sel[row] - 1 : (int)row;
        int from, size;
        range_of(c / KINDS, chunk, &from, &size);
        const int word = from + (i * 11 + c) % size;
        const bool text = c % KINDS == TEXTS || c % KINDS == POINTERS;
        const int64_t *number = dictionaries[c].values == changed ? &changed[word] : &numbers[word];
        const void *value = text || c % KINDS == FIXED ? (const void *)letters[word] : number;
        expect_value(&to, validity[c][i] ? value : NULL, text ? (size_t)lengths[word] : 8);
      }
    rows += count;
  }
  expect_end(&to);
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == rows);
  pf_writer_free(writer);
}

/* Each type that there is, in a dictionary of two values. */
static void every_type(void) {
  enum { TYPES = PF_TYPE_DECIMAL256 - PF_TYPE_INT8 + 1 };
  static const uint8_t indices[] = {1, 0, 9, 1}, valid = 0xB;
  static const unsigned char values[64] = {1}; /* of any width: 1 and 0 */
  static const int32_t ends[] = {0, 1, 3};
  static char names[TYPES][8];
  static const char in_text[] = "abc";
  pf_field fields[TYPES];
  pf_column_slice slices[TYPES], dictionaries[TYPES];
  const char *path = path_of("every_type.parquet");
  for (int t = 0; t < TYPES; t++) {
    const int32_t type = PF_TYPE_INT8 + t;
    const bool decimal = type >= PF_TYPE_DECIMAL32 && type <= PF_TYPE_DECIMAL256;
    const pf_field field = PF_FIELD_OF_WIDTH(names[t], type, PF_FIELD_NULLABLE | PF_FIELD_DICTIONARY,
                                             type == PF_TYPE_FIXED_SIZE_BINARY ? 3
                                             : decimal                         ? 9
                                                                               : 0,
                                             decimal ? 2 : 0);
    const bool text = type == PF_TYPE_UTF8 || type == PF_TYPE_BINARY;
    const pf_column_slice of_texts = PF_OFFSETS(in_text, 3, ends, 2, NULL);
    const pf_column_slice of_values =
        PF_SLICE(values, 2 * value_size(type, 3), 2, PF_LAYOUT_VALUES, NULL, NULL);
    const pf_column_slice slice = PF_SLICE(indices, 4, 4, PF_LAYOUT_DICTIONARY, NULL, &valid);
    sprintf(names[t], "t%d", (int)type);
    fields[t] = field;
    dictionaries[t] = text ? of_texts : of_values;
    slices[t] = slice;
    slices[t].dictionary = &dictionaries[t];
    slices[t].index_width = 1;
  }
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(fields, TYPES, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  pf_schema_free(schema);
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, TYPES);
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  CHECK_OK(pf_close(writer, NULL, &err));
  pf_writer_free(writer);
  expected to = expect_begin(path, fields, TYPES, 1, false, false);
  for (int row = 0; row < 4; row++)
    for (int t = 0; t < TYPES; t++) {
      const bool text = dictionaries[t].offsets != NULL;
      const size_t size = text ? (size_t)(1 + indices[row] % 2) : value_size(fields[t].type, 3);
      const void *value = text ? in_text + indices[row] % 2 : (const char *)values + indices[row] % 2 * size;
      expect_value(&to, row == 2 ? NULL : value, size);
    }
  expect_end(&to);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  make_words();
  every_kind(path_of("one_window.parquet"), 0);
  every_kind(path_of("many_windows.parquet"), 17);
  every_type();
  return test_end();
}
