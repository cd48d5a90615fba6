// Which terms of a product are not zero. Most units of a trained ReLU network are silent for most sequences:
// what they would add is left out, in all three products. The sums that remain are the same, in the same order,
// so that no bit depends on it.
#pragma once

namespace irnn {
namespace {

typedef std::uint64_t __attribute__((may_alias)) Word;

// Whether nothing in `count` values would turn a zero into something else.
template <class T> bool all_finite(const T *values, Index count) {
    bool finite = true;
    for (Index i = 0; i < count; ++i) finite &= values[i] - values[i] == 0;
    return finite;
}

// The indices of the depth at which some row of a product's left side is not zero, one by one, and in pairs
// (2 n, 2 n + 1) as the tail takes them. `all`: nearly every one is, and telling them apart does not pay.
struct Terms {
    static constexpr Index most = 2048, patience = 8;
    std::uint16_t single[most], pair[most / 2];
    Index singles = 0, pairs = 0;
    bool all;
    Index wait = 0;  // steps until one that was full is looked at again
    Word seen[most];

    explicit Terms(bool useful) : all(!useful), wait(useful ? 0 : -1) {}

    template <class T> void find(const T *left, Index left_row, Index rows, Index depth) {
        constexpr Index units = sizeof(Word) / sizeof(T);
        constexpr Word values = units == 2 ? 0x7fffffff7fffffff : 0x7fffffffffffffff;  // all but signs
        if (wait < 0 || depth > most) return void(all = true);
        if (all && wait-- > 0) return;
        const Index words = (depth + units - 1) / units;
        for (Index r = 0; r < rows; ++r) {
            const Word *row = reinterpret_cast<const Word *>(left + r * left_row);
            if (r == 0)
                for (Index w = 0; w < words; ++w) seen[w] = row[w];
            else
                for (Index w = 0; w < words; ++w) seen[w] |= row[w];
        }
        if (units == 2 && depth % 2) seen[words - 1] &= 0xffffffff;
        singles = pairs = 0;
        for (Index w = 0; w < words; ++w) {
            const Word bits = seen[w] & values;
            if (!bits) continue;
            const Index k = w * units;
            if (units == 1) {
                single[singles++] = static_cast<std::uint16_t>(k);
            } else {
                single[singles] = static_cast<std::uint16_t>(k);
                singles += (bits & 0xffffffff) != 0;
                single[singles] = static_cast<std::uint16_t>(k + 1);
                singles += bits >> 32 != 0;
            }
            if ((k | 1) < depth && (pairs == 0 || pair[pairs - 1] != k / 2))
                pair[pairs++] = static_cast<std::uint16_t>(k / 2);
        }
        all = singles * 4 > depth * 3;
        if (all) wait = patience;
    }
};

// The units that some step of a chunk of time names: the rows of the weight gradient that change in it.
struct Units {
    bool named[Terms::most];
    std::uint16_t list[Terms::most];
    Index count;
    bool all;

    void clear(Index hidden) {
        all = hidden > Terms::most;
        if (!all) std::memset(named, 0, hidden);
    }
    void add(const Terms &terms) {
        all |= terms.all;
        if (all) return;
        for (Index n = 0; n < terms.singles; ++n) named[terms.single[n]] = true;
    }
    void gather(Index hidden) {
        count = 0;
        if (all) return;
        for (Index j = 0; j < hidden; ++j) {
            list[count] = static_cast<std::uint16_t>(j);
            count += named[j];
        }
        all = count * 4 > hidden * 3;
    }
};

}  // namespace
}  // namespace irnn
