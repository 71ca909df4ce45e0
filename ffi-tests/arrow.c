/* Arrow in: schemas and batches; each struct is released once, whatever happens to it. */
#define _XOPEN_SOURCE 700

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrow_data.h"
#include "check.h"
#include "expected.h"

enum { ID, TEXT, WHEN, FLAT, ITEMS = FLAT, KIND, GROUP, VIEW, COLUMNS, NULLABLE = 2, ROWS = 4 };

/* The schema of a batch: its first `columns` columns. */
static struct ArrowSchema schema_of_batch(int columns) {
  struct ArrowSchema item = schema_of("l", "item", NULLABLE, 0, NULL);
  struct ArrowSchema x = schema_of("g", "x", NULLABLE, 0, NULL);
  struct ArrowSchema price = schema_of("d:5,2", "price", 0, 0, NULL);
  struct ArrowSchema *items[] = {on_heap_schema(item)};
  struct ArrowSchema *group[] = {on_heap_schema(x), on_heap_schema(price)};
  struct ArrowSchema *all[COLUMNS] = {
      on_heap_schema(schema_of("i", "id", 0, 0, NULL)),
      on_heap_schema(schema_of("u", "text", NULLABLE, 0, NULL)),
      on_heap_schema(schema_of("tss:UTC", "when", NULLABLE, 0, NULL)),
      on_heap_schema(schema_of("+l", "items", NULLABLE, 1, items)),
      on_heap_schema(schema_of("c", "kind", NULLABLE, 0, NULL)),
      on_heap_schema(schema_of("+s", "group", NULLABLE, 2, group)),
      on_heap_schema(schema_of("vu", "view", NULLABLE, 0, NULL)),
  };
  all[KIND]->dictionary = on_heap_schema(schema_of("u", NULL, NULLABLE, 0, NULL));
  for (int i = columns; i < COLUMNS; i++) {
    all[i]->release(all[i]);
    free(all[i]);
  }
  return schema_of("+s", "", 0, columns, all);
}

/* Values of a batch: what a slice leaves out, before and after, is no value at all. */
#define LONG_TEXT "a text of more than twelve bytes"
static const int32_t ids[] = {-1, 1, 2, 3, 4, -1};
static const char texts[] =
    "\xFF"
    "a"
    "\xFF"
    "éxyz"; /* also under the null */
static const int32_t text_offsets[] = {0, 1, 2, 3, 5, 8, 8};
static const uint8_t text_valid = 0x3B; /* row 1 is null */
static const int64_t times[] = {INT64_MAX, -1, INT64_MIN, 1, 1700000000, INT64_MAX};
static const uint8_t time_valid = 0x1A; /* row 1 is null */
static const int32_t item_offsets[] = {0, 1, 3, 3, 4, 5, 6};
static const int64_t items[] = {9, 10, 11, 12, 13, 9};
static const int8_t kinds[] = {99, 0, 1, 99, 1, 99};
static const uint8_t kind_valid = 0x37; /* row 2 is null */
static const char kind_texts[] = "buysell";
static const int32_t kind_offsets[] = {0, 3, 7};
static const double xs[] = {0, 0.5, 1.5, 2.5, 3.5, 0};
static const int64_t prices[][2] = {{1 << 20, 0}, {12345, 0}, {-1, -1}, {99999, 0}, {0, 0}, {1 << 20, 0}};

static void drop_array(struct ArrowArray array) {
  struct ArrowArray *heap = on_heap_array(array); /* so that it is not counted */
  heap->release(heap);
  free(heap);
}

