/* Every way to get a column slice wrong: refused with the column, the value and the cure, by both appends;
 * the same writer then takes a good chunk, and the part holds just the good ones. */
#include "check.h"
#include "spoil.h"

static void unknown_numbers(void) {
  for (int column = 0; column < COLUMNS; column++) {
    REFUSED(column, s->layout = 9, "layout is 9");
    REFUSED(column, s->layout = -1, "layout is -1");
    REFUSED(column, s->layout = INT32_MIN, "layout is -2147483648");
    REFUSED(column, s->validity_kind = 4, "validity_kind is 4");
    REFUSED(column, s->validity_kind = -1, "validity_kind is -1");
    REFUSED(column, (s->sel_kind = 3, s->sel = ids, s->sel_length = ROWS), "sel_kind is 3");
    REFUSED(column, (s->sel_kind = -1, s->sel = ids, s->sel_length = ROWS), "sel_kind is -1");
    REFUSED(column, s->sel_base = 2, "sel_base is 2");
    REFUSED(column, s->sel_base = UINT32_MAX, "sel_base is 4294967295");
  }
  const uint32_t widths[] = {0, 3, 5, 16, UINT32_MAX};
  for (size_t i = 0; i < 5; i++)
    REFUSED(ID,
            (s->layout = PF_LAYOUT_DICTIONARY, s->dictionary = &three_ids, s->values = zeros,
             s->index_width = widths[i]),
            "slices[0].index_width is");
}

/* Each index beyond the source, in each kind of column; position and value are named. */
static void selections(void) {
  static const struct {
    int64_t index;
    const char *says;
  } bad[] = {
      {-1, "sel[2] is -1,"},
      {-2, "sel[2] is -2,"},
      {5, "sel[2] is 5,"},
      {INT32_MAX, "sel[2] is 2147483647,"},
      {INT32_MIN, "sel[2] is -2147483648,"},
      {INT64_MAX, "sel[2] is 9223372036854775807,"},
      {INT64_MIN, "sel[2] is -9223372036854775808,"},
      {INT64_MIN + 1, "sel[2] is -9223372036854775807,"},
      {(int64_t)1 << 32, "sel[2] is 4294967296,"}, /* not cut to 0 */
  };
  static const char *const names[] = {"\"id\"",   "\"text\"", "\"real\"", "\"when\"",
                                      "\"flag\"", "\"day\"",  "\"money\""};
  for (int column = 0; column < COLUMNS; column++)
    for (uint32_t base = 0; base <= 1; base++)
      for (size_t i = 0; i < sizeof bad / sizeof *bad + 1; i++) {
        const bool edge = i == sizeof bad / sizeof *bad; /* 4 counted from 0, 0 counted from 1 */
        const int64_t index = edge ? (base == 0 ? ROWS : 0) : bad[i].index;
        const char *says = edge ? (base == 0 ? "sel[2] is 4," : "sel[2] is 0,") : bad[i].says;
        const int64_t sel64[ROWS] = {1, 2, index, 3};
        const int32_t sel32[ROWS] = {1, 2, (int32_t)index, 3};
        pf_column_slice *s = &slices[column];
        s->sel_length = ROWS;
        s->sel_base = base;
        if (index == (int32_t)index) {
          s->sel_kind = PF_SEL_INT32;
          s->sel = sel32;
          const pf_column_slice kept = *s;
          refused(PF_ERR_INVALID_ARGUMENT, says);
          slices[column] = kept;
        }
        s->sel_kind = PF_SEL_INT64;
        s->sel = sel64;
        const pf_column_slice kept = *s;
        refused(PF_ERR_INVALID_ARGUMENT, says);
        slices[column] = kept;
        refused(PF_ERR_INVALID_ARGUMENT, names[column]);
      }
  REFUSED(REAL, (s->length = 0, s->sel_kind = PF_SEL_INT64, s->sel = zeros, s->sel_length = ROWS),
          "sel[0] is 0, but the source has 0");
  REFUSED(REAL, s->sel = zeros, "slices[2].sel is not NULL, but sel_kind is PF_SEL_NONE");
  REFUSED(REAL, (s->sel_kind = PF_SEL_INT32, s->sel_length = ROWS), "slices[2].sel is NULL");
  REFUSED(TEXT, (s->sel_kind = PF_SEL_INT64, s->sel_length = ROWS), "slices[1].sel is NULL");
  REFUSED_AS(PF_ERR_SCHEMA_MISMATCH, TEXT,
             (s->sel_kind = PF_SEL_INT64, s->sel = zeros, s->sel_length = ROWS - 1), "slices[1] has 3 rows");
  const uint64_t huge[] = {((uint64_t)1 << 48) + 1, (uint64_t)1 << 61, UINT64_MAX};
  for (size_t i = 0; i < 3; i++) {
    for (int column = 0; column < COLUMNS; column++) {
      slices[column].sel_kind = PF_SEL_INT64;
      slices[column].sel = zeros;
      slices[column].sel_length = huge[i];
    }
    refused(PF_ERR_INVALID_ARGUMENT, "slices[0].sel_length");
  }
}

