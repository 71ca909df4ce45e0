/* The header needs nothing before it. */
#include <flow.h>
