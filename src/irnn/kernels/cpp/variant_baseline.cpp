// Whatever the compiler targets by default: SSE2 on x86-64, NEON on 64-bit ARM.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "call.hpp"

#define IRNN_VECTOR_BYTES 16
#define IRNN_ROWS_OF_3 4
#define IRNN_ROWS_OF_2 4
#include "variant.hpp"

IRNN_VARIANT(baseline, [] { return true; })
