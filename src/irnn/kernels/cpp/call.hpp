// One call of the kernel, as Python hands it over, and the seams between the source files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace irnn {

using Index = std::ptrdiff_t;

// Mirrored field by field by `_Call` in ../library.py. Every array is dense and row-major except
// `inputs`, which has strides (counted in elements). A null pointer means "absent".
struct Call {
    std::int64_t time, batch, features, hidden;         // T, B, F, H
    std::int64_t input_time, input_batch, input_feature;  // strides of `inputs`
    std::int64_t tanh, last_only, threads, poison;        // flags, and how many threads may work
    const void *inputs;                                   // (T, B, F)
    const void *w_ih, *w_hh, *bias, *h0;                  // (H, F) (H, H) (H) (B, H)
    void *output;                                         // (B, H) or (T, B, H)
    void *history;              // history_elements(), or null: nothing is kept for backward
    const void *grad_output;    // like output
    void *grad_inputs;          // (T, B, F) or null
    void *grad_w_ih, *grad_w_hh, *grad_bias, *grad_h0;  // the last two may be null
    // For `regression` alone, where `history` is room for one block of rows per thread:
    const void *targets, *w_out, *b_out;  // (B) (H) (1)
    void *loss, *grad_w_out, *grad_b_out;  // (1) (H) (1)
};

// The same source, compiled for one instruction set.
struct Variant {
    const char *name;
    bool (*supported)();
    void (*forward[2])(const Call &);   // [0] float, [1] double
    void (*backward[2])(const Call &);
    void (*regression[2])(const Call &);
};
extern const Variant baseline_variant;
#if defined(__x86_64__) && defined(__GNUC__)
#define IRNN_X86 1
extern const Variant avx2_variant;
extern const Variant avx512_variant;
#endif

// Rows that walk through time together. A function of the problem only, never of the number of
// threads: it decides the order in which the weight gradient is summed.
constexpr Index block_rows = 8;

// Elements between two rows of states: [h (H) | x (F) | 1 | padding], rounded up to an odd number
// of cache lines so that a walk down a column does not fall on a few cache sets.
inline Index row_stride(const Call &call, Index element_size) {
    const Index line = 64 / element_size;
    const Index lines = (call.hidden + call.features + 1 + line - 1) / line;
    return (lines | 1) * line;
}

inline Index block_count(const Call &call) { return (call.batch + block_rows - 1) / block_rows; }

inline Index rows_of_block(const Call &call, Index block) {
    const Index left = call.batch - block * block_rows;
    return left < block_rows ? left : block_rows;
}

// Weight gradients are summed in up to this many parts, and these then in order.
constexpr Index most_partials = 16;

inline Index partial_count(const Call &call) {
    return block_count(call) < most_partials ? block_count(call) : most_partials;
}

inline Index history_elements(const Call &call, Index element_size) {
    return (call.time + 1) * call.batch * row_stride(call, element_size);
}

// Uninitialised memory on a cache line boundary; filled with NaN when `poison` is set, so that a
// test can see a read of what was never written. Throws std::bad_alloc.
class Buffer {
  public:
    Buffer(std::size_t bytes, bool poison);
    ~Buffer();
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    template <class T> T *as() const { return static_cast<T *>(data_); }

  private:
    void *data_;
};

// Runs work(context, task, worker) for every task in [0, tasks) on up to `threads` threads, the
// caller among them; worker < threads tells scratch spaces apart. Returns when all are done.
using Work = void (*)(void *context, Index task, int worker);
void parallel(int threads, Index tasks, Work work, void *context);

}  // namespace irnn
