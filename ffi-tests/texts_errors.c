/* Every way to get texts and dictionaries wrong: offsets, pointers, views, indices, and what is no UTF-8. */
#include <string.h>

#include "check.h"
#include "spoil.h"
#include "view.h"

static void offsets64(void) {
  static const struct {
    int64_t offsets[ROWS + 1];
    const char *says;
  } bad[] = {
      {{0, 3, 6, 11, INT64_MAX}, "\"text\": offset 4 is 9223372036854775807, past the 12 bytes"},
      {{0, 3, 6, 11, 13}, "offset 4 is 13, past the 12 bytes"},
      {{0, 3, 6, 11, 12 + ((int64_t)1 << 32)}, "offset 4 is 4294967308"}, /* not cut to 12 */
      {{0, 3, 2, 11, 12}, "offset 2 is 2, less than 3"},
      {{0, INT64_MIN, 6, 11, 12}, "offset 1 is -9223372036854775808"},
      {{-1, 3, 6, 11, 12}, "offset 0 is -1"},
      {{INT64_MIN, 3, 6, 11, 12}, "offset 0 is -9223372036854775808"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    REFUSED(TEXT, (s->layout = PF_LAYOUT_OFFSETS64, s->offsets = bad[i].offsets), bad[i].says);
  REFUSED(TEXT, (s->layout = PF_LAYOUT_OFFSETS64, s->offsets = NULL), "slices[1].offsets is NULL");
  /* A size that is not true, but refused before a byte is read. */
  static const int64_t long_text[ROWS + 1] = {0, 3, 6, 11, (int64_t)1 << 31 | 11};
  REFUSED(TEXT, (s->layout = PF_LAYOUT_OFFSETS64, s->offsets = long_text, s->values_size = (uint64_t)1 << 32),
          "element 3 has 2147483648 bytes");
}

static void pointers(void) {
  const char *const texts[ROWS] = {"one", NULL, "three", "!"};
  int64_t lengths[ROWS] = {3, 0, 5, 1};
  const char *const read[ROWS] = {"one", "", "three", "!"};
#define POINTERS \
  s->layout = PF_LAYOUT_POINTERS, s->values = texts, s->values_size = sizeof texts, s->offsets = lengths
  pf_column_slice *const s = &slices[TEXT];
  POINTERS;
  accepted_texts(read);
  REFUSED(TEXT, (POINTERS, s->offsets = NULL), "slices[1].offsets is NULL");
  REFUSED(TEXT, (POINTERS, s->values_size--), "3 pointers given for 4");
  REFUSED(TEXT, (POINTERS, s->values = NULL), "slices[1].values is NULL");
  REFUSED(TEXT, (POINTERS, lengths[1] = 1), "pointer 1 is NULL, but its length 1");
  REFUSED(TEXT, (POINTERS, lengths[1] = INT64_MAX), "pointer 1 is NULL");
  lengths[1] = 0;
  REFUSED(TEXT, (POINTERS, lengths[2] = -1), "length 2 is -1");
  REFUSED(TEXT, (POINTERS, lengths[2] = INT64_MIN), "length 2 is -9223372036854775808");
  REFUSED(TEXT, (POINTERS, lengths[2] = INT64_MAX), "element 2 has 9223372036854775807 bytes");
  /* Not selected: nobody looks. */
  const int32_t sel[ROWS] = {3, 1, 0, 1};
  const char *const selected[ROWS] = {"!", "", "one", ""};
  POINTERS;
  s->sel_kind = PF_SEL_INT32;
  s->sel = sel;
  s->sel_length = ROWS;
  accepted_texts(selected);
}

static void views(void) {
  static const char text[] = "a text of twenty-one.";
  const void *buffers[2] = {"", text};
  int64_t sizes[2] = {0, 21};
  view good[ROWS];
  memset(good, 0, sizeof good);
  good[0].length = 3;
  memcpy(good[0].is.text, "one", 3);
  good[2].length = 21;
  good[2].is.at.buffer = 1;
  good[3].length = 13;
  good[3].is.at.buffer = 1;
  good[3].is.at.offset = 8;
  const char *const read[ROWS] = {"one", "", text, "f twenty-one."};
  view given[ROWS];
#define VIEWS                                                                                               \
  memcpy(given, good, sizeof good), s->layout = PF_LAYOUT_VIEWS, s->values = given,                         \
                                    s->values_size = sizeof given, s->offsets = NULL, s->buffers = buffers, \
                                    s->buffer_sizes = sizes, s->buffer_count = 2
  pf_column_slice *const s = &slices[TEXT];
  VIEWS;
  accepted_texts(read);
  REFUSED(TEXT, (VIEWS, s->values_size--), "do not fit the 63 bytes of views");
  REFUSED(TEXT, (VIEWS, s->buffers = NULL), "slices[1].buffers is NULL");
  REFUSED(TEXT, (VIEWS, s->buffer_sizes = NULL), "slices[1].buffer_sizes is NULL");
  REFUSED(TEXT, (VIEWS, s->buffer_count = 1), "of buffer 1, which are not there");
  REFUSED(TEXT, (VIEWS, s->buffer_count = 0), "which are not there");
  REFUSED(TEXT, (VIEWS, given[3].is.at.offset = 9), "view 3 says 13 bytes at 9 of buffer 1");
  REFUSED(TEXT, (VIEWS, given[3].is.at.offset = -1), "view 3 says 13 bytes at -1");
  REFUSED(TEXT, (VIEWS, given[3].is.at.offset = INT32_MAX), "view 3 says 13 bytes at 2147483647");
  REFUSED(TEXT, (VIEWS, given[3].is.at.offset = INT32_MIN), "view 3 says 13 bytes at -2147483648");
  REFUSED(TEXT, (VIEWS, given[3].is.at.buffer = 2), "of buffer 2");
  REFUSED(TEXT, (VIEWS, given[3].is.at.buffer = 0), "of buffer 0");
  REFUSED(TEXT, (VIEWS, given[3].is.at.buffer = -1), "of buffer -1");
  REFUSED(TEXT, (VIEWS, given[3].is.at.buffer = INT32_MIN), "of buffer -2147483648");
  REFUSED(TEXT, (VIEWS, given[3].length = INT32_MAX), "view 3 says 2147483647 bytes");
  REFUSED(TEXT, (VIEWS, given[3].length = -1), "view 3 says -1 bytes");
  REFUSED(TEXT, (VIEWS, given[0].length = INT32_MIN), "view 0 says -2147483648 bytes");
  REFUSED(TEXT, (VIEWS, sizes[1] = -1), "which are not there");
  REFUSED(TEXT, (VIEWS, sizes[1] = INT64_MIN), "which are not there");
  sizes[1] = 21;
  REFUSED(TEXT, (VIEWS, buffers[1] = NULL), "view 2 says 21 bytes");
}

static void dictionaries(void) {
  static const int8_t narrow[ROWS] = {0, 1, 2, 0};
  pf_column_slice d = three_texts, nested = three_texts;
  const char *const read[ROWS] = {"one", "two", "three", "one"};
#define DICTIONARY                                                                              \
  d = three_texts, s->layout = PF_LAYOUT_DICTIONARY, s->values = narrow, s->values_size = ROWS, \
  s->offsets = NULL, s->dictionary = &d, s->index_width = 1
  pf_column_slice *const s = &slices[TEXT];
  DICTIONARY;
  accepted_texts(read);
  REFUSED(TEXT, (DICTIONARY, s->dictionary = NULL), "slices[1].dictionary is NULL");
  REFUSED(TEXT, (DICTIONARY, s->layout = PF_LAYOUT_VALUES), "slices[1].dictionary is not NULL");
  REFUSED(ID, s->dictionary = &three_ids, "slices[0].dictionary is not NULL");
  REFUSED(TEXT, (DICTIONARY, s->values_size--), "do not fit the 3 bytes of indices");
  REFUSED(TEXT, (DICTIONARY, s->index_width = 2), "do not fit the 4 bytes of indices");
  REFUSED(TEXT, (DICTIONARY, d.layout = PF_LAYOUT_DICTIONARY, d.dictionary = &nested, d.index_width = 1),
          "slices[1].dictionary is a dictionary itself");
  REFUSED(TEXT, (DICTIONARY, d.sel_kind = PF_SEL_INT64, d.sel = zeros, d.sel_length = 3),
          "selection of their own");
  REFUSED(TEXT, (DICTIONARY, d.sel = zeros), "sel is not NULL");
  REFUSED(TEXT, (DICTIONARY, d.validity = (const uint8_t *)zeros), "all valid");
  REFUSED(TEXT, (DICTIONARY, d.validity = (const uint8_t *)zeros, d.validity_kind = PF_VALIDITY_BYTES),
          "all valid");
  REFUSED(TEXT, (DICTIONARY, d.validity_kind = PF_VALIDITY_SENTINEL), "all valid");
  REFUSED(TEXT, (DICTIONARY, d.validity_kind = PF_VALIDITY_NAN), "all valid");
  REFUSED(TEXT, (DICTIONARY, d.validity_kind = 9), "validity_kind is 9");
  REFUSED(TEXT, (DICTIONARY, d.layout = 9), "layout is 9");
  REFUSED(TEXT, (DICTIONARY, d.offsets = NULL), "offsets is NULL");
  REFUSED(TEXT, (DICTIONARY, d.values_size = 10), "offset 3 is 11, past the 10 bytes");
  REFUSED(TEXT, (DICTIONARY, d.values_size = UINT64_MAX), "18446744073709551615");
  REFUSED(TEXT, (DICTIONARY, d.length = UINT64_MAX), "length is 18446744073709551615");
  REFUSED(TEXT, (DICTIONARY, d.length = 0), "dictionary index 0 is 0, but there are 0 values");
  REFUSED_AS(PF_ERR_BAD_UTF8, TEXT, (DICTIONARY, d.values = "one\xFFwothree!"), "\"text\"");
  REFUSED_AS(PF_ERR_TYPE_MISMATCH, TEXT, (DICTIONARY, d = three_ids), "cannot carry");
  uint64_t memory[32];
  void *misaligned = (char *)memory + 4;
  memcpy(misaligned, &three_texts, sizeof three_texts);
  REFUSED(TEXT, (DICTIONARY, s->dictionary = misaligned), "aligned");
}

/* Every width of index: out of range is named; under a null anything may be. */
static void dictionary_indices(void) {
  static const struct {
    int64_t index;
    const char *says;
  } bad[] = {
      {3, "\"id\": dictionary index 2 is 3, but there are 3 values"},
      {-1, "dictionary index 2 is -1,"},
      {INT8_MIN, "dictionary index 2 is -128,"},
      {INT16_MAX, "dictionary index 2 is 32767,"},
      {256, "dictionary index 2 is 256,"}, /* not cut to 0 */
      {INT32_MIN, "dictionary index 2 is -2147483648,"},
      {65536, "dictionary index 2 is 65536,"},
      {INT64_MAX, "dictionary index 2 is 9223372036854775807,"},
      {(int64_t)1 << 32, "dictionary index 2 is 4294967296,"},
  };
  static const int32_t sel[ROWS] = {0, 1, 2, 3};
  for (uint32_t width = 1; width <= 8; width *= 2)
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
      if (width < 8 && bad[i].index >> (8 * width - 1) != 0 && bad[i].index >> (8 * width - 1) != -1)
        continue;
      unsigned char indices[8 * ROWS] = {0};
      memcpy(indices + 2 * width, &bad[i].index, width); /* little-endian */
#define INDICES                                                                                   \
  s->layout = PF_LAYOUT_DICTIONARY, s->values = indices, s->values_size = (uint64_t)ROWS * width, \
  s->offsets = NULL, s->index_width = width
      REFUSED(ID, (INDICES, s->dictionary = &three_ids), bad[i].says);
      REFUSED(ID,
              (INDICES, s->dictionary = &three_ids, s->sel_kind = PF_SEL_INT32, s->sel = sel,
               s->sel_length = ROWS),
              bad[i].says);
      REFUSED(TEXT, (INDICES, s->dictionary = &three_texts), bad[i].says + (i == 0 ? 6 : 0));
      static const uint8_t third_is_null = 0x0B;
      const char *const read[ROWS] = {"one", "one", NULL, "one"};
      pf_column_slice *const s = &slices[TEXT];
      INDICES;
      s->dictionary = &three_texts;
      s->validity = &third_is_null;
      accepted_texts(read);
    }
}

/* Text that is not UTF-8 in each layout: an error that names the row, but fine where no row shows it. */
static void bad_text(void) {
  static const char text[] = "onetwo\xF0\x9F!three-and-more-letters";
  static const int32_t offsets32[] = {0, 3, 6, 9, 31};
  static const int64_t offsets64[] = {0, 3, 6, 9, 31}, lengths[] = {3, 3, 3, 22};
  const char *const texts[] = {text, text + 3, text + 6, text + 9};
  const void *const buffers[] = {text};
  const int64_t sizes[] = {31};
  view short_views[ROWS], long_views[ROWS];
  memset(short_views, 0, sizeof short_views);
  memset(long_views, 0, sizeof long_views);
  for (int i = 0; i < ROWS; i++) {
    short_views[i].length = (int32_t)lengths[i];
    if (i < 3) memcpy(short_views[i].is.text, texts[i], 3);
    if (i == 3) short_views[i].is.at.offset = 9;
  }
  /* The bad one among those that lie in a buffer. */
  memcpy(long_views, short_views, sizeof long_views);
  long_views[2].length = 25;
  long_views[2].is.at.buffer = 0;
  long_views[2].is.at.offset = 6;
  const pf_column_slice layouts[] = {
      PF_OFFSETS(text, 31, offsets32, ROWS, NULL),
      PF_SLICE(text, 31, ROWS, PF_LAYOUT_OFFSETS64, offsets64, NULL),
      PF_POINTERS(texts, lengths, ROWS, NULL),
      PF_SLICE(short_views, sizeof short_views, ROWS, PF_LAYOUT_VIEWS, NULL, NULL),
      PF_SLICE(long_views, sizeof long_views, ROWS, PF_LAYOUT_VIEWS, NULL, NULL),
  };
  static const uint8_t third_is_null = 0x0B;
  static const int64_t shown[ROWS] = {3, 4, 2, 1}, hidden[ROWS] = {4, 1, 4, 2};
  static const char *const null_third[ROWS] = {"one", "two", NULL, "three-and-more-letters"};
  static const char *const unshown[ROWS] = {"three-and-more-letters", "one", "three-and-more-letters", "two"};
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    pf_column_slice slice = layouts[i];
    slice.buffers = buffers;
    slice.buffer_sizes = sizes;
    slice.buffer_count = 1;
    if (slice.layout != PF_LAYOUT_VIEWS)
      slice.buffers = NULL, slice.buffer_sizes = NULL, slice.buffer_count = 0;
    REFUSED_AS(PF_ERR_BAD_UTF8, TEXT, *s = slice, "\"text\": row 2 is not valid UTF-8");
    slice.sel_kind = PF_SEL_INT64;
    slice.sel_base = 1;
    slice.sel_length = ROWS;
    slice.sel = shown;
    REFUSED_AS(PF_ERR_BAD_UTF8, TEXT, *s = slice, "\"text\": row 0 is not valid UTF-8");
    slice.sel = hidden;
    slices[TEXT] = slice;
    accepted_texts(unshown);
    slice.sel = NULL;
    slice.sel_kind = PF_SEL_NONE;
    slice.sel_base = 0;
    slice.sel_length = 0;
    slice.validity = &third_is_null;
    slices[TEXT] = slice;
    accepted_texts(null_third);
  }
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  spoil_begin();
  offsets64();
  pointers();
  views();
  dictionaries();
  dictionary_indices();
  bad_text();
  spoil_end();
  return test_end();
}
