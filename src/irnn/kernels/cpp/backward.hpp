// Backward through time. With dz_t the gradient at the nonlinearity's input:
//   dz_{t-1} = f'(h_{t-1}) * (dz_t W_hh + grad_output_{t-1})
//   [dW_hh | dW_ih | db] = sum over t and rows of dz_t^T [h_{t-1} | x_t | 1]
// The sum is taken in chunks of time while their dz and states are in the second-level cache.
#pragma once

namespace irnn {
namespace {

constexpr Index chunk_depth = 128;  // rows times steps in one chunk of the weight gradient
constexpr Index most_partials = 16;  // weight gradients summed apart, then together in order

template <class T> struct Backward {
    const Call &call;
    Index stride, blocks, partials;
    T *w_hh, *w_ih;           // packed
    T *sums;                  // partials x (H, stride)
    T *scratch;               // per worker
    Index scratch_elements, input_stride;

    void differentiate(T *dz, const T *states, Index rows) const {
        for (Index r = 0; r < rows; ++r, dz += stride, states += stride) {
            if (call.tanh) tanh_backward_row(dz, states, call.hidden);
            else relu_backward_row(dz, states, call.hidden);
        }
    }

    // The gradient of the output at step t (for the last state: at the only one).
    void put_grad_output(T *to, Index t, Index first, Index rows) const {
        const T *from = static_cast<const T *>(call.grad_output) +
                        ((call.last_only ? 0 : t * call.batch) + first) * call.hidden;
        for (Index r = 0; r < rows; ++r)
            std::memcpy(to + r * stride, from + r * call.hidden, call.hidden * sizeof(T));
    }

    void step_back(const T *dz, T *to, const T *states, Index t, Index first, Index rows) const {
        Product<T> step = {};
        step.rows = rows, step.columns = step.depth = call.hidden;
        step.left = dz, step.left_row = step.out_row = step.state_row = stride;
        step.left_depth = 1, step.right = w_hh, step.out = to, step.state = states;
        if (t > 0 && !call.last_only) {
            put_grad_output(to, t - 1, first, rows);
            step.init = to, step.init_row = stride;
        }
        if (t > 0 && !call.tanh) step.after = After::relu_backward;
        multiply<false>(step);
        if (t > 0 && call.tanh) differentiate(to, states, rows);
    }

    void add_weight_gradient(T *sum, const T *dz, const T *states, Index depth, bool first) const {
        Product<T> outer = {};
        outer.rows = call.hidden, outer.columns = call.hidden + call.features + 1;
        outer.depth = depth, outer.left = dz, outer.left_row = 1, outer.left_depth = stride;
        outer.right = states, outer.right_depth = stride, outer.out = sum, outer.out_row = stride;
        if (!first) outer.init = sum, outer.init_row = stride;
        multiply<true>(outer);
    }

    void put_grad_inputs(const T *dz, T *room, Index t, Index steps, Index first, Index rows) const {
        Product<T> product = {};
        product.rows = steps * rows, product.columns = call.features, product.depth = call.hidden;
        product.left = dz, product.left_row = stride, product.left_depth = 1;
        product.right = w_ih, product.out = room, product.out_row = input_stride;
        multiply<false>(product);
        T *to = static_cast<T *>(call.grad_inputs) + (t * call.batch + first) * call.features;
        for (Index s = 0; s < steps; ++s, to += call.batch * call.features)
            for (Index r = 0; r < rows; ++r)
                std::memcpy(to + r * call.features, room + (s * rows + r) * input_stride,
                            call.features * sizeof(T));
    }

    // Slot s of `dz` belongs to step start + s - 1; slot 0 is handed on to the chunk before.
    void block(Index index, T *sum, bool fresh, T *dz) const {
        const Index first = index * block_rows;
        const Index rows = call.batch - first < block_rows ? call.batch - first : block_rows;
        const Index slot = rows * stride, chunk = chunk_depth / rows;
        const T *history = static_cast<const T *>(call.history) + first * (call.time + 1) * stride;
        T *const room = dz + (chunk + 1) * slot;
        Index steps = call.time < chunk ? call.time : chunk;
        put_grad_output(dz + steps * slot, call.time - 1, first, rows);
        differentiate(dz + steps * slot, history + call.time * slot, rows);
        for (Index end = call.time; end > 0;) {
            const Index start = end - steps;
            for (Index t = end - 1; t >= start; --t)
                if (t > 0 || call.grad_h0)
                    step_back(dz + (t - start + 1) * slot, dz + (t - start) * slot,
                              history + t * slot, t, first, rows);
            add_weight_gradient(sum, dz + slot, history + start * slot, steps * rows, fresh);
            if (call.grad_inputs) put_grad_inputs(dz + slot, room, start, steps, first, rows);
            fresh = false;
            end = start;
            steps = end < chunk ? end : chunk;
            if (end > 0) std::memcpy(dz + steps * slot, dz, slot * sizeof(T));
        }
        if (T *to = static_cast<T *>(call.grad_h0))
            for (Index r = 0; r < rows; ++r)
                std::memcpy(to + (first + r) * call.hidden, dz + r * stride,
                            call.hidden * sizeof(T));
    }

    // A run of blocks that share one sum; which blocks is a function of the batch size only.
    void partial(Index index, int worker) const {
        const Index begin = index * blocks / partials, end = (index + 1) * blocks / partials;
        for (Index b = begin; b < end; ++b)
            block(b, sums + index * call.hidden * stride, b == begin,
                  scratch + worker * scratch_elements);
    }

    void reduce() const {
        const Index H = call.hidden, F = call.features;
        T *to_hh = static_cast<T *>(call.grad_w_hh), *to_ih = static_cast<T *>(call.grad_w_ih);
        T *to_bias = static_cast<T *>(call.grad_bias);
        for (Index i = 0; i < H; ++i) {
            T *row = sums + i * stride;
            for (Index p = 1; p < partials; ++p) {
                const T *other = row + p * H * stride;
                for (Index j = 0; j < H + F + 1; ++j) row[j] += other[j];
            }
            std::memcpy(to_hh + i * H, row, H * sizeof(T));
            std::memcpy(to_ih + i * F, row + H, F * sizeof(T));
            if (to_bias) to_bias[i] = row[H + F];
        }
    }
};

template <class T> void backward(const Call &call) {
    const Index H = call.hidden, F = call.features;
    const Index stride = row_stride(call, sizeof(T));
    const Index blocks = (call.batch + block_rows - 1) / block_rows;
    const Index partials = blocks < most_partials ? blocks : most_partials;
    const Index workers = call.threads < partials ? call.threads : partials;
    const Index width_hh = Columns<T>(H).width(), width_ih = Columns<T>(F).width();
    const Index input_stride = call.grad_inputs ? width_ih : 0;
    const Index scratch_elements =
        (chunk_depth + block_rows) * stride + chunk_depth * input_stride;
    const bool poison = call.poison;
    Buffer packed(H * (width_hh + width_ih) * sizeof(T), poison);
    Buffer sums(partials * H * stride * sizeof(T), poison);
    Buffer scratch(workers * scratch_elements * sizeof(T), poison);
    const T *w_hh = static_cast<const T *>(call.w_hh), *w_ih = static_cast<const T *>(call.w_ih);
    T *packed_hh = packed.as<T>(), *packed_ih = packed_hh + H * width_hh;
    pack(packed_hh, H, H, [=](Index k, Index j) { return w_hh[k * H + j]; });
    if (call.grad_inputs)
        pack(packed_ih, H, F, [=](Index k, Index j) { return w_ih[k * F + j]; });
    Backward<T> pass{call,      stride,          blocks,          partials,        packed_hh,
                     packed_ih, sums.as<T>(),    scratch.as<T>(), scratch_elements, input_stride};
    parallel(static_cast<int>(workers), partials, [](void *context, Index task, int worker) {
        static_cast<Backward<T> *>(context)->partial(task, worker);
    }, &pass);
    pass.reduce();
}

}  // namespace
}  // namespace irnn
