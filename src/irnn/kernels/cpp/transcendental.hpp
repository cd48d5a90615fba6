// exp, tanh and the logistic function in vectors: the same few lines for every instruction set and both precisions.
#pragma once

namespace irnn {
namespace {

// expm1(r) = r + r^2 q(r) for |r| <= ln(2) / 2: q of least largest relative error, 2^-26 and 2^-60. The constants are
// our own (an exchange algorithm in 60 digits).
template <class T> struct Exponential;
template <> struct Exponential<float> {
    static constexpr float shifter = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    static constexpr int mantissa = 23, bias = 127;
    static constexpr std::int32_t sign = std::numeric_limits<std::int32_t>::min();
    static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;  // high times any n is exact
    static constexpr float q[] = {0.49999998149631019837f, 0.16666543424311833415f, 0.041667200707682479238f,
                                  0.0083665471276871506427f, 0.0013882516721353249654f};
};
template <> struct Exponential<double> {
    static constexpr double shifter = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr std::int64_t sign = std::numeric_limits<std::int64_t>::min();
    static constexpr double ln2_high = 0.693147180369123816490, ln2_low = 1.90821492927058770002e-10;
    static constexpr double q[] = {0.5,
                                   0.16666666666666671008,
                                   0.041666666666666669767,
                                   0.0083333333333261120526,
                                   0.0013888888888883731828,
                                   0.00019841269874901259234,
                                   0.000024801587325605322782,
                                   2.7557255297969644392e-6,
                                   2.7557273570102139673e-7,
                                   2.5105259538448493419e-8,
                                   2.0914717341716375952e-9};
};

template <class V> using Element = typename std::decay<decltype(V{}[0])>::type;
template <class V> using Integers = decltype(V{} < V{});  // as wide as V's elements

// - |x|
template <class V> IRNN_INLINE V negative(const V &x) { return (V)((Integers<V>)x | Exponential<Element<V>>::sign); }

// `size`, whose sign bit is not set, with that of x: added, as an `or` would become an instruction that takes the place of a
// multiply-add.
template <class V> IRNN_INLINE V with_sign_of(const V &x, const V &size) {
    return (V)((Integers<V>)size + ((Integers<V>)x & Exponential<Element<V>>::sign));
}

// Chosen as integers: compilers would make one of the arithmetic before it and the choice, which takes longer.
template <class V> IRNN_INLINE V choose(const Integers<V> &first, const V &a, const V &b) {
    return (V)(first ? (Integers<V>)a : (Integers<V>)b);
}

// a where the sign bit of x is set, else b.
template <class V> IRNN_INLINE V by_sign(const V &x, const V &a, const V &b) {
    constexpr int sign_bit = 8 * sizeof(Element<V>) - 1;
    return (V)((Integers<V>)b + (((Integers<V>)a - (Integers<V>)b) & ((Integers<V>)x >> sign_bit)));
}

// exp(y) = power + power * rest for y <= 0: a power of two, and expm1 of what remains. Below the normal range the power
// is 0; of NaN the rest is NaN.
template <class V, int N> struct SplitExponential {
    V power[N], rest[N];
    IRNN_INLINE explicit SplitExponential(V (&y)[N]) {
        typedef Element<V> T;
        typedef Exponential<T> E;
        constexpr T lowest = -E::bias * T(0.69314718055994530942);
        V shifted[N], n[N], r[N], q[N];
        each_of<N>([&](int i) IRNN_INLINE_LAMBDA { y[i] = not_below(y[i], V{} + lowest); });
        each_of<N>([&](int i) IRNN_INLINE_LAMBDA { shifted[i] = y[i] * T(1.44269504088896340736) + E::shifter; });
        each_of<N>([&](int i) IRNN_INLINE_LAMBDA { n[i] = shifted[i] - E::shifter; });
        each_of<N>([&](int i) IRNN_INLINE_LAMBDA { r[i] = y[i] - n[i] * E::ln2_high; });
        each_of<N>([&](int i) IRNN_INLINE_LAMBDA { r[i] = r[i] - n[i] * E::ln2_low; });
        constexpr int terms = sizeof(E::q) / sizeof(T);
        each_of<N>([&](int i) IRNN_INLINE_LAMBDA { q[i] = V{} + E::q[terms - 1]; });
#pragma GCC unroll 16
        for (int term = terms - 2; term >= 0; --term)
            each_of<N>([&](int i) IRNN_INLINE_LAMBDA { q[i] = q[i] * r[i] + E::q[term]; });
        each_of<N>([&](int i) IRNN_INLINE_LAMBDA { rest[i] = r[i] * r[i] * q[i] + r[i]; });
        // The low bits of `shifted` are n: they become the exponent.
        each_of<N>([&](int i) IRNN_INLINE_LAMBDA {
            power[i] = (V)(((Integers<V>)shifted[i] + E::bias) << E::mantissa);
        });
    }
    IRNN_INLINE V value(int i) const { return power[i] * rest[i] + power[i]; }
    IRNN_INLINE V one_minus(int i) const { return (1 - power[i]) - power[i] * rest[i]; }  // accurate near y = 0
};

// tanh |x| = (1 - e) / (1 + e) with e = exp(-2 |x|), and near saturation 1 - 2 e / (1 + e), which keeps 1 - tanh^2
// accurate. tests/kernels/test_kernel_transcendental.py holds the error bound.
template <class V, int N> IRNN_INLINE void tanh_of(V (&x)[N]) {
    V y[N], value[N], part[N];
    Integers<V> saturated[N];
    each_of<N>([&](int i) IRNN_INLINE_LAMBDA { y[i] = negative(x[i]) + negative(x[i]); });
    each_of<N>([&](int i) IRNN_INLINE_LAMBDA { saturated[i] = y[i] < Element<V>(-1.1); });
    const SplitExponential<V, N> e(y);
    each_of<N>([&](int i) IRNN_INLINE_LAMBDA { part[i] = e.one_minus(i); });
    each_of<N>([&](int i) IRNN_INLINE_LAMBDA { value[i] = e.value(i); });
    each_of<N>([&](int i) IRNN_INLINE_LAMBDA {
        const V quotient = choose(saturated[i], value[i] + value[i], part[i]) / (2 - part[i]);
        x[i] = with_sign_of(x[i], choose(saturated[i], 1 - quotient, quotient));
    });
}

// 1 / (1 + exp(-x)), as e / (1 + e) with e = exp(x) where x is negative. What is below the normal range may be 0.
template <class V, int N> IRNN_INLINE void sigmoid_of(V (&x)[N]) {
    V y[N], e[N];
    each_of<N>([&](int i) IRNN_INLINE_LAMBDA { y[i] = negative(x[i]); });
    const SplitExponential<V, N> split(y);
    each_of<N>([&](int i) IRNN_INLINE_LAMBDA { e[i] = split.value(i); });
    each_of<N>([&](int i) IRNN_INLINE_LAMBDA { x[i] = by_sign(x[i], e[i], V{} + 1) / (1 + e[i]); });
}

template <class V> IRNN_INLINE V sigmoid_slope(const V &value) { return value * (1 - value); }
template <class V> IRNN_INLINE V tanh_slope(const V &value) { return 1 - value * value; }

// Calls work(first column, vector) from left to right.
template <class T, class Work> IRNN_INLINE void each_vector_in_order(Index columns, const Work &work) {
    const Columns<T> cut(columns);
    for (Index v = 0; v < cut.wides; ++v) work(v * cut.wide, typename Vectors<T>::Wide{});
    if (cut.tail) work(cut.wides * cut.wide, typename Vectors<T>::Half{});
}

// Calls work(first column, vector) from right to left, for rows that have room for `Columns::width()` elements: what one
// that is not full writes beyond its columns is written over by those after it.
template <class T, class Work> IRNN_INLINE void each_vector(Index columns, const Work &work) {
    const Columns<T> cut(columns);
    if (cut.tail) work(cut.wides * cut.wide, typename Vectors<T>::Half{});
    for (Index v = cut.wides - 1; v >= 0; --v) work(v * cut.wide, typename Vectors<T>::Wide{});
}

template <class T> void tanh_backward_row(T *gradient, const T *state, Index count) {
    each_vector<T>(count, [=](Index column, auto vector) {
        typedef decltype(vector) V;
        const V h = load<V>(state + column);
        store(gradient + column, load<V>(gradient + column) * tanh_slope(h));
    });
}

}  // namespace
}  // namespace irnn
