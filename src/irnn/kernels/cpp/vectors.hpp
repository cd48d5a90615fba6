// Vector types and the elementwise functions; compiled once per instruction set, see variant.hpp.
#pragma once

#include <cstring>

#define IRNN_INLINE inline __attribute__((always_inline))

namespace irnn {
namespace {

// Wide<T>: the vector the bulk of the columns is computed in. Half<T>: the narrower one that a
// remainder of at most half a vector is computed in (H = 100 is 6 wide vectors and one half).
template <class T> struct Vectors;
template <> struct Vectors<float> {
    typedef float Wide __attribute__((vector_size(IRNN_VECTOR_BYTES)));
    typedef float Half __attribute__((vector_size(IRNN_VECTOR_BYTES / 2)));
    typedef std::int64_t Pairs __attribute__((vector_size(IRNN_VECTOR_BYTES)));
};
template <> struct Vectors<double> {
    typedef double Wide __attribute__((vector_size(IRNN_VECTOR_BYTES)));
    typedef double Half __attribute__((vector_size(IRNN_VECTOR_BYTES / 2)));
};

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
    return (V)(Vectors<float>::Pairs{} + both);
}

template <class V> IRNN_INLINE V broadcast_pair(const double *from) {
    V value;
#pragma GCC unroll 8
    for (unsigned lane = 0; lane < sizeof(V) / sizeof(double); ++lane) value[lane] = from[lane % 2];
    return value;
}

IRNN_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
IRNN_INLINE double square_root(double x) { return __builtin_sqrt(x); }

// As torch.relu: NaN stays NaN, so that a run that diverges is seen to.
template <class V> IRNN_INLINE V relu(const V &value) { return value < 0 ? V{} : value; }

// As torch's threshold_backward: where the state is NaN the gradient passes.
template <class V> IRNN_INLINE V relu_backward(const V &gradient, const V &state) {
    return state <= 0 ? V{} : gradient;
}

template <class T> struct Exponent;
template <> struct Exponent<float> {
    typedef std::int32_t Bits;
    static constexpr float shifter = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    static constexpr int mantissa = 23, terms = 8;
    static constexpr Bits one = 0x3f800000;
    static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f, highest = 40;
};
template <> struct Exponent<double> {
    typedef std::int64_t Bits;
    static constexpr double shifter = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr int mantissa = 52, terms = 14;
    static constexpr Bits one = 0x3ff0000000000000;
    static constexpr double ln2_high = 0.693147180369123816490, ln2_low = 1.90821492927058770002e-10,
                            highest = 80;
};

// tanh |x| = m / (m + 2) with m = expm1(2 |x|), and expm1 from its Taylor series after taking out
// the nearest power of two. Near saturation it is 1 - 2 / (m + 2), which keeps 1 - tanh^2 accurate.
// Within about 3 units in the last place everywhere.
template <class T> IRNN_INLINE T tanh_of(T x) {
    typedef Exponent<T> E;
    T y = 2 * (x < 0 ? -x : x);
    y = y > E::highest ? E::highest : y;  // NaN stays
    const T shifted = y * T(1.44269504088896340736) + E::shifter;
    const T n = shifted - E::shifter;
    const T r = (y - n * E::ln2_high) - n * E::ln2_low;
    T series = 1;
#pragma GCC unroll 16
    for (int term = E::terms; term > 1; --term) series = series * r * (T(1) / term) + 1;
    series *= r;
    typename E::Bits bits;
    std::memcpy(&bits, &shifted, sizeof(T));
    // Shifting as unsigned: the sign bits of n fall off the top on purpose.
    typedef typename std::make_unsigned<typename E::Bits>::type Unsigned;
    bits = static_cast<typename E::Bits>((static_cast<Unsigned>(bits) << E::mantissa) +
                                         static_cast<Unsigned>(E::one));
    T power;
    std::memcpy(&power, &bits, sizeof(T));
    const T m = power * series + (power - 1);
    const bool near_one = y > T(1.1);
    const T part = (near_one ? T(2) : m) / (m + 2);
    const T magnitude = near_one ? 1 - part : part;
    return x < 0 ? -magnitude : magnitude;
}

// A plain loop: the compiler makes vectors of it.
template <class T> void tanh_row(T *row, Index count) {
    for (Index i = 0; i < count; ++i) row[i] = tanh_of(row[i]);
}

template <class T> void tanh_backward_row(T *gradient, const T *state, Index count) {
    for (Index i = 0; i < count; ++i) gradient[i] *= 1 - state[i] * state[i];
}

template <class T> void relu_backward_row(T *gradient, const T *state, Index count) {
    for (Index i = 0; i < count; ++i) gradient[i] = state[i] <= 0 ? 0 : gradient[i];
}

}  // namespace
}  // namespace irnn
