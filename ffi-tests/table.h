/* A table of every type, required and nullable, with the values that readers and writers get wrong. */
#ifndef FLOW_TABLE_H
#define FLOW_TABLE_H

#include <flow.h>
#include <stddef.h>

/* Columns of a table: 29 types twice, four timestamps with and without a timezone twice. */
#define TABLE_COLUMNS 74

typedef struct column {
  unsigned char *values;
  uint64_t values_size;
  int32_t *offsets;  /* NULL unless of variable length */
  uint8_t *validity; /* NULL if required */
} column;

typedef struct table {
  uint64_t rows;
  pf_field fields[TABLE_COLUMNS];
  char names[TABLE_COLUMNS][32];
  column columns[TABLE_COLUMNS];
} table;

/* The same table for the same number of rows. */
table *table_new(uint64_t rows);
void table_free(table *t);

pf_schema *table_schema(const table *t);

/* Appends rows `from` to `from + count`. */
void table_append(pf_writer *writer, const table *t, uint64_t from, uint64_t count);

/* Writes the expectation of a part that holds the table. */
void table_expect(const char *part, const table *t, uint64_t row_groups);

#endif
