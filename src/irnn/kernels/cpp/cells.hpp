// The gated cells, element by element: what one step does between its product and its new states, and the way back.
//
// A row of `drive` (and of its gradient) is what the products make: for every vector of units the recurrent gates of these
// units, gate after gate ("interleaved", without padding), and behind them all what a cell takes from the inputs alone.
// A row of the `tape` is what the way back needs: `kept` vectors for every vector of units.
#pragma once

namespace irnn {
namespace {

// Where the units from `first` on are, as many as a vector V holds or as there are.
template <class V, class T> struct UnitsAt {
    static constexpr Index lanes = sizeof(V) / sizeof(T);
    Index hidden, first, count;
    UnitsAt(Index hidden, Index first)
        : hidden(hidden), first(first), count(hidden - first < lanes ? hidden - first : lanes) {}
    // The last vector may write beyond its units: rows are walked from their end, and the gates in order.
    template <class Row> IRNN_INLINE Row *gate(Row *drive, Index gates, Index gate) const {
        return drive + gates * first + gate * count;
    }
    template <class Row> IRNN_INLINE Row *kept(Row *tape, Index kept, Index place) const {
        return tape + kept * first + place * lanes;
    }
};

// What a step's gates take from the inputs alone: b + W x, W with a row for every feature.
template <class T> struct FromInputs {
    const T *weights, *bias;
    Index features, width;

    // Into `drive`, for rows of inputs `x_row` apart and the units from `first` on; in the order of a packed product.
    template <class V, int ROWS> IRNN_INLINE void put(const T *x, Index x_row, Index first, V (&drive)[ROWS]) const {
        const T *w = weights + first;
        const V start = load<V>(bias + first);
        each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { drive[r] = start; });
        Index f = 0;
        if (sizeof(V) < sizeof(typename Vectors<T>::Wide)) {
            V even[ROWS], odd[ROWS];
            each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { even[r] = odd[r] = V{}; });
            for (; f + 1 < features; f += 2)
                each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA {
                    even[r] += x[r * x_row + f] * load<V>(w + f * width);
                    odd[r] += x[r * x_row + f + 1] * load<V>(w + (f + 1) * width);
                });
            each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { drive[r] += even[r] + odd[r]; });
        }
        for (; f < features; ++f)
            each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { drive[r] += x[r * x_row + f] * load<V>(w + f * width); });
    }
};

// Rows of one step: their drive or the gradient of it, their tape and that of the next step, the states before it, each so
// many elements apart.
template <class T> struct StepRows {
    T *drive, *tape, *next_tape;
    const T *before;
    Index hidden, drive_row, tape_row, state_row;

    StepRows from(Index row) const {
        return {drive + row * drive_row, tape + row * tape_row, next_tape + row * tape_row, before + row * state_row,
                hidden, drive_row, tape_row, state_row};
    }
    // Of some rows at once a vector from, or into, the same place in each.
    template <class V, int ROWS> static IRNN_INLINE void get(V (&to)[ROWS], const T *from, Index row) {
        each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { to[r] = load<V>(from + r * row); });
    }
    template <class V, int ROWS> static IRNN_INLINE void put(T *to, Index row, const V (&from)[ROWS]) {
        each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { store(to + r * row, from[r]); });
    }
};

// Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000, gates in PyTorch's order i, f, g, o:
//   c_t = f * c_{t-1} + i * g,   h_t = o * tanh(c_t)
// On the tape: i, f, g, o, c_{t-1}.
struct Lstm {
    static constexpr Index gates = 4;      // from [h | x]
    static constexpr bool drives = false;  // is there one more drive, from x alone
    static constexpr Index kept = 5;
    static constexpr bool carries = true;  // a second state, c, at the end of the tape's vectors
    static constexpr bool passes = false;  // does the gradient of h_t reach h_{t-1} other than through the gates

