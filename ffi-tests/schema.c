/* Schemas: every type and rule, sizes of elements, life of a handle. */
#include <string.h>

#include "check.h"

static pf_field field(const char *name, int32_t type) {
  const bool decimal = type >= PF_TYPE_DECIMAL32 && type <= PF_TYPE_DECIMAL256;
  const bool has_width = decimal || type == PF_TYPE_FIXED_SIZE_BINARY;
  pf_field made = PF_FIELD_OF_WIDTH(name, type, PF_FIELD_REQUIRED, has_width ? 3 : 0, 0);
  return made;
}

static void accepted(const pf_field *fields, uint64_t count) {
  pf_schema *schema = NULL;
  CHECK_OK(pf_schema_new(fields, count, sizeof *fields, &schema, &err));
  CHECK(schema != NULL);
  pf_schema_free(schema);
}

/* Refused with this class and words; the output stays as it was. */
static void refused(pf_field one, pf_status status, const char *says) {
  pf_schema *schema = NULL;
  CHECK_STATUS(pf_schema_new(&one, 1, sizeof one, &schema, &err), status);
  CHECK_SAYS(says);
  CHECK(schema == NULL);
}

static void every_type_is_accepted(void) {
  for (int32_t type = PF_TYPE_BOOL; type <= PF_TYPE_UUID; type++)
    for (uint32_t flags = PF_FIELD_REQUIRED; flags <= PF_FIELD_NULLABLE; flags++) {
      pf_field one = field("a", type);
      one.flags = flags;
      accepted(&one, 1);
    }
}

