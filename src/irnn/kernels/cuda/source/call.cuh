// What one launch is told. Pointers are to the GPU's memory; a leading axis counts the runs.
// `irnn.kernels.cuda.layout` says the same to Python, field by field.
#pragma once

typedef long long Index;

// The numbers of one run's optimizer, as in ../../cpp/call.hpp.
struct Numbers {
    double max_norm, l2_penalty, decoupled_decay, momentum, epsilon, beta1, beta2;
    Index rule, nesterov, centered, amsgrad;
};
enum Rule { SGD, ADAM, RMSPROP };

// How far a run has come: optimizer steps made; whether it is halted, as after an update that was refused: then nothing
// of it is computed nor changed; the slot of its next update, and the slot at which it halts by itself.
struct Standing {
    Index count, halted, slot, end;
};

// What one update did. `outcome`: 1 it was made, 2 applied, 4 clipped.
struct Record {
    double norm;
    float loss;
    int outcome;
};

struct Call {
    Index steps, batch, groups;  // T; B; groups of G rows
    Index chunk, chunks;         // steps whose gradient is summed in one go, and how many such there are
    Index kept;                  // of these, sums in memory: each, or 1 where a block adds a group's chunks up
    Index blocks;                // of a run in `gather` and `descend`
    Index runs, parameters_run;  // N; floats from one run's parameters to the next
    // Elements from one input to the next along each axis; a slot is one update of a stretch.
    Index input_slot, input_run, input_time, input_batch, input_feature, target_slot, target_run;
    const float *inputs, *targets;
    float *parameters;           // (N, P): w_ih, w_hh, b_ih, b_hh, w_out, b_out
    float *history;              // (N, B, T, KP): h_{t-1}, x_t, 1
    float *deltas;               // (N, B, T, HP): gradient before the nonlinearity
    float *partials;             // (N, groups, kept, H, KP): gradient of [w_hh | w_ih | b]
    float *last;                 // (N, B, H): h_T
    float *errors;               // (N, B): answer minus target
    float *gradient;             // (N, P)
    double *measures;            // (N, blocks, 2): sum of squares, largest magnitude
    const float *scales;         // (N, P): factor on the learning rate
    const float *rates;          // (slots, N): learning rate
    float *state[3];             // (N, P): running averages of the optimizer
    const Numbers *numbers;      // (N,)
    Standing *standing;          // (2, N): before updates of even and of odd positions
    Record *records;             // (slots, N)
    Index *position;             // (1,): how many updates of all runs were begun
};

// One layer over time, or back; see layer.cu.
struct LayerCall {
    Index steps, batch;    // T; B
    Index output_time;     // floats from one step's output, or its gradient, to the next; 0 where there is the last only
    const float *w_hh;     // (H, H)
    const float *start;    // (B, H): h_0; null for zeros
    const float *drive;    // (T, B, H): W_ih x_t + b
    float *output;         // (T, B, H), or (B, H)
    float *history;        // (T + 1, B, H): h_0 ... h_T; null where it is not kept
    const float *slopes;   // gradient of the output
    float *deltas;         // (T, B, H): gradient before the nonlinearity
    float *start_slope;    // (B, H): gradient of h_0; null where it is not wanted
};

// Where a run stands before an update; `position` is how many were begun before that.
__device__ __forceinline__ Standing &standing_of(const Call &call, Index position, Index run) {
    return call.standing[(position & 1) * call.runs + run];
}

// Whether a run was halted before the last update already: what no kernel of the present one can change.
__device__ __forceinline__ bool is_idle(const Call &call, Index run) {
    return standing_of(call, 0, run).halted && standing_of(call, 1, run).halted;
}
