// A matrix product, and the tiles of it that stay in registers.
#pragma once

namespace irnn {
namespace {

enum class After { nothing, relu, tanh, relu_backward, tanh_backward };

// out[rows, columns] = after(init + left[rows, depth] . right[depth, columns])
template <class T> struct Product {
    Index rows, columns, depth;
    const T *left;
    Index left_row, left_depth;  // strides: the one that the product at hand does not have is 1
    const T *right;
    Index right_depth;  // stride, where `right` is not packed
    const T *init;      // null: zero
    Index init_row;     // stride; 0 repeats one row
    T *out;
    Index out_row;
    const T *state;  // for After::relu_backward and After::tanh_backward
    Index state_row;
    After after;
    const Terms *terms;         // null: all of the depth
    const Halves *halves;       // for the tail of a narrow product; null: pairs
    const std::uint16_t *list;  // which rows of a transposed product there are; null: all
    Soon soon;                  // for a packed product of which all terms are there
};

// To the next row. It keeps the compiler from computing the addresses of all rows of a tile ahead, for which it has no
// registers left.
template <class T> IRNN_INLINE void advance(T *&row, Index stride) {
    row += stride;
    __asm__("" : "+r"(row));
}

// A tile's sums, ROWS x VECTORS of them, stay in registers over the whole depth: per step of the
// depth, VECTORS loads and ROWS broadcasts feed ROWS * VECTORS multiply-adds.
template <class V, int ROWS, int VECTORS, class T> struct Tile {
    static constexpr Index lanes = sizeof(V) / sizeof(T);
    V sum[ROWS][VECTORS];

    IRNN_INLINE void clear() {
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] = V{};
    }

    IRNN_INLINE void start(const Product<T> &p, Index row, Index column) {
        if (!p.init) return clear();
        const T *init = p.init + row * p.init_row + column;
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] = load<V>(init + v * lanes);
            advance(init, p.init_row);
        }
    }

    IRNN_INLINE void add(const T *left, Index left_row, const T *right) {
        V factor[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) factor[v] = load<V>(right + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
            const T value = left[r * left_row];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] += value * factor[v];
        }
    }

    // The same where row r of the left side is at[r].
    IRNN_INLINE void add_at(const T *left, const Index (&at)[ROWS], const T *right) {
        V factor[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) factor[v] = load<V>(right + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
            const T value = left[at[r]];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] += value * factor[v];
        }
    }

    template <After AFTER> IRNN_INLINE void finish(T *out, Index out_row, const T *state, Index state_row) const {
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) {
                V value = sum[r][v];
                if (AFTER == After::relu) value = relu(value);
                if (AFTER == After::relu_backward) value = relu_backward(value, load<V>(state + v * lanes));
                if (AFTER == After::tanh_backward) value = value * tanh_slope(load<V>(state + v * lanes));
                store(out + v * lanes, value);
            }
            advance(out, out_row);
            if (AFTER == After::relu_backward || AFTER == After::tanh_backward) advance(state, state_row);
        }
    }

    IRNN_INLINE void finish(const Product<T> &p, Index row, Index column) const {
        T *const out = p.out + row * p.out_row + column;
        const T *const state = p.state + row * p.state_row + column;
        if (p.after == After::nothing || p.after == After::tanh)
            finish<After::nothing>(out, p.out_row, state, p.state_row);
        else if (p.after == After::relu) finish<After::relu>(out, p.out_row, state, p.state_row);
        else if (p.after == After::tanh_backward) finish<After::tanh_backward>(out, p.out_row, state, p.state_row);
        else finish<After::relu_backward>(out, p.out_row, state, p.state_row);
    }
};

// A tile of a packed product. Not inlined, so that little is kept on the stack between tiles: the processor's queue of
// stores is full of the sums of the last one.
template <class V, int ROWS, int VECTORS, class T>
IRNN_APART void packed_tile(const Product<T> &p, Index row, Index column, const T *right, Soon &soon) {
    typedef Tile<V, ROWS, VECTORS, T> Sums;
    constexpr Index step = VECTORS * Sums::lanes;
    Sums tile;
    tile.start(p, row, column);
    const T *left = p.left + row * p.left_row;
    if (p.terms) {
        for (Index n = 0; n < p.terms->singles; ++n) {
            const Index k = p.terms->single[n];
            tile.add(left + k, p.left_row, right + k * step);
        }
    } else {
        Index k = p.depth;
        if (soon.lines) {
            Soon asked = soon;
            for (; k > 0 && asked.lines; --k, ++left, right += step) {
                asked.ask();
                tile.add(left, p.left_row, right);
            }
            soon = asked;
        }
        for (; k > 0; --k, ++left, right += step) tile.add(left, p.left_row, right);
    }
    tile.finish(p, row, column);
}

