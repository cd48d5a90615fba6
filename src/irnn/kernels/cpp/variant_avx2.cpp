// 256-bit vectors and fused multiply-add: 16 registers hold a tile of 4 rows x 3 vectors.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "call.hpp"

#ifdef IRNN_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define IRNN_VECTOR_BYTES 32
#define IRNN_ROWS_OF_3 4
#define IRNN_ROWS_OF_2 6
#include "variant.hpp"

#ifdef __clang__
#pragma clang attribute pop
#endif

IRNN_VARIANT(avx2, irnn::processor_runs_avx2)
#endif
