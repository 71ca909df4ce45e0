#include "expected.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check.h"

static void put_text(FILE *file, const char *text, size_t size) {
  fputc('"', file);
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c < 0x20 || c == '"' || c == '\\')
      fprintf(file, "\\u%04x", c);
    else
      fputc(c, file);
  }
  fputc('"', file);
}

static void put_bytes(FILE *file, const unsigned char *bytes, size_t size) {
  fputs("{\"hex\":\"", file);
  for (size_t i = 0; i < size; i++) fprintf(file, "%02x", bytes[i]);
  fputs("\"}", file);
}

static void put_float(FILE *file, double value, uint64_t bits) {
  if (isnan(value))
    fprintf(file, "\"nan:%" PRIx64 "\"", bits);
  else
    fprintf(file, "\"%a\"", value);
}

/* Exactly, sign, fraction and infinities included; NaNs stay NaNs. */
static double from_half(uint16_t half) {
  const int exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
  const double magnitude = exponent == 0x1F ? (fraction != 0 ? (double)NAN : (double)INFINITY)
                           : exponent == 0  ? ldexp(fraction, -24)
                                            : ldexp(0x400 + fraction, exponent - 25);
  return half >> 15 != 0 ? -magnitude : magnitude;
}

/* A little-endian integer of `size` bytes, times 10^-scale, with all its digits. */
static void put_decimal(FILE *file, const unsigned char *value, size_t size, size_t scale) {
  unsigned char left[32];
  char digits[80];
  size_t count = 0;
  unsigned carry = value[size - 1] >> 7, nonzero = 1;
  const bool negative = carry == 1;
  for (size_t i = 0; i < size; i++, carry >>= 8) {
    carry += negative ? (unsigned char)~value[i] : value[i];
    left[i] = (unsigned char)carry;
  }
  while (nonzero != 0 || count <= scale) {
    unsigned rest = nonzero = 0;
    for (size_t i = size; i-- > 0;) {
      rest = rest << 8 | left[i];
      nonzero |= left[i] = (unsigned char)(rest / 10);
      rest %= 10;
    }
    digits[count++] = (char)('0' + rest);
  }
  fputs(negative ? "\"-" : "\"", file);
  while (count > 0) {
    fputc(digits[--count], file);
    if (count == scale && count > 0) fputc('.', file);
  }
  fputc('"', file);
}

/* Whether readers are told of the field's dictionary: at the top, and of text and bytes. */
static bool shows_dictionary(const pf_field *field, bool inside) {
  const bool has_one = (field->flags & PF_FIELD_DICTIONARY) != 0;
  return has_one && !inside && (field->type == PF_TYPE_UTF8 || field->type == PF_TYPE_BINARY);
}

/* The type's name as pyarrow prints it. */
static void put_type(FILE *file, const pf_field *field, bool inside) {
  static const char *const names[] = {
      [PF_TYPE_BOOL] = "bool",
      [PF_TYPE_INT8] = "int8",
      [PF_TYPE_INT16] = "int16",
      [PF_TYPE_INT32] = "int32",
      [PF_TYPE_INT64] = "int64",
      [PF_TYPE_UINT8] = "uint8",
      [PF_TYPE_UINT16] = "uint16",
      [PF_TYPE_UINT32] = "uint32",
      [PF_TYPE_UINT64] = "uint64",
      [PF_TYPE_FLOAT32] = "float",
      [PF_TYPE_FLOAT64] = "double",
      [PF_TYPE_UTF8] = "string",
      [PF_TYPE_BINARY] = "binary",
      [PF_TYPE_FIXED_SIZE_BINARY] = "fixed_size_binary",
      [PF_TYPE_DATE32] = "date32[day]",
      [PF_TYPE_TIMESTAMP_S] = "timestamp[ms", /* Parquet has no seconds */
      [PF_TYPE_TIMESTAMP_MS] = "timestamp[ms",
      [PF_TYPE_TIMESTAMP_US] = "timestamp[us",
      [PF_TYPE_TIMESTAMP_NS] = "timestamp[ns",
      [PF_TYPE_FLOAT16] = "halffloat",
      [PF_TYPE_TIME32_S] = "time32[ms]", /* nor here */
      [PF_TYPE_TIME32_MS] = "time32[ms]",
      [PF_TYPE_TIME64_US] = "time64[us]",
      [PF_TYPE_TIME64_NS] = "time64[ns]",
      [PF_TYPE_DURATION_S] = "duration[s]",
      [PF_TYPE_DURATION_MS] = "duration[ms]",
      [PF_TYPE_DURATION_US] = "duration[us]",
      [PF_TYPE_DURATION_NS] = "duration[ns]",
      [PF_TYPE_DECIMAL32] = "decimal32",
      [PF_TYPE_DECIMAL64] = "decimal64",
      [PF_TYPE_DECIMAL128] = "decimal128",
      [PF_TYPE_DECIMAL256] = "decimal256",
      [PF_TYPE_UUID] = "extension<arrow.uuid>",
  };
  if (field->type == PF_TYPE_LIST || field->type == PF_TYPE_STRUCT) {
    fputs(field->type == PF_TYPE_LIST ? "list<" : "struct<", file);
    for (size_t i = 0; i < field->child_count; i++) {
      const pf_field *child = &field->children[i];
      fprintf(file, "%s%s: ", i == 0 ? "" : ", ", child->name != NULL ? child->name : "element");
      put_type(file, child, true);
      if ((child->flags & PF_FIELD_NULLABLE) == 0) fputs(" not null", file);
    }
    fputc('>', file);
    return;
  }
  const bool dictionary = shows_dictionary(field, inside);
  if (dictionary) fputs("dictionary<values=", file);
  fputs(names[field->type], file);
  if (dictionary) fputs(", indices=int32, ordered=0>", file);
  if (field->type == PF_TYPE_FIXED_SIZE_BINARY) fprintf(file, "[%u]", (unsigned)field->width);
  if (field->type >= PF_TYPE_DECIMAL32 && field->type <= PF_TYPE_DECIMAL256)
    fprintf(file, "(%u, %u)", (unsigned)field->width, (unsigned)field->scale);
  if (field->timezone != NULL) fprintf(file, ", tz=%s", field->timezone);
  if (field->type >= PF_TYPE_TIMESTAMP_S && field->type <= PF_TYPE_TIMESTAMP_NS) fputc(']', file);
}