// A tile of a product whose left side is transposed and whose right side is not packed.
template <class V, int ROWS, int VECTORS, class T>
IRNN_APART void transposed_tile(const Product<T> &p, Index row, Index column) {
    Tile<V, ROWS, VECTORS, T> tile;
    tile.start(p, row, column);
    const T *left = p.left + row, *right = p.right + column;
    for (Index k = p.depth; k > 0; --k, left += p.left_depth, right += p.right_depth) tile.add(left, 1, right);
    tile.template finish<After::nothing>(p.out + row * p.out_row + column, p.out_row, nullptr, 0);
}

// Some of its rows, those from `row` on in its list, onto what stands in `out`.
template <class V, int ROWS, int VECTORS, class T> IRNN_APART void listed_tile(const Product<T> &p, Index row, Index column) {
    Tile<V, ROWS, VECTORS, T> tile;
    Index at[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) {
        at[r] = p.list[row + r];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v)
            tile.sum[r][v] = load<V>(p.out + at[r] * p.out_row + column + v * tile.lanes);
    }
    const T *left = p.left, *right = p.right + column;
    for (Index k = p.depth; k > 0; --k, left += p.left_depth, right += p.right_depth)
        tile.add_at(left, at, right);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v)
            store(p.out + at[r] * p.out_row + column + v * tile.lanes, tile.sum[r][v]);
}

// The tail of a packed product: one vector takes two steps of the depth at once, as the tail's
// columns come in pairs (depth k, depth k + 1). The two sums of a column are added at the end.
template <class Pairs, class V, int ROWS, class T>
IRNN_APART void paired_tile(const Product<T> &p, Index row, Index column, const T *right) {
    constexpr Index columns = sizeof(V) / sizeof(T);
    Pairs sum[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) sum[r] = Pairs{};
    const T *left = p.left + row * p.left_row;
    const Index pairs = p.terms ? p.terms->pairs : p.depth / 2;
    for (Index n = 0; n < pairs; ++n) {
        const Index k = p.terms ? p.terms->pair[n] : n;
        const Pairs factor = load<Pairs>(right + k * 2 * columns);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) sum[r] += broadcast_pair<Pairs>(left + 2 * k + r * p.left_row) * factor;
    }
    left += p.depth - p.depth % 2, right += p.depth / 2 * 2 * columns;
    Tile<V, ROWS, 1, T> tile;
    tile.start(p, row, column);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) {
        V even, odd;
        split_pairs(sum[r], even, odd);
        tile.sum[r][0] += even + odd;
    }
    if (p.depth % 2) tile.add(left, p.left_row, right);
    tile.finish(p, row, column);
}

// The tail of a narrow product: the same sums as those of `paired_tile` of the whole one, whose pairs are torn apart.
template <class V, int ROWS, class T>
IRNN_APART void halved_tile(const Product<T> &p, Index row, Index column, const T *right) {
    typedef Tile<V, ROWS, 1, T> Sums;
    const T *left = p.left + row * p.left_row;
    Sums half[2], tile;
    for (int odd = 0; odd < 2; ++odd) {
        half[odd].clear();
        for (Index n = 0; n < p.halves->count[odd]; ++n) {
            const Index k = p.halves->list[odd][n];
            half[odd].add(left + k, p.left_row, right + k * Sums::lanes);
        }
    }
    tile.start(p, row, column);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) tile.sum[r][0] += half[0].sum[r][0] + half[1].sum[r][0];
    if (p.halves->last >= 0) tile.add(left + p.halves->last, p.left_row, right + p.halves->last * Sums::lanes);
    tile.finish(p, row, column);
}

}  // namespace
}  // namespace irnn
