// Which terms of a product are not zero. Most units of a trained ReLU network are silent for most sequences:
// what they would add is left out, in all three products. The sums that remain are the same, in the same order,
// so that no bit depends on it.
#pragma once

namespace irnn {
namespace {

typedef std::uint64_t __attribute__((may_alias)) Word;

// Whether nothing in `count` values would turn a zero into something else: an exponent of ones is infinity or NaN.
template <class T> bool all_finite(const T *values, Index count) {
    typedef typename std::conditional<sizeof(T) == 4, std::int32_t, std::int64_t>::type Bits;
    constexpr Bits magnitude = std::numeric_limits<Bits>::max();
    constexpr Bits infinity = sizeof(T) == 4 ? Bits(0x7f800000) : Bits(0x7ff0000000000000);
    Bits largest = 0;
    for (Index i = 0; i < count; ++i) {
        Bits bits;
        std::memcpy(&bits, values + i, sizeof(T));
        bits &= magnitude;
        largest = bits > largest ? bits : largest;
    }
    return largest < infinity;
}

// The indices of the depth at which some row of a product's left side is not zero, one by one, and in pairs
// (2 n, 2 n + 1) as the tail takes them. `all`: nearly every one is, and telling them apart does not pay.
struct Terms {
    static constexpr Index most = 2048, patience = 8;
    typedef typename Integers8<typename Vectors<float>::Wide>::Vector Bits;
    static constexpr Index line = 64 / sizeof(Word), lanes = sizeof(Bits) / sizeof(Word);
    std::uint16_t single[most], pair[most / 2];
    Index singles = 0, pairs = 0;
    bool all;
    const bool useful;  // otherwise nothing is ever looked at
    Index wait = 0;     // steps until one that was full is looked at again
    Word seen[most];

    explicit Terms(bool useful) : all(!useful), useful(useful) {}

    template <class T> void find(const T *left, Index left_row, Index rows, Index depth) {
        constexpr Index units = sizeof(Word) / sizeof(T);
        constexpr Word values = units == 2 ? 0x7fffffff7fffffff : 0x7fffffffffffffff;  // all but signs
        if (!useful || wait > 0) return void(--wait);
        const Index words = (depth + units - 1) / units;
        for (Index w = 0; w < words; w += line) {  // a row has room for whole lines
            Bits any[line / lanes] = {};
            for (Index r = 0; r < rows; ++r) {
                const Word *row = reinterpret_cast<const Word *>(left + r * left_row) + w;
#pragma GCC unroll 4
                for (Index i = 0; i < line / lanes; ++i) any[i] |= load<Bits>(row + i * lanes);
            }
            std::memcpy(seen + w, any, sizeof(any));
        }
        if (units == 2 && depth % 2) seen[words - 1] &= 0xffffffff;
        singles = pairs = 0;
        for (Index w = 0; w < words; ++w) {
            const Word bits = seen[w] & values;
            const Index k = w * units;
            for (Index half = 0; half < units; ++half) {
                single[singles] = static_cast<std::uint16_t>(k + half);
                singles += (units == 1 ? bits : bits >> 32 * half & 0xffffffff) != 0;
            }
            // Two words make a pair of doubles.
            if (units == 1 && w % 2 == 0) continue;
            pair[pairs] = static_cast<std::uint16_t>(k / 2);
            pairs += (units == 1 ? bits | (seen[w - 1] & values) : bits) != 0 && (k | 1) < depth;
        }
        all = singles * 4 > depth * 3;
        if (all) wait = patience;
    }
};

// Indices of the depth in two lists, those of even units and those of odd ones, and the last unit's where it has no
// partner (or -1): the sums that a product's tail keeps apart.
struct Halves {
    std::uint16_t list[2][Terms::most];
    Index count[2], last;
    void clear() { count[0] = count[1] = 0, last = -1; }
    void add(Index at, Index odd) { list[odd][count[odd]++] = static_cast<std::uint16_t>(at); }
};

// The units awake in every state of a block of rows, listed as forward comes by. Going back, no others have a gradient.
struct Roster {
    static constexpr std::uint16_t everyone = 0xffff;
    std::uint16_t *lists;  // (T + 1, H + 1): how many there are, and which
    Index hidden;

    static Index elements(const Call &call) { return (call.time + 1) * (call.hidden + 1); }
    const std::uint16_t *of(Index t) const { return lists + t * (hidden + 1) + 1; }
    Index count(Index t) const { return of(t)[-1]; }
    bool all(Index t) const { return count(t) == everyone; }

    // Of the terms of [h | x] those of h.
    void put(Index t, const Terms &terms) const {
        std::uint16_t *const to = lists + t * (hidden + 1);
        if (terms.all) return void(*to = everyone);
        Index units = terms.singles;
        while (units > 0 && terms.single[units - 1] >= hidden) --units;
        *to = static_cast<std::uint16_t>(units);
        std::memcpy(to + 1, terms.single, units * sizeof(*to));
    }
};

// The units that are in one of several lists.
struct Units {
    bool named[Terms::most];
    std::uint16_t list[Terms::most];
    Index count, hidden;
    bool all;  // nearly every unit is, or one of the lists was not made

    explicit Units(Index hidden) : hidden(hidden) {}
    void clear() {
        all = hidden > Terms::most;
        if (!all) std::memset(named, 0, hidden);
    }
    void add(const std::uint16_t *units, Index length) {
        for (Index n = 0; n < length; ++n) named[units[n]] = true;
    }
    void add(const Terms &terms) {
        all |= terms.all;
        if (!all) add(terms.single, terms.singles);
    }
    void gather() {
        count = 0;
        if (all) return;
        for (Index j = 0; j < hidden; ++j) {
            list[count] = static_cast<std::uint16_t>(j);
            count += named[j];
        }
        all = count * 4 > hidden * 3;
    }
    void gather(const Roster &roster, Index first, Index last) {
        clear();
        for (Index t = first; t <= last && !all; ++t) {
            all |= roster.all(t);
            if (!all) add(roster.of(t), roster.count(t));
        }
        gather();
    }
};

}  // namespace
}  // namespace irnn