/* The greatest levels of each leaf, of a field that is itself under these. */
static void put_levels(FILE *file, const pf_field *field, int definition, int repetition, bool *first) {
  const bool list = field->type == PF_TYPE_LIST || (field->flags & EXPECT_REPEATED) != 0;
  definition += (field->flags & PF_FIELD_NULLABLE) + list;
  repetition += list;
  for (size_t i = 0; i < field->child_count; i++)
    put_levels(file, &field->children[i], definition, repetition, first);
  if (field->child_count == 0) fprintf(file, "%s[%d,%d]", *first ? "" : ",", definition, repetition);
  *first = false;
}

expected expect_begin(const char *part, const pf_field *fields, size_t count, uint64_t row_groups,
                      bool unordered, bool sink) {
  char path[1100];
  snprintf(path, sizeof path, "%s.expected.jsonl", part);
  expected to = {fopen(path, "w"), fields, count, 0, {NULL}, {0}, 0};
  CHECK(to.file != NULL);
  fprintf(to.file, "{\"row_groups\":%" PRIu64 ",\"unordered\":%s,\"sink\":%s,\"columns\":[", row_groups,
          unordered ? "true" : "false", sink ? "true" : "false");
  for (size_t i = 0; i < count; i++) {
    fputs(i == 0 ? "{\"name\":" : ",{\"name\":", to.file);
    put_text(to.file, fields[i].name, strlen(fields[i].name));
    fputs(",\"type\":\"", to.file);
    const bool repeated = fields[i].flags == EXPECT_REPEATED;
    if (repeated) fprintf(to.file, "list<%s: ", fields[i].name);
    put_type(to.file, &fields[i], false);
    if (repeated) fputs(" not null>", to.file);
    const bool nullable = (fields[i].flags & PF_FIELD_NULLABLE) != 0;
    fprintf(to.file, "\",\"nullable\":%s,\"levels\":[", nullable ? "true" : "false");
    bool first = true;
    put_levels(to.file, &fields[i], 0, 0, &first);
    fputs("]}", to.file);
  }
  fputs("]}\n", to.file);
  return to;
}