    template <class V, int ROWS, class T>
    static IRNN_INLINE void forward(const StepRows<T> &rows, const FromInputs<T> &, Index first, T *states) {
        const UnitsAt<V, T> at(rows.hidden, first);
        V i[ROWS], f[ROWS], g[ROWS], o[ROWS], c[ROWS];
        const auto gate = [&](V (&value)[ROWS], Index number, const auto &function) IRNN_INLINE_LAMBDA {
            rows.get(value, at.gate(rows.drive, gates, number), rows.drive_row);
            function(value);
            rows.put(at.kept(rows.tape, kept, number), rows.tape_row, value);
        };
        const auto sigmoid = [](V (&value)[ROWS]) IRNN_INLINE_LAMBDA { sigmoid_of(value); };
        const auto tanh = [](V (&value)[ROWS]) IRNN_INLINE_LAMBDA { tanh_of(value); };
        gate(g, 2, tanh);
        gate(i, 0, sigmoid);
        gate(f, 1, sigmoid);
        rows.get(c, at.kept(rows.tape, kept, 4), rows.tape_row);
        each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { c[r] = f[r] * c[r] + i[r] * g[r]; });
        rows.put(at.kept(rows.next_tape, kept, 4), rows.tape_row, c);
        tanh_of(c);
        gate(o, 3, sigmoid);
        each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { o[r] = o[r] * c[r]; });
        rows.put(states + first, rows.state_row, o);
    }

    // From the gradients of h_t and c_t to that of the drive and of c_{t-1}; rows of these are `gradient_row` apart.
    template <class V, int ROWS, class T>
    static IRNN_INLINE void backward(const StepRows<T> &rows, Index first, T *dh, T *dc, Index gradient_row) {
        const UnitsAt<V, T> at(rows.hidden, first);
        V out[ROWS];
        rows.get(out, at.kept(rows.next_tape, kept, 4), rows.tape_row);
        tanh_of(out);
        each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA {
            const T *const tape = rows.tape + r * rows.tape_row;
            T *const drive = rows.drive + r * rows.drive_row, *const carry = dc + r * gradient_row + first;
            const V i = load<V>(at.kept(tape, kept, 0)), f = load<V>(at.kept(tape, kept, 1));
            const V g = load<V>(at.kept(tape, kept, 2)), o = load<V>(at.kept(tape, kept, 3));
            const V before = load<V>(at.kept(tape, kept, 4));
            const V gradient = load<V>(dh + r * gradient_row + first);
            const V to_c = load<V>(carry) + gradient * o * tanh_slope(out[r]);
            store(at.gate(drive, gates, 0), to_c * g * sigmoid_slope(i));
            store(at.gate(drive, gates, 1), to_c * before * sigmoid_slope(f));
            store(at.gate(drive, gates, 2), to_c * i * tanh_slope(g));
            store(at.gate(drive, gates, 3), gradient * out[r] * sigmoid_slope(o));
            store(carry, to_c * f);
        });
    }
};

// Cho et al. 2014 as PyTorch has it, the reset gate after the product; gates r, z and W_hn h + b_hn, and from x alone W_in x + b_in:
//   n = tanh(W_in x + b_in + r * (W_hn h_{t-1} + b_hn)),   h_t = (1 - z) * n + z * h_{t-1}
// On the tape: r, z, n, W_hn h + b_hn.
struct Gru {
    static constexpr Index gates = 3;
    static constexpr bool drives = true;
    static constexpr Index kept = 4;
    static constexpr bool carries = false;
    static constexpr bool passes = true;

    template <class V, int ROWS, class T>
    static IRNN_INLINE void forward(const StepRows<T> &rows, const FromInputs<T> &from_inputs, Index first, T *states) {
        const UnitsAt<V, T> at(rows.hidden, first);
        V reset[ROWS], z[ROWS], n[ROWS], product[ROWS];
        const auto gate = [&](V (&value)[ROWS], Index number) IRNN_INLINE_LAMBDA {
            rows.get(value, at.gate(rows.drive, gates, number), rows.drive_row);
            sigmoid_of(value);
            rows.put(at.kept(rows.tape, kept, number), rows.tape_row, value);
        };
        gate(reset, 0);
        gate(z, 1);
        rows.get(product, at.gate(rows.drive, gates, 2), rows.drive_row);
        rows.put(at.kept(rows.tape, kept, 3), rows.tape_row, product);
        from_inputs.put(rows.before + rows.hidden, rows.state_row, first, n);
        each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA { n[r] = n[r] + reset[r] * product[r]; });
        tanh_of(n);
        rows.put(at.kept(rows.tape, kept, 2), rows.tape_row, n);
        each_of<ROWS>([&](int r) IRNN_INLINE_LAMBDA {
            const V before = load<V>(rows.before + r * rows.state_row + first);
            store(states + r * rows.state_row + first, (1 - z[r]) * n[r] + z[r] * before);
        });
    }

    // From the gradient of h_t to that of the drive, and in its place to what passes the gates by.
    template <class V, int ROWS, class T>
    static IRNN_INLINE void backward(const StepRows<T> &rows, Index first, T *dh, T *, Index gradient_row) {
        const UnitsAt<V, T> at(rows.hidden, first);
        each_of<ROWS>([&](int row) IRNN_INLINE_LAMBDA {
            const T *const tape = rows.tape + row * rows.tape_row;
            T *const drive = rows.drive + row * rows.drive_row, *const to = dh + row * gradient_row + first;
            const V r = load<V>(at.kept(tape, kept, 0)), z = load<V>(at.kept(tape, kept, 1));
            const V n = load<V>(at.kept(tape, kept, 2)), product = load<V>(at.kept(tape, kept, 3));
            const V gradient = load<V>(to);
            const V to_n = gradient * (1 - z) * tanh_slope(n);
            const V before = load<V>(rows.before + row * rows.state_row + first);
            store(at.gate(drive, gates, 0), to_n * product * sigmoid_slope(r));
            store(at.gate(drive, gates, 1), gradient * (before - n) * sigmoid_slope(z));
            store(at.gate(drive, gates, 2), to_n * r);
            store(drive + gates * rows.hidden + first, to_n);
            store(to, gradient * z);
        });
    }
};

}  // namespace
}  // namespace irnn
