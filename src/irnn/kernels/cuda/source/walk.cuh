// ROWS sequences of one run from the first step to the last, the read-out, and back.
#pragma once
#include "call.cuh"
#include "product.cuh"

struct Place {  // which sequences of which run a block has
    Index run, first;
    int rows;
    __device__ explicit Place(const Call &call) : run(blockIdx.y), first((Index)blockIdx.x * ROWS) {
        const Index left = call.batch - first;
        rows = left < ROWS ? (int)left : ROWS;
    }
};

constexpr int CARRIED = up(ROWS * F, THREADS) / THREADS;          // of the rows' inputs, by a thread
constexpr int COPIED = up(ROWS * KP / 4, THREADS) / THREADS;      // words of the rows' history, by a thread
constexpr int INPUT_RING = up(SLOTS * ROWS * F, 4), HISTORY_RING = SLOTS * ROWS * KP;
constexpr int SLOPES = up(ROWS, 4);

struct Room {  // shared memory
    float *vectors, *slopes, *staged, *ring;
    __device__ explicit Room(float *all)
        : vectors(all), slopes(all + 2 * ROWS * VECTOR), staged(slopes + SLOPES), ring(staged + STAGED * up(H * STAGE, 4)) {}
    __device__ float *vector(int which, int row) const { return vectors + (which * ROWS + row) * VECTOR; }
    __device__ void clear() const {
        for (int e = threadIdx.x; e < 2 * ROWS * VECTOR; e += THREADS) vectors[e] = 0.f;
    }
};
constexpr int ROOM_FORWARD = 2 * ROWS * VECTOR + SLOPES + STAGED * up(H * STAGE, 4) + INPUT_RING;
constexpr int ROOM_WALK = ROOM_FORWARD - INPUT_RING + larger(INPUT_RING, HISTORY_RING);

struct Inputs {  // of a block's rows
    const float *from;
    Index time, batch, feature;
    float *ring;
};

// Walks forward; leaves the last states in `h` and in vector 0 or 1, and returns which.
template <bool KEEP>
__device__ __forceinline__ int walk_forward(
    const Call &call, const Place &at, const Lane &me, const Room &room, const Inputs &inputs, const Matrix &matrix, float (&h)[R]) {
    float w[M][FORTH];
#pragma unroll
    for (int u = 0; u < M; ++u)
#pragma unroll
        for (int i = 0; i < FORTH; ++i) {
            const int unit = me.unit_of(u), term = FORTH * me.lane + i;
            w[u][i] = unit < H && term < K ? matrix.read(unit, term) : 0.f;
        }
    const int T = (int)call.steps;
    const Index row_of_history = (Index)T * KP;
    float *const kept = KEEP ? call.history + (at.run * call.batch + at.first) * row_of_history : nullptr;
    // The threads from the last one down bring the inputs of each row to where they are multiplied; each fetches what
    // it brings.
    int spot[CARRIED], seat[CARRIED];  // in the ring; in the vector, -1 without a row
    const float *source[CARRIED];
#pragma unroll
    for (int c = 0; c < CARRIED; ++c) {
        const int e = THREADS - 1 - me.thread + c * THREADS, row = e / F, f = e % F;
        spot[c] = e;
        seat[c] = row < at.rows ? row * VECTOR + place<FORTH>(H + f) : -1;
        source[c] = inputs.from + row * inputs.batch + f * inputs.feature;
    }
    const auto fetch = [&](int t) {
#pragma unroll
        for (int c = 0; c < CARRIED; ++c)
            if (seat[c] >= 0 && t < T) {
                copy4(inputs.ring + t % SLOTS * (ROWS * F) + spot[c], source[c]);
                source[c] += inputs.time;
            }
        commit_copies();
    };
    const auto fetched = [&](int t, float (&values)[CARRIED]) {
#pragma unroll
        for (int c = 0; c < CARRIED; ++c)
            if (seat[c] >= 0) values[c] = inputs.ring[t % SLOTS * (ROWS * F) + spot[c]];
    };
    const auto carry = [&](int which, const float (&values)[CARRIED]) {
#pragma unroll
        for (int c = 0; c < CARRIED; ++c)
            if (seat[c] >= 0) room.vectors[which * ROWS * VECTOR + seat[c]] = values[c];
    };
    room.clear();
    for (int t = 0; t <= AHEAD_OF_USE; ++t) fetch(t);
    await_copies<0>();
    __syncthreads();
    for (int e = me.thread; e < 2 * ROWS; e += THREADS) room.vectors[e * VECTOR + place<FORTH>(H + F)] = 1.f;
    float carried[CARRIED];
    fetched(0, carried);
    carry(0, carried);
    const int row = me.row(0), rows = me.owner ? at.rows - row : 0;  // of this lane's unit
    float *states = kept + row * row_of_history + me.unit;
#pragma unroll
    for (int r = 0; r < R; ++r) {
        h[r] = 0.f;
        if (KEEP && r < rows) states[r * row_of_history] = 0.f;
    }
    __syncthreads();
    Turns turns(room.vector(0, row) + me.lane * pitch(FORTH), room.vector(1, row) + place<FORTH>(me.unit));
    int current = 0;
    for (int t = 0; t < T; ++t, current ^= 1) {
        const bool more = t + 1 < T;
        float v[up(FORTH, 4)];  // is asked for before anything else, since all wait for it
        read<FORTH>(v, turns.from);
        fetch(t + 1 + AHEAD_OF_USE);
        await_copies<AHEAD_OF_USE>();
        if (more) fetched(t + 1, carried);
#pragma unroll
        for (int r = 0; r < R; ++r) {
            if (r) read<FORTH>(v, turns.from + r * VECTOR);
            h[r] = activation(multiply<FORTH>(w, v));
            if (me.owner) turns.to[r * VECTOR] = h[r];
        }
        if (more) carry(current ^ 1, carried);
        turns.change();
        __syncthreads();
        if (KEEP && more) {  // after the barrier: nobody waits for it
            states += KP;
#pragma unroll
            for (int r = 0; r < R; ++r)
                if (r < rows) states[r * row_of_history] = h[r];
        }
    }
    return current;
}

