// Sizes that are known when the kernels are compiled; `irnn.kernels.cuda.plan` chooses them.
#pragma once
#ifndef IRNN_SHARED  // else the shim of the tests has said what it is
#define IRNN_SHARED(name) extern __shared__ float4 irnn_shared[]; float *const name = reinterpret_cast<float *>(irnn_shared)
#endif

constexpr int H = IRNN_H;         // units
constexpr int F = IRNN_F;         // input features; 0 for a layer whose inputs come multiplied (layer.cu)
constexpr bool TANH = IRNN_TANH;  // else ReLU
constexpr int S = IRNN_SHARE;     // lanes that share the products of a group of units; decides the order of sums
constexpr int M = IRNN_UNITS;     // units of such a group
constexpr int G = IRNN_GROUP;     // sequences whose gradient is summed together; decides the order of sums
constexpr int R = IRNN_ROWS;      // sequences that a team of lanes walks together
constexpr int TEAMS = IRNN_TEAMS; // of a block, each with all units and with sequences of its own
constexpr bool STAGED = IRNN_STAGED;  // weights reach registers through shared memory

__host__ __device__ constexpr int up(int value, int unit) { return (value + unit - 1) / unit * unit; }
__host__ __device__ constexpr int larger(int a, int b) { return a > b ? a : b; }

constexpr int K = H + F + 1;            // terms of a step: states, inputs, 1
constexpr int KP = up(K, 4);            // of a row of history
constexpr int HP = up(H, 8);            // of a row of deltas
constexpr int FORTH = up(K, S) / S;     // terms of a lane, forward
constexpr int BACK = up(H, S) / S;      // and back
constexpr int GROUPS = up(H, M) / M;
constexpr int TEAM = GROUPS * S;        // lanes of a team; warps may hold lanes of two
constexpr int THREADS = up(TEAMS * TEAM, 32);
constexpr int ROWS = TEAMS * R;         // sequences of a block
constexpr int TILE = 8;                 // rows and columns of the weight gradient that a thread of `sum_products` adds up

// Floats from one lane's terms to the next's: whole 16-byte words, an odd number of them, so that
// the eight lanes of a quarter-warp read from different banks.
__host__ __device__ constexpr int pitch(int terms) { return 4 * (up(terms, 4) / 4 | 1); }
constexpr int VECTOR = S * larger(pitch(FORTH), pitch(BACK));
constexpr int STAGE = up(K + 1, 4) + 2;  // floats from one staged row to the next

// Where the parameters of a run begin.
constexpr int W_IH = 0, W_HH = H * F, B_IH = W_HH + H * H, B_HH = B_IH + H * IRNN_BIAS;
constexpr int W_OUT = B_HH + H * IRNN_BIAS, B_OUT = W_OUT + H, PARAMETERS = B_OUT + 1;
constexpr bool BIAS = IRNN_BIAS;
