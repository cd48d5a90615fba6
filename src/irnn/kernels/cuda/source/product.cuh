// One product of a matrix that lies in registers with a vector in shared memory.
//
// A group of S lanes computes M units: each lane holds TERMS columns of M rows, and the lanes' sums are then
// added up crosswise. A lane's register u is not for unit u of the group but for u ^ (lane's upper bits), so
// that what a lane gives away in an exchange always lies in the same registers.
#pragma once
#include "shape.cuh"

__host__ __device__ constexpr int bits(int value) { return value > 1 ? 1 + bits(value / 2) : 0; }
constexpr int SHIFT = bits(S / M);  // lanes that end with the same unit: 2^SHIFT
static_assert(M << SHIFT == S && 32 % S == 0, "units of a group and lanes that share are powers of two");

struct Lane {
    int thread, team, lane, group, unit;
    bool owner;  // of `unit`, which may be beyond the last
    __device__ Lane()
        : thread(threadIdx.x), team(thread / TEAM < TEAMS ? thread / TEAM : TEAMS - 1), lane(thread % S),
          group((thread - team * TEAM) / S), unit(M * group + (lane >> SHIFT)),
          owner(unit < H && lane % (1 << SHIFT) == 0) {}
    __device__ int row(int r) const { return team * R + r; }  // of the block
    __device__ int unit_of(int u) const { return M * group + (u ^ (lane >> SHIFT)); }
};

template <int TERMS> __device__ __forceinline__ int place(int term) {
    return term / TERMS * pitch(TERMS) + term % TERMS;
}

template <int TERMS> __device__ __forceinline__ void read(float (&v)[up(TERMS, 4)], const float *from) {
#pragma unroll
    for (int q = 0; q < up(TERMS, 4) / 4; ++q) {
        const float4 word = *reinterpret_cast<const float4 *>(from + 4 * q);
        v[4 * q] = word.x, v[4 * q + 1] = word.y, v[4 * q + 2] = word.z, v[4 * q + 3] = word.w;
    }
}

template <int TERMS>
__device__ __forceinline__ float multiply(const float (&w)[M][TERMS], const float (&v)[up(TERMS, 4)]) {
    float sums[M];
#pragma unroll
    for (int u = 0; u < M; ++u) sums[u] = w[u][0] * v[0];
#pragma unroll
    for (int i = 1; i < TERMS; ++i)
#pragma unroll
        for (int u = 0; u < M; ++u) sums[u] = fmaf(w[u][i], v[i], sums[u]);
#pragma unroll
    for (int half = M / 2; half; half /= 2)
#pragma unroll
        for (int u = 0; u < half; ++u)
            sums[u] += __shfl_xor_sync(0xffffffffu, sums[u + half], half << SHIFT);
#pragma unroll
    for (int step = (1 << SHIFT) / 2; step; step /= 2) sums[0] += __shfl_xor_sync(0xffffffffu, sums[0], step);
    return sums[0];
}

__device__ __forceinline__ float activation(float a) {
    if (TANH) return tanhf(a);
    return a < 0.f ? 0.f : a;  // keeps NaN
}

__device__ __forceinline__ float through(float state, float gradient) {
    if (TANH) return gradient * (1.f - state * state);
    return state <= 0.f ? 0.f : gradient;
}

// The matrix [w_hh | w_ih | b], as staged in shared memory or from the parameters themselves.
struct Matrix {
    const float *parameters, *staged;
    __device__ float read(int row, int column) const {
        if (STAGED) return staged[row * STAGE + column];
        if (column < H) return parameters[W_HH + row * H + column];
        if (column < H + F) return parameters[W_IH + row * F + column - H];
        return BIAS ? parameters[B_IH + row] + parameters[B_HH + row] : 0.f;
    }
};

struct Turns {  // vectors 0 and 1 are read and written by turns
    const float *from;
    float *to;
    int way = ROWS * VECTOR;
    __device__ Turns(const float *from, float *to) : from(from), to(to) {}
    __device__ void change() { from += way, to -= way, way = -way; }
};

// Copies that go on while the kernel computes, where the GPU has them.
__device__ __forceinline__ void copy4(float *to, const float *from) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"((unsigned)__cvta_generic_to_shared(to)), "l"(from)
                 : "memory");
#else
    *to = *from;
#endif
}
__device__ __forceinline__ void copy16(float *to, const float *from) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"((unsigned)__cvta_generic_to_shared(to)), "l"(from)
                 : "memory");
#else
    *reinterpret_cast<float4 *>(to) = *reinterpret_cast<const float4 *>(from);
#endif
}
// Copies begun since the last such call are a group; `await_copies<N>` waits for all but the last N groups.
__device__ __forceinline__ void commit_copies() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
template <int LEFT> __device__ __forceinline__ void await_copies() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
#endif
}
// What is read from device memory is fetched AHEAD steps before it is used, into rings of twice as many slots.
constexpr int AHEAD_OF_USE = 8, SLOTS = 2 * AHEAD_OF_USE;

__device__ __forceinline__ void stage(const float *parameters, float *staged) {
    if (!STAGED) return;
    for (int e = threadIdx.x; e < H * H; e += blockDim.x)
        copy4(staged + e / H * STAGE + e % H, parameters + W_HH + e);
    for (int e = threadIdx.x; e < H * F; e += blockDim.x)
        copy4(staged + e / larger(F, 1) * STAGE + H + e % larger(F, 1), parameters + W_IH + e);
    for (int e = threadIdx.x; e < H; e += blockDim.x)
        staged[e * STAGE + H + F] = BIAS ? parameters[B_IH + e] + parameters[B_HH + e] : 0.f;
    commit_copies();
}

__device__ __forceinline__ void await_stage() {
    if (!STAGED) return;
    await_copies<0>();
    __syncthreads();
}
