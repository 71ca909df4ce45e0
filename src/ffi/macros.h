
/** Start values of the structs that carry their size. */
#define PF_ERROR_INIT {sizeof(pf_error), 0, 0, 0, {0}, {0}}
#define PF_PART_INIT {sizeof(pf_part), 0, 0, 0, 0, NULL, NULL}
#define PF_SINK_RESULT_INIT {sizeof(pf_sink_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0}
#define PF_WRITER_OPTIONS_INIT                                                                             \
  {sizeof(pf_writer_options), PF_CODEC_ZSTD, PF_LEVEL_DEFAULT, PF_SYNC_ON_CLOSE, PF_IF_EXISTS_FAIL, 0, 0,  \
   0, 0, 0, 0, 0, 0, 0, 0, PF_STATISTICS_DEFAULT, NULL, 0, 0, NULL, 0, 0, 0, 0, 0}
#define PF_SINK_OPTIONS_INIT {sizeof(pf_sink_options), 0, 0, 0, 0, NULL, 0, 0, 0, NULL, 0, 0, 0}
#define PF_CAPTURE_STATS_INIT {sizeof(pf_capture_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
#define PF_PRODUCER_OPTIONS_INIT {sizeof(pf_producer_options), 0, 0}
#define PF_POOL_OPTIONS_INIT {sizeof(pf_pool_options), 0, 0, NULL, 0, 0}
#define PF_STATS_INIT {sizeof(pf_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** A field of a type that its name says all about. */
#define PF_FIELD(name, type, flags) PF_FIELD_OF((name), (type), (flags), 0, 0, NULL, NULL, 0)

/** A field of timestamps in a timezone. */
#define PF_FIELD_IN_ZONE(name, type, flags, timezone)                                                      \
  PF_FIELD_OF((name), (type), (flags), 0, 0, (timezone), NULL, 0)

/** A field of decimals (digits, digits after the point) or of fixed-size binary (bytes, 0). */
#define PF_FIELD_OF_WIDTH(name, type, flags, width, scale)                                                 \
  PF_FIELD_OF((name), (type), (flags), (width), (scale), NULL, NULL, 0)

/** A field of lists (of the one field `children`) or structs (of an array of `count` fields). */
#define PF_FIELD_OF_CHILDREN(name, type, flags, children, count)                                           \
  PF_FIELD_OF((name), (type), (flags), 0, 0, NULL, (children), (count))

/** What these four have in common; every field is given. */
#define PF_FIELD_OF(name, type, flags, width, scale, timezone, children, count)                            \
  {(name), (int32_t)(type), (uint32_t)(flags), (uint32_t)(width), (uint32_t)(scale), (timezone), (children), \
   (uint64_t)(count), 0, 0}

/** A column slice of `count` adjacent values; `validity` is a bitmap or NULL. */
#define PF_VALUES(values, count, validity)                                                                 \
  PF_SLICE((values), (uint64_t)(count) * sizeof(*(values)), (count), PF_LAYOUT_VALUES, NULL, (validity))

/** A column slice of `count` texts or byte strings: `size` bytes and `count + 1` int32 offsets into them. */
#define PF_OFFSETS(bytes, size, offsets, count, validity)                                                  \
  PF_SLICE((bytes), (size), (count), PF_LAYOUT_OFFSETS, (offsets), (validity))

/** A column slice of `count` texts or byte strings: an array of pointers and one of int64 lengths. */
#define PF_POINTERS(pointers, lengths, count, validity)                                                    \
  PF_SLICE((pointers), (uint64_t)(count) * sizeof(*(pointers)), (count), PF_LAYOUT_POINTERS, (lengths),    \
           (validity))

/** A column slice of `count` lists: `count + 1` int32 offsets into the elements of a slice. */
#define PF_LISTS(elements, offsets, count, validity)                                                       \
  PF_NESTED((elements), 1, (count), PF_LAYOUT_OFFSETS, (offsets), (validity))

/** A column slice of `count` structs: an array of `field_count` slices. */
#define PF_STRUCTS(fields, field_count, count, validity)                                                   \
  PF_NESTED((fields), (field_count), (count), PF_LAYOUT_STRUCT, NULL, (validity))

/** What these two have in common. */
#define PF_NESTED(children, child_count, count, layout, offsets, validity)                                 \
  {NULL, 0,    (uint64_t)(count), (layout), PF_VALIDITY_BITMAP, (offsets), (validity), 0, 0,               \
   NULL, 0,    PF_SEL_NONE,       0,        0,                  0,         NULL,       NULL, NULL, 0, 0,   \
   (children), (uint64_t)(child_count)}

/** What PF_VALUES, PF_OFFSETS and PF_POINTERS have in common; every field is given. */
#define PF_SLICE(values, size, count, layout, offsets, validity)                                           \
  {(values), (uint64_t)(size), (uint64_t)(count), (layout), PF_VALIDITY_BITMAP, (offsets), (validity), 0,  \
   0, NULL, 0, PF_SEL_NONE, 0, 0, 0, NULL, NULL, NULL, 0, 0, NULL, 0}

/** A row chunk of `count` column slices. */
#define PF_ROW_CHUNK(slices, count) {sizeof(pf_row_chunk), sizeof(pf_column_slice), (slices), (count)}

/** A required column of a row group: `count` adjacent values; or texts or byte strings, with `count + 1` offsets. */
#define PF_COLUMN_VALUES(values, count) {(values), (uint64_t)(count) * sizeof(*(values)), NULL, (uint64_t)(count)}
#define PF_COLUMN_BYTES(bytes, size, offsets, count) {(bytes), (uint64_t)(size), (offsets), (uint64_t)(count)}

/** The same with levels, `level_count` of both kinds; NULL for a kind that the column has not. */
#define PF_COLUMN_LEVELS(values, count, definition_levels, repetition_levels, level_count)                 \
  {(values), (uint64_t)(count) * sizeof(*(values)), NULL, (uint64_t)(count), (definition_levels),          \
   (repetition_levels), (uint64_t)(level_count)}
#define PF_COLUMN_BYTES_LEVELS(bytes, size, offsets, count, definition_levels, repetition_levels, level_count) \
  {(bytes), (uint64_t)(size), (offsets), (uint64_t)(count), (definition_levels), (repetition_levels),      \
   (uint64_t)(level_count)}

/** The Arrow C data and stream interfaces; include a header of Arrow's, or copy the structs from its page. */
struct ArrowSchema;
struct ArrowArray;
struct ArrowArrayStream;
