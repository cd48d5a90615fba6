// R sequences of one run from the first step to the last, the read-out, and back.
#pragma once
#include "call.cuh"
#include "product.cuh"

struct Place {  // which sequences of which run a block has
    Index run, first;
    int rows;
    __device__ explicit Place(const Call &call) : run(blockIdx.y), first((Index)blockIdx.x * R) {
        const Index left = call.batch - first;
        rows = left < R ? (int)left : R;
    }
};

constexpr int INPUT_RING = up(2 * INPUTS_AHEAD * R * F, 4), HISTORY_RING = 2 * HISTORY_AHEAD * R * KP;
constexpr int SLOPES = up(R, 4);

struct Room {  // shared memory
    float *vectors, *slopes, *staged, *ring;
    __device__ explicit Room(float *all)
        : vectors(all), slopes(all + 2 * R * VECTOR), staged(slopes + SLOPES), ring(staged + STAGED * up(H * STAGE, 4)) {}
    __device__ float *vector(int which, int row) const { return vectors + (which * R + row) * VECTOR; }
    __device__ void clear() const {
        for (int e = threadIdx.x; e < 2 * R * VECTOR; e += THREADS) vectors[e] = 0.f;
    }
};
constexpr int ROOM_FORWARD = 2 * R * VECTOR + SLOPES + STAGED * up(H * STAGE, 4) + INPUT_RING;
constexpr int ROOM_WALK = ROOM_FORWARD - INPUT_RING + larger(INPUT_RING, HISTORY_RING);

struct Inputs {  // of a block's rows, fetched INPUTS_AHEAD steps at a time into the two halves of a ring
    const float *from;
    Index time, batch, feature, steps;
    int rows;
    float *ring;
    __device__ void fetch(Index part) const {
        const Index first = part * INPUTS_AHEAD;
        float *const to = ring + (part & 1) * INPUTS_AHEAD * R * F;
        for (int e = threadIdx.x; e < INPUTS_AHEAD * R * F; e += THREADS) {
            const Index t = first + e / (R * F);
            const int row = e / F % R;
            if (t < steps && row < rows) copy4(to + e, from + t * time + row * batch + e % F * feature);
        }
    }
    __device__ float read(Index t, int row, int f) const {
        return ring[((t / INPUTS_AHEAD & 1) * INPUTS_AHEAD + t % INPUTS_AHEAD) * R * F + row * F + f];
    }
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
    float *const kept = KEEP ? call.history + (at.run * call.batch + at.first) * call.steps * KP : nullptr;
    // The threads from the last one down bring the inputs and the 1 of each row to where they are multiplied.
    const int carrier = THREADS - 1 - me.thread;
    const auto carry = [&](Index t, int which) {
        for (int e = carrier; e < R * (F + 1); e += THREADS) {
            const int row = e / (F + 1), f = e % (F + 1);
            if (row >= at.rows) continue;
            const float value = f < F ? inputs.read(t, row, f) : 1.f;
            room.vector(which, row)[place<FORTH>(H + f)] = value;
            if (KEEP) kept[(row * call.steps + t) * KP + H + f] = value;
        }
    };
    room.clear();
    inputs.fetch(0);
    await_copies();
    __syncthreads();
    inputs.fetch(1);
    carry(0, 0);
#pragma unroll
    for (int r = 0; r < R; ++r) {
        h[r] = 0.f;
        if (KEEP && me.owner && r < at.rows) kept[r * call.steps * KP + me.unit] = 0.f;
    }
    __syncthreads();
    const int own = place<FORTH>(me.unit);
    int current = 0;
    for (Index t = 0; t < call.steps; ++t, current ^= 1) {
        const bool more = t + 1 < call.steps;
        if (more && (t + 1) % INPUTS_AHEAD == 0) {
            await_copies();
            __syncthreads();
            inputs.fetch((t + 1) / INPUTS_AHEAD + 1);
        }
        if (more) carry(t + 1, current ^ 1);
#pragma unroll
        for (int r = 0; r < R; ++r) {
            float v[up(FORTH, 4)];
            read<FORTH>(v, room.vector(current, r), me.lane);
            h[r] = activation(multiply<FORTH>(w, v));
            if (me.owner) {
                room.vector(current ^ 1, r)[own] = h[r];
                if (KEEP && more && r < at.rows) kept[(r * call.steps + t + 1) * KP + me.unit] = h[r];
            }
        }
        __syncthreads();
    }
    return current;
}

