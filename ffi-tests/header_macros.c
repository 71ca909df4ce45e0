/* Every macro of the header that makes a value, in C and C++. */
#include <flow.h>

#ifdef __cplusplus
extern "C"
#endif
    uint64_t
    header_macros(void);

uint64_t header_macros(void) {
  static const int32_t values[2] = {1, 2};
  static const char bytes[] = "ab";
  static const int32_t offsets[3] = {0, 1, 2};
  static const uint8_t validity = 3;
  const pf_error error = PF_ERROR_INIT;
  const pf_part part = PF_PART_INIT;
  const pf_sink_result result = PF_SINK_RESULT_INIT;
  const pf_writer_options writer_options = PF_WRITER_OPTIONS_INIT;
  const pf_sink_options sink_options = PF_SINK_OPTIONS_INIT;
  const pf_producer_options producer_options = PF_PRODUCER_OPTIONS_INIT;
  const pf_capture_stats capture_stats = PF_CAPTURE_STATS_INIT;
  const pf_pool_options pool_options = PF_POOL_OPTIONS_INIT;
  const pf_stats stats = PF_STATS_INIT;
  const pf_column_slice slices[2] = {PF_VALUES(values, 2, &validity), PF_OFFSETS(bytes, 2, offsets, 2, NULL)};
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, 2);
  static const int64_t wide_offsets[3] = {0, 1, 2};
  static const int16_t levels[2] = {1, 0};
  const pf_column_values required[2] = {PF_COLUMN_VALUES(values, 2),
                                        PF_COLUMN_BYTES(bytes, 2, wide_offsets, 2)};
  const pf_column_levels repeated[2] = {PF_COLUMN_LEVELS(values, 1, levels, levels, 2),
                                        PF_COLUMN_BYTES_LEVELS(bytes, 1, wide_offsets, 1, levels, NULL, 2)};
  const int right =
      error.struct_size == sizeof error && part.struct_size == sizeof part &&
      result.struct_size == sizeof result && writer_options.struct_size == sizeof writer_options &&
      writer_options.codec == PF_CODEC_ZSTD && sink_options.struct_size == sizeof sink_options &&
      producer_options.struct_size == sizeof producer_options &&
      capture_stats.struct_size == sizeof capture_stats && pool_options.struct_size == sizeof pool_options &&
      stats.struct_size == sizeof stats && slices[0].values_size == 8 && slices[1].values_size == 2 &&
      chunk.slice_size == sizeof *slices && required[0].values_size == 8 && required[1].value_count == 2 &&
      repeated[0].values_size == 4 && repeated[0].level_count == 2 && repeated[1].offsets == wide_offsets;
  return right ? chunk.slices[1].length : 0;
}
