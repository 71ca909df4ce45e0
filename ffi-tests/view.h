/* Arrow's variable-size binary view (Columnar.html, "Variable-size Binary View Layout"). */
#ifndef FLOW_VIEW_H
#define FLOW_VIEW_H

#include <stdint.h>

typedef struct view {
  int32_t length;
  union {
    char text[12];
    struct {
      char prefix[4];
      int32_t buffer, offset;
    } at;
  } is;
} view;

#endif
