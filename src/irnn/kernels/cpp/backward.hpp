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
    std::uint16_t *rosters;   // per worker; null: no unit is ever left out
    OuterSum<T> gradient;     // of a partial sum

    void differentiate(T *dz, const T *states, Index rows) const {
        for (Index r = 0; r < rows; ++r, dz += stride, states += stride) {
            if (call.tanh) tanh_backward_row(dz, states, call.hidden);
            else relu_backward_row(dz, states, call.hidden);
        }
    }

    // The network that a chunk of time sees: all units, or those that are awake in it.
    struct Seen {
        Index hidden;
        const T *w_hh;    // packed
        const T *states;  // of the chunk's steps
        T *sum;
        Narrow<T> *narrow;  // null: all units
        const Outputs<T> &outputs;
    };

    // dz of step t from that of the next, of which `terms` are not zero; a narrow network goes by the roster.
    void step_back(const Seen &seen, const T *dz, T *to, const T *states, const Terms &terms, const Roster *roster,
                   Index t, Index first, Index rows) const {
        Product<T> step = {};
        step.rows = rows, step.columns = step.depth = seen.hidden;
        step.left = dz, step.left_row = step.out_row = step.state_row = stride;
        step.right = seen.w_hh, step.out = to, step.state = states;
        if (seen.narrow) seen.narrow->set_terms(roster->of(t + 1), roster->count(t + 1), step);
        else if (!terms.all) step.terms = &terms;
        if (t > seen.outputs.from) {
            seen.outputs.put(to, stride, t - 1, first, rows, false);
            step.init = to, step.init_row = stride;
        }
        if (t > 0) {
            step.after = call.tanh ? After::tanh_backward : After::relu_backward;
            if (!seen.narrow && Soon::pays<T>(call.time * rows * stride)) step.soon.put(states - rows * stride, rows * stride);
        }
        multiply(step);
    }

    // `units`: the rows that are not zero; null in a narrow network, where nearly all are.
    void add_weight_gradient(const Seen &seen, const T *dz, const Units *units, Index depth) const {
        const bool all = !units || units->all;
        if (call.tanh) return gradient.add(seen.sum, dz, stride, seen.states, stride, depth);
        Product<T> outer = {};
        outer.rows = all ? seen.hidden : units->count;
        outer.columns = seen.hidden + call.features + 1;
        outer.list = all ? nullptr : units->list;
        outer.depth = depth, outer.left = dz, outer.left_depth = stride;
        outer.right = seen.states, outer.right_depth = stride;
        outer.init = outer.out = seen.sum, outer.init_row = outer.out_row = stride;
        multiply_transposed(outer);
    }

    // Back through the steps start ... end - 1, whose slots are in `dz`, and what they add to the sum.
    void chunk(const Seen &seen, T *dz, Terms &terms, Units &units, Index start, Index end, Index first,
               Index rows) const {
        const Index slot = rows * stride;
        units.clear();
        for (Index t = end - 1; t >= start; --t) {
            T *const here = dz + (t - start + 1) * slot;
            terms.find(here, stride, rows, call.hidden);
            units.add(terms);
            if (t > 0 || call.grad_h0)
                step_back(seen, here, here - slot, seen.states + (t - start) * slot, terms, nullptr, t, first, rows);
        }
        units.gather();
        add_weight_gradient(seen, dz + slot, &units, (end - start) * rows);
    }

    // The same in a narrow network. False, and nothing is added, if it meets a gradient that is not finite: the zeros
    // that it leaves out count then.
    bool narrow_chunk(const Seen &seen, T *dz, const Roster &roster, Terms &terms, Index start, Index end,
                      Index first, Index rows) const {
        const Index slot = rows * stride;
        for (Index t = end - 1; t >= start; --t) {
            T *const here = dz + (t - start + 1) * slot;
            if (t > 0)
                step_back(seen, here, here - slot, seen.states + (t - start) * slot, terms, &roster, t, first, rows);
        }
        for (Index r = rows; r < (end - start + 1) * rows; ++r)
            if (!all_finite(dz + r * stride, seen.hidden)) return false;
        add_weight_gradient(seen, dz + slot, nullptr, (end - start) * rows);
        return true;
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
    // after it left the range of T, and then so is all that it would still contribute. `end`: steps that are left.
    bool vanished(const T *dz, const Outputs<T> &outputs, Index end, Index rows) const {
        if (end > outputs.from) return false;
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

    // The rows of a slot that holds all units become rows of the awake ones, or the other way round.
    void narrow_slot(const Narrow<T> &narrow, T *slot, Index rows) const {
        for (Index r = 0; r < rows; ++r) narrow.gather(slot + r * stride, slot + r * stride);
    }
    void widen_slot(const Narrow<T> &narrow, const T *from, T *to, Index rows) const {
        for (Index r = 0; r < rows; ++r) {
            std::memset(to + r * stride, 0, call.hidden * sizeof(T));
            narrow.scatter(from + r * stride, to + r * stride);
        }
    }

    // Back through the steps of `rows` rows from `first`, whose states are in `history`. Slot s of `dz` belongs to step
    // start + s - 1; slot 0 is handed on to the chunk before. `roster`: null where units are never left out.
    void walk(Index first, Index rows, const T *history, const Outputs<T> &outputs, const Roster *roster, T *sum,
              bool fresh, T *dz) const {
        const Index slot = rows * stride, most = chunk_depth / rows;
        T *const room = dz + (most + 1) * slot, *const top_copy = room + chunk_depth * input_stride;
        const bool may_narrow = roster && !call.grad_inputs && !call.grad_h0;
        Index steps = call.time < most ? call.time : most;
        Terms terms(roster);
        Units units(call.hidden);
        Narrow<T> narrow(call, stride, top_copy + block_rows * stride);
        if (fresh) std::memset(sum, 0, gradient.elements() * sizeof(T));
        outputs.put(dz + steps * slot, stride, call.time - 1, first, rows, false);
        differentiate(dz + steps * slot, history + call.time * slot, rows);
        for (Index end = call.time; end > 0;) {
            const Index start = end - steps;
            const T *const states = history + start * slot;
            bool done = false;
            if (may_narrow && end <= outputs.from + 1) {  // no more gradients of all units come in
                units.gather(*roster, start, end);
                narrow.fit(units, sum);
            }
            if (narrow.count) {
                std::memcpy(top_copy, dz + steps * slot, slot * sizeof(T));
                narrow_slot(narrow, dz + steps * slot, rows);
                narrow.gather_states(states, steps * rows);
                const Seen awake{narrow.count, narrow.weights, narrow.states, narrow.sum, &narrow, outputs};
                done = narrow_chunk(awake, dz, *roster, terms, start, end, first, rows);
                if (!done) {
                    narrow.put_down(sum);
                    std::memcpy(dz + steps * slot, top_copy, slot * sizeof(T));
                }
            }
            const Seen all{call.hidden, w_hh, states, sum, nullptr, outputs};
            if (!done) chunk(all, dz, terms, units, start, end, first, rows);
            if (call.grad_inputs) put_grad_inputs(dz + slot, room, start, steps, first, rows);
            end = start;
            steps = end < most ? end : most;
            if (end > 0) {
                if (narrow.count) widen_slot(narrow, dz, dz + steps * slot, rows);
                else std::memcpy(dz + steps * slot, dz, slot * sizeof(T));
                if (vanished(dz + steps * slot, outputs, end, rows)) {
                    if (call.grad_inputs) put_no_grad_inputs(end, first, rows);
                    break;
                }
            }
        }
        narrow.put_down(sum);
        if (T *to = static_cast<T *>(call.grad_h0))
            for (Index r = 0; r < rows; ++r)
                std::memcpy(to + (first + r) * call.hidden, dz + r * stride,
                            call.hidden * sizeof(T));
    }

    void block(Index index, const Roster *roster, T *sum, bool fresh, T *dz) const {
        const Index first = index * block_rows, rows = rows_of_block(call, index);
        const T *history = static_cast<const T *>(call.history) + first * (call.time + 1) * stride;
        if (roster) {
            Terms terms(true);
            for (Index t = 0; t <= call.time; ++t) {
                terms.find(history + t * rows * stride, stride, rows, call.hidden);
                roster->put(t, terms);
            }
        }
        walk(first, rows, history, GivenOutputs<T>(call), roster, sum, fresh, dz);
    }

    T *sum_of(Index partial) const { return sums + partial * gradient.elements(); }
    T *scratch_of(int worker) const { return scratch + worker * scratch_elements; }
    Roster roster_of(int worker) const {
        return {rosters ? rosters + worker * Roster::elements(call) : nullptr, call.hidden};
    }
    void partial(Index index, int worker) const {
        const Roster lists = roster_of(worker), *const roster = lists.lists ? &lists : nullptr;
        const Index begin = first_block(call, index);
        for (Index b = begin; b < first_block(call, index + 1); ++b)
            block(b, roster, sum_of(index), b == begin, scratch_of(worker));
    }

    void reduce() const {
        const Index H = call.hidden, F = call.features;
        T *to_hh = static_cast<T *>(call.grad_w_hh), *to_ih = static_cast<T *>(call.grad_w_ih);
        T *to_bias = static_cast<T *>(call.grad_bias);
        T *also_to = static_cast<T *>(call.grad_second_bias);
        add_partials(sums, partials, gradient.elements());
        for (Index i = 0; i < H; ++i) {
            gradient.get(sums, i, 0, H, to_hh + i * H);
            gradient.get(sums, i, H, H + F, to_ih + i * F);
            if (to_bias) gradient.get(sums, i, H + F, H + F + 1, to_bias + i);
            if (also_to) gradient.get(sums, i, H + F, H + F + 1, also_to + i);
        }
    }
};

// A `Backward` with its packed weights and its working memory.
template <class T> struct BackwardRoom {
    Index stride, partials, workers, width_hh, width_ih, input_stride, scratch_elements;
    OuterSum<T> gradient;
    Buffer packed, sums, scratch, rosters;
    bool sparse;
    BackwardRoom(const Call &call, bool sparse)
        : stride(row_stride(call, sizeof(T))),
          partials(partial_count(call)),
          workers(call.threads < partials ? call.threads : partials),
          width_hh(Columns<T>(call.hidden).width()),
          width_ih(call.grad_inputs ? Columns<T>(call.features).width() : 0),
          input_stride(width_ih),
          scratch_elements((chunk_depth + 2 * block_rows) * stride + chunk_depth * input_stride +
                           Narrow<T>::elements(call.hidden, stride, chunk_depth)),
          gradient(call.tanh ? OuterSum<T>::mixed(call.hidden, call.hidden + call.features + 1)
                             : OuterSum<T>::plain(call.hidden, call.hidden + call.features + 1)),
          packed(call.hidden * (width_hh + width_ih) * sizeof(T), call.poison),
          sums(partials * gradient.elements() * sizeof(T), call.poison),
          scratch(workers * scratch_elements * sizeof(T), call.poison),
          rosters(sparse ? workers * Roster::elements(call) * sizeof(std::uint16_t) : 0, call.poison),
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
                sums.as<T>(), scratch.as<T>(), scratch_elements, input_stride,
                sparse ? rosters.as<std::uint16_t>() : nullptr, gradient};
    }
};

template <class T> void simple_backward(const Call &call) {
    const BackwardRoom<T> room(call, may_be_sparse<T>(call));
    Backward<T> pass = room.pass(call);
    parallel(static_cast<int>(room.workers), room.partials, [](void *context, Index task, int worker) {
        static_cast<Backward<T> *>(context)->partial(task, worker);
    }, &pass);
    pass.reduce();
}

}  // namespace
}  // namespace irnn