static void strides(void) {
  REFUSED(ID, s->stride = 3, "\"id\": the stride 3");
  REFUSED(ID, s->stride = 8, "do not fit the 16 bytes");
  REFUSED(ID, (s->stride = 4, s->values_size = 15), "do not fit the 15 bytes");
  REFUSED(ID, s->stride = UINT64_MAX, "do not fit");
  REFUSED(ID, s->stride = UINT64_MAX / 3 + 1, "do not fit"); /* three strides are 2 */
  REFUSED(ID, s->stride = (uint64_t)1 << 63, "do not fit");
  REFUSED(REAL, s->stride = 7, "\"real\": the stride 7");
  REFUSED(MONEY, s->stride = 15, "\"money\": the stride 15");
  REFUSED(FLAG, s->stride = 2, "do not fit the 4 bytes");
  REFUSED(DAY, (s->layout = PF_LAYOUT_RATA_DIE, s->values = zeros, s->values_size = 32, s->stride = 7),
          "\"day\": the stride 7");
  REFUSED(DAY, (s->layout = PF_LAYOUT_RATA_DIE, s->values = zeros, s->values_size = 31), "do not fit the 31");
  REFUSED(TEXT, s->stride = 4, "slices[1].stride is 4, but layout 1 has none");
  for (int32_t layout = PF_LAYOUT_OFFSETS64; layout <= PF_LAYOUT_DICTIONARY; layout++)
    REFUSED(TEXT,
            (s->layout = layout, s->stride = 16, s->values = zeros,
             s->dictionary = layout == 6 ? &three_texts : NULL, s->index_width = 1,
             s->offsets = layout <= PF_LAYOUT_POINTERS ? (const void *)zeros : NULL),
            "slices[1].stride is 16");
}

static void extents(void) {
  for (int column = 0; column < COLUMNS; column++) {
    REFUSED(column, s->values_size = UINT64_MAX, "18446744073709551615");
    REFUSED(column, s->values = NULL, ".values is NULL");
    if (column != TEXT) REFUSED(column, s->values_size--, "do not fit");
  }
  static const uint8_t bits[2] = {0xFF, 0xFF};
#define BITS s->layout = PF_LAYOUT_BITS, s->values = bits
  REFUSED(FLAG, (BITS, s->values_size = 0), "4 bits from bit 0");
  REFUSED(FLAG, (BITS, s->values_size = 1, s->values_offset = 5), "4 bits from bit 5 do not fit the 1 bytes");
  REFUSED(FLAG, (BITS, s->values_size = 2, s->values_offset = UINT64_MAX), "values_offset");
  REFUSED(FLAG, (BITS, s->values_size = 2, s->values_offset = UINT64_MAX - 3), "values_offset");
  REFUSED(FLAG, (BITS, s->values_size = 2, s->values_offset = (uint64_t)1 << 63), "values_offset");
  for (uint64_t shift = 48; shift < 64; shift++) { /* 2^48 elements are the most that is believed */
    for (int column = 0; column < COLUMNS; column++) slices[column].length = (uint64_t)1 << shift;
    refused(PF_ERR_INVALID_ARGUMENT, shift == 48 ? "do not fit" : "slices[0].length is");
  }
  for (int column = 0; column < COLUMNS; column++) slices[column].length = UINT64_MAX;
  refused(PF_ERR_INVALID_ARGUMENT, "slices[0].length is 18446744073709551615");
}