// Each row's answer minus its target; a warp takes a row.
__device__ __forceinline__ void read_out(
    const Call &call, const Place &at, const Room &room, const float *parameters, const float *targets, int current, float *errors, float unit) {
    const int lane = threadIdx.x % 32;
    for (int row = threadIdx.x / 32; row < R; row += THREADS / 32) {
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
    Index slot;
    const float *parameters;
    __device__ Walk(const Call &call, float *all)
        : call(call), at(call), room(all), slot(call.position ? *call.position : 0),
          parameters(call.parameters + at.run * call.parameters_run) {}
    __device__ Inputs inputs() const {
        const float *from = call.inputs + slot * call.input_slot + at.run * call.input_run + at.first * call.input_batch;
        return {from, call.input_time, call.input_batch, call.input_feature, call.steps, at.rows, room.ring};
    }
    __device__ const float *targets() const { return call.targets + slot * call.target_slot + at.run * call.target_run; }
};

// Held-out error of every row: (N, B) of `errors`.
extern "C" __global__ void __launch_bounds__(THREADS, IRNN_BLOCKS) evaluate(const __grid_constant__ Call call) {
    IRNN_SHARED(all);
    const Walk walk(call, all);
    const Matrix matrix{walk.parameters, walk.room.staged};
    stage(walk.parameters, walk.room.staged);
    float h[R];
    const int current = walk_forward<false>(call, walk.at, walk.me, walk.room, walk.inputs(), matrix, h);
    read_out(call, walk.at, walk.room, walk.parameters, walk.targets(), current, call.errors + walk.at.run * call.batch, 0.f);
}

// The walk back; FUSED sums the gradient of [w_hh | w_ih | b] on the way, else the deltas are kept for it.
__device__ __forceinline__ void walk_back(const Walk &walk, const Matrix &matrix, const float (&h)[R], int current) {
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
    const float *const kept = call.history + (at.run * call.batch + at.first) * call.steps * KP;
    float *const deltas = FUSED ? nullptr : call.deltas + (at.run * call.batch + at.first) * call.steps * HP;
    const Index T = call.steps;
    const auto fetch = [&](Index part) {
        float *const to = room.ring + (part & 1) * HISTORY_AHEAD * R * KP;
        for (int e = me.thread; e < HISTORY_AHEAD * R * KP / 4; e += THREADS) {
            const Index t = T - 1 - part * HISTORY_AHEAD - e / (R * KP / 4);
            const int row = e / (KP / 4) % R;
            if (t >= 0 && row < at.rows) copy16(to + 4 * e, kept + (row * T + t) * KP + e % (KP / 4) * 4);
        }
    };
    const int own = place<BACK>(me.unit);
    float *const last = call.last + (at.run * call.batch + at.first) * H;
    float d[R];
#pragma unroll
    for (int r = 0; r < R; ++r) {
        d[r] = me.owner ? through(h[r], room.slopes[r] * walk.parameters[W_OUT + me.unit]) : 0.f;
        if (me.owner && r < at.rows) last[r * H + me.unit] = h[r];
    }
    __syncthreads();  // the ring and the vectors get new contents
    room.clear();
    fetch(0);
    __syncthreads();
    current = 0;
#pragma unroll
    for (int r = 0; r < R; ++r)
        if (me.owner) room.vector(0, r)[own] = d[r];
    float sums[FUSED ? M : 1][FUSED ? BACK : 1];
    if (FUSED)
#pragma unroll
        for (int u = 0; u < (FUSED ? M : 1); ++u)
#pragma unroll
            for (int i = 0; i < (FUSED ? BACK : 1); ++i) sums[u][i] = 0.f;
    float *const partials = call.partials + (at.run * call.groups + blockIdx.x) * (Index)H * KP * (FUSED ? 1 : call.chunks);
    for (Index s = 0; s < T; ++s, current ^= 1) {
        const Index t = T - 1 - s;
        if (s % HISTORY_AHEAD == 0) {
            await_copies();
            __syncthreads();
            fetch(s / HISTORY_AHEAD + 1);
        }
        const float *const history = room.ring + ((s / HISTORY_AHEAD & 1) * HISTORY_AHEAD + s % HISTORY_AHEAD) * R * KP;
#pragma unroll
        for (int r = 0; r < R; ++r) {
            if (r >= at.rows) continue;
            float v[up(BACK, 4)];
            read<BACK>(v, room.vector(current, r), me.lane);
            if (FUSED) {
                float states[M];
#pragma unroll
                for (int q = 0; q < M; q += 4) {
                    float4 word = {0.f, 0.f, 0.f, 0.f};
                    if (M * me.group + q < KP) word = *reinterpret_cast<const float4 *>(history + r * KP + M * me.group + q);
                    states[q] = word.x, states[q + 1] = word.y, states[q + 2] = word.z, states[q + 3] = word.w;
                }
#pragma unroll
                for (int i = 0; i < (FUSED ? BACK : 1); ++i)
#pragma unroll
                    for (int u = 0; u < (FUSED ? M : 1); ++u) sums[u][i] = fmaf(v[i], states[u], sums[u][i]);
            } else if (me.owner) {
                deltas[(r * T + t) * HP + me.unit] = d[r];
            }
            const float product = multiply<BACK>(w, v);
            if (me.owner) {
                d[r] = through(history[r * KP + me.unit], product);
                room.vector(current ^ 1, r)[own] = d[r];
            }
        }
        if (FUSED && ((s + 1) % call.chunk == 0 || s + 1 == T)) {
            const bool first = s < call.chunk;
#pragma unroll
            for (int i = 0; i < (FUSED ? BACK : 1); ++i)
#pragma unroll
                for (int u = 0; u < (FUSED ? M : 1); ++u) {
                    const int row = BACK * me.lane + i, column = M * me.group + u;
                    if (row < H && column < K) {
                        float *const to = partials + row * KP + column;
                        *to = first ? sums[u][i] : *to + sums[u][i];
                    }
                    sums[u][i] = 0.f;
                }
        }
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, IRNN_BLOCKS) walk(const __grid_constant__ Call call) {
    IRNN_SHARED(all);
    const Walk walk(call, all);
    const Matrix matrix{walk.parameters, walk.room.staged};
    stage(walk.parameters, walk.room.staged);
    float h[R];
    const int current = walk_forward<true>(call, walk.at, walk.me, walk.room, walk.inputs(), matrix, h);
    read_out(call, walk.at, walk.room, walk.parameters, walk.targets(), current, call.errors + walk.at.run * call.batch, 1.f / (float)call.batch);
    __syncthreads();
    walk_back(walk, matrix, h, current);
}
