#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "expected.h"

#define FIXED_WIDTH 7

static const char *const type_names[] = {
    [PF_TYPE_BOOL] = "bool",          [PF_TYPE_INT8] = "int8",
    [PF_TYPE_INT16] = "int16",        [PF_TYPE_INT32] = "int32",
    [PF_TYPE_INT64] = "int64",        [PF_TYPE_UINT8] = "uint8",
    [PF_TYPE_UINT16] = "uint16",      [PF_TYPE_UINT32] = "uint32",
    [PF_TYPE_UINT64] = "uint64",      [PF_TYPE_FLOAT32] = "float32",
    [PF_TYPE_FLOAT64] = "float64",    [PF_TYPE_UTF8] = "utf8 ä",
    [PF_TYPE_BINARY] = "binary",      [PF_TYPE_FIXED_SIZE_BINARY] = "fixed \"7\"",
    [PF_TYPE_DATE32] = "date",        [PF_TYPE_TIMESTAMP_S] = "ts_s",
    [PF_TYPE_TIMESTAMP_MS] = "ts_ms", [PF_TYPE_TIMESTAMP_US] = "ts_us",
    [PF_TYPE_TIMESTAMP_NS] = "ts_ns", [PF_TYPE_FLOAT16] = "float16",
    [PF_TYPE_TIME32_S] = "time_s",    [PF_TYPE_TIME32_MS] = "time_ms",
    [PF_TYPE_TIME64_US] = "time_us",  [PF_TYPE_TIME64_NS] = "time_ns",
    [PF_TYPE_DURATION_S] = "dur_s",   [PF_TYPE_DURATION_MS] = "dur_ms",
    [PF_TYPE_DURATION_US] = "dur_us", [PF_TYPE_DURATION_NS] = "dur_ns",
    [PF_TYPE_DECIMAL32] = "dec32",    [PF_TYPE_DECIMAL64] = "dec64",
    [PF_TYPE_DECIMAL128] = "dec128",  [PF_TYPE_DECIMAL256] = "dec256",
    [PF_TYPE_UUID] = "uuid",
};

