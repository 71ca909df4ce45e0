
/** Start values of the structs that carry their size. */
#define PF_ERROR_INIT {sizeof(pf_error), 0, 0, 0, {0}, {0}}
#define PF_PART_INIT {sizeof(pf_part), 0, 0, 0, 0, NULL}
#define PF_SINK_RESULT_INIT {sizeof(pf_sink_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL}
#define PF_WRITER_OPTIONS_INIT                                                                             \
  {sizeof(pf_writer_options), PF_CODEC_ZSTD, PF_LEVEL_DEFAULT, PF_SYNC_ON_CLOSE, PF_IF_EXISTS_FAIL, 0, 0,  \
   0, 0, 0}
#define PF_SINK_OPTIONS_INIT {sizeof(pf_sink_options), 0, 0}

/** A column slice of `count` adjacent values; `validity` is a bitmap or NULL. */
#define PF_VALUES(values, count, validity)                                                                 \
  {(values), (uint64_t)(count) * sizeof(*(values)), NULL, (validity), (uint64_t)(count), PF_LAYOUT_VALUES, 0}

/** A column slice of `count` texts or byte strings: `size` bytes and `count + 1` offsets into them. */
#define PF_OFFSETS(bytes, size, offsets, count, validity)                                                  \
  {(bytes), (uint64_t)(size), (offsets), (validity), (uint64_t)(count), PF_LAYOUT_OFFSETS, 0}

/** A row chunk of `count` column slices. */
#define PF_ROW_CHUNK(slices, count) {sizeof(pf_row_chunk), sizeof(pf_column_slice), (slices), (count)}

/** The Arrow C data and stream interfaces; include a header of Arrow's, or copy the structs from its page. */
struct ArrowSchema;
struct ArrowArray;
struct ArrowArrayStream;
