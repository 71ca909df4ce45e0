// The header needs nothing before it, and its templates compile.
#include <flow.hpp>

template class flow::producer<int>;