// Each row's answer minus its target; a warp takes a row.
__device__ __forceinline__ void read_out(
    const Call &call, const Place &at, const Room &room, const float *parameters, const float *targets, int current, float *errors, float unit) {
    const int lane = threadIdx.x % 32;
    for (int row = threadIdx.x / 32; row < ROWS; row += THREADS / 32) {
        float sum = 0.f;
        for (int j = lane; j < H; j += 32) sum = fmaf(parameters[W_OUT + j], room.vector(current, row)[place<FORTH>(j)], sum);
        for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
        if (lane == 0) {
            const bool there = row < at.rows;
            const float error = there ? parameters[B_OUT] + sum - targets[at.first + row] : 0.f;
            if (there) errors[at.first + row] = error;
            room.slopes[row] = 2.f * error * unit;
        }
    }
}

struct Walk {
    const Call &call;
    Place at;
    Lane me;
    Room room;
    Index slot = 0;
    const float *parameters;
    __device__ Walk(const Call &call, float *all)
        : call(call), at(call), room(all), parameters(call.parameters + at.run * call.parameters_run) {}
    __device__ Inputs inputs() const {
        const float *from = call.inputs + slot * call.input_slot + at.run * call.input_run + at.first * call.input_batch;
        return {from, call.input_time, call.input_batch, call.input_feature, room.ring};
    }
    __device__ const float *targets() const { return call.targets + slot * call.target_slot + at.run * call.target_run; }
};

// Inputs and 1 of all steps, which history has beside the states.
__device__ __forceinline__ void keep_inputs(const Walk &walk) {
    const Inputs inputs = walk.inputs();
    const int T = (int)walk.call.steps;
    float *kept = walk.call.history + (walk.at.run * walk.call.batch + walk.at.first) * T * KP + H;
    for (int row = 0; row < walk.at.rows; ++row, kept += (Index)T * KP)
        for (int e = threadIdx.x; e < T * (F + 1); e += THREADS) {
            const int t = e / (F + 1), f = e % (F + 1);
            kept[(Index)t * KP + f] = f < F ? inputs.from[row * inputs.batch + t * inputs.time + f * inputs.feature] : 1.f;
        }
}

// Held-out error of every row: (N, B) of `errors`.
extern "C" __global__ void __launch_bounds__(THREADS, IRNN_BLOCKS) evaluate(const __grid_constant__ Call call) {
    IRNN_SHARED(all);
    const Walk walk(call, all);
    const Matrix matrix{walk.parameters, walk.room.staged};
    stage(walk.parameters, walk.room.staged);
    await_stage();
    float h[R];
    const int current = walk_forward<false>(call, walk.at, walk.me, walk.room, walk.inputs(), matrix, h);
    read_out(call, walk.at, walk.room, walk.parameters, walk.targets(), current, call.errors + walk.at.run * call.batch, 0.f);
}

