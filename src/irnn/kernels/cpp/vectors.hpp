// Vector types and what is done element by element; compiled once per instruction set, see variant.hpp.
#pragma once

#include <cstring>

#define IRNN_INLINE inline __attribute__((always_inline))
#define IRNN_INLINE_LAMBDA __attribute__((always_inline))
#define IRNN_APART __attribute__((noinline))

namespace irnn {
namespace {

// Wide: the vector the bulk of the columns is computed in. Half: the narrower one that a remainder of at most half a vector
// is computed in; Quarter, where it has 16 bytes, for one of at most a quarter (H = 100 is 6 wide vectors of 16 and a quarter).
template <class T> struct Vectors;
template <> struct Vectors<float> {
    typedef float Wide __attribute__((vector_size(IRNN_VECTOR_BYTES)));
    typedef float Half __attribute__((vector_size(IRNN_VECTOR_BYTES / 2)));
    typedef float Quarter __attribute__((vector_size(IRNN_VECTOR_BYTES > 32 ? IRNN_VECTOR_BYTES / 4 : IRNN_VECTOR_BYTES / 2)));
};
template <> struct Vectors<double> {
    typedef double Wide __attribute__((vector_size(IRNN_VECTOR_BYTES)));
    typedef double Half __attribute__((vector_size(IRNN_VECTOR_BYTES / 2)));
    typedef double Quarter __attribute__((vector_size(IRNN_VECTOR_BYTES > 32 ? IRNN_VECTOR_BYTES / 4 : IRNN_VECTOR_BYTES / 2)));
};

// Integers of 8 and of 4 bytes, as many as fill a vector V.
template <class V> struct Integers8 { typedef std::int64_t Vector __attribute__((vector_size(sizeof(V)))); };
template <class V> struct Integers4 { typedef std::int32_t Vector __attribute__((vector_size(sizeof(V)))); };

template <class V, class T> IRNN_INLINE V load(const T *from) {
    V value;
    std::memcpy(&value, from, sizeof(V));
    return value;
}

template <class V, class T> IRNN_INLINE void store(T *to, const V &value) {
    std::memcpy(to, &value, sizeof(V));
}

// from[0], from[1], from[0], from[1], ...
template <class V> IRNN_INLINE V broadcast_pair(const float *from) {
    std::int64_t both;
    std::memcpy(&both, from, sizeof(both));
    return (V)(typename Integers8<V>::Vector{} + both);
}

template <class V> IRNN_INLINE V broadcast_pair(const double *from) {
    V value;
#pragma GCC unroll 8
    for (unsigned lane = 0; lane < sizeof(V) / sizeof(double); ++lane) value[lane] = from[lane % 2];
    return value;
}

// x[0], x[2], ... and x[1], x[3], ...
template <class V, class Half> IRNN_INLINE void split_pairs(const V &x, Half &even, Half &odd) {
    if constexpr (sizeof(x[0]) == sizeof(std::int32_t) && sizeof(V) > 16) {
        // Compilers make a hundred instructions of the loop below, and two of this.
        typedef typename Integers4<Half>::Vector Words;
        const auto both = (typename Integers8<V>::Vector)x;
        even = (Half)__builtin_convertvector(both, Words);
        odd = (Half)__builtin_convertvector(both >> 32, Words);
    } else {
#pragma GCC unroll 8
        for (unsigned lane = 0; lane < sizeof(Half) / sizeof(x[0]); ++lane) even[lane] = x[2 * lane], odd[lane] = x[2 * lane + 1];
    }
}

// y, but not below `least`; NaN where y is.
template <class V> IRNN_INLINE V not_below(const V &y, const V &least) {
#if IRNN_VECTOR_BYTES > 16
    // Compilers compare and choose, and a comparison takes the place of a multiply-add.
    V value;
    if constexpr (sizeof(y[0]) == sizeof(float)) __asm__("vmaxps %2, %1, %0" : "=v"(value) : "v"(least), "v"(y));
    else __asm__("vmaxpd %2, %1, %0" : "=v"(value) : "v"(least), "v"(y));
    return value;
#else
    return y < least ? least : y;
#endif
}

// Calls work(0) ... work(N - 1). Several vectors go through every operation together: one alone would wait for itself.
template <int N, class Work> IRNN_INLINE void each_of(const Work &work) {
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) work(i);
}

IRNN_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
IRNN_INLINE double square_root(double x) { return __builtin_sqrt(x); }

// As torch.relu: NaN stays NaN, so that a run that diverges is seen to.
template <class V> IRNN_INLINE V relu(const V &value) { return value < 0 ? V{} : value; }

// As torch's threshold_backward: where the state is NaN the gradient passes.
template <class V> IRNN_INLINE V relu_backward(const V &gradient, const V &state) {
    return state <= 0 ? V{} : gradient;
}

template <class T> void relu_backward_row(T *gradient, const T *state, Index count) {
    for (Index i = 0; i < count; ++i) gradient[i] = state[i] <= 0 ? 0 : gradient[i];
}

}  // namespace
}  // namespace irnn