/* Rows 0 to ROWS, as a slice of longer arrays: each column starts at its element 1. */
static struct ArrowArray batch_of(int columns) {
  const void *id[] = {NULL, ids}, *text[] = {&text_valid, text_offsets, texts},
             *when[] = {&time_valid, times};
  const void *list[] = {NULL, item_offsets}, *item[] = {NULL, items}, *kind[] = {&kind_valid, kinds};
  const void *kind_text[] = {NULL, kind_offsets, kind_texts}, *none[] = {NULL};
  const void *x[] = {NULL, xs}, *price[] = {NULL, prices};
  const int id_sizes[] = {-1, sizeof ids}, text_sizes[] = {1, sizeof text_offsets, 8};
  const int when_sizes[] = {1, sizeof times}, list_sizes[] = {-1, sizeof item_offsets};
  const int item_sizes[] = {-1, sizeof items}, kind_sizes[] = {1, sizeof kinds};
  const int kind_text_sizes[] = {-1, sizeof kind_offsets, 7}, no_sizes[] = {-1};
  const int x_sizes[] = {-1, sizeof xs}, price_sizes[] = {-1, sizeof prices};
  /* A view: its size, then the text up to twelve bytes, or four of them, the buffer and the offset. */
  static const int32_t size = sizeof LONG_TEXT - 1;
  static const int64_t view_buffer_size = sizeof LONG_TEXT - 1;
  static const uint8_t view_valid = 0x2F;
  int32_t views[6][4] = {{0}};
  views[1][0] = 2, memcpy(&views[1][1], "ab", 2);
  views[2][0] = size, memcpy(&views[2][1], LONG_TEXT, 4);
  views[4][0] = size, views[4][2] = 7; /* a null, of a buffer that is not there */
  const void *view[] = {&view_valid, views, LONG_TEXT, &view_buffer_size};
  const int view_sizes[] = {1, sizeof views, sizeof LONG_TEXT - 1, sizeof view_buffer_size};

  struct ArrowArray all[COLUMNS] = {array_of(ROWS, 2, id, id_sizes),     array_of(ROWS, 3, text, text_sizes),
                                    array_of(ROWS, 2, when, when_sizes), array_of(ROWS, 2, list, list_sizes),
                                    array_of(ROWS, 2, kind, kind_sizes), array_of(ROWS, 1, none, no_sizes),
                                    array_of(ROWS, 4, view, view_sizes)};
  add_child(&all[ITEMS], array_of(6, 2, item, item_sizes));
  all[KIND].dictionary = on_heap_array(array_of(2, 3, kind_text, kind_text_sizes));
  add_child(&all[GROUP], array_of(6, 2, x, x_sizes));
  add_child(&all[GROUP], array_of(6, 2, price, price_sizes));
  struct ArrowArray batch = array_of(ROWS, 1, none, no_sizes);
  for (int i = 0; i < COLUMNS; i++) {
    all[i].offset = 1;
    if (i < columns)
      add_child(&batch, all[i]);
    else
      drop_array(all[i]);
  }
  return batch;
}

static pf_schema *schema_of_columns(int columns) {
  struct ArrowSchema arrow = schema_of_batch(columns);
  pf_schema *schema = NULL;
  int before = schemas_released;
  CHECK_OK(pf_schema_from_arrow(&arrow, &schema, &err));
  CHECK(arrow.release == NULL && schemas_released == before + 1);
  return schema;
}

static pf_writer *open_writer(const char *path, int columns, uint64_t window_rows) {
  pf_schema *schema = schema_of_columns(columns);
  pf_writer *writer = NULL;
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = window_rows;
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  return writer;
}

static int arrays_made;

static void append(pf_writer *writer, int columns) {
  struct ArrowArray array = batch_of(columns);
  struct ArrowSchema schema = schema_of_batch(columns);
  arrays_made++;
  CHECK_OK(pf_append_arrow(writer, &array, &schema, &err));
  CHECK(array.release == NULL && schema.release == NULL);
}

static void expect_rows(expected *to) {
  static const int64_t id[] = {1, 2, 3, 4}, when[] = {-1, 0, 1, 1700000000};
  static const char *const text[] = {"a", NULL, "é", "xyz"};
  for (int row = 0; row < ROWS; row++) {
    expect_value(to, &id[row], 4);
    expect_value(to, text[row], text[row] == NULL ? 0 : strlen(text[row]));
    expect_value(to, row == 1 ? NULL : &when[row], 8);
  }
}

