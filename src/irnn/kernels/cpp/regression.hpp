// A whole regression from the last state, loss = mean over rows of (w_out . h_T + b_out - y)^2, and
// its gradients. Each block of rows goes forward and back at once: its states are still in the
// cache, nothing is kept for the other blocks, and the threads meet once.
#pragma once

namespace irnn {
namespace {

template <class T> struct Regression {
    const Call &call;
    Forward<T> forward;
    Backward<T> backward;
    T *readouts;     // per partial: gradient of w_out (H) and of b_out (1)
    double *losses;  // per partial

    // The read-out of `rows` rows: their share of the loss, and the gradient of their last states.
    void readout(Index partial, const T *last, T *to, Index first, Index rows) const {
        const Index H = call.hidden;
        const T *w = static_cast<const T *>(call.w_out);
        T *gradient = readouts + partial * (H + 1);
        for (Index r = 0; r < rows; ++r) {
            const T *h = last + r * forward.stride;
            T answer = *static_cast<const T *>(call.b_out);
            for (Index j = 0; j < H; ++j) answer += w[j] * h[j];
            const T error = answer - static_cast<const T *>(call.targets)[first + r];
            losses[partial] += static_cast<double>(error) * static_cast<double>(error);
            const T slope = 2 * error / static_cast<T>(call.batch);
            for (Index j = 0; j < H; ++j) {
                to[r * forward.stride + j] = slope * w[j];
                gradient[j] += slope * h[j];
            }
            gradient[H] += slope;
        }
    }

    void partial(Index index, int worker) const {
        T *const history = static_cast<T *>(call.history) +
                           worker * (call.time + 1) * block_rows * forward.stride;
        T *const dz = backward.scratch_of(worker);
        losses[index] = 0;
        for (Index j = 0; j <= call.hidden; ++j) readouts[index * (call.hidden + 1) + j] = 0;
        const Index begin = backward.begin(index);
        const Roster lists = backward.roster_of(worker), *const roster = lists.lists ? &lists : nullptr;
        for (Index b = begin; b < backward.begin(index + 1); ++b) {
            const Index first = b * block_rows, rows = rows_of_block(call, b);
            const T *last = forward.walk(first, rows, history, true, roster);
            readout(index, last, dz + backward.top(rows) * rows * forward.stride, first, rows);
            backward.walk(first, rows, history, roster, backward.sum_of(index), b == begin, dz);
        }
    }

    void reduce() const {
        const Index H = call.hidden;
        backward.reduce();
        for (Index p = 1; p < backward.partials; ++p) {
            losses[0] += losses[p];
            for (Index j = 0; j <= H; ++j) readouts[j] += readouts[p * (H + 1) + j];
        }
        *static_cast<T *>(call.loss) = static_cast<T>(losses[0] / static_cast<double>(call.batch));
        std::memcpy(call.grad_w_out, readouts, H * sizeof(T));
        *static_cast<T *>(call.grad_b_out) = readouts[H];
    }
};

template <class T> void regression(const Call &call) {
    const PackedForward<T> packed(call);
    const BackwardRoom<T> room(call, packed.sparse);
    Buffer readouts(room.partials * (call.hidden + 1) * sizeof(T), call.poison);
    Buffer losses(room.partials * sizeof(double), call.poison);
    Regression<T> pass{call,
                       {call, room.stride, packed.weights, packed.bias, nullptr, packed.sparse},
                       room.pass(call),
                       readouts.as<T>(),
                       losses.as<double>()};
    parallel(static_cast<int>(room.workers), room.partials, [](void *context, Index task, int worker) {
        static_cast<Regression<T> *>(context)->partial(task, worker);
    }, &pass);
    pass.reduce();
}

}  // namespace
}  // namespace irnn
