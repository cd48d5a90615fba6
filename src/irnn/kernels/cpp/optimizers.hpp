// What lies between a gradient and the next update: its norm, whether it is finite, clipping, and
// the optimizer. The formulas are those of ../../optimizers, which are PyTorch's.
#pragma once

namespace irnn {
namespace {

// As PyTorch's norm, in the working precision: infinite when the sum of squares is too large for it.
template <class T> T euclidean_norm(const T *x, Index count) {
    typedef typename Vectors<T>::Wide Wide;
    constexpr Index lanes = sizeof(Wide) / sizeof(T);
    Wide sums[4] = {};
    Index i = 0;
    for (; i + 4 * lanes <= count; i += 4 * lanes)
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) {
            const Wide value = load<Wide>(x + i + v * lanes);
            sums[v] += value * value;
        }
    const Wide sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    T total = 0;
    for (Index lane = 0; lane < lanes; ++lane) total += sum[lane];
    for (; i < count; ++i) total += x[i] * x[i];
    return square_root(total);
}

// A gradient after clipping and L2 penalty, and the learning rate, of each parameter.
template <class T> struct Descent {
    T *parameters;
    const T *gradient, *rates;
    T scale, penalty, rate_factor;
    explicit Descent(const Step &step, double clip)
        : parameters(static_cast<T *>(step.parameters)),
          gradient(static_cast<const T *>(step.gradient)),
          rates(static_cast<const T *>(step.rates)),
          scale(static_cast<T>(clip)),
          penalty(static_cast<T>(step.l2_penalty)),
          rate_factor(static_cast<T>(step.rate_factor)) {}
    IRNN_INLINE T slope(Index i) const { return gradient[i] * scale + penalty * parameters[i]; }
    IRNN_INLINE T rate(Index i) const { return rates[i] * rate_factor; }
};

template <class T> void sgd(const Step &step, const Descent<T> &d) {
    T *const velocity = static_cast<T *>(step.state[0]);
    const T momentum = static_cast<T>(step.momentum), ahead = step.nesterov ? momentum : 0;
    for (Index i = 0; i < step.count; ++i) {
        if (!momentum) {
            d.parameters[i] -= d.rate(i) * d.slope(i);
        } else {
            const T slope = d.slope(i), moving = momentum * velocity[i] + slope;
            velocity[i] = moving;
            d.parameters[i] -= d.rate(i) * (step.nesterov ? slope + ahead * moving : moving);
        }
    }
}

template <bool LARGEST, class T> void adam(const Step &step, const Descent<T> &d) {
    T *const means = static_cast<T *>(step.state[0]), *const squares = static_cast<T *>(step.state[1]);
    T *const largest = static_cast<T *>(step.state[2]);
    const T new_mean = static_cast<T>(1 - step.beta1), old_square = static_cast<T>(step.beta2);
    const T new_square = static_cast<T>(1 - step.beta2), epsilon = static_cast<T>(step.epsilon);
    const T mean_factor = static_cast<T>(1 / step.mean_correction);
    const T spread = static_cast<T>(square_root(step.square_correction));
    const T decay = static_cast<T>(step.decoupled_decay);
    for (Index i = 0; i < step.count; ++i) {
        const T slope = d.slope(i), rate = d.rate(i);
        const T mean = means[i] + new_mean * (slope - means[i]);
        const T recent = old_square * squares[i] + new_square * slope * slope;
        means[i] = mean, squares[i] = recent;
        T square = recent;
        if (LARGEST) square = largest[i] = largest[i] > recent ? largest[i] : recent;
        const T kept = d.parameters[i] - rate * decay * d.parameters[i];
        const T direction = mean / (square_root(square) / spread + epsilon);
        d.parameters[i] = kept - rate * mean_factor * direction;
    }
}

template <bool CENTERED, bool MOMENTUM, class T> void rmsprop(const Step &step, const Descent<T> &d) {
    T *const squares = static_cast<T *>(step.state[0]), *const velocity = static_cast<T *>(step.state[1]);
    T *const means = static_cast<T *>(step.state[2]);
    const T old_square = static_cast<T>(step.beta2), new_square = static_cast<T>(1 - step.beta2);
    const T momentum = static_cast<T>(step.momentum), epsilon = static_cast<T>(step.epsilon);
    for (Index i = 0; i < step.count; ++i) {
        const T slope = d.slope(i);
        T square = squares[i] = old_square * squares[i] + new_square * slope * slope;
        if (CENTERED) {
            const T mean = means[i] = means[i] + new_square * (slope - means[i]);
            square -= mean * mean;
        }
        T direction = slope / (square_root(square) + epsilon);
        if (MOMENTUM) direction = velocity[i] = momentum * velocity[i] + direction;
        d.parameters[i] -= d.rate(i) * direction;
    }
}

inline bool finite(double value) {
    const double highest = std::numeric_limits<double>::max();
    return value >= -highest && value <= highest;
}

// Zero for an empty gradient, NaN or infinity if there is one in it.
template <class T> T largest_magnitude(const T *x, Index count) {
    T largest = 0;
    for (Index i = 0; i < count; ++i) {
        const T size = x[i] < 0 ? -x[i] : x[i];
        if (!finite(static_cast<double>(size))) return size;
        if (size > largest) largest = size;
    }
    return largest;
}

// Nothing is changed when the loss or the norm is not finite. The sum of squares of a finite gradient
// can overflow; where there is clipping, such a gradient is brought to a largest element of 1 and
// measured then.
template <class T> void apply_step(Step &step) {
    T *const gradient = static_cast<T *>(step.gradient);
    step.loss_value = static_cast<double>(*static_cast<const T *>(step.loss));
    step.norm = static_cast<double>(euclidean_norm(gradient, step.count));
    double unit = 1;
    if (finite(step.loss_value) && !finite(step.norm) && finite(step.max_norm)) {
        const T largest = largest_magnitude(gradient, step.count);
        if (finite(static_cast<double>(largest))) {
            for (Index i = 0; i < step.count; ++i) gradient[i] /= largest;
            unit = static_cast<double>(largest);
            step.norm = unit * static_cast<double>(euclidean_norm(gradient, step.count));
        }
    }
    step.applied = finite(step.loss_value) && finite(step.norm);
    step.clipped = step.applied && step.norm > step.max_norm;
    if (!step.applied) return;
    const Descent<T> descent(step, step.clipped ? step.max_norm / (step.norm / unit) : unit);
    switch (static_cast<Rule>(step.rule)) {
    case Rule::sgd: return sgd(step, descent);
    case Rule::adam: return step.state[2] ? adam<true>(step, descent) : adam<false>(step, descent);
    case Rule::rmsprop:
        if (step.centered && step.momentum) return rmsprop<true, true>(step, descent);
        if (step.centered) return rmsprop<true, false>(step, descent);
        if (step.momentum) return rmsprop<false, true>(step, descent);
        return rmsprop<false, false>(step, descent);
    }
}

}  // namespace
}  // namespace irnn