/* Batches and row chunks in turn: the rows keep the order of the calls. */
static void batches_follow_row_chunks(void) {
  static const pf_field fields[FLAT] = {
      PF_FIELD("id", PF_TYPE_INT32, PF_FIELD_REQUIRED), PF_FIELD("text", PF_TYPE_UTF8, PF_FIELD_NULLABLE),
      PF_FIELD_IN_ZONE("when", PF_TYPE_TIMESTAMP_S, PF_FIELD_NULLABLE, "UTC")};
  const char *path = path_of("mixed.parquet");
  arrays_made = 0, arrays_released = 0;
  pf_writer *writer = open_writer(path, FLAT, 3);
  expected to = expect_begin(path, fields, FLAT, 1, false, false);
  const int32_t id = 7, offsets[] = {0, 2};
  const int64_t when = 5;
  const pf_column_slice slices[] = {PF_VALUES(&id, 1, NULL), PF_OFFSETS("ab", 2, offsets, 1, NULL),
                                    PF_VALUES(&when, 1, NULL)};
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, FLAT);
  for (int i = 0; i < 20; i++) {
    append(writer, FLAT);
    expect_rows(&to);
    CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
    expect_value(&to, &id, sizeof id);
    expect_value(&to, "ab", 2);
    expect_value(&to, &when, sizeof when);
  }
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == 20 * (ROWS + 1));
  pf_writer_free(writer);
  expect_end(&to);
  CHECK(released(&arrays_released) == arrays_made);
}

static pf_writer *writer;

typedef void spoil(struct ArrowArray *, struct ArrowSchema *);

/* A batch, spoilt, is refused, and both structs are released during the call. */
static void refused(spoil *spoil, pf_status status, const char *says) {
  struct ArrowArray array = batch_of(COLUMNS);
  struct ArrowSchema schema = schema_of_batch(COLUMNS);
  spoil(&array, &schema);
  /* Batches given before are released meanwhile. */
  int arrays = 0;
  count_release(&array, &arrays);
  const int schemas = schemas_released;
  CHECK_STATUS(pf_append_arrow(writer, &array, &schema, &err), status);
  CHECK_SAYS(says);
  CHECK(array.release == NULL && released(&arrays) == 1);
  CHECK(schema.release == NULL && schemas_released == schemas + 1);
}

#define SPOIL(name, change)                                                \
  static void name(struct ArrowArray *array, struct ArrowSchema *schema) { \
    (void)array, (void)schema;                                             \
    change;                                                                \
  }
#define CHILD(i) array->children[i]
/* The bytes of a buffer, to write into. */
#define BUFFER(array, i, type) ((type *)(uintptr_t)(array)->buffers[i])

