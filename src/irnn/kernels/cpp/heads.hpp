// How answers are read out of states and what they cost: a number and its squared error, or a class and its cross-entropy.
#pragma once

namespace irnn {
namespace {

// The states of some rows at one of the steps that are answered, and where their gradient goes.
template <class T> struct Answered {
    const T *states;
    Index stride;
    T *gradient;
    Index gradient_row;
    bool add;     // to what is there
    Index place;  // among the steps that are answered
    Index first, rows;
};

// (w_out . h + b_out - y)^2
template <class T> struct SquaredError {
    static constexpr Index outputs = 1, room = 0;
    const Call &call;
    const Index answers;
    explicit SquaredError(const Call &call) : call(call), answers(call.batch * call.answered) {}

    void answer(const Answered<T> &at, double &loss, T *weights, Index, T *bias, T *) const {
        const Index H = call.hidden;
        const T *w = static_cast<const T *>(call.w_out), *targets = static_cast<const T *>(call.targets);
        for (Index r = 0; r < at.rows; ++r) {
            const T *h = at.states + r * at.stride;
            T *const to = at.gradient + r * at.gradient_row;
            T answer = *static_cast<const T *>(call.b_out);
            for (Index j = 0; j < H; ++j) answer += w[j] * h[j];
            const T error = answer - targets[(at.first + r) * call.answered + at.place];
            loss += static_cast<double>(error) * static_cast<double>(error);
            const T slope = 2 * error / static_cast<T>(answers);
            for (Index j = 0; j < H; ++j) {
                to[j] = at.add ? to[j] + slope * w[j] : slope * w[j];
                weights[j] += slope * h[j];
            }
            *bias += slope;
        }
    }
};

// log(sum of exp(logits)) - the logit of the target's class, where logits = W_out h + b_out. A target of `no_class` counts
// for nothing.
template <class T> struct CrossEntropy {
    static constexpr std::int64_t no_class = -100;  // as in torch.nn.functional.cross_entropy
    const Call &call;
    const Index outputs, width, room;  // room: elements that `answer` works in
    Index answers = 0;
    Buffer packed;
    T *bias, *logits_weights, *back_weights;

    explicit CrossEntropy(const Call &call)
        : call(call), outputs(call.classes), width(Columns<T>(outputs).width()), room(block_rows * width),
          packed((width * (call.hidden + 1) + outputs * Columns<T>(call.hidden).width()) * sizeof(T), call.poison),
          bias(packed.as<T>()), logits_weights(bias + width), back_weights(logits_weights + width * call.hidden) {
        const Index H = call.hidden;
        const T *w = static_cast<const T *>(call.w_out), *b = static_cast<const T *>(call.b_out);
        for (Index k = 0; k < width; ++k) bias[k] = k < outputs ? b[k] : T(0);
        pack(logits_weights, H, outputs, [=](Index j) { return Column<T>{w + j, H}; });
        pack(back_weights, outputs, H, [=](Index k) { return w + k * H; });
        for (Index n = 0; n < call.batch * call.answered; ++n) {
            const std::int64_t target = static_cast<const std::int64_t *>(call.targets)[n];
            if (target != no_class && (target < 0 || target >= outputs)) throw std::out_of_range("a target is no class");
            answers += target != no_class;
        }
    }

    void answer(const Answered<T> &at, double &loss, T *weights, Index weights_row, T *biases, T *logits) const {
        const std::int64_t *targets = static_cast<const std::int64_t *>(call.targets) + at.place;
        Product<T> product = {};
        product.rows = at.rows, product.columns = outputs, product.depth = call.hidden;
        product.left = at.states, product.left_row = at.stride, product.right = logits_weights;
        product.init = bias, product.out = logits, product.out_row = width;
        multiply(product);
        for (Index r = 0; r < at.rows; ++r) {
            T *const row = logits + r * width;
            differentiate(row, targets[(at.first + r) * call.answered], loss);
            for (Index k = 0; k < outputs; ++k) biases[k] += row[k];
        }
        Product<T> back = {};
        back.rows = at.rows, back.columns = call.hidden, back.depth = outputs;
        back.left = logits, back.left_row = width, back.right = back_weights;
        back.init = at.add ? at.gradient : nullptr;
        back.out = at.gradient, back.out_row = back.init_row = at.gradient_row;
        multiply(back);
        Product<T> outer = {};
        outer.rows = outputs, outer.columns = call.hidden, outer.depth = at.rows;
        outer.left = logits, outer.left_depth = width, outer.right = at.states, outer.right_depth = at.stride;
        outer.init = outer.out = weights, outer.init_row = outer.out_row = weights_row;
        multiply_transposed(outer);
    }

  private:
    // Logits become their gradient, softmax less one at the target.
    void differentiate(T *row, std::int64_t target, double &loss) const {
        if (target == no_class) return void(std::memset(row, 0, width * sizeof(T)));
        T largest = row[0];
        for (Index k = 1; k < outputs; ++k) largest = row[k] > largest ? row[k] : largest;
        loss -= static_cast<double>(row[target]) - static_cast<double>(largest);
        each_vector<T>(outputs, [=](Index column, auto vector) {
            decltype(vector) y[] = {load<decltype(vector)>(row + column) - largest};
            store(row + column, SplitExponential<decltype(vector), 1>(y).value(0));
        });
        double sum = 0;
        for (Index k = 0; k < outputs; ++k) sum += static_cast<double>(row[k]);
        loss += std::log(sum);
        const T each = static_cast<T>(1 / (sum * static_cast<double>(answers)));
        for (Index k = 0; k < outputs; ++k) row[k] *= each;
        row[target] -= 1 / static_cast<T>(answers);
    }
};

}  // namespace
}  // namespace irnn
