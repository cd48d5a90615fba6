// A whole regression from the last state, loss = mean over rows of (w_out . h_T + b_out - y)^2, and
// its gradients. Each block of rows goes forward and back at once: its states are still in the
// cache, nothing is kept for the other blocks, and the threads meet once.
#pragma once

namespace irnn {
namespace {

// A recurrence as a regression sees it: a block of rows goes there and back in the history of its worker.
template <class T> struct SimpleNetwork {
    const Call &call;
    PackedForward<T> packed;
    BackwardRoom<T> room;
    Forward<T> forward;
    Backward<T> backward;
    Index stride, gradient_stride, partials, workers;

    explicit SimpleNetwork(const Call &call)
        : call(call), packed(call), room(call, packed.sparse),
          forward{{call, room.stride}, packed.weights, packed.bias, nullptr, packed.sparse}, backward(room.pass(call)),
          stride(room.stride), gradient_stride(room.stride), partials(room.partials), workers(room.workers) {}

    T *history(int worker) const {
        return static_cast<T *>(call.history) + worker * (call.time + 1) * block_rows * stride;
    }
    const T *there(Index first, Index rows, int worker) const {
        const Roster roster = backward.roster_of(worker);
        return forward.walk(first, rows, history(worker), true, roster.lists ? &roster : nullptr);
    }
    // Where the gradient of the last states goes.
    T *gradient(Index rows, int worker) const {
        return backward.scratch_of(worker) + backward.top(rows) * rows * stride;
    }
    void back(Index first, Index rows, Index partial, bool fresh, int worker) const {
        const Roster roster = backward.roster_of(worker);
        backward.walk(first, rows, history(worker), roster.lists ? &roster : nullptr, backward.sum_of(partial), fresh,
                      backward.scratch_of(worker));
    }
    void reduce() const { backward.reduce(); }
};

template <class T, class Cell> struct GatedNetwork {
    const Call &call;
    GateLayout<T, Cell> layout;
    PackedGates<T, Cell> packed;
    GatedBackward<T, Cell> backward;
    Buffer scratch;
    GatedForward<T, Cell> forward;
    Index stride, gradient_stride, partials, workers;

    explicit GatedNetwork(const Call &call)
        : call(call), layout(call), packed(call, layout), backward(call, layout),
          scratch(backward.workers * GatedForward<T, Cell>::scratch_elements(call, layout, true) * sizeof(T), call.poison),
          forward{{call, backward.stride}, packed, backward.tape, scratch.as<T>(), true}, stride(backward.stride),
          gradient_stride(backward.hidden_stride), partials(backward.partials), workers(backward.workers) {}

    T *history(int worker) const {
        return static_cast<T *>(call.history) + worker * (call.time + 1) * block_rows * (stride + backward.tape);
    }
    const T *there(Index first, Index rows, int worker) const {
        return forward.walk(first, rows, history(worker), worker);
    }
    T *gradient(Index, int worker) const { return backward.room_of(worker).dh; }
    void back(Index first, Index rows, Index partial, bool fresh, int worker) const {
        backward.put_rows(nullptr, backward.room_of(worker).dc, first, rows);
        backward.walk(first, rows, history(worker), backward.sum_of(partial), fresh, worker);
    }
    void reduce() const { backward.reduce(); }
};

template <class T, class Network> struct Regression {
    const Call &call;
    const Network &network;
    T *readouts;     // per partial: gradient of w_out (H) and of b_out (1)
    double *losses;  // per partial

    // The read-out of `rows` rows: their share of the loss, and the gradient of their last states.
    void readout(Index partial, const T *last, T *to, Index first, Index rows) const {
        const Index H = call.hidden;
        const T *w = static_cast<const T *>(call.w_out);
        T *gradient = readouts + partial * (H + 1);
        for (Index r = 0; r < rows; ++r) {
            const T *h = last + r * network.stride;
            T answer = *static_cast<const T *>(call.b_out);
            for (Index j = 0; j < H; ++j) answer += w[j] * h[j];
            const T error = answer - static_cast<const T *>(call.targets)[first + r];
            losses[partial] += static_cast<double>(error) * static_cast<double>(error);
            const T slope = 2 * error / static_cast<T>(call.batch);
            for (Index j = 0; j < H; ++j) {
                to[r * network.gradient_stride + j] = slope * w[j];
                gradient[j] += slope * h[j];
            }
            gradient[H] += slope;
        }
    }

    void partial(Index index, int worker) const {
        losses[index] = 0;
        for (Index j = 0; j <= call.hidden; ++j) readouts[index * (call.hidden + 1) + j] = 0;
        const Index begin = first_block(call, index);
        for (Index b = begin; b < first_block(call, index + 1); ++b) {
            const Index first = b * block_rows, rows = rows_of_block(call, b);
            const T *last = network.there(first, rows, worker);
            readout(index, last, network.gradient(rows, worker), first, rows);
            network.back(first, rows, index, b == begin, worker);
        }
    }

    void reduce() const {
        const Index H = call.hidden;
        network.reduce();
        for (Index p = 1; p < network.partials; ++p) {
            losses[0] += losses[p];
            for (Index j = 0; j <= H; ++j) readouts[j] += readouts[p * (H + 1) + j];
        }
        *static_cast<T *>(call.loss) = static_cast<T>(losses[0] / static_cast<double>(call.batch));
        std::memcpy(call.grad_w_out, readouts, H * sizeof(T));
        *static_cast<T *>(call.grad_b_out) = readouts[H];
    }
};

template <class T, class Network> void regression_of(const Call &call) {
    const Network network(call);
    Buffer readouts(network.partials * (call.hidden + 1) * sizeof(T), call.poison);
    Buffer losses(network.partials * sizeof(double), call.poison);
    Regression<T, Network> pass{call, network, readouts.as<T>(), losses.as<double>()};
    parallel(static_cast<int>(network.workers), network.partials, [](void *context, Index task, int worker) {
        static_cast<Regression<T, Network> *>(context)->partial(task, worker);
    }, &pass);
    pass.reduce();
}

}  // namespace
}  // namespace irnn