SPOIL(no_format, schema->children[ID]->format = NULL)
SPOIL(bad_format, schema->children[ID]->format = "?")
SPOIL(format_no_text, schema->children[ID]->format = "\xFF")
SPOIL(bad_decimal, schema->children[GROUP]->children[1]->format = "d:x,2")
SPOIL(not_a_struct, schema->format = "+l")
SPOIL(name_no_text, schema->children[ID]->name = "i\xFF")
SPOIL(other_name, schema->children[ID]->name = "ID")
SPOIL(other_inner_name, schema->children[GROUP]->children[0]->name = "y")
SPOIL(other_type, schema->children[ID]->format = "I")
SPOIL(other_zone, schema->children[WHEN]->format = "tss:")
SPOIL(fewer_types, schema->n_children--)
SPOIL(negative_types, schema->n_children = -1)
SPOIL(many_types, schema->n_children = INT64_MAX)
SPOIL(child_of_scalar, schema->children[ID]->n_children = 1)
SPOIL(no_types, schema->children[ITEMS]->children[0]->release(schema->children[ITEMS]->children[0]))
SPOIL(no_columns, array->n_children = 0)
SPOIL(fewer_columns, array->n_children--)
SPOIL(negative_columns, array->n_children = -1)
SPOIL(negative_length, array->length = -1)
SPOIL(huge_length, array->length = INT64_MAX)
SPOIL(huge_length_and_offset, array->length = (int64_t)1 << 40; array->offset = 1)
SPOIL(negative_offset, CHILD(TEXT)->offset = -1)
SPOIL(huge_offset, CHILD(TEXT)->offset = INT64_MAX)
SPOIL(longer_than_a_column, array->length++)
SPOIL(past_a_column, array->offset++)
SPOIL(shorter_child, CHILD(GROUP)->children[0]->length = 4)
SPOIL(few_buffers, CHILD(ID)->n_buffers = 1)
SPOIL(many_buffers, CHILD(ID)->n_buffers = INT64_MAX)
SPOIL(negative_buffers, CHILD(VIEW)->n_buffers = -1)
SPOIL(no_view_sizes, CHILD(VIEW)->n_buffers = 2)
SPOIL(null_view_sizes, CHILD(VIEW)->buffers[3] = NULL)
SPOIL(negative_view_size, BUFFER(CHILD(VIEW), 3, int64_t)[0] = -1)
SPOIL(view_past_its_buffer, BUFFER(CHILD(VIEW), 1, int32_t)[11] = 1)
SPOIL(null_values, CHILD(ID)->buffers[1] = NULL)
SPOIL(null_offsets, CHILD(TEXT)->buffers[1] = NULL)
SPOIL(null_item_offsets, CHILD(ITEMS)->buffers[1] = NULL)
SPOIL(null_bytes, CHILD(TEXT)->buffers[2] = NULL)
SPOIL(wrong_null_count, CHILD(TEXT)->null_count = 0)
SPOIL(null_count_without_bitmap, CHILD(ID)->null_count = 1)
SPOIL(huge_null_count, CHILD(TEXT)->null_count = INT64_MAX)
SPOIL(negative_text_offset, BUFFER(CHILD(TEXT), 1, int32_t)[5] = -7)
SPOIL(falling_text_offset, BUFFER(CHILD(TEXT), 1, int32_t)[3] = 6)
SPOIL(falling_item_offset, BUFFER(CHILD(ITEMS), 1, int32_t)[3] = 0)
SPOIL(rising_item_offset, BUFFER(CHILD(ITEMS), 1, int32_t)[3] = 100)
SPOIL(item_offset_past_the_items, BUFFER(CHILD(ITEMS), 1, int32_t)[5] = 7)
SPOIL(bad_text, BUFFER(CHILD(TEXT), 2, char)[3] = 'e')
SPOIL(bad_view, BUFFER(CHILD(VIEW), 1, char)[20] = (char)0xC0)
SPOIL(bad_key, BUFFER(CHILD(KIND), 1, int8_t)[2] = 2)
SPOIL(negative_key, BUFFER(CHILD(KIND), 1, int8_t)[2] = -1)
SPOIL(no_dictionary, drop_array(*CHILD(KIND)->dictionary); free(CHILD(KIND)->dictionary);
      CHILD(KIND)->dictionary = NULL)
SPOIL(null_where_required, CHILD(ID)->buffers[0] = CHILD(TEXT)->buffers[0])
SPOIL(null_where_required_below, CHILD(GROUP)->children[1]->buffers[0] = CHILD(WHEN)->buffers[0])
SPOIL(null_row, array->buffers[0] = CHILD(TEXT)->buffers[0])
SPOIL(seconds_out_of_range, BUFFER(CHILD(WHEN), 1, int64_t)[1] = INT64_MAX)
SPOIL(too_many_digits, BUFFER(CHILD(GROUP)->children[1], 1, int64_t)[2] = 100000)
SPOIL(released_child, CHILD(ID)->release(CHILD(ID)))

