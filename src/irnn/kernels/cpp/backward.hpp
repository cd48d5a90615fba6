// Backward through time. With dz_t the gradient at the nonlinearity's input:
//   dz_{t-1} = f'(h_{t-1}) * (dz_t W_hh + grad_output_{t-1})
//   [dW_hh | dW_ih | db] = sum over t and rows of dz_t^T [h_{t-1} | x_t | 1]
// The sum is taken in chunks of time while their dz and states are in the second-level cache.
#pragma once

namespace irnn {
namespace {

constexpr Index chunk_depth = 128;  // rows times steps in one chunk of the weight gradient

template <class T> struct Backward {
    const Call &call;
    Index stride, partials;
    T *w_hh, *w_ih;           // packed
    T *sums;                  // partials x (H, stride)
    T *scratch;               // per worker
    Index scratch_elements, input_stride;
    bool sparse;              // silent units may be left out

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

    void step_back(const T *dz, T *to, const T *states, const Terms &terms, Index t, Index first,
                   Index rows) const {
        Product<T> step = {};
        step.rows = rows, step.columns = step.depth = call.hidden;
        step.left = dz, step.left_row = step.out_row = step.state_row = stride;
        step.right = w_hh, step.out = to, step.state = states;
        step.terms = terms.all ? nullptr : &terms;
        if (t > 0 && !call.last_only) {
            put_grad_output(to, t - 1, first, rows);
            step.init = to, step.init_row = stride;
        }
        if (t > 0 && !call.tanh) step.after = After::relu_backward;
        multiply(step);
        if (t > 0 && call.tanh) differentiate(to, states, rows);
    }

    void add_weight_gradient(T *sum, const T *dz, const T *states, const Units &units, Index depth) const {
        Product<T> outer = {};
        outer.rows = units.all ? call.hidden : units.count;
        outer.columns = call.hidden + call.features + 1;
        outer.list = units.all ? nullptr : units.list;
        outer.depth = depth, outer.left = dz, outer.left_depth = stride;
        outer.right = states, outer.right_depth = stride;
        outer.init = outer.out = sum, outer.init_row = outer.out_row = stride;
        multiply_transposed(outer);
    }

    void put_grad_inputs(const T *dz, T *room, Index t, Index steps, Index first, Index rows) const {
        Product<T> product = {};
        product.rows = steps * rows, product.columns = call.features, product.depth = call.hidden;
        product.left = dz, product.left_row = stride;
        product.right = w_ih, product.out = room, product.out_row = input_stride;
        multiply(product);
        T *to = static_cast<T *>(call.grad_inputs) + (t * call.batch + first) * call.features;
        for (Index s = 0; s < steps; ++s, to += call.batch * call.features)
            for (Index r = 0; r < rows; ++r)
                std::memcpy(to + r * call.features, room + (s * rows + r) * input_stride,
                            call.features * sizeof(T));
    }

    // Whether nothing goes further back: a gradient that has vanished is exactly zero some steps
    // after it left the range of T, and then so is all that it would still contribute.
    bool vanished(const T *dz, Index rows) const {
        if (!call.last_only) return false;
        for (Index r = 0; r < rows; ++r)
            for (Index j = 0; j < call.hidden; ++j)
                if (dz[r * stride + j] != 0) return false;
        return true;
    }

    void put_no_grad_inputs(Index end, Index first, Index rows) const {
        T *to = static_cast<T *>(call.grad_inputs) + first * call.features;
        for (Index t = 0; t < end; ++t, to += call.batch * call.features)
            std::memset(to, 0, rows * call.features * sizeof(T));
    }

    // Back through the steps of `rows` rows from `first`, whose states are in `history`. Slot s of
    // `dz` belongs to step start + s - 1; slot 0 is handed on to the chunk before. The slot of the
    // last step, top(rows), holds the gradient of the last state already.
    Index top(Index rows) const {
        const Index chunk = chunk_depth / rows;
        return call.time < chunk ? call.time : chunk;
    }

    void walk(Index first, Index rows, const T *history, T *sum, bool fresh, T *dz) const {
        const Index slot = rows * stride, chunk = chunk_depth / rows;
        T *const room = dz + (chunk + 1) * slot;
        Index steps = top(rows);
        Terms terms(sparse);
        Units units;
        if (fresh) std::memset(sum, 0, call.hidden * stride * sizeof(T));
        differentiate(dz + steps * slot, history + call.time * slot, rows);
        for (Index end = call.time; end > 0;) {
            const Index start = end - steps;
            units.clear(call.hidden);
            for (Index t = end - 1; t >= start; --t) {
                T *const here = dz + (t - start + 1) * slot;
                terms.find(here, stride, rows, call.hidden);
                units.add(terms);
                if (t > 0 || call.grad_h0)
                    step_back(here, here - slot, history + t * slot, terms, t, first, rows);
            }
            units.gather(call.hidden);
            add_weight_gradient(sum, dz + slot, history + start * slot, units, steps * rows);
            if (call.grad_inputs) put_grad_inputs(dz + slot, room, start, steps, first, rows);
            end = start;
            steps = end < chunk ? end : chunk;
            if (end > 0 && vanished(dz, rows)) {
                if (call.grad_inputs) put_no_grad_inputs(end, first, rows);
                break;
            }
            if (end > 0) std::memcpy(dz + steps * slot, dz, slot * sizeof(T));
        }
        if (T *to = static_cast<T *>(call.grad_h0))
            for (Index r = 0; r < rows; ++r)
                std::memcpy(to + (first + r) * call.hidden, dz + r * stride,
                            call.hidden * sizeof(T));
    }

    void block(Index index, T *sum, bool fresh, T *dz) const {
        const Index first = index * block_rows, rows = rows_of_block(call, index);
        put_grad_output(dz + top(rows) * rows * stride, call.time - 1, first, rows);
        const T *history = static_cast<const T *>(call.history) + first * (call.time + 1) * stride;
        walk(first, rows, history, sum, fresh, dz);
    }

    T *sum_of(Index partial) const { return sums + partial * call.hidden * stride; }
    T *scratch_of(int worker) const { return scratch + worker * scratch_elements; }
    // The blocks of a partial sum are a function of the batch size only.
    Index begin(Index partial) const { return partial * block_count(call) / partials; }

    void partial(Index index, int worker) const {
        for (Index b = begin(index); b < begin(index + 1); ++b)
            block(b, sum_of(index), b == begin(index), scratch_of(worker));
    }

    void reduce() const {
        const Index H = call.hidden, F = call.features;
        T *to_hh = static_cast<T *>(call.grad_w_hh), *to_ih = static_cast<T *>(call.grad_w_ih);
        T *to_bias = static_cast<T *>(call.grad_bias);
        T *also_to = static_cast<T *>(call.grad_second_bias);
        for (Index i = 0; i < H; ++i) {
            T *row = sums + i * stride;
            for (Index p = 1; p < partials; ++p) {
                const T *other = row + p * H * stride;
                for (Index j = 0; j < H + F + 1; ++j) row[j] += other[j];
            }
            std::memcpy(to_hh + i * H, row, H * sizeof(T));
            std::memcpy(to_ih + i * F, row + H, F * sizeof(T));
            if (to_bias) to_bias[i] = row[H + F];
            if (also_to) also_to[i] = row[H + F];
        }
    }
};

// A `Backward` with its packed weights and its working memory.
template <class T> struct BackwardRoom {
    Index stride, partials, workers, width_hh, width_ih, input_stride, scratch_elements;
    Buffer packed, sums, scratch;
    bool sparse;
    BackwardRoom(const Call &call, bool sparse)
        : stride(row_stride(call, sizeof(T))),
          partials(partial_count(call)),
          workers(call.threads < partials ? call.threads : partials),
          width_hh(Columns<T>(call.hidden).width()),
          width_ih(call.grad_inputs ? Columns<T>(call.features).width() : 0),
          input_stride(width_ih),
          scratch_elements((chunk_depth + block_rows) * stride + chunk_depth * input_stride),
          packed(call.hidden * (width_hh + width_ih) * sizeof(T), call.poison),
          sums(partials * call.hidden * stride * sizeof(T), call.poison),
          scratch(workers * scratch_elements * sizeof(T), call.poison),
          sparse(sparse) {
        const Index H = call.hidden, F = call.features;
        const T *w_hh = static_cast<const T *>(call.w_hh);
        const T *w_ih = static_cast<const T *>(call.w_ih);
        pack(packed.as<T>(), H, H, [=](Index k) { return w_hh + k * H; });
        if (call.grad_inputs)
            pack(packed.as<T>() + H * width_hh, H, F, [=](Index k) { return w_ih + k * F; });
    }
    Backward<T> pass(const Call &call) const {
        return {call, stride, partials, packed.as<T>(), packed.as<T>() + call.hidden * width_hh,
                sums.as<T>(), scratch.as<T>(), scratch_elements, input_stride, sparse};
    }
};

template <class T> void backward(const Call &call) {
    const BackwardRoom<T> room(call, may_be_sparse<T>(call));
    Backward<T> pass = room.pass(call);
    parallel(static_cast<int>(room.workers), room.partials, [](void *context, Index task, int worker) {
        static_cast<Backward<T> *>(context)->partial(task, worker);
    }, &pass);
    pass.reduce();
}

}  // namespace
}  // namespace irnn
