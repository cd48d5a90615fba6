// Forward through time for a gated cell: one product [h | x] . [W_hh | W_ih]^T from both biases makes the drive of all gates,
// which cells.hpp turns into the new states.
#pragma once

namespace irnn {
namespace {

// Which row of PyTorch's matrices stands where in a row of the drive, and how long such rows are.
template <class T, class Cell> struct GateLayout {
    Index hidden, features, recurrent, columns;  // of the drive: those that h takes part in, and all
    Index stride;                                // of a row of the drive
    Buffer rows;
    Index *w_hh, *w_ih;  // (recurrent) and (columns): -1 where the inputs have no part

    explicit GateLayout(const Call &call)
        : hidden(call.hidden), features(call.features), recurrent(Cell::gates * hidden),
          columns(recurrent + (Cell::drives ? hidden : 0)), stride(whole_lines(columns + Columns<T>::wide, sizeof(T))),
          rows((recurrent + columns) * sizeof(Index), false), w_hh(rows.as<Index>()), w_ih(w_hh + recurrent) {
        each_vector<T>(hidden, [this](Index first, auto vector) {
            const UnitsAt<decltype(vector), T> at(hidden, first);
            for (Index gate = 0; gate < Cell::gates; ++gate)
                for (Index n = 0; n < at.count; ++n) {
                    const Index column = Cell::gates * first + gate * at.count + n;
                    w_hh[column] = gate * hidden + first + n;
                    w_ih[column] = Cell::drives && gate == Cell::gates - 1 ? -1 : w_hh[column];
                }
        });
        for (Index j = recurrent; j < columns; ++j) w_ih[j] = j - hidden;
    }
};

// What [j] gives is at(j): a row or column for `pack`.
template <class At> struct Listed {
    At at;
    auto operator[](Index j) const { return at(j); }
};
template <class At> Listed<At> listed(const At &at) { return {at}; }

// The weights as the walk forward reads them: of all gates, each followed by its bias.
template <class T, class Cell> struct PackedGates {
    const GateLayout<T, Cell> &layout;
    Buffer buffer;
    T *weights, *bias, *drive_weights, *drive_bias;  // the last two as FromInputs reads them

    PackedGates(const Call &call, const GateLayout<T, Cell> &layout)
        : layout(layout), buffer(elements(layout) * sizeof(T), call.poison), weights(buffer.as<T>()) {
        const Index H = call.hidden, F = call.features, R = layout.recurrent;
        const T *w_hh = static_cast<const T *>(call.w_hh), *w_ih = static_cast<const T *>(call.w_ih);
        const T *b_ih = static_cast<const T *>(call.bias), *b_hh = static_cast<const T *>(call.second_bias);
        const Index *of_h = layout.w_hh, *of_x = layout.w_ih;
        pack(weights, H + F, R, [=](Index k) {
            return listed([=](Index j) {
                if (k < H) return w_hh[of_h[j] * H + k];
                return of_x[j] < 0 ? T(0) : w_ih[of_x[j] * F + k - H];
            });
        });
        bias = weights + (H + F) * Columns<T>(R).width();
        put_bias(bias, R, [=](Index j) { return (of_x[j] < 0 ? T(0) : b_ih[of_x[j]]) + b_hh[of_h[j]]; }, b_ih);
        drive_weights = bias + Columns<T>(R).width();
        if (!Cell::drives) return;
        const Index width = Columns<T>(H).width();
        for (Index k = 0; k < F; ++k)
            for (Index j = 0; j < width; ++j) drive_weights[k * width + j] = j < H ? w_ih[of_x[R + j] * F + k] : T(0);
        drive_bias = drive_weights + F * width;
        put_bias(drive_bias, H, [=](Index j) { return b_ih[of_x[R + j]]; }, b_ih);
    }

  private:
    static Index elements(const GateLayout<T, Cell> &layout) {
        const Index drive = Cell::drives ? (layout.features + 1) * Columns<T>(layout.hidden).width() : 0;
        return (layout.hidden + layout.features + 1) * Columns<T>(layout.recurrent).width() + drive;
    }
    template <class At> static void put_bias(T *to, Index columns, const At &at, bool given) {
        const Index width = Columns<T>(columns).width();
        for (Index j = 0; j < width; ++j) to[j] = given && j < columns ? at(j) : T(0);
    }
};

// A block's history: its states, (steps, rows, stride), then its tape.
template <class T, class Cell> struct GatedForward : StateRows<T> {
    using StateRows<T>::call;
    using StateRows<T>::stride;
    const PackedGates<T, Cell> &packed;
    Index tape;      // stride of a row of the tape
    T *scratch;      // per worker: a block's drive, and two steps where no history is kept
    bool keep;

    static Index scratch_elements(const Call &call, const GateLayout<T, Cell> &layout, bool keep) {
        return block_rows * (layout.stride + (keep ? 0 : 2 * (row_stride(call, sizeof(T)) + tape_stride(call, sizeof(T)))));
    }
    T *scratch_of(int worker) const { return scratch + worker * scratch_elements(call, packed.layout, keep); }
    Index slots() const { return keep ? call.time + 1 : 2; }
    T *tape_of(T *history, Index rows) const { return history + slots() * rows * stride; }

    // The second state, between a dense row and the tape.
    void put_carry(const T *from, T *to) const {
        each_vector<T>(call.hidden, [&](Index first, auto vector) {
            const UnitsAt<decltype(vector), T> at(call.hidden, first);
            T *const there = at.kept(to, Cell::kept, Cell::kept - 1);
            if (from) std::memcpy(there, from + first, at.count * sizeof(T));
            else std::memset(there, 0, at.count * sizeof(T));
        });
    }
    void get_carry(const T *from, T *to) const {
        each_vector<T>(call.hidden, [&](Index first, auto vector) {
            const UnitsAt<decltype(vector), T> at(call.hidden, first);
            std::memcpy(to + first, at.kept(from, Cell::kept, Cell::kept - 1), at.count * sizeof(T));
        });
    }

    // `next` and `next_tape`: rows of states and of a tape that will be written next.
    void make_drive(const T *states, Index rows, T *drive, const T *next, const T *next_tape) const {
        const GateLayout<T, Cell> &layout = packed.layout;
        Product<T> gates = {};
        gates.rows = rows, gates.columns = layout.recurrent, gates.depth = call.hidden + call.features;
        gates.left = states, gates.left_row = stride, gates.right = packed.weights, gates.init = packed.bias;
        gates.out = drive, gates.out_row = layout.stride;
        gates.soon.put(next, rows * stride), gates.soon.put(next_tape, rows * tape);
        multiply(gates);
    }

    // All T steps of `rows` rows from `first`; returns where their last states are.
    T *walk(Index first, Index rows, T *history, int worker) const {
        T *const drive = scratch_of(worker), *const output = call.last_only ? nullptr : static_cast<T *>(call.output);
        const T *c0 = static_cast<const T *>(call.c0);
        T *now = history, *tape_now = tape_of(history, rows);
        const auto slot = [=](T *base, Index t, Index row) { return base + (keep ? t : t & 1) * rows * row; };
        T *const states = now, *const tapes = tape_now;
        // The last vector of gates reads beyond them, and what it makes of that ends up in the history's padding.
        const Index drive_row = packed.layout.stride, columns = packed.layout.recurrent;
        for (Index r = 0; r < rows; ++r) std::memset(drive + r * drive_row + columns, 0, (drive_row - columns) * sizeof(T));
        const FromInputs<T> from_inputs{packed.drive_weights, packed.drive_bias, call.features, Columns<T>(call.hidden).width()};
        this->put_start(now, first, rows);
        for (Index r = 0; Cell::carries && r < rows; ++r)
            put_carry(c0 ? c0 + (first + r) * call.hidden : nullptr, tape_now + r * tape);
        for (Index t = 0; t < call.time; ++t) {
            this->put_inputs(now, t, first, rows);
            T *const next = slot(states, t + 1, stride), *const next_tape = slot(tapes, t + 1, tape);
            make_drive(now, rows, drive, next, next_tape);
            // Units from left to right: the next product takes their states in that order, and does not wait for the last.
            const StepRows<T> step{drive, tape_now, next_tape, now, call.hidden, drive_row, tape, stride};
            each_vector_in_order<T>(call.hidden, [&](Index unit, auto vector) {
                by_rows<4>(rows, [&](Index r, auto together) IRNN_INLINE_LAMBDA {
                    Cell::template forward<decltype(vector), together()>(step.from(r), from_inputs, unit, next + r * stride);
                });
            });
            if (output) this->get_states(next, output + (t * call.batch + first) * call.hidden, rows);
            now = next, tape_now = next_tape;
        }
        if (T *to = static_cast<T *>(call.last_carry))
            for (Index r = 0; r < rows; ++r) get_carry(tape_now + r * tape, to + (first + r) * call.hidden);
        return now;
    }

    void block(Index index, int worker) const {
        const Index first = index * block_rows, rows = rows_of_block(call, index);
        T *const history = static_cast<T *>(call.history);
        T *const base = keep ? history + first * (call.time + 1) * (stride + tape)
                             : scratch_of(worker) + block_rows * packed.layout.stride;
        const T *last = walk(first, rows, base, worker);
        if (call.last_only) this->get_states(last, static_cast<T *>(call.output) + first * call.hidden, rows);
    }
};

template <class T, class Cell> void gated_forward(const Call &call) {
    const Index blocks = block_count(call), workers = call.threads < blocks ? call.threads : blocks;
    const GateLayout<T, Cell> layout(call);
    const PackedGates<T, Cell> packed(call, layout);
    typedef GatedForward<T, Cell> Pass;
    Buffer scratch(workers * Pass::scratch_elements(call, layout, call.history) * sizeof(T), call.poison);
    Pass pass{{call, row_stride(call, sizeof(T))}, packed, tape_stride(call, sizeof(T)), scratch.as<T>(),
              call.history != nullptr};
    parallel(static_cast<int>(workers), blocks, [](void *context, Index task, int worker) {
        static_cast<Pass *>(context)->block(task, worker);
    }, &pass);
}

}  // namespace
}  // namespace irnn