static void batches_are_checked(void) {
  const pf_status invalid = PF_ERR_INVALID_ARGUMENT, mismatch = PF_ERR_SCHEMA_MISMATCH;
  refused(no_format, invalid, "children[0].format is NULL");
  refused(bad_format, invalid, "?");
  refused(format_no_text, PF_ERR_BAD_UTF8, "format");
  refused(bad_decimal, invalid, "precision");
  refused(not_a_struct, invalid, "schema.n_children is 7");
  refused(fewer_types, mismatch, "6 columns, the schema 7");
  refused(fewer_columns, invalid, "array.n_children is 6");
  refused(name_no_text, PF_ERR_BAD_UTF8, "children[0].name");
  refused(other_name, mismatch, "\"ID\"");
  refused(other_inner_name, PF_ERR_TYPE_MISMATCH, "\"group\"");
  refused(other_type, PF_ERR_TYPE_MISMATCH, "\"id\" is of type UInt32");
  refused(other_zone, PF_ERR_TYPE_MISMATCH, "\"when\"");
  refused(negative_types, invalid, "n_children is -1");
  refused(many_types, invalid, "9223372036854775807");
  refused(child_of_scalar, invalid, "children[0].n_children is 1");
  refused(no_types, invalid, "schema.children[3].children[0] was released");
  refused(no_columns, invalid, "array.n_children is 0");
  refused(negative_columns, invalid, "array.n_children is -1");
  refused(negative_length, invalid, "array.length is -1");
  refused(huge_length, invalid, "9223372036854775807");
  refused(huge_length_and_offset, invalid, "array.length is 1099511627776");
  refused(negative_offset, invalid, "children[1].offset is -1");
  refused(huge_offset, invalid, "children[1].offset is 9223372036854775807");
  refused(longer_than_a_column, invalid, "children[0].length is 4, but its parent needs 5");
  refused(past_a_column, invalid, "its parent needs 5");
  refused(shorter_child, invalid, "children[5].children[0].length is 4");
  refused(few_buffers, invalid, "children[0].n_buffers is 1");
  refused(many_buffers, invalid, "n_buffers is 9223372036854775807");
  refused(negative_buffers, invalid, "n_buffers is -1");
  refused(no_view_sizes, invalid, "n_buffers is 2");
  refused(null_view_sizes, invalid, "sizes is NULL");
  refused(negative_view_size, invalid, "is -1");
  refused(view_past_its_buffer, invalid, "children[6]");
  refused(null_values, invalid, "children[0]: a buffer is NULL");
  refused(null_offsets, invalid, "children[1]");
  refused(null_item_offsets, invalid, "children[3]");
  refused(null_bytes, invalid, "children[1]: a buffer is NULL");
  refused(wrong_null_count, invalid, "null_count is 0, but its validity bitmap has 1");
  refused(null_count_without_bitmap, invalid, "null_count is 1");
  refused(huge_null_count, invalid, "null_count is 9223372036854775807");
  refused(negative_text_offset, invalid, "less than 0");
  refused(falling_text_offset, invalid, "children[1]");
  refused(falling_item_offset, invalid, "children[3]");
  refused(rising_item_offset, invalid, "children[3]");
  refused(item_offset_past_the_items, invalid, "children[3].children[0]");
  refused(bad_text, PF_ERR_BAD_UTF8, "children[1]: element 2");
  refused(bad_view, PF_ERR_BAD_UTF8, "children[6]: element 0");
  refused(bad_key, invalid, "children[4]");
  refused(negative_key, invalid, "children[4]");
  refused(no_dictionary, invalid, "children[4].dictionary is NULL");
  refused(null_where_required, mismatch, "\"id\": element 1 is null");
  refused(null_where_required_below, mismatch, "\"group.price\"");
  refused(null_row, mismatch, "null rows");
  refused(seconds_out_of_range, invalid, "\"when\"");
  refused(too_many_digits, invalid, "\"group.price\"");
  refused(released_child, invalid, "children[0] was released");
}

/* The rows before it are queued or encoded, and stay. */
static void a_later_batch_is_refused(void) {
  refused(other_type, PF_ERR_TYPE_MISMATCH, "\"id\" is of type UInt32");
  refused(fewer_columns, PF_ERR_INVALID_ARGUMENT, "array.n_children is 6");
  refused(bad_text, PF_ERR_BAD_UTF8, "children[1]: element 2");
}

