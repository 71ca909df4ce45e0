#include "arrow_data.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

int schemas_released, arrays_released, streams_released;

int released(const int *counter) { return __atomic_load_n(counter, __ATOMIC_SEQ_CST); }

/* What a schema really owns, whatever a test makes it say. */
typedef struct owned_schema {
  int child_count, is_child;
  struct ArrowSchema *children[8];
} owned_schema;

static void release_schema(struct ArrowSchema *schema) {
  owned_schema *own = schema->private_data;
  if (!own->is_child) schemas_released++;
  for (int i = 0; i < own->child_count; i++) {
    if (own->children[i]->release != NULL) own->children[i]->release(own->children[i]);
    free(own->children[i]);
  }
  if (schema->dictionary != NULL) {
    if (schema->dictionary->release != NULL) schema->dictionary->release(schema->dictionary);
    free(schema->dictionary);
  }
  free(schema->children);
  free(own);
  schema->release = NULL;
}

struct ArrowSchema schema_of(const char *format, const char *name, int64_t flags, int n,
                             struct ArrowSchema *const *children) {
  owned_schema *own = calloc(1, sizeof *own);
  struct ArrowSchema schema = {format, name, NULL, flags, n, NULL, NULL, release_schema, own};
  schema.children = calloc(8, sizeof *schema.children);
  for (int i = 0; i < n; i++) own->children[own->child_count++] = schema.children[i] = children[i];
  return schema;
}

struct ArrowSchema *on_heap_schema(struct ArrowSchema schema) {
  struct ArrowSchema *heap = malloc(sizeof *heap);
  *heap = schema;
  ((owned_schema *)heap->private_data)->is_child = 1;
  return heap;
}

/* What an array really owns, whatever a test makes it say. */
typedef struct owned {
  int buffer_count, child_count, is_child;
  void *buffers[4];
  struct ArrowArray *children[8];
  struct ArrowArray *dictionary;
  int *counter;
} owned;

static void release_array(struct ArrowArray *array) {
  owned *own = array->private_data;
  if (!own->is_child) __atomic_add_fetch(own->counter, 1, __ATOMIC_SEQ_CST);
  for (int i = 0; i < own->buffer_count; i++) free(own->buffers[i]);
  for (int i = 0; i < own->child_count; i++) {
    if (own->children[i]->release != NULL) own->children[i]->release(own->children[i]);
    free(own->children[i]);
  }
  if (array->dictionary != NULL) {
    if (array->dictionary->release != NULL) array->dictionary->release(array->dictionary);
    free(array->dictionary);
  }
  free(array->buffers);
  free(array->children);
  free(own);
  array->release = NULL;
}

struct ArrowArray array_of(int64_t length, int n, const void *const *buffers, const int *sizes) {
  owned *own = calloc(1, sizeof *own);
  struct ArrowArray array = {length, -1, 0, n, 0, NULL, NULL, NULL, release_array, own};
  own->buffer_count = n;
  own->counter = &arrays_released;
  array.buffers = calloc(4, sizeof *array.buffers);
  array.children = calloc(8, sizeof *array.children);
  for (int i = 0; i < n; i++) {
    if (sizes[i] < 0) continue;
    own->buffers[i] = malloc((size_t)sizes[i] + 1);
    if (sizes[i] > 0) memcpy(own->buffers[i], buffers[i], (size_t)sizes[i]);
    array.buffers[i] = own->buffers[i];
  }
  return array;
}

void count_release(struct ArrowArray *array, int *counter) {
  ((owned *)array->private_data)->counter = counter;
}

struct ArrowArray *on_heap_array(struct ArrowArray array) {
  struct ArrowArray *heap = malloc(sizeof *heap);
  *heap = array;
  ((owned *)heap->private_data)->is_child = 1;
  return heap;
}

void add_child(struct ArrowArray *parent, struct ArrowArray child) {
  owned *own = parent->private_data;
  own->children[own->child_count++] = parent->children[parent->n_children++] = on_heap_array(child);
}

struct ArrowSchema schema_of_numbers(void) {
  struct ArrowSchema *number = on_heap_schema(schema_of("l", "number", 0, 0, NULL));
  return schema_of("+s", "", 0, 1, &number);
}

struct ArrowArray batch_of_numbers(const int64_t *numbers, int count) {
  const void *const column[] = {NULL, numbers}, *const rows[] = {NULL};
  const int sizes[] = {-1, count * (int)sizeof *numbers};
  struct ArrowArray batch = array_of(count, 1, rows, sizes);
  add_child(&batch, array_of(count, 2, column, sizes));
  return batch;
}

void release_stream(struct ArrowArrayStream *stream) {
  streams_released++;
  stream->release = NULL;
}
