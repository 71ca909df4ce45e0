/* Error detail: what it says, and when it is written. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const pf_field good = PF_FIELD("a", PF_TYPE_INT32, PF_FIELD_REQUIRED);
static const pf_field bad = PF_FIELD("price", 77, PF_FIELD_REQUIRED);

static void detail_says_what_and_where(void) {
  pf_schema *schema = NULL;
  pf_error detail = PF_ERROR_INIT;
  CHECK(pf_schema_new(&bad, 1, sizeof bad, &schema, &detail) == PF_ERR_INVALID_ARGUMENT);
  CHECK(detail.struct_size == sizeof detail);
  CHECK(detail.status == PF_ERR_INVALID_ARGUMENT);
  CHECK(detail.os_errno == 0);
  CHECK(strstr(detail.message, "price") != NULL); /* the argument */
  CHECK(strstr(detail.message, "77") != NULL);    /* its value */
  CHECK(strstr(detail.message, "PF_TYPE_") != NULL);
  CHECK(strncmp(detail.file, "src/", 4) == 0);
  CHECK(strstr(detail.file, ".rs") != NULL);
  CHECK(detail.line > 0);
  CHECK(schema == NULL);
}

static void detail_has_the_errno(void) {
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(&good, 1, sizeof good, &schema, &err));
  CHECK_STATUS(pf_writer_open(path_of("missing/a.parquet"), schema, NULL, &writer, &err), PF_ERR_NOT_FOUND);
  CHECK(err.os_errno == 2);
  CHECK_SAYS("missing/a.parquet");
  CHECK(writer == NULL);
  pf_schema_free(schema);
}

static void detail_may_be_null(void) {
  pf_schema *schema = NULL;
  CHECK_INVALID(pf_schema_new(&bad, 1, sizeof bad, &schema, NULL));
  CHECK_OK(pf_schema_new(&good, 1, sizeof good, &schema, NULL));
  pf_schema_free(schema);
}

static void success_leaves_it_alone(void) {
  pf_schema *schema = NULL;
  pf_error detail, before;
  memset(&detail, 0x5A, sizeof detail);
  detail.struct_size = sizeof detail;
  before = detail;
  CHECK(pf_schema_new(&good, 1, sizeof good, &schema, &detail) == PF_OK);
  CHECK(memcmp(&detail, &before, sizeof detail) == 0);
  pf_schema_free(schema);
}

/* A struct without its size may be too short, so it is not written to and the call does nothing. */
static void a_wrong_size_is_refused(void) {
  const uint32_t sizes[] = {0, 4, sizeof(pf_error) - 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    pf_schema *schema = NULL;
    pf_error detail, before;
    memset(&detail, 0x5A, sizeof detail);
    detail.struct_size = sizes[i];
    before = detail;
    CHECK(pf_schema_new(&good, 1, sizeof good, &schema, &detail) == PF_ERR_INVALID_ARGUMENT);
    CHECK(pf_schema_new(&bad, 1, sizeof bad, &schema, &detail) == PF_ERR_INVALID_ARGUMENT);
    CHECK(memcmp(&detail, &before, sizeof detail) == 0);
    CHECK(schema == NULL);
  }
}

/* One of a newer header: the tail is left alone. */
static void a_longer_one_is_filled_as_far_as_known(void) {
  struct {
    pf_error known;
    uint32_t later[4];
  } detail = {PF_ERROR_INIT, {1, 2, 3, 4}};
  pf_schema *schema = NULL;
  detail.known.struct_size = sizeof detail;
  CHECK(pf_schema_new(&bad, 1, sizeof bad, &schema, &detail.known) == PF_ERR_INVALID_ARGUMENT);
  CHECK(detail.known.struct_size == sizeof detail);
  CHECK(strstr(detail.known.message, "price") != NULL);
  CHECK(detail.later[0] == 1 && detail.later[3] == 4);
}

static void a_misaligned_one_is_refused(void) {
  unsigned char *memory = malloc(sizeof(pf_error) + 8), *before = malloc(sizeof(pf_error) + 8);
  CHECK(memory != NULL && before != NULL);
  const pf_error start = PF_ERROR_INIT;
  for (size_t by = 1; by < 4; by++) {
    pf_schema *schema = NULL;
    memset(memory, 0x5A, sizeof(pf_error) + 8);
    memcpy(memory + by, &start, sizeof start);
    memcpy(before, memory, sizeof(pf_error) + 8);
    pf_error *misaligned = (pf_error *)(void *)(memory + by);
    CHECK(pf_schema_new(&bad, 1, sizeof bad, &schema, misaligned) == PF_ERR_INVALID_ARGUMENT);
    CHECK(memcmp(memory, before, sizeof(pf_error) + 8) == 0);
  }
  free(memory);
  free(before);
}

/* Longer than the message: cut at a character, still NUL-terminated. */
static void a_long_message_is_cut(void) {
  static char name[4001];
  for (size_t i = 0; i < 4000; i += 2) memcpy(name + i, "é", 2);
  pf_field field = bad;
  field.name = name;
  pf_schema *schema = NULL;
  CHECK_INVALID(pf_schema_new(&field, 1, sizeof field, &schema, &err));
  size_t length = strlen(err.message);
  CHECK(length >= sizeof err.message - 2 && length < sizeof err.message);
  CHECK(memcmp(err.message + length - 2, "é", 2) == 0);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  detail_says_what_and_where();
  detail_has_the_errno();
  detail_may_be_null();
  success_leaves_it_alone();
  a_wrong_size_is_refused();
  a_longer_one_is_filled_as_far_as_known();
  a_misaligned_one_is_refused();
  a_long_message_is_cut();
  return test_end();
}
