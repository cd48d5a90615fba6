// The one matrix product that all three passes share, kept in registers tile by tile.
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

// A tile's sums, ROWS x VECTORS of them, stay in registers over the whole depth: per step of the
// depth, VECTORS loads and ROWS broadcasts feed ROWS * VECTORS multiply-adds.
template <class V, int ROWS, int VECTORS, class T> struct Tile {
    static constexpr Index lanes = sizeof(V) / sizeof(T);
    V sum[ROWS][VECTORS];

    IRNN_INLINE void start(const T *init, Index init_row) {
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v)
                sum[r][v] = init ? load<V>(init + r * init_row + v * lanes) : V{};
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

    template <After AFTER>
    IRNN_INLINE void finish(T *out, Index out_row, const T *state, Index state_row) const {
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) {
                V value = sum[r][v];
                if (AFTER == After::relu) value = relu(value);
                if (AFTER == After::relu_backward)
                    value = relu_backward(value, load<V>(state + r * state_row + v * lanes));
                if (AFTER == After::tanh_backward)
                    value = value * tanh_slope(load<V>(state + r * state_row + v * lanes));
                store(out + r * out_row + v * lanes, value);
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

template <class V, int ROWS, int VECTORS, bool TRANSPOSED, class T>
void tile(const Product<T> &p, Index row, Index column, const T *right, Index right_depth, const Asked *asked) {
    Tile<V, ROWS, VECTORS, T> tile;
    if (p.init) tile.start(p.init + row * p.init_row + column, p.init_row);
    else tile.start(nullptr, 0);
    const Index left_row = TRANSPOSED ? 1 : p.left_row;
    const Index left_depth = TRANSPOSED ? p.left_depth : 1;
    const T *left = p.left + row * left_row;
    if (!TRANSPOSED && p.terms) {
        constexpr Index step = VECTORS * Tile<V, ROWS, VECTORS, T>::lanes;
        for (Index n = 0; n < p.terms->singles; ++n) {
            const Index k = p.terms->single[n];
            tile.add(left + k, left_row, right + k * step);
        }
    } else if (!TRANSPOSED && asked->any && row == 0) {
        Asked ask = *asked;
        for (Index k = p.depth; k > 0; --k) {
            tile.add(left, left_row, right);
            ask.next();
            left += left_depth;
            right += right_depth;
        }
    } else {
        for (Index k = p.depth; k > 0; --k) {
            tile.add(left, left_row, right);
            left += left_depth;
            right += right_depth;
        }
    }
    tile.finish(p, row, column);
}

// Some rows of a transposed product, those from `row` on in its list, onto what stands in `out`.
template <class V, int ROWS, int VECTORS, class T>
void listed_tile(const Product<T> &p, Index row, Index column, const T *right) {
    Tile<V, ROWS, VECTORS, T> tile;
    Index at[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) {
        at[r] = p.list[row + r];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v)
            tile.sum[r][v] = load<V>(p.out + at[r] * p.out_row + column + v * tile.lanes);
    }
    const T *left = p.left;
    for (Index k = p.depth; k > 0; --k, left += p.left_depth, right += p.right_depth)
        tile.add_at(left, at, right);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v)
            store(p.out + at[r] * p.out_row + column + v * tile.lanes, tile.sum[r][v]);
}

// The tail of a packed product: one wide vector takes two steps of the depth at once, as the tail's
// columns come in pairs (depth k, depth k + 1). The two sums of a column are added at the end.
template <int ROWS, class T>
void paired_tile(const Product<T> &p, Index row, Index column, const T *right) {
    typedef typename Vectors<T>::Wide Wide;
    typedef typename Vectors<T>::Half Half;
    constexpr Index half = Columns<T>::half;
    Wide sum[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) sum[r] = Wide{};
    const T *left = p.left + row * p.left_row;
    const Index pairs = p.terms ? p.terms->pairs : p.depth / 2;
    for (Index n = 0; n < pairs; ++n) {
        const Index k = p.terms ? p.terms->pair[n] : n;
        const Wide factor = load<Wide>(right + k * 2 * half);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
            sum[r] += broadcast_pair<Wide>(left + 2 * k + r * p.left_row) * factor;
    }
    left += p.depth - p.depth % 2, right += p.depth / 2 * 2 * half;
    Tile<Half, ROWS, 1, T> tile;
    if (p.init) tile.start(p.init + row * p.init_row + column, p.init_row);
    else tile.start(nullptr, 0);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) {
        Half even, odd;
        split_pairs(sum[r], even, odd);
        tile.sum[r][0] += even + odd;
    }
    if (p.depth % 2) tile.add(left, p.left_row, right);
    tile.finish(p, row, column);
}

// The tail of a narrow product: the same sums as those of `paired_tile` of the whole one, whose pairs are torn apart.
template <int ROWS, class T>
void halved_tile(const Product<T> &p, Index row, Index column, const T *right) {
    typedef Tile<typename Vectors<T>::Half, ROWS, 1, T> Sums;
    const T *left = p.left + row * p.left_row;
    Sums half[2], tile;
    for (int odd = 0; odd < 2; ++odd) {
        half[odd].start(nullptr, 0);
        for (Index n = 0; n < p.halves->count[odd]; ++n) {
            const Index k = p.halves->list[odd][n];
            half[odd].add(left + k, p.left_row, right + k * Sums::lanes);
        }
    }
    if (p.init) tile.start(p.init + row * p.init_row + column, p.init_row);
    else tile.start(nullptr, 0);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) tile.sum[r][0] += half[0].sum[r][0] + half[1].sum[r][0];
    if (p.halves->last >= 0) tile.add(left + p.halves->last, p.left_row, right + p.halves->last * Sums::lanes);
    tile.finish(p, row, column);
}

