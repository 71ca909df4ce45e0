/* Arrow's C data and stream interfaces, as their specification defines them, and structs built by hand whose
 * releases are counted. */
#ifndef FLOW_ARROW_DATA_H
#define FLOW_ARROW_DATA_H

#include <stdint.h>

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

/* Releases of whole schemas, arrays and streams so far. */
extern int schemas_released, arrays_released, streams_released;

/* A counter's value; libflow may release arrays on its threads. */
int released(const int *counter);

/* A type with `n` children, which it owns from now on. */
struct ArrowSchema schema_of(const char *format, const char *name, int64_t flags, int n,
                             struct ArrowSchema *const *children);
struct ArrowSchema *on_heap_schema(struct ArrowSchema schema);

/* An array with copies of `n` buffers of these sizes, so that a use after release is found; size -1 is NULL.
 * Starts with offset 0 and null_count -1. */
struct ArrowArray array_of(int64_t length, int n, const void *const *buffers, const int *sizes);
/* Counts the array's release there, and not in `arrays_released`. */
void count_release(struct ArrowArray *array, int *counter);
struct ArrowArray *on_heap_array(struct ArrowArray array);
void add_child(struct ArrowArray *parent, struct ArrowArray child);

/* A record batch of one column, "number", int64 and required, and its schema. */
struct ArrowSchema schema_of_numbers(void);
struct ArrowArray batch_of_numbers(const int64_t *numbers, int count);

/* For the `release` of a stream that owns nothing. */
void release_stream(struct ArrowArrayStream *stream);

#endif