static void validities(void) {
  static const uint8_t bits = 0x0F, third_is_null = 0x0B, bytes_of_it[ROWS] = {1, 2, 0, 255};
  for (int32_t kind = PF_VALIDITY_SENTINEL; kind <= PF_VALIDITY_NAN; kind++)
    REFUSED(REAL, (s->validity_kind = kind, s->validity = &bits), "slices[2].validity is not NULL");
  REFUSED(REAL, (s->validity = &bits, s->validity_offset = UINT64_MAX), "slices[2].validity_offset");
  REFUSED(REAL, (s->validity = &bits, s->validity_offset = UINT64_MAX - 3), "slices[2].validity_offset");
  REFUSED(REAL, (s->validity = &bits, s->validity_offset = (uint64_t)1 << 62), "slices[2].validity_offset");
  REFUSED_AS(PF_ERR_UNSUPPORTED, TEXT, s->validity_kind = PF_VALIDITY_SENTINEL, "\"text\": a sentinel");
  REFUSED_AS(PF_ERR_UNSUPPORTED, MONEY, s->validity_kind = PF_VALIDITY_SENTINEL, "\"money\": a sentinel");
  REFUSED_AS(PF_ERR_UNSUPPORTED, FLAG,
             (s->layout = PF_LAYOUT_BITS, s->values = &bits, s->validity_kind = PF_VALIDITY_SENTINEL),
             "use a validity bitmap");
  static const int without_nan[] = {ID, TEXT, WHEN, FLAG, DAY, MONEY};
  for (size_t i = 0; i < 6; i++)
    REFUSED_AS(PF_ERR_TYPE_MISMATCH, without_nan[i], s->validity_kind = PF_VALIDITY_NAN, "has no NaN");

  /* A required column: the row is named, not the source element. */
  static const int32_t sel[ROWS] = {3, 2, 1, 0};
#define THROUGH s->sel_kind = PF_SEL_INT32, s->sel = sel, s->sel_length = ROWS
#define NULL_AT(change, says) REFUSED_AS(PF_ERR_SCHEMA_MISMATCH, ID, change, says)
  NULL_AT(s->validity = &third_is_null, "\"id\": row 2 is null");
  NULL_AT((s->validity = &third_is_null, THROUGH), "\"id\": row 1 is null");
  NULL_AT((s->validity = bytes_of_it, s->validity_kind = PF_VALIDITY_BYTES), "\"id\": row 2 is null");
  NULL_AT((s->validity = bytes_of_it, s->validity_kind = PF_VALIDITY_BYTES, THROUGH), "row 1 is null");
  NULL_AT((s->validity_kind = PF_VALIDITY_SENTINEL, s->null_value = 4), "row 3 is null");
  NULL_AT((s->validity_kind = PF_VALIDITY_SENTINEL, s->null_value = 4, THROUGH), "row 0 is null");
}

static void rata_die(void) {
  static const int not_dates[] = {ID, TEXT, REAL, FLAG, MONEY};
  for (size_t i = 0; i < 5; i++)
    REFUSED_AS(PF_ERR_TYPE_MISMATCH, not_dates[i],
               (s->layout = PF_LAYOUT_RATA_DIE, s->values = zeros, s->values_size = 64, s->offsets = NULL),
               "layout Rata Die cannot carry");
  int64_t when[ROWS]; /* 1970-01-01 */
  const int32_t sel[ROWS] = {0, 2, 1, 3};
  static const struct {
    int column;
    int64_t epoch, bad;
    const char *says;
  } bad[] = {
      {DAY, 719163, INT64_MAX, "\"day\": row 2 is 9223372036854775807 d, out of range"},
      {DAY, 719163, INT64_MIN, "row 2 is -9223372036854775808 d"},
      {DAY, 719163, 719163 + (int64_t)INT32_MAX + 1, "row 2 is 2148202811 d"},
      {DAY, 719163, 719163 + (int64_t)INT32_MIN - 1, "row 2 is -2146764486 d"},
      {WHEN, 62135683200000, 0, "\"when\": row 2 is 0 ms, out of range"}, /* no nanoseconds so early */
      {WHEN, 62135683200000, INT64_MAX, "row 2 is 9223372036854775807 ms"},
      {WHEN, 62135683200000, INT64_MIN, "row 2 is -9223372036854775808 ms"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    for (int row = 0; row < ROWS; row++) when[row] = row == 2 ? bad[i].bad : bad[i].epoch;
#define RATA_DIE s->layout = PF_LAYOUT_RATA_DIE, s->values = when, s->values_size = sizeof when
    REFUSED(bad[i].column, (RATA_DIE), bad[i].says);
    REFUSED(bad[i].column, (RATA_DIE, s->sel_kind = PF_SEL_INT32, s->sel = sel, s->sel_length = ROWS),
            "row 1 is ");
  }
  const pf_column_slice d = PF_SLICE(when, sizeof when, ROWS, PF_LAYOUT_RATA_DIE, NULL, NULL);
  REFUSED(DAY,
          (s->layout = PF_LAYOUT_DICTIONARY, s->values = zeros, s->values_size = 4, s->index_width = 1,
           s->dictionary = &d),
          "plain");
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  spoil_begin();
  unknown_numbers();
  selections();
  strides();
  extents();
  validities();
  rata_die();
  spoil_end();
  return test_end();
}
