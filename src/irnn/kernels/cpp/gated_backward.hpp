// Backward through time for a gated cell. With d_t the gradient of the drive, which cells.hpp makes from that of h_t (and c_t):
//   gradient of h_{t-1} = d_t W_hh + what passes the gates by + grad_output_{t-1}
//   [dW_hh | dW_ih | db] = sum over t and rows of d_t^T [h_{t-1} | x_t | 1]
// in chunks of time, as in backward.hpp.
#pragma once

namespace irnn {
namespace {

// Rows times steps in a chunk: the gradients of four gates, their sums, states and tape share the cache.
constexpr Index gated_chunk_depth = 64;

// With its packed weights and its working memory.
template <class T, class Cell> struct GatedBackward {
    const Call &call;
    const GateLayout<T, Cell> &layout;
    Index stride, tape, partials, workers, hidden_stride, input_stride, scratch_elements;
    OuterSum<T> of_all, of_inputs;  // of what h and the inputs drive, and of what they do alone
    Buffer packed, sums, scratch;
    T *w_hh, *w_ih;

    GatedBackward(const Call &call, const GateLayout<T, Cell> &layout)
        : call(call), layout(layout), stride(row_stride(call, sizeof(T))), tape(tape_stride(call, sizeof(T))),
          partials(partial_count(call)), workers(call.threads < partials ? call.threads : partials),
          hidden_stride(whole_lines(call.hidden, sizeof(T))),
          input_stride(call.grad_inputs ? Columns<T>(call.features).width() : 0),
          scratch_elements(gated_chunk_depth * (layout.stride + input_stride) + 2 * block_rows * hidden_stride),
          of_all(OuterSum<T>::mixed(layout.recurrent, call.hidden + call.features + 1)),
          of_inputs(OuterSum<T>::turned(layout.columns - layout.recurrent, call.features + 1)),
          packed((layout.recurrent * Columns<T>(call.hidden).width() + layout.columns * input_stride) * sizeof(T),
                 call.poison),
          sums(partials * sum_elements() * sizeof(T), call.poison),
          scratch(workers * scratch_elements * sizeof(T), call.poison),
          w_hh(packed.as<T>()), w_ih(w_hh + layout.recurrent * Columns<T>(call.hidden).width()) {
        const Index H = call.hidden, F = call.features;
        const T *from_hh = static_cast<const T *>(call.w_hh), *from_ih = static_cast<const T *>(call.w_ih);
        const Index *of_h = layout.w_hh, *of_x = layout.w_ih;
        pack(w_hh, layout.recurrent, H, [=](Index k) { return from_hh + of_h[k] * H; });
        if (!call.grad_inputs) return;
        pack(w_ih, layout.columns, F, [=](Index k) {
            return listed([=](Index j) { return of_x[k] < 0 ? T(0) : from_ih[of_x[k] * F + j]; });
        });
    }

    // Of a partial sum.
    Index sum_elements() const { return of_all.elements() + of_inputs.elements(); }
    T *sum_of(Index partial) const { return sums.template as<T>() + partial * sum_elements(); }

    // A worker's memory: the gradients of a chunk's drives, of h and c at the step at hand, and room for those of inputs.
    struct Room {
        T *drive, *dh, *dc, *inputs;
    };
    Room room_of(int worker) const {
        T *const drive = scratch.template as<T>() + worker * scratch_elements;
        T *const dh = drive + gated_chunk_depth * layout.stride, *const dc = dh + block_rows * hidden_stride;
        return {drive, dh, dc, dc + block_rows * hidden_stride};
    }

    // Dense rows of a gradient to or from those of dh and dc; null: zero.
    void put_rows(const void *from, T *to, Index first, Index rows) const {
        const T *dense = static_cast<const T *>(from);
        for (Index r = 0; r < rows; ++r, to += hidden_stride) {
            if (dense) std::memcpy(to, dense + (first + r) * call.hidden, call.hidden * sizeof(T));
            else std::memset(to, 0, call.hidden * sizeof(T));
        }
    }
    void get_rows(const T *from, void *to, Index first, Index rows) const {
        for (Index r = 0; r < rows; ++r)
            std::memcpy(static_cast<T *>(to) + (first + r) * call.hidden, from + r * hidden_stride, call.hidden * sizeof(T));
    }

    // The gradient of h_{t-1}, in the place of what passed the gates of step t by.
    void step_back(const T *drive, const T *tapes, const T *states, T *dh, const Outputs<T> &outputs, Index t, Index first,
                   Index rows) const {
        const bool more = t > outputs.from;
        if (more) outputs.put(dh, hidden_stride, t - 1, first, rows, Cell::passes);
        Product<T> step = {};
        step.rows = rows, step.columns = call.hidden, step.depth = layout.recurrent;
        step.left = drive, step.left_row = layout.stride, step.right = w_hh;
        step.out = dh, step.out_row = step.init_row = hidden_stride;
        if (t > 0) {
            step.soon.put(states + (t - 1) * rows * stride, rows * stride);
            step.soon.put(tapes + (t - 1) * rows * tape, rows * tape);
        }
        if (more || Cell::passes) step.init = dh;
        multiply(step);
    }

    void add_weight_gradient(const T *drive, const T *states, T *sum, Index depth) const {
        of_all.add(sum, drive, layout.stride, states, stride, depth);
        if (Cell::drives)
            of_inputs.add(sum + of_all.elements(), drive + layout.recurrent, layout.stride, states + call.hidden, stride, depth);
    }

    void put_grad_inputs(const T *drive, T *room, Index t, Index steps, Index first, Index rows) const {
        Product<T> product = {};
        product.rows = steps * rows, product.columns = call.features, product.depth = layout.columns;
        product.left = drive, product.left_row = layout.stride;
        product.right = w_ih, product.out = room, product.out_row = input_stride;
        multiply(product);
        T *to = static_cast<T *>(call.grad_inputs) + (t * call.batch + first) * call.features;
        for (Index s = 0; s < steps; ++s, to += call.batch * call.features)
            for (Index r = 0; r < rows; ++r)
                std::memcpy(to + r * call.features, room + (s * rows + r) * input_stride, call.features * sizeof(T));
    }

    // Whether nothing goes further back, as in backward.hpp.
    bool vanished(const Room &room, const Outputs<T> &outputs, Index end, Index rows) const {
        if (end > outputs.from) return false;
        for (Index r = 0; r < rows; ++r)
            for (Index j = r * hidden_stride; j < r * hidden_stride + call.hidden; ++j)
                if (room.dh[j] != 0 || (Cell::carries && room.dc[j] != 0)) return false;
        return true;
    }

    // Back through the steps of `rows` rows from `first`.
    void walk(Index first, Index rows, T *history, const Outputs<T> &outputs, T *sum, bool fresh, int worker) const {
        const Room room = room_of(worker);
        outputs.put(room.dh, hidden_stride, call.time - 1, first, rows, false);
        put_rows(call.grad_last_carry, room.dc, first, rows);
        T *const tapes = history + (call.time + 1) * rows * stride;
        const Index most = gated_chunk_depth / rows;
        if (fresh) std::memset(sum, 0, sum_elements() * sizeof(T));
        for (Index end = call.time; end > 0;) {
            const Index start = end > most ? end - most : 0, steps = end - start;
            for (Index t = end - 1; t >= start; --t) {
                T *const drive = room.drive + (t - start) * rows * layout.stride;
                T *const tape_now = tapes + t * rows * tape;
                const StepRows<T> step{drive, tape_now, tape_now + rows * tape, history + t * rows * stride,
                                       call.hidden, layout.stride, tape, stride};
                each_vector<T>(call.hidden, [&](Index unit, auto vector) {
                    by_rows<8>(rows, [&](Index r, auto together) IRNN_INLINE_LAMBDA {
                        Cell::template backward<decltype(vector), together()>(
                            step.from(r), unit, room.dh + r * hidden_stride, room.dc + r * hidden_stride, hidden_stride);
                    });
                });
                if (t > 0 || call.grad_h0) step_back(drive, tapes, history, room.dh, outputs, t, first, rows);
            }
            add_weight_gradient(room.drive, history + start * rows * stride, sum, steps * rows);
            if (call.grad_inputs) put_grad_inputs(room.drive, room.inputs, start, steps, first, rows);
            end = start;
            if (end > 0 && vanished(room, outputs, end, rows)) {
                T *to = static_cast<T *>(call.grad_inputs);
                for (Index t = 0; to && t < end; ++t)
                    std::memset(to + (t * call.batch + first) * call.features, 0, rows * call.features * sizeof(T));
                break;
            }
        }
        if (call.grad_h0) get_rows(room.dh, call.grad_h0, first, rows);
        if (call.grad_c0) get_rows(room.dc, call.grad_c0, first, rows);
    }

    void partial(Index index, int worker) const {
        const GivenOutputs<T> outputs(call);
        for (Index b = first_block(call, index); b < first_block(call, index + 1); ++b) {
            const Index first = b * block_rows, rows = rows_of_block(call, b);
            T *const history = static_cast<T *>(call.history) + first * (call.time + 1) * (stride + tape);
            walk(first, rows, history, outputs, sum_of(index), b == first_block(call, index), worker);
        }
    }

    void reduce() const {
        const Index H = call.hidden, F = call.features;
        T *to_hh = static_cast<T *>(call.grad_w_hh), *to_ih = static_cast<T *>(call.grad_w_ih);
        T *b_ih = static_cast<T *>(call.grad_bias), *b_hh = static_cast<T *>(call.grad_second_bias);
        T *const sum = sum_of(0), *const inputs = sum + of_all.elements();
        add_partials(sum, partials, sum_elements());
        for (Index k = 0; k < layout.recurrent; ++k) {
            of_all.get(sum, k, 0, H, to_hh + layout.w_hh[k] * H);
            if (b_hh) of_all.get(sum, k, H + F, H + F + 1, b_hh + layout.w_hh[k]);
        }
        for (Index k = 0; k < layout.columns; ++k) {
            const Index row = layout.w_ih[k], alone = k - layout.recurrent;
            if (row < 0) continue;
            if (alone < 0) of_all.get(sum, k, H, H + F, to_ih + row * F);
            else of_inputs.get(inputs, alone, 0, F, to_ih + row * F);
            if (b_ih && alone < 0) of_all.get(sum, k, H + F, H + F + 1, b_ih + row);
            else if (b_ih) of_inputs.get(inputs, alone, F, F + 1, b_ih + row);
        }
    }
};

template <class T, class Cell> void gated_backward(const Call &call) {
    const GateLayout<T, Cell> layout(call);
    GatedBackward<T, Cell> pass(call, layout);
    parallel(static_cast<int>(pass.workers), pass.partials, [](void *context, Index task, int worker) {
        static_cast<GatedBackward<T, Cell> *>(context)->partial(task, worker);
    }, &pass);
    pass.reduce();
}

}  // namespace
}  // namespace irnn
