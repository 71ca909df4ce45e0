/* A chunk of good slices to spoil: refused, it leaves the writer as it was, which then takes a good one. */
#ifndef FLOW_SPOIL_H
#define FLOW_SPOIL_H

#include <flow.h>

#include "check.h"

/* Columns: int32 (required), utf8, float64, timestamp ns, bool, date, decimal128; the others are nullable. */
enum { ID, TEXT, REAL, WHEN, FLAG, DAY, MONEY, COLUMNS, ROWS = 4 };

/* The slices of the next chunk: good ones, again after each chunk. The first column is `ids`. */
extern pf_column_slice slices[COLUMNS];
extern const int32_t ids[ROWS];

/* What spoilt slices point to; three elements of the first two columns, for dictionaries. */
extern const int64_t zeros[64];
extern const pf_column_slice three_ids, three_texts;

/* Opens the writer; closes it, and says what its part must hold: the good chunks and no other. */
void spoil_begin(void);
void spoil_end(void);

/* Appends the slices; the part then holds the good values, but `texts` (NULL: null) in that column. */
void accepted_texts(const char *const *texts);

/* Both appends refuse the slices, and say so; a good chunk follows. */
void refused(pf_status status, const char *says);

/* Spoils slice `s` of a column, which is then refused. */
#define REFUSED_AS(status, column, change, says)  \
  do {                                            \
    pf_column_slice *const s = &slices[(column)]; \
    change;                                       \
    refused((status), (says));                    \
  } while (0)
#define REFUSED(column, change, says) REFUSED_AS(PF_ERR_INVALID_ARGUMENT, column, change, says)

#endif
