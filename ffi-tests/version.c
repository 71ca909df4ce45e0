/* The version of header and library, and the names of the statuses. */
#include <stdio.h>
#include <string.h>

#include "check.h"

static void versions_agree(void) {
  char composed[64];
  snprintf(composed, sizeof composed, "%d.%d.%d", PF_VERSION_MAJOR, PF_VERSION_MINOR, PF_VERSION_PATCH);
  CHECK(strcmp(composed, PF_VERSION) == 0);
  CHECK(strcmp(pf_version(), PF_VERSION) == 0);
  CHECK(PF_VERSION_NUMBER == PF_VERSION_MAJOR * 1000000 + PF_VERSION_MINOR * 1000 + PF_VERSION_PATCH);
  CHECK(pf_version_number() == PF_VERSION_NUMBER);
}

static void every_status_has_its_name(void) {
#define NAMED(status) CHECK(strcmp(pf_status_name(status), #status) == 0)
  NAMED(PF_OK);
  NAMED(PF_FULL);
  NAMED(PF_OVERSIZED);
  NAMED(PF_TIMEOUT);
  NAMED(PF_ERR_INVALID_ARGUMENT);
  NAMED(PF_ERR_SCHEMA_MISMATCH);
  NAMED(PF_ERR_TYPE_MISMATCH);
  NAMED(PF_ERR_BAD_UTF8);
  NAMED(PF_ERR_CLOSED);
  NAMED(PF_ERR_POISONED);
  NAMED(PF_ERR_STALE_HANDLE);
  NAMED(PF_ERR_FORKED);
  NAMED(PF_ERR_NOT_FOUND);
  NAMED(PF_ERR_PERMISSION);
  NAMED(PF_ERR_NO_SPACE);
  NAMED(PF_ERR_IO);
  NAMED(PF_ERR_CORRUPT);
  NAMED(PF_ERR_UNSUPPORTED);
  NAMED(PF_ERR_OUT_OF_MEMORY);
  NAMED(PF_ERR_CONFLICT);
  NAMED(PF_ERR_INTERNAL);
  const pf_status unknown[] = {4, -5, -14, -34, -41, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
    CHECK(strcmp(pf_status_name(unknown[i]), "unknown status") == 0);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  versions_agree();
  every_status_has_its_name();
  return test_end();
}
