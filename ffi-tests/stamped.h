/* Records of a number that libflow stamps with their sequence, producer and capture time. */
#ifndef FLOW_STAMPED_H
#define FLOW_STAMPED_H

#include "check.h"
#include "expected.h"

typedef struct stamped {
  int64_t number;
  uint32_t of; /* whose record it is */
} stamped;

/* Bytes of each in a lane: with 8 for the time. */
enum { STAMPED_ENTRY = 8 + sizeof(stamped) };

/* To be freed by the caller. */
pf_record_layout *stamped_layout(void);

pf_sink *open_stamped(const char *path, const pf_sink_options *options);

/* `wait_ns` as in pf_producer_options. */
pf_producer *open_producer(pf_sink *sink, uint64_t wait_ns);

/* All bytes of it are set, padding included. */
stamped make_stamped(int64_t number, uint32_t of);

/* What the part must hold: rows in the order in which they are expected, or in any. */
expected expect_stamped_begin(const char *path, uint64_t row_groups, bool unordered);
void expect_stamped(expected *to, uint64_t sequence, uint32_t producer, int64_t number, uint32_t of);

pf_capture_stats stats_of(const pf_sink *sink);

/* Closes and frees a sink whose records were all taken or dropped: none was lost. */
pf_sink_result close_sink(pf_sink *sink);

#endif
