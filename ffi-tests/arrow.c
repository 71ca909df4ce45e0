/* Arrow in: schemas, batches and streams; each struct is released once, whatever happens to it. */
#include <errno.h>
#include <sched.h>
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
static const char texts[] = "\xFF" "aéxyz";
static const int32_t text_offsets[] = {0, 1, 2, 2, 4, 7, 7};
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

/* Rows 0 to ROWS, as a slice of longer arrays: each column starts at its element 1. */
static struct ArrowArray batch_of(int columns) {
  const void *id[] = {NULL, ids}, *text[] = {&text_valid, text_offsets, texts}, *when[] = {&time_valid, times};
  const void *list[] = {NULL, item_offsets}, *item[] = {NULL, items}, *kind[] = {&kind_valid, kinds};
  const void *kind_text[] = {NULL, kind_offsets, kind_texts}, *none[] = {NULL};
  const void *x[] = {NULL, xs}, *price[] = {NULL, prices};
  const int id_sizes[] = {-1, sizeof ids}, text_sizes[] = {1, sizeof text_offsets, 7};
  const int when_sizes[] = {1, sizeof times}, list_sizes[] = {-1, sizeof item_offsets};
  const int item_sizes[] = {-1, sizeof items}, kind_sizes[] = {1, sizeof kinds};
  const int kind_text_sizes[] = {-1, sizeof kind_offsets, 7}, no_sizes[] = {-1};
  const int x_sizes[] = {-1, sizeof xs}, price_sizes[] = {-1, sizeof prices};
  /* A view: its size, then the text up to twelve bytes, or four of them, the buffer and the offset. */
  static const int32_t size = sizeof LONG_TEXT - 1;
  static const int64_t view_buffer_size = sizeof LONG_TEXT - 1;
  static const uint8_t view_valid = 0x1F;
  int32_t views[6][4] = {{0}};
  views[1][0] = 2, memcpy(&views[1][1], "ab", 2);
  views[2][0] = size, memcpy(&views[2][1], LONG_TEXT, 4);
  views[5][0] = size, views[5][2] = 7; /* a null, of a buffer that is not there */
  const void *view[] = {&view_valid, views, LONG_TEXT, &view_buffer_size};
  const int view_sizes[] = {1, sizeof views, sizeof LONG_TEXT - 1, sizeof view_buffer_size};

  struct ArrowArray all[COLUMNS] = {array_of(ROWS, 2, id, id_sizes),       array_of(ROWS, 3, text, text_sizes),
                                    array_of(ROWS, 2, when, when_sizes),   array_of(ROWS, 2, list, list_sizes),
                                    array_of(ROWS, 2, kind, kind_sizes),   array_of(ROWS, 1, none, no_sizes),
                                    array_of(ROWS, 4, view, view_sizes)};
  add_child(&all[ITEMS], array_of(6, 2, item, item_sizes));
  all[KIND].dictionary = on_heap_array(array_of(2, 3, kind_text, kind_text_sizes));
  add_child(&all[GROUP], array_of(6, 2, x, x_sizes));
  add_child(&all[GROUP], array_of(6, 2, price, price_sizes));
  struct ArrowArray batch = array_of(ROWS, 1, none, no_sizes);
  for (int i = 0; i < COLUMNS; i++) {
    all[i].offset = i == VIEW ? 2 : 1;
    if (i < columns)
      add_child(&batch, all[i]);
    else
      free(on_heap_array(all[i])), all[i].release(&all[i]);
  }
  arrays_released -= 0;
  return batch;
}