/* What is given with `bad` is released all the same. */
static void refused_by(pf_writer *bad, pf_status status, const char *says) {
  const int arrays = released(&arrays_released), schemas = schemas_released;
  struct ArrowArray array = batch_of(COLUMNS);
  struct ArrowSchema schema = schema_of_batch(COLUMNS);
  CHECK_STATUS(pf_append_arrow(bad, &array, &schema, &err), status);
  CHECK_SAYS(says);
  CHECK(array.release == NULL && released(&arrays_released) == arrays + 1);
  CHECK(schema.release == NULL && schemas_released == schemas + 1);
}

static void structs_are_taken_whatever_happens(void) {
  refused_by(NULL, PF_ERR_INVALID_ARGUMENT, "writer is NULL");
  refused_by((pf_writer *)&writer, PF_ERR_STALE_HANDLE, "no handle");

  int arrays = released(&arrays_released), schemas = schemas_released;
  struct ArrowArray array = batch_of(COLUMNS);
  struct ArrowSchema schema = schema_of_batch(COLUMNS);
  CHECK_INVALID(pf_append_arrow(writer, NULL, &schema, &err));
  CHECK_SAYS("array is NULL");
  CHECK(schema.release == NULL && schemas_released == schemas + 1);
  CHECK_INVALID(pf_append_arrow(writer, &array, &schema, &err));
  CHECK_SAYS("schema was released or moved before");
  CHECK(array.release == NULL && released(&arrays_released) == arrays + 1);
  schema = schema_of_batch(COLUMNS);
  CHECK_INVALID(pf_append_arrow(writer, &array, &schema, &err));
  CHECK_SAYS("array was released or moved before");
  array = batch_of(COLUMNS);
  CHECK_INVALID(pf_append_arrow(writer, &array, NULL, &err));
  CHECK_SAYS("schema is NULL");
  CHECK(released(&arrays_released) == arrays + 2 && schemas_released == schemas + 2);

  /* No struct is where this points, so nothing is read or released. */
  uint64_t memory[16] = {0};
  array = batch_of(COLUMNS);
  CHECK_INVALID(pf_append_arrow(writer, &array, (struct ArrowSchema *)(void *)((char *)memory + 4), &err));
  CHECK_SAYS("schema is misaligned");
  CHECK(released(&arrays_released) == arrays + 3);

  /* An error struct that nobody set up. */
  pf_error no_size = {0, 0, 0, 0, {0}, {0}};
  array = batch_of(COLUMNS), schema = schema_of_batch(COLUMNS);
  CHECK(pf_append_arrow(writer, &array, &schema, &no_size) == PF_ERR_INVALID_ARGUMENT);
  CHECK(released(&arrays_released) == arrays + 4 && schemas_released == schemas + 3);
}

static void schema_refused(struct ArrowSchema arrow, pf_status status, const char *says) {
  pf_schema *schema = NULL;
  const int schemas = schemas_released;
  CHECK_STATUS(pf_schema_from_arrow(&arrow, &schema, &err), status);
  CHECK_SAYS(says);
  CHECK(schema == NULL && arrow.release == NULL && schemas_released == schemas + 1);
}

static struct ArrowSchema of_one(const char *format, int n, struct ArrowSchema *const *children) {
  struct ArrowSchema *one[] = {on_heap_schema(schema_of(format, "a", NULLABLE, n, children))};
  return schema_of("+s", "", 0, 1, one);
}