static void put_value(FILE *file, const pf_field *field, const void *value, size_t size) {
  const int32_t type = field->type;
  /* The low bytes of a little-endian value, sign extended below for the signed types. */
  uint64_t bits = 0;
  if (size <= sizeof bits) memcpy(&bits, value, size);
  float f32;
  double f64;
  switch (type) {
    case PF_TYPE_BOOL:
      fputs(bits != 0 ? "true" : "false", file);
      break;
    case PF_TYPE_FLOAT16:
      put_float(file, from_half((uint16_t)bits), bits);
      break;
    case PF_TYPE_FLOAT32:
      memcpy(&f32, value, sizeof f32);
      put_float(file, (double)f32, bits);
      break;
    case PF_TYPE_FLOAT64:
      memcpy(&f64, value, sizeof f64);
      put_float(file, f64, bits);
      break;
    case PF_TYPE_UTF8:
      put_text(file, value, size);
      break;
    case PF_TYPE_BINARY:
    case PF_TYPE_FIXED_SIZE_BINARY:
    case PF_TYPE_UUID:
      put_bytes(file, value, size);
      break;
    case PF_TYPE_DECIMAL32:
    case PF_TYPE_DECIMAL64:
    case PF_TYPE_DECIMAL128:
    case PF_TYPE_DECIMAL256:
      put_decimal(file, value, size, field->scale);
      break;
    case PF_TYPE_UINT8:
    case PF_TYPE_UINT16:
    case PF_TYPE_UINT32:
    case PF_TYPE_UINT64:
      fprintf(file, "%" PRIu64, bits);
      break;
    default: {
      if (size == 1) bits = (uint64_t)(int64_t)(int8_t)bits;
      if (size == 2) bits = (uint64_t)(int64_t)(int16_t)bits;
      if (size == 4) bits = (uint64_t)(int64_t)(int32_t)bits;
      int64_t number = (int64_t)bits;
      const bool seconds = type == PF_TYPE_TIMESTAMP_S || type == PF_TYPE_TIME32_S;
      fprintf(file, "%" PRId64, seconds ? number * 1000 : number);
    }
  }
}

/* What stands before the next value; returns its field. */
static const pf_field *begin_value(expected *to) {
  if (to->depth == 0) {
    fputc(to->next == 0 ? '[' : ',', to->file);
    return &to->fields[to->next];
  }
  const pf_field *outer = to->open[to->depth - 1];
  const size_t i = to->values[to->depth - 1];
  if (i > 0) fputc(',', to->file);
  if (outer->type == PF_TYPE_LIST) return outer->children;
  if (outer->type != PF_TYPE_STRUCT) return outer; /* bare repeated */
  CHECK(i < outer->child_count);
  fprintf(to->file, "\"%s\":", outer->children[i].name);
  return &outer->children[i];
}

static void end_value(expected *to) {
  if (to->depth > 0) {
    to->values[to->depth - 1]++;
    return;
  }
  to->next = (to->next + 1) % to->count;
  if (to->next == 0) fputs("]\n", to->file);
}

void expect_value(expected *to, const void *value, size_t size) {
  const pf_field *field = begin_value(to);
  if (value == NULL)
    fputs("null", to->file);
  else
    put_value(to->file, field, value, size);
  end_value(to);
}

void expect_any(expected *to) {
  begin_value(to);
  fputs("{\"any\":true}", to->file);
  end_value(to);
}

static void open_value(expected *to, char bracket) {
  CHECK(to->depth < sizeof to->open / sizeof *to->open);
  const pf_field *field = begin_value(to);
  fputc(bracket, to->file);
  to->values[to->depth] = 0;
  to->open[to->depth++] = field;
}

static void close_value(expected *to, char bracket) {
  fputc(bracket, to->file);
  to->depth--;
  end_value(to);
}

void expect_list_begin(expected *to) { open_value(to, '['); }
void expect_list_end(expected *to) { close_value(to, ']'); }
void expect_struct_begin(expected *to) { open_value(to, '{'); }
void expect_struct_end(expected *to) {
  CHECK(to->values[to->depth - 1] == to->open[to->depth - 1]->child_count);
  close_value(to, '}');
}

void expect_end(expected *to) {
  CHECK(to->next == 0);
  CHECK(fclose(to->file) == 0);
}

size_t value_size(int32_t type, size_t width) {
  switch (type) {
    case PF_TYPE_BOOL:
    case PF_TYPE_INT8:
    case PF_TYPE_UINT8:
      return 1;
    case PF_TYPE_INT16:
    case PF_TYPE_UINT16:
    case PF_TYPE_FLOAT16:
      return 2;
    case PF_TYPE_INT32:
    case PF_TYPE_UINT32:
    case PF_TYPE_FLOAT32:
    case PF_TYPE_DATE32:
    case PF_TYPE_TIME32_S:
    case PF_TYPE_TIME32_MS:
    case PF_TYPE_DECIMAL32:
      return 4;
    case PF_TYPE_DECIMAL128:
    case PF_TYPE_UUID:
      return 16;
    case PF_TYPE_DECIMAL256:
      return 32;
    case PF_TYPE_UTF8:
    case PF_TYPE_BINARY:
      return 0;
    case PF_TYPE_FIXED_SIZE_BINARY:
      return width;
    default:
      return 8;
  }
}
