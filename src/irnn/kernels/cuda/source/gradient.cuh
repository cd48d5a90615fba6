// The gradient of [w_hh | w_ih | b] from deltas and history, where the walk back left that to us: for each group
// of rows and chunk of steps a sum of products, in the order in which a FUSED walk adds them up.
#pragma once
#include "call.cuh"
#include "product.cuh"

constexpr int TILES = HP / TILE;                       // of 8 rows of the gradient
constexpr int QUADS = KP / 4;                          // of 4 columns
constexpr int TOGETHER = larger(1, larger(1, 128 / QUADS) < TILES ? larger(1, 128 / QUADS) : TILES);  // tiles of a block
constexpr int PARTS = up(TILES, TOGETHER) / TOGETHER;  // blocks that share a group's chunk
constexpr int ADDERS = up(TOGETHER * QUADS, 32);
constexpr int AHEAD = 8;                               // steps fetched together
constexpr int WIDTH = TOGETHER * TILE;
constexpr int ROOM_GRADIENT = 2 * AHEAD * G * (KP + WIDTH);

extern "C" __global__ void __launch_bounds__(ADDERS) sum_products(const __grid_constant__ Call call) {
    IRNN_SHARED(all);
    const Index T = call.steps, run = blockIdx.z, group = blockIdx.y / call.chunks, chunk = blockIdx.y % call.chunks;
    const Index first = group * G, begin = chunk * call.chunk, left = T - begin;
    const Index count = left < call.chunk ? left : call.chunk;
    const int rows = call.batch - first < G ? (int)(call.batch - first) : G;
    const int base = blockIdx.x * WIDTH, tile = threadIdx.x / QUADS, quad = threadIdx.x % QUADS;
    const float *const history = call.history + (run * call.batch + first) * T * KP;
    const float *const deltas = call.deltas + (run * call.batch + first) * T * HP;
    float *const ours = all, *const theirs = all + 2 * AHEAD * G * KP;
    const auto fetch = [&](Index part) {
        float *const h = ours + (part & 1) * AHEAD * G * KP, *const d = theirs + (part & 1) * AHEAD * G * WIDTH;
        for (int e = threadIdx.x; e < AHEAD * G * QUADS; e += ADDERS) {
            const Index s = part * AHEAD + e / (G * QUADS), t = T - 1 - begin - s;
            const int row = e / QUADS % G;
            if (s < count && row < rows) copy16(h + 4 * e, history + (row * T + t) * KP + e % QUADS * 4);
        }
        for (int e = threadIdx.x; e < AHEAD * G * WIDTH / 4; e += ADDERS) {
            const Index s = part * AHEAD + e / (G * WIDTH / 4), t = T - 1 - begin - s;
            const int row = e / (WIDTH / 4) % G, column = base + e % (WIDTH / 4) * 4;
            if (s < count && row < rows && column < HP) copy16(d + 4 * e, deltas + (row * T + t) * HP + column);
        }
    };
    float sums[TILE][4];
#pragma unroll
    for (int u = 0; u < TILE; ++u)
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[u][i] = 0.f;
    const bool working = tile < TOGETHER;
    fetch(0);
    for (Index part = 0; part * AHEAD < count; ++part) {
        commit_copies();
        await_copies<0>();
        __syncthreads();
        fetch(part + 1);
        const Index here = count - part * AHEAD;
        const int steps = here < AHEAD ? (int)here : AHEAD;
        const float *const h = ours + (part & 1) * AHEAD * G * KP + quad * 4;
        const float *const d = theirs + (part & 1) * AHEAD * G * WIDTH + tile * TILE;
        if (working)
            for (int s = 0; s < steps; ++s)
#pragma unroll
                for (int r = 0; r < G; ++r) {
                    if (r >= rows) continue;
                    const float4 four = *reinterpret_cast<const float4 *>(h + (s * G + r) * KP);
                    const float state[4] = {four.x, four.y, four.z, four.w};
                    float delta[TILE];
#pragma unroll
                    for (int q = 0; q < TILE; q += 4) {
                        const float4 word = *reinterpret_cast<const float4 *>(d + (s * G + r) * WIDTH + q);
                        delta[q] = word.x, delta[q + 1] = word.y, delta[q + 2] = word.z, delta[q + 3] = word.w;
                    }
#pragma unroll
                    for (int u = 0; u < TILE; ++u)
#pragma unroll
                        for (int i = 0; i < 4; ++i) sums[u][i] = fmaf(delta[u], state[i], sums[u][i]);
                }
        __syncthreads();
    }
    float *const to = call.partials + ((run * call.groups + group) * call.chunks + chunk) * (Index)H * KP;
#pragma unroll
    for (int u = 0; u < TILE; ++u) {
        const int row = base + tile * TILE + u;
        if (working && row < H) *reinterpret_cast<float4 *>(to + row * KP + quad * 4) = {sums[u][0], sums[u][1], sums[u][2], sums[u][3]};
    }
}