/* splitmix64: the same bits for the same column and row on every machine. */
static uint64_t random_bits(uint64_t column, uint64_t row) {
  uint64_t z = (column << 40) + (row + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* Zeros of both signs, infinities, quiet and signalling NaNs, the least and the greatest. */
static const uint64_t float64_bits[] = {
    0x0000000000000000, 0x8000000000000000, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000,
    0xFFF8000000000001, 0x7FF0000000000001, 0x0000000000000001, 0x7FEFFFFFFFFFFFFF,
};
static const uint32_t float32_bits[] = {
    0x00000000, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000,
    0xFFC00001, 0x7F800001, 0x00000001, 0x7F7FFFFF,
};
static const uint16_t float16_bits[] = {
    0x0000, 0x8000, 0x7C00, 0xFC00, 0x7E00, 0xFE01, 0x7C01, 0x0001, 0x7BFF, 0x03FF, 0x0400,
};
static const uint64_t int_bits[] = {
    0, UINT64_MAX, 0x7F, 0x80, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000,
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Within the years 1700 to 2200, which every reader can show in every unit. */
static int64_t time_value(int32_t type, uint64_t bits) {
  int64_t span = 7000000000; /* seconds */
  if (type == PF_TYPE_DATE32) span /= 86400;
  const int32_t seconds = type >= PF_TYPE_DURATION_S ? PF_TYPE_DURATION_S : PF_TYPE_TIMESTAMP_S;
  for (int32_t unit = seconds; unit < type; unit++) span *= 1000;
  return (int64_t)(bits % (2 * (uint64_t)span) - (uint64_t)span);
}

/* Any time of a day; its first and last in the first rows. */
static uint64_t time_of_day(int32_t type, uint64_t bits, uint64_t row) {
  uint64_t day = 86400;
  for (int32_t unit = PF_TYPE_TIME32_S; unit < type; unit++) day *= 1000;
  return row == 0 ? 0 : row == 1 ? day - 1 : bits % day;
}

/* Decimals of all lengths and both signs; 10^i - 1 in the rows of as many digits, and its opposite. */
static const uint32_t decimal_width[] = {9, 18, 38, 76}, decimal_scale[] = {2, 18, 10, 0};

static void decimal_value(unsigned char *to, int32_t type, uint64_t column, uint64_t row) {
  const size_t size = value_size(type, 0);
  const uint64_t most = decimal_width[type - PF_TYPE_DECIMAL32], turn = row % (2 * most + 2);
  memset(to, 0, size);
  for (uint64_t digit = 0; digit < turn / 2 || (turn < 2 && digit < most); digit++) {
    unsigned carry = row < 2 * most ? 9 : (unsigned)(random_bits(column + 200, row + digit) % 10);
    for (size_t i = 0; i < size; i++, carry >>= 8) {
      carry += 10u * to[i];
      to[i] = (unsigned char)carry;
    }
  }
  unsigned carry = 1;
  for (size_t i = 0; turn % 2 == 1 && i < size; i++, carry >>= 8) {
    carry += (unsigned char)~to[i];
    to[i] = (unsigned char)carry;
  }
}

static void fixed_value(unsigned char *to, int32_t type, uint64_t column, uint64_t row) {
  uint64_t bits = random_bits(column, row);
  switch (type) {
    case PF_TYPE_BOOL:
      to[0] = bits % 3 == 0 ? 0 : bits % 3 == 1 ? 1 : 255; /* anything but 0 is true */
      return;
    case PF_TYPE_FIXED_SIZE_BINARY:
      memcpy(to, &bits, FIXED_WIDTH);
      return;
    case PF_TYPE_UUID:
      memcpy(to, &bits, 8);
      bits = random_bits(column + 200, row);
      memcpy(to + 8, &bits, 8);
      return;
    case PF_TYPE_DECIMAL32:
    case PF_TYPE_DECIMAL64:
    case PF_TYPE_DECIMAL128:
    case PF_TYPE_DECIMAL256:
      decimal_value(to, type, column, row);
      return;
    case PF_TYPE_FLOAT16:
      if (row < COUNT(float16_bits)) bits = float16_bits[row];
      break;
    case PF_TYPE_TIME32_S:
    case PF_TYPE_TIME32_MS:
    case PF_TYPE_TIME64_US:
    case PF_TYPE_TIME64_NS:
      bits = time_of_day(type, bits, row);
      break;
    case PF_TYPE_FLOAT32: {
      uint32_t word = row < COUNT(float32_bits) ? float32_bits[row] : (uint32_t)bits;
      memcpy(to, &word, sizeof word);
      return;
    }
    case PF_TYPE_FLOAT64:
      if (row < COUNT(float64_bits)) bits = float64_bits[row];
      break;
    case PF_TYPE_DATE32:
    case PF_TYPE_TIMESTAMP_S:
    case PF_TYPE_TIMESTAMP_MS:
    case PF_TYPE_TIMESTAMP_US:
    case PF_TYPE_TIMESTAMP_NS:
    case PF_TYPE_DURATION_S:
    case PF_TYPE_DURATION_MS:
    case PF_TYPE_DURATION_US:
    case PF_TYPE_DURATION_NS:
      bits = (uint64_t)time_value(type, bits);
      break;
    default:
      if (row < COUNT(int_bits)) bits = int_bits[row];
  }
  memcpy(to, &bits, value_size(type, 0));
}

/* Empty, one to four bytes a character, a NUL, quotes, control characters, longer than one page's worth. */
static const struct {
  const char *text;
  size_t size;
} texts[] = {
    {"", 0},
    {"a", 1},
    {"\0", 1},
    {"nul\0inside", 10},
    {"\"quoted\\\"\t\r\n\x7f", 13},
    {"Grüße", 7},
    {"日本語", 9},
    {"\xF0\x9F\x98\x80", 4},
    {"sixty-four bytes of text, so that lengths need more than six bits", 65},
};

static void variable_value(column *c, int32_t type, uint64_t column_index, uint64_t row, bool valid) {
  uint64_t bits = random_bits(column_index, row);
  size_t size;
  const void *from;
  if (type == PF_TYPE_UTF8 && valid) {
    size_t pick = row < COUNT(texts) ? row : bits % COUNT(texts);
    from = texts[pick].text;
    size = texts[pick].size;
  } else {
    /* Under a null text may be anything: these bytes are no UTF-8. */
    from = type == PF_TYPE_UTF8 ? (const void *)"\xFF\xFE" : (const void *)&bits;
    size = type == PF_TYPE_UTF8 ? 2 : bits % 9;
  }
  memcpy(c->values + c->values_size, from, size);
  c->values_size += size;
  c->offsets[row + 1] = (int32_t)c->values_size;
}

static void fill_column(column *c, const pf_field *field, uint64_t index, uint64_t rows) {
  size_t width = value_size(field->type, FIXED_WIDTH);
  c->values = calloc(rows + 1, width > 0 ? width : 65);
  if (width == 0) c->offsets = calloc(rows + 1, sizeof *c->offsets);
  if (field->flags == PF_FIELD_NULLABLE) c->validity = calloc(rows / 8 + 1, 1);
  CHECK(c->values != NULL);
  for (uint64_t row = 0; row < rows; row++) {
    /* The rows of special values are valid; later each third is null. */
    bool valid = c->validity == NULL || row < 12 || random_bits(index + 100, row) % 3 != 0;
    if (c->validity != NULL && valid) c->validity[row / 8] |= (uint8_t)(1 << row % 8);
    if (width == 0)
      variable_value(c, field->type, index, row, valid);
    else
      fixed_value(c->values + row * width, field->type, index, row);
  }
  if (width > 0) c->values_size = rows * width;
}

static bool is_timestamp(int32_t type) { return type >= PF_TYPE_TIMESTAMP_S && type <= PF_TYPE_TIMESTAMP_NS; }

table *table_new(uint64_t rows) {
  table *t = calloc(1, sizeof *t);
  CHECK(t != NULL);
  t->rows = rows;
  size_t i = 0;
  for (int32_t type = PF_TYPE_BOOL; type <= PF_TYPE_UUID; type++)
    for (int nullable = 0; nullable <= 1; nullable++)
      for (int zoned = 0; zoned <= is_timestamp(type); zoned++, i++) {
        snprintf(t->names[i], sizeof t->names[i], "%s%s%s", type_names[type], zoned ? "_utc" : "",
                 nullable ? "?" : "");
        pf_field *field = &t->fields[i];
        field->name = t->names[i];
        field->type = type;
        field->flags = nullable ? PF_FIELD_NULLABLE : PF_FIELD_REQUIRED;
        field->width = type == PF_TYPE_FIXED_SIZE_BINARY ? FIXED_WIDTH : 0;
        if (type >= PF_TYPE_DECIMAL32 && type <= PF_TYPE_DECIMAL256) {
          field->width = decimal_width[type - PF_TYPE_DECIMAL32];
          field->scale = decimal_scale[type - PF_TYPE_DECIMAL32];
        }
        field->timezone = zoned ? "UTC" : NULL;
        fill_column(&t->columns[i], field, i, rows);
      }
  CHECK(i == TABLE_COLUMNS);
  return t;
}

void table_free(table *t) {
  for (size_t i = 0; i < TABLE_COLUMNS; i++) {
    free(t->columns[i].values);
    free(t->columns[i].offsets);
    free(t->columns[i].validity);
  }
  free(t);
}

pf_schema *table_schema(const table *t) {
  pf_schema *schema = NULL;
  CHECK_OK(pf_schema_new(t->fields, TABLE_COLUMNS, sizeof(pf_field), &schema, &err));
  return schema;
}

static bool is_valid(const column *c, uint64_t row) {
  return c->validity == NULL || (c->validity[row / 8] >> row % 8 & 1) == 1;
}

void table_append(pf_writer *writer, const table *t, uint64_t from, uint64_t count) {
  pf_column_slice slices[TABLE_COLUMNS];
  size_t bitmap = count / 8 + 1;
  uint8_t *validity = calloc(TABLE_COLUMNS, bitmap); /* a slice's first row is bit 0 */
  CHECK(validity != NULL);
  for (size_t i = 0; i < TABLE_COLUMNS; i++) {
    const column *c = &t->columns[i];
    uint8_t *bits = c->validity == NULL ? NULL : validity + i * bitmap;
    for (uint64_t row = 0; bits != NULL && row < count; row++)
      if (is_valid(c, from + row)) bits[row / 8] |= (uint8_t)(1 << row % 8);
    size_t width = value_size(t->fields[i].type, FIXED_WIDTH);
    if (width > 0) {
      pf_column_slice fixed = PF_VALUES(c->values + from * width, count * width, bits);
      fixed.length = count;
      slices[i] = fixed;
    } else {
      pf_column_slice variable = PF_OFFSETS(c->values, c->values_size, c->offsets + from, count, bits);
      slices[i] = variable;
    }
  }
  pf_row_chunk chunk = PF_ROW_CHUNK(slices, TABLE_COLUMNS);
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  free(validity);
}

void table_expect(const char *part, const table *t, uint64_t row_groups) {
  expected to = expect_begin(part, t->fields, TABLE_COLUMNS, row_groups, false, false);
  for (uint64_t row = 0; row < t->rows; row++)
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
      const column *c = &t->columns[i];
      size_t width = value_size(t->fields[i].type, FIXED_WIDTH);
      uint64_t start = width > 0 ? row * width : (uint64_t)c->offsets[row];
      uint64_t end = width > 0 ? start + width : (uint64_t)c->offsets[row + 1];
      expect_value(&to, is_valid(c, row) ? c->values + start : NULL, (size_t)(end - start));
    }
  expect_end(&to);
}
