// The one matrix product that all three passes share, kept in registers tile by tile.
#pragma once

namespace irnn {
namespace {

enum class After { nothing, relu, relu_backward };

// out[rows, columns] = after(init + left[rows, depth] . right[depth, columns])
template <class T> struct Product {
    Index rows, columns, depth;
    const T *left;
    Index left_row, left_depth;  // strides; one of them is 1
    const T *right;
    Index right_depth;  // stride, or 0: `right` is packed in panels (see `pack`)
    const T *init;      // null: zero
    Index init_row;     // stride; 0 repeats one row
    T *out;
    Index out_row;
    const T *state;  // for After::relu_backward
    Index state_row;
    After after;
};

// How columns are cut: panels of up to three wide vectors, then perhaps one half vector. Writes
// and reads reach to `width(columns)`, so a row must have room for that many.
template <class T> struct Columns {
    static constexpr Index wide = sizeof(typename Vectors<T>::Wide) / sizeof(T);
    static constexpr Index half = sizeof(typename Vectors<T>::Half) / sizeof(T);
    Index wides, halves;
    explicit Columns(Index columns) : wides(columns / wide), halves(0) {
        const Index rest = columns % wide;
        if (rest > half || (rest && half == wide)) ++wides;
        else if (rest) halves = 1;
    }
    Index width() const { return wides * wide + halves * half; }

    // Calls panel(first column, vectors, is_half) from left to right.
    template <class Panel> IRNN_INLINE void each(const Panel &panel) const {
        Index left = wides, column = 0;
        for (; left >= 3; left -= 3, column += 3 * wide) panel(column, 3, false);
        if (left) panel(column, static_cast<int>(left), false);
        column += left * wide;
        if (halves) panel(column, 1, true);
    }
};

// ROWS x VECTORS accumulators stay in registers over the whole depth: per step of the depth,
// VECTORS loads and ROWS broadcasts feed ROWS * VECTORS multiply-adds.
template <class V, int ROWS, int VECTORS, bool TRANSPOSED, class T>
void tile(const Product<T> &p, Index row, Index column, const T *right, Index right_depth) {
    constexpr Index lanes = sizeof(V) / sizeof(T);
    V sum[ROWS][VECTORS];
    if (p.init) {
        const T *init = p.init + row * p.init_row + column;
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] = load<V>(init + r * p.init_row + v * lanes);
    } else {
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] = V{};
    }
    const Index left_row = TRANSPOSED ? 1 : p.left_row;
    const Index left_depth = TRANSPOSED ? p.left_depth : 1;
    const T *left = p.left + row * left_row;
    for (Index k = p.depth; k > 0; --k) {
        V factor[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) factor[v] = load<V>(right + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
            const T value = left[r * left_row];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] += value * factor[v];
        }
        left += left_depth;
        right += right_depth;
    }
    T *out = p.out + row * p.out_row + column;
    const T *state = p.state + row * p.state_row + column;
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) {
            V value = sum[r][v];
            if (p.after == After::relu) value = relu(value);
            if (p.after == After::relu_backward)
                value = relu_backward(value, load<V>(state + r * p.state_row + v * lanes));
            store(out + r * p.out_row + v * lanes, value);
        }
}

template <class V, int VECTORS, bool TRANSPOSED, class T>
void panel(const Product<T> &p, Index column, const T *right, Index right_depth) {
    Index row = 0;
    for (; row + IRNN_TILE_ROWS <= p.rows; row += IRNN_TILE_ROWS)
        tile<V, IRNN_TILE_ROWS, VECTORS, TRANSPOSED>(p, row, column, right, right_depth);
    const Index rest = p.rows - row;
    if (IRNN_TILE_ROWS > 4 && (rest & 4)) {
        tile<V, 4, VECTORS, TRANSPOSED>(p, row, column, right, right_depth);
        row += 4;
    }
    if (rest & 2) {
        tile<V, 2, VECTORS, TRANSPOSED>(p, row, column, right, right_depth);
        row += 2;
    }
    if (rest & 1) tile<V, 1, VECTORS, TRANSPOSED>(p, row, column, right, right_depth);
}

// The order of additions into one element is that of the depth, whatever tile it falls in: a
// row's result does not depend on which rows it is computed with.
template <bool TRANSPOSED, class T> void multiply(const Product<T> &p) {
    typedef typename Vectors<T>::Wide Wide;
    typedef typename Vectors<T>::Half Half;
    const Columns<T> columns(p.columns);
    columns.each([&](Index column, int vectors, bool is_half) {
        const Index packed = is_half ? columns.half : vectors * columns.wide;
        const T *right = p.right + (p.right_depth ? column : column * p.depth);
        const Index step = p.right_depth ? p.right_depth : packed;
        if (is_half) panel<Half, 1, TRANSPOSED>(p, column, right, step);
        else if (vectors == 3) panel<Wide, 3, TRANSPOSED>(p, column, right, step);
        else if (vectors == 2) panel<Wide, 2, TRANSPOSED>(p, column, right, step);
        else panel<Wide, 1, TRANSPOSED>(p, column, right, step);
    });
}

// Lays a matrix out as `multiply` reads it: panel by panel, in each one depth after the other.
// element(k, j) must accept every k < depth, j < columns; the padding is zero.
template <class T, class Element>
void pack(T *to, Index depth, Index columns, const Element &element) {
    const Columns<T> cut(columns);
    cut.each([&](Index column, int vectors, bool is_half) {
        const Index width = is_half ? cut.half : vectors * cut.wide;
        T *panel = to + column * depth;
        for (Index j = 0; j < width; ++j)
            for (Index k = 0; k < depth; ++k)
                panel[k * width + j] = column + j < columns ? element(k, column + j) : T(0);
    });
}

}  // namespace
}  // namespace irnn
