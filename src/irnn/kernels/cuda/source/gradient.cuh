// The gradient of [w_hh | w_ih | b] from deltas and history: for each group of rows, sums of products over chunks of
// steps. Of one run every chunk has a block of its own; where many runs fill the GPU, a block adds a group's chunks up.
#pragma once
#include "call.cuh"
#include "product.cuh"

// A thread has 8 x 8 elements: two quads of rows and two of columns, half a width apart, so that neighbors read
// neighboring words.
constexpr int QUADS = KP / 4;
constexpr int COLUMNS = up(QUADS, 2) / 2;      // threads beside each other
constexpr int TILES = HP / TILE;               // and above each other
constexpr int FITTING = larger(1, 256 / COLUMNS);
constexpr int TOGETHER = FITTING < TILES ? FITTING : TILES;  // tiles of a block
constexpr int PARTS = up(TILES, TOGETHER) / TOGETHER;        // blocks that share a group's chunk
constexpr int ADDERS = up(TOGETHER * COLUMNS, 32);
constexpr int AHEAD = G > 4 ? 2 : 16 / G;      // steps fetched together
constexpr int DEPTH = AHEAD * G;
constexpr int HISTORY = 8 * COLUMNS, WIDTH = TOGETHER * TILE;  // floats of a staged row of each
constexpr int WORDS = QUADS + WIDTH / 4;       // copied of a row of both
constexpr int SETS = ADDERS / WORDS < G ? ADDERS / WORDS : G;  // rows copied at once
static_assert(SETS > 0, "a row of both is copied at once");
constexpr int ROOM_GRADIENT = 2 * DEPTH * (HISTORY + WIDTH);

__device__ __forceinline__ void read_tile(float (&v)[TILE], const float *from, int apart) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const float4 word = *reinterpret_cast<const float4 *>(from + half * apart);
        v[4 * half] = word.x, v[4 * half + 1] = word.y, v[4 * half + 2] = word.z, v[4 * half + 3] = word.w;
    }
}

extern "C" __global__ void __launch_bounds__(ADDERS, ADDERS > 192 ? 1 : 2) sum_products(const __grid_constant__ Call call) {
    IRNN_SHARED(all);
    if (is_idle(call, blockIdx.z)) return;
    const int T = (int)call.steps, run = blockIdx.z, group = blockIdx.y / (int)call.kept, chunk = blockIdx.y % (int)call.kept;
    const Index first = (Index)run * call.batch + (Index)group * G;
    const int others = (int)call.batch - group * G, rows = others < G ? others : G;
    const int length = (int)call.chunk, begin = chunk * length;
    const int count = call.kept == 1 || T - begin < length ? T - begin : length;  // steps of this block
    const int base = blockIdx.x * WIDTH, tile = threadIdx.x / COLUMNS, column = threadIdx.x % COLUMNS;
    // Each thread that copies brings one word of each step of every SETS-th row.
    const int word = threadIdx.x % WORDS, set = threadIdx.x / WORDS, delta_word = 4 * (word - QUADS);
    const bool states = word < QUADS, bringing = set < SETS && (states || base + delta_word < HP);
    const int stride = states ? KP : HP, between = states ? HISTORY : WIDTH;
    const int place = states ? 4 * word : DEPTH * HISTORY + delta_word;
    const float *const source = (states ? call.history + 4 * word : call.deltas + base + delta_word)
                                + ((first + set) * T + T - 1 - begin) * stride;
    const auto fetch = [&](int part) {
        float *const to = all + (part & 1) * DEPTH * (HISTORY + WIDTH) + place;
        const int steps = count - part * AHEAD < AHEAD ? count - part * AHEAD : AHEAD;
        for (int more = 0; more < G; more += SETS) {
            const int row = set + more;
            if (!bringing || row >= rows) break;
            const float *from = source + ((Index)more * T - part * AHEAD) * stride;
            float *at = to + row * between;
#pragma unroll 1  // registers are full of sums
            for (int step = 0; step < steps; ++step, at += G * between, from -= stride)
                copy16(at, from);
        }
        commit_copies();
    };
    float sums[TILE][TILE], totals[TILE][TILE];
#pragma unroll
    for (int u = 0; u < TILE; ++u)
#pragma unroll
        for (int i = 0; i < TILE; ++i) sums[u][i] = totals[u][i] = 0.f;
    const int ours = 4 * column, theirs = DEPTH * HISTORY + 4 * tile;
    const bool working = tile < TOGETHER && base + 4 * tile < HP;
    int boundary = length < count ? length : count;  // where a chunk ends
    if (rows < G) {  // a row that is not there adds nothing
        for (int e = threadIdx.x; e < ROOM_GRADIENT; e += ADDERS) all[e] = 0.f;
        __syncthreads();
    }
    fetch(0);
    for (int part = 0; part * AHEAD < count; ++part) {
        await_copies<0>();
        __syncthreads();
        fetch(part + 1);  // to where nobody reads any more
        if (!working) continue;
        const float *here = all + (part & 1) * DEPTH * (HISTORY + WIDTH) + ours, *there = here - ours + theirs;
        const int end = (part + 1) * AHEAD < count ? (part + 1) * AHEAD : count;
        for (int step = part * AHEAD; step < end;) {
            const int until = boundary < end ? boundary : end;
#pragma unroll 1
            for (; step < until; ++step, here += G * HISTORY, there += G * WIDTH)
#pragma unroll
                for (int r = 0; r < G; ++r) {
                    float state[TILE], delta[TILE];
                    read_tile(state, here + r * HISTORY, 4 * COLUMNS);
                    read_tile(delta, there + r * WIDTH, 4 * TOGETHER);
#pragma unroll
                    for (int u = 0; u < TILE; ++u)
#pragma unroll
                        for (int i = 0; i < TILE; ++i) sums[u][i] = fmaf(delta[u], state[i], sums[u][i]);
                }
            if (step < boundary) continue;
#pragma unroll
            for (int u = 0; u < TILE; ++u)
#pragma unroll
                for (int i = 0; i < TILE; ++i) totals[u][i] += sums[u][i], sums[u][i] = 0.f;
            boundary = boundary + length < count ? boundary + length : count;
        }
    }
    if (!working) return;
    const Index sum = ((Index)blockIdx.z * call.groups) * call.kept + blockIdx.y;
    float *const to = call.partials + sum * (Index)(H * KP);
#pragma unroll
    for (int u = 0; u < TILE; ++u) {
        const int row = base + 4 * tile + u % 4 + u / 4 * 4 * TOGETHER;
#pragma unroll
        for (int half = 0; half < 2; ++half)
            if (row < H && column + half * COLUMNS < QUADS)
                *reinterpret_cast<float4 *>(to + row * KP + 4 * (column + half * COLUMNS)) = {
                    totals[u][4 * half], totals[u][4 * half + 1], totals[u][4 * half + 2], totals[u][4 * half + 3]};
    }
}