// Calls work(row, std::integral_constant<int, N>) for N rows at a time: as many as may be, then the rest.
template <int ROWS, class Work> IRNN_INLINE void by_rows(Index rows, const Work &work) {
    Index row = 0;
    for (; row + ROWS <= rows; row += ROWS) work(row, std::integral_constant<int, ROWS>());
    if (ROWS > 4 && rows - row >= 4) work(row, std::integral_constant<int, 4>()), row += 4;
    if (rows - row >= 2) work(row, std::integral_constant<int, 2>()), row += 2;
    if (rows - row >= 1) work(row, std::integral_constant<int, 1>());
}

// The order of additions into one element is a function of its column and the depth, whatever tile
// it falls in: a row's result does not depend on which rows it is computed with.
template <bool TRANSPOSED, int ROWS, class V, int VECTORS, class T>
void panel(const Product<T> &p, Index column, const T *right, Index right_depth, const Asked *asked = nullptr) {
    by_rows<ROWS>(p.rows, [&](Index row, auto rows) {
        tile<V, rows(), VECTORS, TRANSPOSED>(p, row, column, right, right_depth, asked);
    });
}

// The tanh of a panel that has just been made: the next one's product, which does not wait for it, begins meanwhile.
template <class V, class T> void tanh_of_panel(const Product<T> &p, Index column, int vectors) {
    for (Index r = 0; r < p.rows; ++r)
        for (int v = 0; v < vectors; ++v) {
            T *const at = p.out + r * p.out_row + column + v * Tile<V, 1, 1, T>::lanes;
            store(at, tanh(load<V>(at)));
        }
}

// out = after(init + left . right) with `right` packed by `pack`.
template <class T> void multiply(const Product<T> &p) {
    typedef typename Vectors<T>::Wide Wide;
    typedef typename Vectors<T>::Half Half;
    const Columns<T> cut(p.columns);
    cut.each(false, [&](Index column, int vectors) {
        const T *right = p.right + column * p.depth;
        const Index step = vectors * Columns<T>::wide;
        const Asked asked(p.soon, column, column + step, cut.wides * cut.wide, p.depth, right);
        if (vectors == 3) panel<false, IRNN_ROWS_OF_3, Wide, 3>(p, column, right, step, &asked);
        else if (vectors == 2) panel<false, IRNN_ROWS_OF_3, Wide, 2>(p, column, right, step, &asked);
        else if (vectors == 1) panel<false, 8, Wide, 1>(p, column, right, step, &asked);
        else
            by_rows<8>(p.rows, [&](Index row, auto rows) {
                if (p.halves) halved_tile<rows()>(p, row, column, right);
                else paired_tile<rows()>(p, row, column, right);
            });
        if (p.after == After::tanh && vectors) tanh_of_panel<Wide>(p, column, vectors);
        else if (p.after == After::tanh) tanh_of_panel<Half>(p, column, 1);
    });
}

template <int ROWS, class V, int VECTORS, class T>
void listed_panel(const Product<T> &p, Index column, const T *right) {
    by_rows<ROWS>(p.rows, [&](Index row, auto rows) {
        listed_tile<V, rows(), VECTORS>(p, row, column, right);
    });
}

// out += left^T . right for the rows of out that are listed.
template <class T> void multiply_listed(const Product<T> &p) {
    typedef typename Vectors<T>::Wide Wide;
    typedef typename Vectors<T>::Half Half;
    Columns<T>(p.columns).each(IRNN_ROWS_OF_2 > IRNN_ROWS_OF_3, [&](Index column, int vectors) {
        const T *right = p.right + column;
        if (vectors == 3) listed_panel<IRNN_ROWS_OF_3, Wide, 3>(p, column, right);
        else if (vectors == 2) listed_panel<IRNN_ROWS_OF_2, Wide, 2>(p, column, right);
        else if (vectors == 1) listed_panel<8, Wide, 1>(p, column, right);
        else listed_panel<8, Half, 1>(p, column, right);
    });
}

// out = after(init + left^T . right) with `right` as it is, many rows.
template <class T> void multiply_transposed(const Product<T> &p) {
    typedef typename Vectors<T>::Wide Wide;
    typedef typename Vectors<T>::Half Half;
    if (p.list) return multiply_listed(p);
    Columns<T>(p.columns).each(IRNN_ROWS_OF_2 > IRNN_ROWS_OF_3, [&](Index column, int vectors) {
        const T *right = p.right + column;
        if (vectors == 3) panel<true, IRNN_ROWS_OF_3, Wide, 3>(p, column, right, p.right_depth);
        else if (vectors == 2) panel<true, IRNN_ROWS_OF_2, Wide, 2>(p, column, right, p.right_depth);
        else if (vectors == 1) panel<true, 8, Wide, 1>(p, column, right, p.right_depth);
        else panel<true, 8, Half, 1>(p, column, right, p.right_depth);
    });
}

}  // namespace
}  // namespace irnn
