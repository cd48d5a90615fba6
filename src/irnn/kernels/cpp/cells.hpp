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

// A row of one step: its drive or the gradient of it, its tape and that of the next step, the states before it.
template <class T> struct StepRow {
    T *drive, *tape, *next_tape;
    const T *before;
    Index hidden;
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

    template <class V, class T> static IRNN_INLINE void forward(const StepRow<T> &row, Index first, T *states) {
        const UnitsAt<V, T> at(row.hidden, first);
        const V i = sigmoid(load<V>(at.gate(row.drive, gates, 0)));
        const V f = sigmoid(load<V>(at.gate(row.drive, gates, 1)));
        const V g = tanh(load<V>(at.gate(row.drive, gates, 2)));
        const V o = sigmoid(load<V>(at.gate(row.drive, gates, 3)));
        const V c = f * load<V>(at.kept(row.tape, kept, 4)) + i * g;
        store(at.kept(row.tape, kept, 0), i);
        store(at.kept(row.tape, kept, 1), f);
        store(at.kept(row.tape, kept, 2), g);
        store(at.kept(row.tape, kept, 3), o);
        store(at.kept(row.next_tape, kept, 4), c);
        store(states + first, o * tanh(c));
    }

    // From the gradients of h_t and c_t to that of the drive and of c_{t-1}.
    template <class T> static void backward(const StepRow<T> &row, T *dh, T *dc) {
        each_vector<T>(row.hidden, [&](Index first, auto vector) {
            typedef decltype(vector) V;
            const UnitsAt<V, T> at(row.hidden, first);
            const V i = load<V>(at.kept(row.tape, kept, 0)), f = load<V>(at.kept(row.tape, kept, 1));
            const V g = load<V>(at.kept(row.tape, kept, 2)), o = load<V>(at.kept(row.tape, kept, 3));
            const V before = load<V>(at.kept(row.tape, kept, 4));
            const V out = tanh(load<V>(at.kept(row.next_tape, kept, 4)));
            const V gradient = load<V>(dh + first);
            const V to_c = load<V>(dc + first) + gradient * o * tanh_slope(out);
            store(at.gate(row.drive, gates, 0), to_c * g * sigmoid_slope(i));
            store(at.gate(row.drive, gates, 1), to_c * before * sigmoid_slope(f));
            store(at.gate(row.drive, gates, 2), to_c * i * tanh_slope(g));
            store(at.gate(row.drive, gates, 3), gradient * out * sigmoid_slope(o));
            store(dc + first, to_c * f);
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

    template <class V, class T> static IRNN_INLINE void forward(const StepRow<T> &row, Index first, T *states) {
        const UnitsAt<V, T> at(row.hidden, first);
        const V r = sigmoid(load<V>(at.gate(row.drive, gates, 0)));
        const V z = sigmoid(load<V>(at.gate(row.drive, gates, 1)));
        const V product = load<V>(at.gate(row.drive, gates, 2));
        const V n = tanh(load<V>(row.drive + gates * row.hidden + first) + r * product);
        store(at.kept(row.tape, kept, 0), r);
        store(at.kept(row.tape, kept, 1), z);
        store(at.kept(row.tape, kept, 2), n);
        store(at.kept(row.tape, kept, 3), product);
        store(states + first, (1 - z) * n + z * load<V>(row.before + first));
    }

    // From the gradient of h_t to that of the drive, and in its place to what passes the gates by.
    template <class T> static void backward(const StepRow<T> &row, T *dh, T *) {
        each_vector<T>(row.hidden, [&](Index first, auto vector) {
            typedef decltype(vector) V;
            const UnitsAt<V, T> at(row.hidden, first);
            const V r = load<V>(at.kept(row.tape, kept, 0)), z = load<V>(at.kept(row.tape, kept, 1));
            const V n = load<V>(at.kept(row.tape, kept, 2)), product = load<V>(at.kept(row.tape, kept, 3));
            const V gradient = load<V>(dh + first);
            const V to_n = gradient * (1 - z) * tanh_slope(n);
            store(at.gate(row.drive, gates, 0), to_n * product * sigmoid_slope(r));
            store(at.gate(row.drive, gates, 1), gradient * (load<V>(row.before + first) - n) * sigmoid_slope(z));
            store(at.gate(row.drive, gates, 2), to_n * r);
            store(row.drive + gates * row.hidden + first, to_n);
            store(dh + first, gradient * z);
        });
    }
};

}  // namespace
}  // namespace irnn
