// One call of the kernel, as Python hands it over, and the seams between the source files.
#pragma once

#include <cstddef>
#include <cstdint>

#define IRNN_EXPORT extern "C" __attribute__((visibility("default")))

namespace irnn {

using Index = std::ptrdiff_t;

// Mirrored field by field by `Call` in ../loading.py. Every array is dense and row-major except
// `inputs`, which has strides (counted in elements). A null pointer means "absent".
struct Call {
    std::int64_t time, batch, features, hidden;         // T, B, F, H
    std::int64_t input_time, input_batch, input_feature;  // strides of `inputs`
    std::int64_t tanh, last_only, threads, poison;        // flags, and how many threads may work
    const void *inputs;                                   // (T, B, F)
    const void *w_ih, *w_hh, *bias, *h0;                  // (H, F) (H, H) (H) (B, H)
    void *output;                                         // (B, H) or (T, B, H)
    void *history;              // history_row() for each of (T + 1, B), or null: nothing is kept for backward
    const void *grad_output;    // like output
    void *grad_inputs;          // (T, B, F) or null
    void *grad_w_ih, *grad_w_hh, *grad_bias, *grad_h0;  // the last two may be null
    // For `loss` alone, where `history` is room for loss_rows() rows instead of B; C outputs:
    const void *targets, *w_out, *b_out;  // (B, answered) (C, H) (C); targets are int64 where they are classes
    void *loss, *grad_w_out, *grad_b_out;  // (1) (C, H) (C)
    // torch.nn.RNN has two biases, which are added, and so two equal gradients: null or (H)
    const void *second_bias;
    void *grad_second_bias;
    // LSTM (gates in PyTorch's order i, f, g, o) and GRU (r, z, n): rows of w_ih, w_hh and both biases are 4 H and 3 H.
    std::int64_t cell;
    const void *c0, *grad_last_carry;  // (B, H), like the next two: of the LSTM alone; each may be null
    void *last_carry, *grad_c0;
    // For `loss`: C, or 0 for one number and its squared error; how many of the last steps are answered.
    std::int64_t classes, answered;
};

enum CellKind : std::int64_t { simple_cell, lstm_cell, gru_cell };
constexpr const char *cell_names[] = {"recurrence", "lstm", "gru"};

enum class Rule : std::int64_t { sgd, adam, rmsprop };
constexpr const char *rule_names[] = {"sgd", "adam", "rmsprop"};

// One step of an optimizer on a vector of parameters; mirrored by `Step` in ../loading.py.
struct Step {
    std::int64_t count, rule, nesterov, centered;
    void *parameters, *state[3];         // (count); running averages, in the order of the rule
    void *gradient;                       // (count); scaled in place where its norm overflows
    const void *rates, *loss;             // (count) (1)
    double rate_factor;                   // on all of `rates`
    double max_norm;                      // infinity: no clipping
    double l2_penalty, decoupled_decay, momentum, epsilon;
    double beta1, beta2;                        // beta2 is RMSprop's alpha
    double mean_correction, square_correction;  // Adam's 1 - beta^(number of this step)
    double loss_value, norm;                    // answers; the norm before clipping
    std::int64_t clipped, applied;
};

// Sequences of the adding problem at `positions` of a random stream; mirrored by `Draw` in
// ../loading.py. The second mark is drawn above second_start; with `distinct` the first is left out.
struct Draw {
    std::int64_t steps, count, key;
    std::int64_t first_bound, second_start, second_bound, distinct;
    const std::int64_t *positions;  // (count)
    float *values;                  // (count, steps)
    std::int64_t *marks;            // (count, 2)
};

// Batches of such sequences for a network; mirrored by `Layout` in ../loading.py.
struct Layout {
    std::int64_t steps, batches, batch;
    const float *values;         // (N, steps)
    const std::int64_t *marks;   // (N, 2)
    const std::int64_t *rows;    // (batches, batch) rows of values and marks; null: in their order
    void *inputs, *targets;      // (batches, steps, batch, 2) (batches, batch)
};

// The same source, compiled for one instruction set.
struct Variant {
    const char *name;
    bool (*supported)();
    void (*forward[2])(const Call &);   // [0] float, [1] double
    void (*backward[2])(const Call &);
    void (*loss[2])(const Call &);
    void (*step[2])(Step &);
};
extern const Variant baseline_variant;
#if defined(__x86_64__) && defined(__GNUC__)
#define IRNN_X86 1
bool processor_runs_avx2();
bool processor_runs_avx512();
extern const Variant avx2_variant;
extern const Variant avx512_variant;
#endif

// Rows that walk through time together. A function of the problem only, never of the number of
// threads: it decides the order in which the weight gradient is summed.
constexpr Index block_rows = 8;

// Elements of a row, rounded up to an odd number of cache lines so that a walk down a column does not fall on a few
// cache sets.
inline Index whole_lines(Index elements, Index element_size) {
    const Index line = 64 / element_size;
    return ((elements + line - 1) / line | 1) * line;
}

// Elements between two rows of states: [h (H) | x (F) | 1 | padding].
inline Index row_stride(const Call &call, Index element_size) {
    return whole_lines(call.hidden + call.features + 1, element_size);
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

// The first block of a partial sum is a function of the batch size only.
inline Index first_block(const Call &call, Index partial) {
    return partial * block_count(call) / partial_count(call);
}

// Elements between two rows of what a gated cell keeps beside its states: an LSTM's gates and c, a GRU's gates and product.
inline Index tape_stride(const Call &call, Index element_size) {
    if (call.cell == simple_cell) return 0;
    const Index line = 64 / element_size, vectors = call.cell == lstm_cell ? 5 : 4;
    return whole_lines(vectors * ((call.hidden + line - 1) / line) * line, element_size);
}

// Elements that are kept for backward of one step of one row.
inline Index history_row(const Call &call, Index element_size) {
    return row_stride(call, element_size) + tape_stride(call, element_size);
}

// Rows that `loss` works on at a time: a block per thread.
inline Index loss_rows(const Call &call) {
    return block_rows * (call.threads < partial_count(call) ? call.threads : partial_count(call));
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
