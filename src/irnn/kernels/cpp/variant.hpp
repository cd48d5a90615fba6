// The kernel's whole source for one instruction set. The including file has chosen the target,
// IRNN_VECTOR_BYTES, IRNN_HALF_BYTES and IRNN_TILE_ROWS, and included every standard header
// *before* the target, so that no inline function of the library is compiled for it.
#pragma once

#include "vectors.hpp"
// clang-format off: each builds on the one before
#include "terms.hpp"
#include "panels.hpp"
#include "transcendental.hpp"
#include "tiles.hpp"
#include "product.hpp"
#include "outer_sum.hpp"
#include "narrow.hpp"
#include "forward.hpp"
#include "outputs.hpp"
#include "backward.hpp"
#include "cells.hpp"
#include "gated_forward.hpp"
#include "gated_backward.hpp"
#include "heads.hpp"
#include "loss.hpp"
#include "optimizers.hpp"
// clang-format on

namespace irnn {
namespace {

template <class T> void forward(const Call &call) {
    if (call.cell == lstm_cell) gated_forward<T, Lstm>(call);
    else if (call.cell == gru_cell) gated_forward<T, Gru>(call);
    else simple_forward<T>(call);
}

template <class T> void backward(const Call &call) {
    if (call.cell == lstm_cell) gated_backward<T, Lstm>(call);
    else if (call.cell == gru_cell) gated_backward<T, Gru>(call);
    else simple_backward<T>(call);
}

template <class T> void loss(const Call &call) {
    if (call.cell == lstm_cell) loss_of<T, GatedNetwork<T, Lstm>>(call);
    else if (call.cell == gru_cell) loss_of<T, GatedNetwork<T, Gru>>(call);
    else loss_of<T, SimpleNetwork<T>>(call);
}

}  // namespace
}  // namespace irnn

#define IRNN_VARIANT(NAME, SUPPORTED)                                           \
    namespace irnn {                                                            \
    extern const Variant NAME##_variant = {#NAME,                               \
                                           SUPPORTED,                           \
                                           {forward<float>, forward<double>},   \
                                           {backward<float>, backward<double>}, \
                                           {loss<float>, loss<double>},         \
                                           {apply_step<float>, apply_step<double>}}; \
    }
