// The kernel's whole source for one instruction set. The including file has chosen the target,
// IRNN_VECTOR_BYTES, IRNN_HALF_BYTES and IRNN_TILE_ROWS, and included every standard header
// *before* the target, so that no inline function of the library is compiled for it.
#pragma once

#include "vectors.hpp"
// clang-format off: each builds on the one before
#include "terms.hpp"
#include "product.hpp"
#include "transcendental.hpp"
#include "narrow.hpp"
#include "forward.hpp"
#include "backward.hpp"
#include "regression.hpp"
#include "optimizers.hpp"
// clang-format on

#define IRNN_VARIANT(NAME, SUPPORTED)                                           \
    namespace irnn {                                                            \
    extern const Variant NAME##_variant = {#NAME,                               \
                                           SUPPORTED,                           \
                                           {forward<float>, forward<double>},   \
                                           {backward<float>, backward<double>}, \
                                           {regression<float>, regression<double>}, \
                                           {apply_step<float>, apply_step<double>}}; \
    }
