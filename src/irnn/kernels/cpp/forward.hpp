// Forward: h_t = f(W_hh h_{t-1} + W_ih x_t + b) as one product [h | x] . [W_hh | W_ih]^T from b.
#pragma once

namespace irnn {
namespace {

// Rows of states, inputs and a 1.
template <class T> struct StateRows {
    const Call &call;
    Index stride;

    // x_t and the constant 1 beside the states of `rows` rows from `first`.
    void put_inputs(T *slot, Index t, Index first, Index rows) const {
        const T *inputs = static_cast<const T *>(call.inputs) + t * call.input_time;
        for (Index r = 0; r < rows; ++r) {
            const T *from = inputs + (first + r) * call.input_batch;
            T *to = slot + r * stride + call.hidden;
            for (Index f = 0; f < call.features; ++f) to[f] = from[f * call.input_feature];
            to[call.features] = 1;
        }
    }

    void put_start(T *slot, Index first, Index rows) const {
        const T *h0 = static_cast<const T *>(call.h0);
        for (Index r = 0; r < rows; ++r) {
            T *to = slot + r * stride;
            if (h0) std::memcpy(to, h0 + (first + r) * call.hidden, call.hidden * sizeof(T));
            else std::memset(to, 0, call.hidden * sizeof(T));
        }
    }

    void get_states(const T *slot, T *to, Index rows) const {
        for (Index r = 0; r < rows; ++r)
            std::memcpy(to + r * call.hidden, slot + r * stride, call.hidden * sizeof(T));
    }

};

template <class T> struct Forward : StateRows<T> {
    using StateRows<T>::call;
    using StateRows<T>::stride;
    T *weights, *bias;    // packed
    T *scratch;           // two time steps per worker, when no history is kept
    bool sparse;          // silent units may be left out

    // All T steps of `rows` rows from `first`; returns where their last states are. `base` holds
    // every step's states, T + 1 of them, or with `keep` false only two in turn. In `roster`, unless it is null,
    // the units awake in them are listed.
    T *walk(Index first, Index rows, T *base, bool keep, const Roster *roster) const {
        T *const output = call.last_only ? nullptr : static_cast<T *>(call.output);
        Product<T> step = {};
        step.rows = rows, step.columns = call.hidden, step.depth = call.hidden + call.features;
        step.left_row = step.out_row = stride;
        step.right = weights, step.init = bias;
        step.after = call.tanh ? After::tanh : After::relu;
        const bool far = keep && Soon::pays<T>(call.time * rows * stride);
        Terms terms(sparse);
        T *now = base;
        this->put_start(now, first, rows);
        for (Index t = 0; t < call.time; ++t) {
            this->put_inputs(now, t, first, rows);
            T *const next = base + (keep ? t + 1 : (t + 1) & 1) * rows * stride;
            terms.find(now, stride, rows, step.depth);
            if (roster) roster->put(t, terms);
            step.left = now, step.out = next, step.terms = terms.all ? nullptr : &terms;
            if (far && t + 1 < call.time) step.soon.put(next + rows * stride, rows * stride);
            multiply(step);
            if (output) this->get_states(next, output + (t * call.batch + first) * call.hidden, rows);
            now = next;
        }
        if (roster) {
            terms.find(now, stride, rows, call.hidden);
            roster->put(call.time, terms);
        }
        return now;
    }

    // Nothing is shared with any other block.
    void block(Index index, int worker) const {
        const Index first = index * block_rows, rows = rows_of_block(call, index);
        T *const history = static_cast<T *>(call.history);
        T *const base = history ? history + first * (call.time + 1) * stride
                                : scratch + worker * 2 * block_rows * stride;
        const T *last = walk(first, rows, base, history, nullptr);
        if (call.last_only)
            this->get_states(last, static_cast<T *>(call.output) + first * call.hidden, rows);
    }
};

// A silent unit adds nothing, if its weights are finite.
template <class T> bool may_be_sparse(const Call &call) {
    return !call.tanh && call.hidden + call.features <= Terms::most &&
           all_finite(static_cast<const T *>(call.w_hh), call.hidden * call.hidden) &&
           all_finite(static_cast<const T *>(call.w_ih), call.hidden * call.features);
}

// [W_hh | W_ih]^T in panels, followed by the bias, as `Forward` reads them.
template <class T> struct PackedForward {
    Buffer buffer;
    T *weights, *bias;
    bool sparse;
    explicit PackedForward(const Call &call)
        : buffer((call.hidden + call.features + 1) * Columns<T>(call.hidden).width() * sizeof(T),
                 call.poison),
          weights(buffer.as<T>()), sparse(may_be_sparse<T>(call)) {
        const Index H = call.hidden, F = call.features, width = Columns<T>(H).width();
        const T *w_hh = static_cast<const T *>(call.w_hh);
        const T *w_ih = static_cast<const T *>(call.w_ih), *b = static_cast<const T *>(call.bias);
        const T *also = static_cast<const T *>(call.second_bias);
        pack(weights, H + F, H, [=](Index k) {
            return k < H ? Column<T>{w_hh + k, H} : Column<T>{w_ih + k - H, F};
        });
        bias = weights + (H + F) * width;
        for (Index j = 0; j < width; ++j) bias[j] = b && j < H ? b[j] + (also ? also[j] : T(0)) : T(0);
    }
};

template <class T> void simple_forward(const Call &call) {
    const Index stride = row_stride(call, sizeof(T)), blocks = block_count(call);
    const Index workers = call.threads < blocks ? call.threads : blocks;
    const PackedForward<T> packed(call);
    Buffer scratch(call.history ? 0 : workers * 2 * block_rows * stride * sizeof(T), call.poison);
    Forward<T> pass{{call, stride}, packed.weights, packed.bias, scratch.as<T>(), packed.sparse};
    parallel(static_cast<int>(workers), blocks, [](void *context, Index task, int worker) {
        static_cast<Forward<T> *>(context)->block(task, worker);
    }, &pass);
}

}  // namespace
}  // namespace irnn
