/* Options of a Parquet part that are refused, before a file exists. */
#include <math.h>
#include <string.h>

#include "check.h"

static pf_schema *schema;
static const pf_writer_options start = PF_WRITER_OPTIONS_INIT;

static void refused(const pf_writer_options *options, const char *says) {
  pf_writer *none = NULL;
  const char *path = path_of("refused.parquet");
  CHECK_INVALID(pf_writer_open(path, schema, options, &none, &err));
  CHECK_SAYS(says);
  CHECK(none == NULL);
  CHECK_NO_FILE(path);
}

static void refused_column(pf_column_options column, const char *says) {
  pf_writer_options options = start;
  options.columns = &column;
  options.column_count = 1;
  options.column_size = sizeof column;
  refused(&options, says);
}

static void refused_key(pf_sort_key key, const char *says) {
  pf_writer_options options = start;
  options.sorting = &key;
  options.sorting_count = 1;
  options.sorting_size = sizeof key;
  refused(&options, says);
}

static void of_the_part(void) {
#define SPOILT(change, says)     \
  do {                           \
    pf_writer_options o = start; \
    change;                      \
    refused(&o, says);           \
  } while (0)
  SPOILT(o.page_version = 3, "page_version is 3");
  SPOILT(o.page_version = -1, "page_version is -1");
  SPOILT(o.page_crc = 2, "page_crc is 2");
  SPOILT(o.statistics = 4, "options.statistics is 4");
  SPOILT(o.statistics = -1, "options.statistics is -1");
  SPOILT(o.page_bytes = ((uint64_t)1 << 30) + 1, "page_bytes 1073741825");
  SPOILT(o.codec_level = 0, "codec_level 0");
  SPOILT(o.codec_level = -131073, "codec_level -131073");
  pf_column_options column = {"n", 0, 0, 0, 0, 0, 0};
  SPOILT((o.columns = &column, o.column_count = 1), "element size 0");
  SPOILT((o.columns = &column, o.column_size = sizeof column), "0 elements");
  SPOILT((o.column_count = 1, o.column_size = sizeof column), "1 elements of pf_column_options");
  SPOILT((o.columns = &column, o.column_count = UINT64_MAX, o.column_size = sizeof column),
         "18446744073709551615");
  pf_sort_key key = {"n", 0, 0};
  SPOILT((o.sorting = &key, o.sorting_count = 1), "element size 0");
  SPOILT((o.sorting_count = 1, o.sorting_size = sizeof key), "1 elements of pf_sort_key");
}

/* Brotli is in the enumeration, but not in this build. */
static void of_the_build(void) {
  pf_writer_options options = start;
  options.codec = PF_CODEC_BROTLI;
  pf_writer *none = NULL;
  const char *path = path_of("refused.parquet");
  CHECK_STATUS(pf_writer_open(path, schema, &options, &none, &err), PF_ERR_UNSUPPORTED);
  CHECK_SAYS("codec brotli");
  CHECK_SAYS("--features brotli");
  CHECK(none == NULL);
  CHECK_NO_FILE(path);
}

static void of_columns(void) {
  const pf_column_options good = {"n", 0, 0, PF_COLUMN_BLOOM_FILTER, 0, 0, 0};
#define COLUMN(change, says)    \
  do {                          \
    pf_column_options c = good; \
    change;                     \
    refused_column(c, says);    \
  } while (0)
  COLUMN(c.path = NULL, "options.columns[0].path is NULL");
  COLUMN(c.path = "", "options.columns[0].path");
  COLUMN(c.path = "m", "\"m\" names no column; the part has n, text, flag, a.b, d");
  COLUMN(c.path = "a.", "names no column");
  COLUMN(c.path = "te", "names no column");
  COLUMN(c.encoding = 6, "encoding is 6");
  COLUMN(c.encoding = -1, "encoding is -1");
  COLUMN(c.statistics = 9, "columns[0].statistics is 9");
  COLUMN(c.flags = 2, "flags is 2");
  COLUMN(c.reserved = 1, "reserved 1");
  COLUMN(c.bloom_fpp = 1, "bloom_fpp 1");
  COLUMN(c.bloom_fpp = -0.5, "bloom_fpp -0.5");
  COLUMN(c.bloom_fpp = (double)NAN, "bloom_fpp NaN");
  COLUMN((c.flags = 0, c.bloom_ndv = 5), "without PF_COLUMN_BLOOM_FILTER");
  COLUMN((c.flags = 0, c.bloom_fpp = 0.5), "without PF_COLUMN_BLOOM_FILTER");
  COLUMN(c.path = "flag", "BOOLEAN has no bloom filter");
  COLUMN((c.flags = 0, c.path = "flag", c.encoding = PF_ENCODING_DICTIONARY), "cannot carry BOOLEAN");
  COLUMN((c.path = "text", c.encoding = PF_ENCODING_DELTA_BINARY_PACKED), "cannot carry BYTE_ARRAY");
  COLUMN((c.path = "text", c.encoding = PF_ENCODING_BYTE_STREAM_SPLIT), "cannot carry BYTE_ARRAY");
  COLUMN(c.encoding = PF_ENCODING_DELTA_LENGTH_BYTE_ARRAY, "cannot carry INT64");
  COLUMN((c.path = "a", c.encoding = PF_ENCODING_BYTE_STREAM_SPLIT), "\"a.b\": encoding BYTE_STREAM_SPLIT");
  COLUMN((c.path = "d", c.encoding = PF_ENCODING_PLAIN), "keeps its dictionary");
}

