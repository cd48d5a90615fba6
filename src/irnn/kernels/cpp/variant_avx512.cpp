// 512-bit vectors: 32 registers hold a tile of 8 rows x 3 vectors.
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
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")
#endif

#define IRNN_VECTOR_BYTES 64
#define IRNN_ROWS_OF_3 8
#define IRNN_ROWS_OF_2 8
#include "variant.hpp"

#ifdef __clang__
#pragma clang attribute pop
#endif

IRNN_VARIANT(avx512, irnn::processor_runs_avx512)
#endif