static void schemas_are_checked(void) {
  pf_schema *schema = NULL;
  CHECK_INVALID(pf_schema_from_arrow(NULL, &schema, &err));
  CHECK_SAYS("arrow_schema is NULL");
  struct ArrowSchema arrow = schema_of_batch(FLAT);
  const int schemas = schemas_released;
  CHECK_INVALID(pf_schema_from_arrow(&arrow, NULL, &err));
  CHECK(arrow.release == NULL && schemas_released == schemas + 1);
  CHECK_INVALID(pf_schema_from_arrow(&arrow, &schema, &err));
  CHECK_SAYS("released or moved before");

  schema_refused(schema_of("i", "", 0, 0, NULL), PF_ERR_INVALID_ARGUMENT, "record batch");
  schema_refused(schema_of("+s", "", 0, 0, NULL), PF_ERR_INVALID_ARGUMENT, "no columns");
  schema_refused(of_one("tin", 0, NULL), PF_ERR_UNSUPPORTED, "\"a\"");
  schema_refused(of_one("+us:", 0, NULL), PF_ERR_INVALID_ARGUMENT, "type id");
  schema_refused(of_one("+s", 0, NULL), PF_ERR_INVALID_ARGUMENT, "\"a\"");
  schema_refused(of_one("d:39,0", 0, NULL), PF_ERR_INVALID_ARGUMENT, "decimal(39, 0)");
  schema_refused(of_one("w:-1", 0, NULL), PF_ERR_INVALID_ARGUMENT, "width -1");
  struct ArrowSchema *item[] = {on_heap_schema(schema_of("i", "item", 0, 0, NULL))};
  schema_refused(of_one("+w:0", 1, item), PF_ERR_INVALID_ARGUMENT, "0 elements");
  struct ArrowSchema *twice[] = {on_heap_schema(schema_of("i", "a", 0, 0, NULL)),
                                 on_heap_schema(schema_of("i", "a", 0, 0, NULL))};
  schema_refused(schema_of("+s", "", 0, 2, twice), PF_ERR_INVALID_ARGUMENT, "repeats the name");
  struct ArrowSchema *deep = on_heap_schema(schema_of("i", "item", 0, 0, NULL));
  for (int i = 0; i < 65; i++) deep = on_heap_schema(schema_of("+l", "item", 0, 1, &deep));
  schema_refused(of_one("+l", 1, &deep), PF_ERR_UNSUPPORTED, "64 levels");
}

static void row_chunks_need_plain_columns(void) {
  pf_column_slice slices[COLUMNS] = {PF_VALUES(ids, 1, NULL), PF_OFFSETS(LONG_TEXT, 1, text_offsets, 1, NULL),
                                     PF_VALUES(times + 1, 1, NULL)};
  slices[FLAT].length = slices[KIND].length = slices[GROUP].length = slices[VIEW].length = 1;
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, COLUMNS);
  CHECK_STATUS(pf_append_row_chunk(writer, &chunk, &err), PF_ERR_UNSUPPORTED);
  CHECK_SAYS("\"kind\"");
  CHECK_SAYS("pf_append_arrow");
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  schemas_are_checked();
  batches_follow_row_chunks();

  const char *path = path_of("nested.parquet");
  writer = open_writer(path, COLUMNS, 3);
  batches_are_checked();
  structs_are_taken_whatever_happens();
  row_chunks_need_plain_columns();
  arrays_made = 0, __atomic_store_n(&arrays_released, 0, __ATOMIC_SEQ_CST);
  append(writer, COLUMNS);
  a_later_batch_is_refused();
  append(writer, COLUMNS);
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == 2 * ROWS);
  CHECK(released(&arrays_released) == arrays_made);
  refused_by(writer, PF_ERR_CLOSED, "closed");
  pf_writer_free(writer);
  refused_by(writer, PF_ERR_STALE_HANDLE, "freed");
  unlink(path); /* its values are compared in tests/readback/test_arrow.py */

  /* What a freed writer had not encoded is released too. */
  arrays_made = 0, arrays_released = 0;
  writer = open_writer(path, COLUMNS, 3);
  for (int i = 0; i < 10; i++) append(writer, COLUMNS);
  pf_writer_free(writer);
  CHECK(released(&arrays_released) == arrays_made);
  CHECK_NO_FILE(path);
  return test_end();
}
