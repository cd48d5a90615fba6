// A sum of outer products over time and rows, which a gradient of weights is.
#pragma once

namespace irnn {
namespace {

// left^T . right, (rows, columns), laid out as its products are fastest: the whole vectors of columns row by row, and what
// remains, at most half a vector, the other way round. An element's sum has the same order in both.
template <class T> struct OuterSum {
    Index rows, columns, body;  // body: the columns that are laid out row by row
    Index row, turned_row;      // strides

    static OuterSum plain(Index rows, Index columns) { return {rows, columns, columns, whole_lines(columns, sizeof(T)), 0}; }
    static OuterSum turned(Index rows, Index columns) { return {rows, columns, 0, 0, whole_lines(rows, sizeof(T))}; }
    static OuterSum mixed(Index rows, Index columns) {
        const Columns<T> cut(columns);
        if (!cut.tail) return plain(rows, columns);
        const Index body = cut.wides * cut.wide;
        return {rows, columns, body, whole_lines(body, sizeof(T)), whole_lines(rows, sizeof(T))};
    }

    Index elements() const { return rows * row + (columns - body) * turned_row; }

    void add(T *sum, const T *left, Index left_row, const T *right, Index right_row, Index depth) const {
        Product<T> outer = {};
        outer.rows = rows, outer.columns = body, outer.depth = depth;
        outer.left = left, outer.left_depth = left_row, outer.right = right, outer.right_depth = right_row;
        outer.init = outer.out = sum, outer.init_row = outer.out_row = row;
        multiply_transposed(outer);
        if (body == columns) return;
        outer.rows = columns - body, outer.columns = rows;
        outer.left = right + body, outer.left_depth = right_row, outer.right = left, outer.right_depth = left_row;
        outer.init = outer.out = sum + rows * row, outer.init_row = outer.out_row = turned_row;
        multiply_transposed(outer);
    }

    // Elements `first` to `last` of a row.
    void get(const T *sum, Index at, Index first, Index last, T *to) const {
        Index column = first;
        if (column < body) {
            const Index end = last < body ? last : body;
            std::memcpy(to, sum + at * row + column, (end - column) * sizeof(T));
            column = end;
        }
        for (; column < last; ++column) to[column - first] = sum[rows * row + (column - body) * turned_row + at];
    }
};

// Adds partial sums of so many elements, which lie one behind the other, to the first.
template <class T> void add_partials(T *sums, Index partials, Index elements) {
    for (Index p = 1; p < partials; ++p)
        for (Index j = 0; j < elements; ++j) sums[j] += sums[p * elements + j];
}

}  // namespace
}  // namespace irnn
