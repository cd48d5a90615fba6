// How a matrix is cut into panels of columns, and laid out so that a product reads one panel after the other.
#pragma once

namespace irnn {
namespace {

// How columns are cut: panels of one to three wide vectors, then perhaps a tail of half a vector or a quarter of one. Writes
// and reads reach to `width()`, so a row must have room for that many.
template <class T> struct Columns {
    static constexpr Index wide = sizeof(typename Vectors<T>::Wide) / sizeof(T), half = wide / 2;
    static constexpr Index quarter = sizeof(typename Vectors<T>::Quarter) / sizeof(T);  // or half, where there is none
    Index wides, tail;  // vectors; columns of the tail, 0 where there is none
    explicit Columns(Index columns) : wides(columns / wide), tail(0) {
        const Index rest = columns % wide;
        if (rest > half) ++wides;
        else if (rest > quarter) tail = half;
        else if (rest) tail = quarter;
    }
    Index width() const { return wides * wide + (tail ? half : 0); }

    // Calls panel(first column, vectors) from left to right; the tail has 0 vectors. Threes first,
    // and no lonely vector where two pairs do; or pairs first, and at most one three.
    template <class Panel> IRNN_INLINE void each(bool pairs, const Panel &panel) const {
        Index column = 0;
        for (Index left = wides; left > 0;) {
            const bool three = left >= 3 && (pairs ? left % 2 == 1 : left != 4);
            const int vectors = three ? 3 : left >= 2 ? 2 : 1;
            panel(column, vectors);
            column += vectors * wide, left -= vectors;
        }
        if (tail) panel(column, 0);
    }
};

// Lays a matrix out as `multiply` reads it: panel by panel, in each one depth after the other, in
// the tail two. row(k) must accept every k < depth and give what [j], j < columns, gives the element
// of; the padding is zero.
template <class T, class Row> void pack(T *to, Index depth, Index columns, const Row &row) {
    const Columns<T> cut(columns);
    cut.each(false, [&](Index column, int vectors) {
        const Index width = vectors ? vectors * cut.wide : cut.tail;
        const Index filled = columns - column < width ? columns - column : width;
        T *const panel = to + column * depth;
        for (Index k = 0; k < depth; ++k) {
            const auto from = row(k);
            const bool paired = vectors == 0 && (k | 1) < depth;
            const Index step = paired ? 2 : 1;
            T *const at = panel + (paired ? k / 2 * 2 * width + k % 2 : k * width);
            for (Index j = 0; j < filled; ++j) at[j * step] = from[column + j];
            for (Index j = filled; j < width; ++j) at[j * step] = T(0);
        }
    });
}

// A column of a row-major matrix, read like a row.
template <class T> struct Column {
    const T *top;
    Index stride;
    T operator[](Index j) const { return top[j * stride]; }
};

// Memory that will be touched next, which a product asks for meanwhile: a history is larger than the caches, and a product
// does not wait for memory. A line at every step of its depth: all at once would fill the queue that its own loads stand in.
struct Soon {
    static constexpr Index line = 64;
    const char *at;
    Index lines;
    const char *then;  // and after these
    Index then_lines;

    template <class T> void put(const T *from, Index elements) {
        then = at, then_lines = lines;
        at = reinterpret_cast<const char *>(from), lines = (elements * static_cast<Index>(sizeof(T)) + line - 1) / line;
    }
    // Whether a history of so many elements does not stay in a cache by itself.
    template <class T> static bool pays(Index elements) { return elements * static_cast<Index>(sizeof(T)) > 1 << 20; }

    IRNN_INLINE void ask() {
        __builtin_prefetch(at, 0, 2);
        at += line;
        if (--lines == 0) at = then, lines = then_lines, then_lines = 0;
    }
};

}  // namespace
}  // namespace irnn
