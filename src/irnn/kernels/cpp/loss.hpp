// The loss of a batch, by a linear read-out of the last states, and all its gradients. Each block of rows goes forward and
// back at once: its states are still in the cache, nothing is kept for the other blocks, and the threads meet once.
#pragma once

namespace irnn {
namespace {

// A recurrence as a loss sees it: a block of rows goes there and back in the history of its worker.
template <class T> struct SimpleNetwork {
    const Call &call;
    PackedForward<T> packed;
    BackwardRoom<T> room;
    Forward<T> forward;
    Backward<T> backward;
    Index stride, partials, workers;

    explicit SimpleNetwork(const Call &call)
        : call(call), packed(call), room(call, packed.sparse),
          forward{{call, room.stride}, packed.weights, packed.bias, nullptr, packed.sparse}, backward(room.pass(call)),
          stride(room.stride), partials(room.partials), workers(room.workers) {}

    T *history(int worker) const {
        return static_cast<T *>(call.history) + worker * (call.time + 1) * block_rows * stride;
    }
    void there(Index first, Index rows, int worker) const {
        const Roster roster = backward.roster_of(worker);
        forward.walk(first, rows, history(worker), true, roster.lists ? &roster : nullptr);
    }
    void back(Index first, Index rows, const Outputs<T> &outputs, Index partial, bool fresh, int worker) const {
        const Roster roster = backward.roster_of(worker);
        backward.walk(first, rows, history(worker), outputs, roster.lists ? &roster : nullptr,
                      backward.sum_of(partial), fresh, backward.scratch_of(worker));
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
    Index stride, partials, workers;

    explicit GatedNetwork(const Call &call)
        : call(call), layout(call), packed(call, layout), backward(call, layout),
          scratch(backward.workers * GatedForward<T, Cell>::scratch_elements(call, layout, true) * sizeof(T), call.poison),
          forward{{call, backward.stride}, packed, backward.tape, scratch.as<T>(), true}, stride(backward.stride),
          partials(backward.partials), workers(backward.workers) {}

    T *history(int worker) const {
        return static_cast<T *>(call.history) + worker * (call.time + 1) * block_rows * (stride + backward.tape);
    }
    void there(Index first, Index rows, int worker) const {
        forward.walk(first, rows, history(worker), worker);
    }
    void back(Index first, Index rows, const Outputs<T> &outputs, Index partial, bool fresh, int worker) const {
        backward.walk(first, rows, history(worker), outputs, backward.sum_of(partial), fresh, worker);
    }
    void reduce() const { backward.reduce(); }
};

// A loss for each partial sum of the batch, and the gradients of the read-out: weights (outputs, width), then biases.
template <class T, class Head> struct Loss {
    const Call &call;
    const Head head;
    Index width;
    Buffer readouts, losses, rooms;

    Loss(const Call &call, Index partials, Index workers)
        : call(call), head(call), width(whole_lines(call.hidden, sizeof(T))),
          readouts(partials * head.outputs * (width + 1) * sizeof(T), call.poison),
          losses(partials * sizeof(double), call.poison), rooms(workers * head.room * sizeof(T), call.poison) {}

    double &loss(Index partial) const { return losses.as<double>()[partial]; }
    T *weights(Index partial) const { return readouts.as<T>() + partial * head.outputs * (width + 1); }
    T *biases(Index partial) const { return weights(partial) + head.outputs * width; }
    T *room(int worker) const { return rooms.as<T>() + worker * head.room; }

    void clear(Index partial) const {
        loss(partial) = 0;
        std::memset(weights(partial), 0, head.outputs * (width + 1) * sizeof(T));
    }

    void reduce(Index partials) const {
        for (Index p = 1; p < partials; ++p) {
            loss(0) += loss(p);
            for (Index j = 0; j < head.outputs * (width + 1); ++j) weights(0)[j] += weights(p)[j];
        }
        *static_cast<T *>(call.loss) = static_cast<T>(loss(0) / static_cast<double>(head.answers));
        for (Index k = 0; k < head.outputs; ++k)
            std::memcpy(static_cast<T *>(call.grad_w_out) + k * call.hidden, weights(0) + k * width, call.hidden * sizeof(T));
        std::memcpy(call.grad_b_out, biases(0), head.outputs * sizeof(T));
    }
};

// The gradients of a block's states by its answers, which are made on the way back, step by step.
template <class T, class Head> struct AnsweredOutputs final : Outputs<T> {
    const Loss<T, Head> &loss;
    const T *history;
    Index stride, partial;
    int worker;
    AnsweredOutputs(const Loss<T, Head> &loss, const T *history, Index stride, Index partial, int worker)
        : Outputs<T>(loss.call.time - loss.call.answered), loss(loss), history(history), stride(stride), partial(partial),
          worker(worker) {}

    void put(T *to, Index to_row, Index t, Index first, Index rows, bool add) const override {
        loss.head.answer({history + (t + 1) * rows * stride, stride, to, to_row, add, t - this->from, first, rows},
                         loss.loss(partial), loss.weights(partial), loss.width, loss.biases(partial), loss.room(worker));
    }
};

template <class T, class Network, class Head> struct Training {
    const Network &network;
    const Loss<T, Head> &loss;

    void partial(Index index, int worker) const {
        const Call &call = loss.call;
        const Index begin = first_block(call, index);
        loss.clear(index);
        for (Index b = begin; b < first_block(call, index + 1); ++b) {
            const Index first = b * block_rows, rows = rows_of_block(call, b);
            network.there(first, rows, worker);
            const AnsweredOutputs<T, Head> outputs(loss, network.history(worker), network.stride, index, worker);
            network.back(first, rows, outputs, index, b == begin, worker);
        }
    }
};

template <class T, class Network, class Head> void train(const Call &call) {
    const Network network(call);
    const Loss<T, Head> loss(call, network.partials, network.workers);
    Training<T, Network, Head> pass{network, loss};
    parallel(static_cast<int>(network.workers), network.partials, [](void *context, Index task, int worker) {
        static_cast<Training<T, Network, Head> *>(context)->partial(task, worker);
    }, &pass);
    network.reduce();
    loss.reduce(network.partials);
}

template <class T, class Network> void loss_of(const Call &call) {
    if (call.classes) train<T, Network, CrossEntropy<T>>(call);
    else train<T, Network, SquaredError<T>>(call);
}

}  // namespace
}  // namespace irnn