static void of_sort_keys(void) {
  refused_key((pf_sort_key){NULL, 0, 0}, "options.sorting[0].path is NULL");
  refused_key((pf_sort_key){"a", 0, 0}, "sorting[0].path \"a\" names no column");
  refused_key((pf_sort_key){"n", 4, 0}, "flags is 4");
  refused_key((pf_sort_key){"n", 0, 1}, "reserved 1");
}

static void metadata(void) {
  pf_writer *writer = NULL;
  CHECK_OK(pf_writer_open(path_of("refused.parquet"), schema, NULL, &writer, &err));
  CHECK_INVALID(pf_writer_put_metadata(NULL, "key", "value", &err));
  CHECK_SAYS("writer is NULL");
  CHECK_INVALID(pf_writer_put_metadata(writer, NULL, "value", &err));
  CHECK_SAYS("key is NULL");
  CHECK_INVALID(pf_writer_put_metadata(writer, "key", NULL, &err));
  CHECK_SAYS("value is NULL");
  CHECK_INVALID(pf_writer_put_metadata(writer, "", "value", &err));
  CHECK_SAYS("key has 0 bytes");
  CHECK_INVALID(pf_writer_put_metadata(writer, "libflow.version", "9", &err));
  CHECK_SAYS("\"libflow.version\" is reserved");
  CHECK_INVALID(pf_writer_put_metadata(writer, "ARROW:schema", "x", &err));
  CHECK_SAYS("reserved");
  CHECK_STATUS(pf_writer_put_metadata(writer, "\xff", "x", &err), PF_ERR_BAD_UTF8);
  CHECK_STATUS(pf_writer_put_metadata(writer, "key", "\xff", &err), PF_ERR_BAD_UTF8);
  pf_writer_free(writer);
  CHECK_STATUS(pf_writer_put_metadata(writer, "key", "value", &err), PF_ERR_STALE_HANDLE);
  CHECK_NO_FILE(path_of("refused.parquet"));
}

static void field_ids(void) {
  pf_schema *none = NULL;
  pf_field field = {"n", PF_TYPE_INT64, PF_FIELD_REQUIRED, 0, 0, NULL, NULL, 0, -1, 0};
  CHECK_INVALID(pf_schema_new(&field, 1, sizeof field, &none, &err));
  CHECK_SAYS("field \"n\": field_id -1");
  field.field_id = 0;
  field.reserved = 1;
  CHECK_INVALID(pf_schema_new(&field, 1, sizeof field, &none, &err));
  CHECK_SAYS("reserved is 1");
  CHECK(none == NULL);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  const pf_field inner = {"b", PF_TYPE_UTF8, PF_FIELD_REQUIRED, 0, 0, NULL, NULL, 0, 0, 0};
  const pf_field fields[] = {
      {"n", PF_TYPE_INT64, PF_FIELD_REQUIRED, 0, 0, NULL, NULL, 0, 0, 0},
      {"text", PF_TYPE_UTF8, PF_FIELD_REQUIRED, 0, 0, NULL, NULL, 0, 0, 0},
      {"flag", PF_TYPE_BOOL, PF_FIELD_REQUIRED, 0, 0, NULL, NULL, 0, 0, 0},
      {"a", PF_TYPE_STRUCT, PF_FIELD_REQUIRED, 0, 0, NULL, &inner, 1, 0, 0},
      {"d", PF_TYPE_INT32, PF_FIELD_DICTIONARY, 0, 0, NULL, NULL, 0, 0, 0},
  };
  CHECK_OK(pf_schema_new(fields, 5, sizeof *fields, &schema, &err));
  of_the_part();
  of_the_build();
  of_columns();
  of_sort_keys();
  metadata();
  field_ids();
  pf_schema_free(schema);
  return test_end();
}