static void unknown_numbers_are_refused(void) {
  const int32_t types[] = {0, -1, 36, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    refused(field("a", types[i]), PF_ERR_INVALID_ARGUMENT, "PF_TYPE_");
  pf_field one = field("a", PF_TYPE_INT32);
  one.flags = 4;
  refused(one, PF_ERR_INVALID_ARGUMENT, "flags 4");
  one.flags = UINT32_MAX;
  refused(one, PF_ERR_INVALID_ARGUMENT, "flags 4294967295");
  one = field("a", PF_TYPE_INT32);
  one.scale = 1;
  refused(one, PF_ERR_INVALID_ARGUMENT, "scale 1 is only for decimals");
}

static void width_is_for_fixed_size_binary(void) {
  pf_field one = field("a", PF_TYPE_FIXED_SIZE_BINARY);
  one.width = 0;
  refused(one, PF_ERR_INVALID_ARGUMENT, "width 0");
  one.width = (uint32_t)INT32_MAX + 1;
  refused(one, PF_ERR_INVALID_ARGUMENT, "width 2147483648");
  one.width = 1;
  accepted(&one, 1);
  one = field("a", PF_TYPE_INT32);
  one.width = 4;
  refused(one, PF_ERR_INVALID_ARGUMENT, "width 4");
  one = field("a", PF_TYPE_UTF8);
  one.width = 1;
  refused(one, PF_ERR_INVALID_ARGUMENT, "width 1");
}

static void decimals_have_digits_and_scale(void) {
  const uint32_t most[] = {9, 18, 38, 76};
  for (int i = 0; i < 4; i++) {
    pf_field one = field("a", PF_TYPE_DECIMAL32 + i);
    for (one.width = 1; one.width <= most[i]; one.width += most[i] - 1)
      for (one.scale = 0; one.scale <= one.width; one.scale += one.width) accepted(&one, 1);
    one.scale = 0;
    refused(one, PF_ERR_INVALID_ARGUMENT, "(digits)"); /* one more */
    one.width = 0;
    refused(one, PF_ERR_INVALID_ARGUMENT, "width 0 (digits)");
    one.width = 256 + 5; /* not cut to 8 bits */
    refused(one, PF_ERR_INVALID_ARGUMENT, "width 261");
    one.width = UINT32_MAX;
    refused(one, PF_ERR_INVALID_ARGUMENT, "width 4294967295");
    one.width = 5;
    one.scale = 6;
    refused(one, PF_ERR_INVALID_ARGUMENT, "scale 6");
    one.scale = UINT32_MAX;
    refused(one, PF_ERR_INVALID_ARGUMENT, "scale 4294967295");
  }
  pf_field one = field("a", PF_TYPE_UUID);
  one.width = 16;
  refused(one, PF_ERR_INVALID_ARGUMENT, "width 16");
}

static void names_are_unique_utf8(void) {
  refused(field(NULL, PF_TYPE_INT8), PF_ERR_INVALID_ARGUMENT, "fields[0].name is NULL");
  refused(field("", PF_TYPE_INT8), PF_ERR_INVALID_ARGUMENT, "fields[0].name");
  refused(field("a\xFFz", PF_TYPE_INT8), PF_ERR_BAD_UTF8, "a\\xffz");

  static char longest[65538];
  memset(longest, 'x', 65537);
  refused(field(longest, PF_TYPE_INT8), PF_ERR_INVALID_ARGUMENT, "65537");
  longest[65536] = '\0';
  pf_field one = field(longest, PF_TYPE_INT8);
  accepted(&one, 1);

  pf_field twice[3] = {field("a", PF_TYPE_INT8), field("b", PF_TYPE_INT8), field("a", PF_TYPE_UTF8)};
  pf_schema *schema = NULL;
  CHECK_INVALID(pf_schema_new(twice, 3, sizeof *twice, &schema, &err));
  CHECK_SAYS("\"a\"");
  twice[2].name = "A"; /* names differ by case */
  accepted(twice, 3);
}

static void timezone_is_for_timestamps(void) {
  for (int32_t type = PF_TYPE_BOOL; type <= PF_TYPE_UUID; type++) {
    pf_field one = field("a", type);
    one.timezone = "UTC";
    if (type >= PF_TYPE_TIMESTAMP_S && type <= PF_TYPE_TIMESTAMP_NS)
      accepted(&one, 1);
    else
      refused(one, PF_ERR_INVALID_ARGUMENT, "timezone");
  }
  pf_field one = field("a", PF_TYPE_TIMESTAMP_US);
  one.timezone = "";
  refused(one, PF_ERR_INVALID_ARGUMENT, "timezone");
  one.timezone = "\xC3(";
  refused(one, PF_ERR_BAD_UTF8, "timezone");
}

static void arguments_are_checked(void) {
  pf_field one = field("a", PF_TYPE_INT32);
  pf_schema *schema = NULL;
  CHECK_INVALID(pf_schema_new(NULL, 1, sizeof one, &schema, &err));
  CHECK_INVALID(pf_schema_new(&one, 0, sizeof one, &schema, &err));
  CHECK_INVALID(pf_schema_new(NULL, 0, sizeof one, &schema, &err));
  CHECK_INVALID(pf_schema_new(&one, UINT64_MAX, sizeof one, &schema, &err));
  CHECK_INVALID(pf_schema_new(&one, UINT64_MAX / sizeof one + 2, sizeof one, &schema, &err));
  CHECK_INVALID(pf_schema_new(&one, 65537, sizeof one, &schema, &err));
  CHECK_INVALID(pf_schema_new(&one, 1, sizeof one, NULL, &err));
  CHECK_SAYS("schema is NULL");

  uint64_t memory[8];
  void *misaligned = (char *)memory + 1;
  memcpy(misaligned, &one, sizeof one);
  CHECK_INVALID(pf_schema_new(misaligned, 1, sizeof one, &schema, &err));
  CHECK_SAYS("aligned");
  CHECK_INVALID(pf_schema_new(&one, 1, sizeof one, misaligned, &err));
  CHECK_SAYS("misaligned");
  CHECK(schema == NULL);
}

/* Fields of a newer header are longer: fine as long as the new part asks for nothing. */
static void element_size_travels_with_the_array(void) {
  struct {
    pf_field known;
    uint64_t later;
  } newer[2] = {{field("a", PF_TYPE_INT32), 0}, {field("b", PF_TYPE_UTF8), 0}};
  pf_schema *schema = NULL;
  const uint64_t sizes[] = {0,
                            1,
                            sizeof(pf_field) - 1,
                            offsetof(pf_field, children) - 8,
                            sizeof(pf_field) + 1,
                            4104,
                            UINT64_MAX,
                            (uint64_t)UINT32_MAX + 1 + sizeof(pf_field)};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    CHECK_INVALID(pf_schema_new(&newer[0].known, 1, sizes[i], &schema, &err));
  CHECK_OK(pf_schema_new(&newer[0].known, 2, sizeof newer[0], &schema, &err));
  pf_schema_free(schema);
  schema = NULL;
  /* Those of the first header had no children. */
  CHECK_OK(pf_schema_new(&newer[0].known, 1, offsetof(pf_field, children), &schema, &err));
  pf_schema_free(schema);
  schema = NULL;
  newer[1].later = 1;
  CHECK_STATUS(pf_schema_new(&newer[0].known, 2, sizeof newer[0], &schema, &err), PF_ERR_UNSUPPORTED);
  CHECK(schema == NULL);
}

static void a_freed_handle_is_stale(void) {
  pf_field one = field("a", PF_TYPE_INT32);
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  const char *path = path_of("never.parquet");
  CHECK_OK(pf_schema_new(&one, 1, sizeof one, &schema, &err));
  pf_schema_free(schema);
  CHECK_STATUS(pf_writer_open(path, schema, NULL, &writer, &err), PF_ERR_STALE_HANDLE);
  CHECK_SAYS("schema");
  pf_schema_free(schema);
  pf_schema_free(NULL);
  pf_schema_free((pf_schema *)(void *)&one);
  pf_writer_free((pf_writer *)schema);

  /* Its slot is used again, the old handle still means nothing. */
  pf_schema *next = NULL;
  CHECK_OK(pf_schema_new(&one, 1, sizeof one, &next, &err));
  CHECK(next != schema);
  pf_schema_free(schema);
  CHECK_STATUS(pf_writer_open(path, schema, NULL, &writer, &err), PF_ERR_STALE_HANDLE);
  CHECK_OK(pf_writer_open(path, next, NULL, &writer, &err));
  pf_schema_free(next); /* the writer keeps what it needs */
  CHECK_OK(pf_flush(writer, &err));
  pf_writer_free(writer);
  CHECK_NO_FILE(path);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  every_type_is_accepted();
  unknown_numbers_are_refused();
  width_is_for_fixed_size_binary();
  decimals_have_digits_and_scale();
  names_are_unique_utf8();
  timezone_is_for_timestamps();
  arguments_are_checked();
  element_size_travels_with_the_array();
  a_freed_handle_is_stale();
  return test_end();
}
