// Sequences of the adding problem, and batches of them: what ../../tasks/adding.py says in PyTorch, to
// the bit. The words are SplitMix64 (Steele, Lea & Flood 2014) read at any position.
#include <algorithm>
#include <cstdint>

#include "call.hpp"

namespace irnn {
namespace {

std::uint64_t word_at(std::uint64_t key, std::uint64_t position) {
    std::uint64_t word = (position + 1) * 0x9E3779B97F4A7C15u + key;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    return word ^ (word >> 31);
}

// The 24 bits from `shift` on, as a number in [0, 1).
float uniform(std::uint64_t word, int shift) {
    return static_cast<float>(static_cast<std::int32_t>(word >> shift & 0xFFFFFF)) * 0x1p-24f;
}

std::int64_t below(std::uint64_t low_bits, std::int64_t bound) {
    return static_cast<std::int64_t>((low_bits & 0xFFFFFFFFu) * static_cast<std::uint64_t>(bound) >> 32);
}

void draw(const Draw &d) {
    const Index steps = d.steps, words = (steps + 1) / 2;
    const auto key = static_cast<std::uint64_t>(d.key);
    for (Index row = 0; row < d.count; ++row) {
        const std::uint64_t start = static_cast<std::uint64_t>(d.positions[row]) * (words + 1);
        float *const values = d.values + row * steps;
        for (Index i = 0; i < words; ++i) {
            const std::uint64_t word = word_at(key, start + i);
            values[i] = uniform(word, 40);
            if (words + i < steps) values[words + i] = uniform(word, 8);
        }
        const std::uint64_t word = word_at(key, start + words);
        const std::int64_t first = below(word, d.first_bound);
        const std::int64_t second = below(word >> 32, d.second_bound) + d.second_start;
        d.marks[2 * row] = first;
        d.marks[2 * row + 1] = second + (d.distinct && second >= first);
    }
}

constexpr Index tile_rows = 32;  // so many rows are read side by side, within the cache

template <class T> void lay_out(const Layout &l) {
    const Index steps = l.steps, B = l.batch;
    for (Index k = 0; k < l.batches; ++k) {
        T *const inputs = static_cast<T *>(l.inputs) + k * steps * B * 2;
        T *const targets = static_cast<T *>(l.targets) + k * B;
        for (Index begin = 0; begin < B; begin += tile_rows) {
            const Index rows = std::min(tile_rows, B - begin);
            const float *from[tile_rows];
            for (Index r = 0; r < rows; ++r) {
                const Index place = k * B + begin + r;
                from[r] = l.values + (l.rows ? l.rows[place] : place) * steps;
            }
            for (Index t = 0; t < steps; ++t) {
                T *to = inputs + (t * B + begin) * 2;
                for (Index r = 0; r < rows; ++r) to[2 * r] = static_cast<T>(from[r][t]), to[2 * r + 1] = 0;
            }
            for (Index r = 0; r < rows; ++r) {
                const Index place = k * B + begin + r;
                const std::int64_t *marks = l.marks + 2 * (l.rows ? l.rows[place] : place);
                inputs[(marks[0] * B + begin + r) * 2 + 1] = 1;
                inputs[(marks[1] * B + begin + r) * 2 + 1] = 1;
                targets[begin + r] = static_cast<T>(from[r][marks[0]]) + static_cast<T>(from[r][marks[1]]);
            }
        }
    }
}

}  // namespace
}  // namespace irnn

IRNN_EXPORT void irnn_draw(const irnn::Draw *draw) { irnn::draw(*draw); }

IRNN_EXPORT void irnn_lay_out(const irnn::Layout *layout, int is_double) {
    if (is_double) irnn::lay_out<double>(*layout);
    else irnn::lay_out<float>(*layout);
}
