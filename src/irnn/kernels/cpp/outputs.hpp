// What a walk back is told about the states that were handed out.
#pragma once

namespace irnn {
namespace {

template <class T> struct Outputs {
    const Index from;  // the first step whose states were handed out; all after it were, too
    explicit Outputs(Index from) : from(from) {}
    // Puts the gradient of the states of step t >= from, for `rows` rows from `first`, into rows of `to`, or adds it to them.
    virtual void put(T *to, Index to_row, Index t, Index first, Index rows, bool add) const = 0;

  protected:
    ~Outputs() = default;
};

// An array of gradients, of every step or of the last one.
template <class T> struct GivenOutputs final : Outputs<T> {
    const Call &call;
    explicit GivenOutputs(const Call &call) : Outputs<T>(call.last_only ? call.time - 1 : 0), call(call) {}

    void put(T *to, Index to_row, Index t, Index first, Index rows, bool add) const override {
        const T *given = static_cast<const T *>(call.grad_output) + ((t - this->from) * call.batch + first) * call.hidden;
        for (Index r = 0; r < rows; ++r, to += to_row, given += call.hidden) {
            if (!add) std::memcpy(to, given, call.hidden * sizeof(T));
            else
                for (Index j = 0; j < call.hidden; ++j) to[j] += given[j];
        }
    }
};

}  // namespace
}  // namespace irnn