// The walk back; the deltas are kept for `sum_products`.
__device__ __forceinline__ void walk_back(const Walk &walk, const Matrix &matrix, const float (&h)[R]) {
    const Call &call = walk.call;
    const Place &at = walk.at;
    const Lane &me = walk.me;
    const Room &room = walk.room;
    float w[M][BACK];
#pragma unroll
    for (int u = 0; u < M; ++u)
#pragma unroll
        for (int i = 0; i < BACK; ++i) {
            const int unit = me.unit_of(u), term = BACK * me.lane + i;
            w[u][i] = unit < H && term < H ? matrix.read(term, unit) : 0.f;
        }
    const int T = (int)call.steps;
    const float *const kept = call.history + (at.run * call.batch + at.first) * T * KP;
    const float *source[COPIED];  // of step T - 1
#pragma unroll
    for (int c = 0; c < COPIED; ++c) {
        const int e = me.thread + c * THREADS, row = e / (KP / 4);
        source[c] = row < at.rows ? kept + ((Index)row * T + T - 1) * KP + e % (KP / 4) * 4 : nullptr;
    }
    const auto fetch = [&](int s) {
#pragma unroll
        for (int c = 0; c < COPIED; ++c)
            if (source[c] && s < T) {
                copy16(room.ring + s % SLOTS * (ROWS * KP) + (me.thread + c * THREADS) * 4, source[c]);
                source[c] -= KP;
            }
        commit_copies();
    };
    const int own = place<BACK>(me.unit);
    float *const last = call.last + (at.run * call.batch + at.first) * H;
    const int row = me.row(0);
    float d[R];
#pragma unroll
    for (int r = 0; r < R; ++r) {
        d[r] = me.owner ? through(h[r], room.slopes[row + r] * walk.parameters[W_OUT + me.unit]) : 0.f;
        if (me.owner && row + r < at.rows) last[(row + r) * H + me.unit] = h[r];
    }
    __syncthreads();  // the ring and the vectors get new contents
    room.clear();
    for (int s = 0; s <= AHEAD_OF_USE; ++s) fetch(s);
    await_copies<0>();
    __syncthreads();
    Turns turns(room.vector(0, row) + me.lane * pitch(BACK), room.vector(1, row) + own);
    const int seen = row * KP + (me.owner ? me.unit : 0);
    const int rows = me.owner ? at.rows - row : 0;  // of this lane's unit
    const Index row_of_deltas = (Index)T * HP;
    float *changes = call.deltas + (at.run * call.batch + at.first + row + 1) * row_of_deltas - HP + me.unit;
#pragma unroll
    for (int r = 0; r < R; ++r)
        if (me.owner) room.vector(0, row + r)[own] = d[r];
    __syncthreads();
    for (int s = 0; s < T; ++s) {
        const float *const history = room.ring + s % SLOTS * (ROWS * KP);
        float v[up(BACK, 4)];
        read<BACK>(v, turns.from);
        float state = history[seen];
        fetch(s + 1 + AHEAD_OF_USE);
        await_copies<AHEAD_OF_USE>();  // the barrier below then shows the next step's to all
#pragma unroll
        for (int r = 0; r < R; ++r) {
            if (r > 0 && r >= at.rows) continue;  // alike for all threads, which exchange sums
            if (r) read<BACK>(v, turns.from + r * VECTOR), state = history[r * KP + seen];
            if (r < rows) changes[r * row_of_deltas] = d[r];
            const float product = multiply<BACK>(w, v);
            if (me.owner) {
                d[r] = through(state, product);
                turns.to[r * VECTOR] = d[r];
            }
        }
        changes -= HP;
        turns.change();
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, IRNN_BLOCKS) walk(const __grid_constant__ Call call) {
    IRNN_SHARED(all);
    Walk walk(call, all);
    const Standing standing = standing_of(call, *call.position, walk.at.run);
    if (standing.halted) return;
    walk.slot = standing.slot;
    const Matrix matrix{walk.parameters, walk.room.staged};
    stage(walk.parameters, walk.room.staged);
    keep_inputs(walk);
    await_stage();
    float h[R];
    const int current = walk_forward<true>(call, walk.at, walk.me, walk.room, walk.inputs(), matrix, h);
    read_out(call, walk.at, walk.room, walk.parameters, walk.targets(), current, call.errors + walk.at.run * call.batch, 1.f / (float)call.batch);
    __syncthreads();
    walk_back(walk, matrix, h);
}
