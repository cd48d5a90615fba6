// The one matrix product that all three passes share, tile by tile.
#pragma once

namespace irnn {
namespace {

// Calls work(row, std::integral_constant<int, N>) for N rows at a time: as many as may be, then the rest.
template <int ROWS, class Work> IRNN_INLINE void by_rows(Index rows, const Work &work) {
    Index row = 0;
    for (; row + ROWS <= rows; row += ROWS) work(row, std::integral_constant<int, ROWS>());
    if (ROWS > 4 && rows - row >= 4) work(row, std::integral_constant<int, 4>()), row += 4;
    if (rows - row >= 2) work(row, std::integral_constant<int, 2>()), row += 2;
    if (rows - row >= 1) work(row, std::integral_constant<int, 1>());
}

// The same, and the rest at once.
template <int ROWS, class Work> IRNN_INLINE void by_rows_and_rest(Index rows, const Work &work) {
    Index row = 0;
    for (; row + ROWS <= rows; row += ROWS) work(row, std::integral_constant<int, ROWS>());
    if (ROWS > 7 && rows - row == 7) return work(row, std::integral_constant<int, 7>());
    if (ROWS > 6 && rows - row == 6) return work(row, std::integral_constant<int, 6>());
    if (ROWS > 5 && rows - row == 5) return work(row, std::integral_constant<int, 5>());
    if (ROWS > 4 && rows - row == 4) return work(row, std::integral_constant<int, 4>());
    if (rows - row == 3) return work(row, std::integral_constant<int, 3>());
    if (rows - row == 2) return work(row, std::integral_constant<int, 2>());
    if (rows - row == 1) return work(row, std::integral_constant<int, 1>());
}

// The order of additions into one element is a function of its column and the depth, whatever tile
// it falls in: a row's result does not depend on which rows it is computed with.
template <int ROWS, int VECTORS, class T>
IRNN_INLINE void packed_panel(const Product<T> &p, Index column, const T *right, Soon &soon) {
    by_rows<ROWS>(p.rows, [&](Index row, auto rows) IRNN_INLINE_LAMBDA {
        packed_tile<typename Vectors<T>::Wide, rows(), VECTORS>(p, row, column, right, soon);
    });
}

// The tanh of a panel that has just been made: the next one's product, which does not wait for it, begins meanwhile.
template <class V, class T> void tanh_of_panel(const Product<T> &p, Index column, int vectors) {
    by_rows<4>(p.rows, [&](Index row, auto rows) IRNN_INLINE_LAMBDA {
        T *at = p.out + row * p.out_row + column;
        for (int v = 0; v < vectors; ++v, at += sizeof(V) / sizeof(T)) {
            V value[rows()];
            each_of<rows()>([&](int r) IRNN_INLINE_LAMBDA { value[r] = load<V>(at + r * p.out_row); });
            tanh_of(value);
            each_of<rows()>([&](int r) IRNN_INLINE_LAMBDA { store(at + r * p.out_row, value[r]); });
        }
    });
}

template <class Pairs, class V, class T> IRNN_INLINE void tail_panel(const Product<T> &p, Index column, const T *right) {
    by_rows<8>(p.rows, [&](Index row, auto rows) IRNN_INLINE_LAMBDA {
        if (p.halves) halved_tile<V, rows()>(p, row, column, right);
        else paired_tile<Pairs, V, rows()>(p, row, column, right);
    });
    if (p.after == After::tanh) tanh_of_panel<V>(p, column, 1);
}

// out = after(init + left . right) with `right` packed by `pack`.
template <class T> void multiply(const Product<T> &p) {
    typedef typename Vectors<T>::Wide Wide;
    typedef typename Vectors<T>::Half Half;
    typedef typename Vectors<T>::Quarter Quarter;
    const Columns<T> cut(p.columns);
    Soon soon = p.soon;
    cut.each(false, [&](Index column, int vectors) IRNN_INLINE_LAMBDA {
        const T *right = p.right + column * p.depth;
        if (vectors == 3) packed_panel<IRNN_ROWS_OF_3, 3>(p, column, right, soon);
        else if (vectors == 2) packed_panel<IRNN_ROWS_OF_3, 2>(p, column, right, soon);
        else if (vectors == 1) packed_panel<8, 1>(p, column, right, soon);
        else if (cut.tail == cut.half) tail_panel<Wide, Half>(p, column, right);
        else if constexpr (cut.quarter < cut.half) tail_panel<Half, Quarter>(p, column, right);
        if (p.after == After::tanh && vectors) tanh_of_panel<Wide>(p, column, vectors);
    });
}

template <int ROWS, class V, int VECTORS, class T> IRNN_INLINE void transposed_panel(const Product<T> &p, Index column) {
    if (p.list)
        return by_rows<ROWS>(p.rows, [&](Index row, auto rows) IRNN_INLINE_LAMBDA {
            listed_tile<V, rows(), VECTORS>(p, row, column);
        });
    by_rows_and_rest<ROWS>(p.rows, [&](Index row, auto rows) IRNN_INLINE_LAMBDA {
        transposed_tile<V, rows(), VECTORS>(p, row, column);
    });
}

// out = init + left^T . right, or for the rows of out that are listed, out += left^T . right; `right` as it is, many rows.
template <class T> void multiply_transposed(const Product<T> &p) {
    typedef typename Vectors<T>::Wide Wide;
    typedef typename Vectors<T>::Half Half;
    Columns<T>(p.columns).each(IRNN_ROWS_OF_2 > IRNN_ROWS_OF_3, [&](Index column, int vectors) IRNN_INLINE_LAMBDA {
        if (vectors == 3) transposed_panel<IRNN_ROWS_OF_3, Wide, 3>(p, column);
        else if (vectors == 2) transposed_panel<IRNN_ROWS_OF_2, Wide, 2>(p, column);
        else if (vectors == 1) transposed_panel<8, Wide, 1>(p, column);
        else transposed_panel<8, Half, 1>(p, column);
    });
}

}  // namespace
}  // namespace irnn
