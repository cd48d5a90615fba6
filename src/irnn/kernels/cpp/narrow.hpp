// A chunk of time as a smaller network. A unit that is silent from a chunk's first state to its last has a gradient of
// zero in it, and its outgoing weights have one too: going back, only the rows and columns of the others matter. Their
// weights, states and sums are copied together, the products are the same ones on smaller matrices, and the sums go back
// to where they came from. The terms of every sum and their order stay, so that no bit depends on it.
#pragma once

namespace irnn {
namespace {

// The places of units in the narrow matrices. Those of the whole vectors of columns come first, in their order and filled
// up with empty places; then every unit of the tail, which is a tail here too.
template <class T> class Narrow {
  public:
    Index count = 0;  // places; 0: none were made
    T *const weights, *const sum, *const states;

    // Elements of `room`, which must live as long. `rows`: the most that gather_states is given.
    static Index elements(Index hidden, Index stride, Index rows) {
        return hidden * Columns<T>(hidden).width() + (hidden + 1) * stride + rows * stride;
    }
    Narrow(const Call &call, Index stride, T *room)
        : weights(room),
          sum(weights + call.hidden * Columns<T>(call.hidden).width()),
          states(sum + (call.hidden + 1) * stride),
          call_(call), stride_(stride),
          bulk_(Columns<T>(call.hidden).tail ? call.hidden / wide * wide : call.hidden) {}

    // Makes places for these units, or keeps those there are, if they do and are not many more. `whole` is the sum
    // over all units, in which those of the places are put down before others are made.
    void fit(const Units &units, T *whole) {
        const Index most = call_.hidden * 3 / 5;
        Index missing = 0, fixed = call_.hidden - bulk_;
        for (Index n = 0; n < units.count; ++n)
            missing += units.list[n] < bulk_ && (!count || place_[units.list[n]] == nobody);
        const Index needed = units.count + fixed + wide, enough = needed + needed / 4;
        if (units.all || needed > most) return put_down(whole);
        if (count && !missing && count <= enough) return;
        const Index together = (filled_ + missing + wide - 1) / wide * wide + fixed;  // places, if these are added
        const bool add = count && together <= (enough < most ? enough : most);
        if (!add) std::memset(awake_, 0, call_.hidden);
        for (Index n = 0; n < units.count; ++n) awake_[units.list[n]] = true;
        put_down(whole);
        make_places();
        take_up(whole);
    }

    // The sums of the places go back to the sum over all units, and there are no places.
    void put_down(T *whole) {
        for (Index p = 0; p < count; ++p) {
            if (unit_[p] == nobody) continue;
            T *const row = whole + unit_[p] * stride_;
            scatter(sum + p * stride_, row);
            std::memcpy(row + call_.hidden, sum + p * stride_ + count, inputs() * sizeof(T));
        }
        count = 0;
    }

    // From a row of all units to one of places, which may be the same memory, and back.
    void gather(const T *from, T *to) const {
        for (Index p = 0; p < filled_; ++p) to[p] = from[unit_[p]];
        for (Index p = filled_; p < body_; ++p) to[p] = 0;
        for (Index p = body_; p < count; ++p) to[p] = from[unit_[p]];
    }
    void scatter(const T *from, T *to) const {
        for (Index p = 0; p < filled_; ++p) to[unit_[p]] = from[p];
        for (Index p = body_; p < count; ++p) to[unit_[p]] = from[p];
    }

    // [h | x | 1] of the places; eight rows at a time, as an index is read once for all of them.
    void gather_states(const T *from, Index rows) const {
        by_rows<8>(rows, [&](Index row, auto together) {
            const T *const all = from + row * stride_;
            T *const to = states + row * stride_;
            const auto copy = [&](Index p, Index j) {
                for (Index r = 0; r < together(); ++r) to[r * stride_ + p] = all[r * stride_ + j];
            };
            for (Index p = 0; p < filled_; ++p) copy(p, unit_[p]);
            for (Index r = 0; r < together(); ++r)
                for (Index p = filled_; p < body_; ++p) to[r * stride_ + p] = 0;
            for (Index p = body_; p < count; ++p) copy(p, unit_[p]);
            for (Index f = 0; f < inputs(); ++f) copy(count + f, call_.hidden + f);
        });
    }

    // The terms of a product over places, of which only those of the listed units are not zero.
    void set_terms(const std::uint16_t *units, Index listed, Product<T> &product) {
        terms_.singles = listed;
        some_.clear();
        some_.last = every_.last;
        for (Index n = 0; n < listed; ++n) {
            const Index p = terms_.single[n] = place_[units[n]];
            if (p != some_.last) some_.add(p, units[n] % 2);
        }
        const bool all = listed * 4 > count * 3;
        product.terms = all ? nullptr : &terms_;
        if (bulk_ < call_.hidden) product.halves = all ? &every_ : &some_;
    }

  private:
    static constexpr std::uint16_t nobody = 0xffff;
    static constexpr Index wide = Columns<T>::wide;

    Index inputs() const { return call_.features + 1; }

    void make_places() {
        std::fill(place_, place_ + call_.hidden, nobody);
        every_.clear();
        const auto put = [this](Index unit) {
            unit_[count] = static_cast<std::uint16_t>(unit);
            place_[unit] = static_cast<std::uint16_t>(count);
            if (unit % 2 == 0 && unit + 1 == call_.hidden) every_.last = count;
            else every_.add(count, unit % 2);
            ++count;
        };
        for (Index j = 0; j < bulk_; ++j)
            if (awake_[j]) put(j);
        filled_ = count;
        while (count % wide) unit_[count++] = nobody;
        body_ = count;
        for (Index j = bulk_; j < call_.hidden; ++j) put(j);
    }

    // The weights and sums of the places.
    void take_up(const T *whole) {
        const T *const w_hh = static_cast<const T *>(call_.w_hh);
        T *const row = sum + call_.hidden * stride_;  // of weights
        for (Index p = 0; p < count; ++p) {
            T *const to = sum + p * stride_;
            if (unit_[p] == nobody) {
                std::memset(row, 0, stride_ * sizeof(T));
                std::memset(to, 0, stride_ * sizeof(T));
            } else {
                const T *const from = whole + unit_[p] * stride_;
                gather(from, to);
                std::memcpy(to + count, from + call_.hidden, inputs() * sizeof(T));
                gather(w_hh + unit_[p] * call_.hidden, row);
                std::memset(row + count, 0, (Columns<T>(count).width() - count) * sizeof(T));
            }
            const Columns<T> cut(count);
            cut.each(false, [&](Index column, int vectors) {
                const Index width = vectors ? vectors * wide : cut.tail;
                std::memcpy(weights + column * count + p * width, row + column, width * sizeof(T));
            });
        }
    }

    const Call &call_;
    Index stride_, bulk_;                 // bulk: units before the tail
    Index filled_ = 0, body_ = 0;         // places before the empty ones, and before the tail
    bool awake_[Terms::most];             // has a place, or is given one
    std::uint16_t unit_[Terms::most], place_[Terms::most];  // of a place, of a unit
    Terms terms_{true};
    Halves every_, some_;
};

}  // namespace
}  // namespace irnn
