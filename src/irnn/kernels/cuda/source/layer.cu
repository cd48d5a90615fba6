// One layer over time, h_t = f(drive_t + w_hh h_{t-1}), and back: what is recurrent of it. Products with inputs, and all
// gradients but those through time, are large matrix products, which PyTorch makes (`irnn.kernels.cuda.layer`).
//
// A block has one sequence, and a lane that owns a unit reads and writes all numbers of that unit but the vector
// that is multiplied.
#include "call.cuh"
#include "product.cuh"

static_assert(ROWS == 1 && F == 0, "a block has one sequence, whose inputs come multiplied");
constexpr int OWN = 2 * H;  // floats of a slot of the ring: back, a state and a gradient of each unit
constexpr int ROOM = 2 * VECTOR + larger(STAGED * up(H * STAGE, 4), SLOTS * OWN);

// What a thread has of its block's sequence; `mine` is where its unit is in each row of H.
struct Unit : Lane {
    Index mine, step;  // floats from one step to the next
    float *vectors, *ring;
    __device__ Unit(const LayerCall &call, float *all)
        : mine((Index)blockIdx.x * H + unit), step(call.batch * H), vectors(all), ring(all + 2 * VECTOR + unit) {}

    // Reads the matrix, transposed for the way back; through where the ring will be.
    template <bool TRANSPOSED> __device__ __forceinline__ void load(const float *w_hh, float (&w)[M][BACK]) const {
        float *const staged = vectors + 2 * VECTOR;
        const Matrix matrix{w_hh, staged};
        stage(w_hh, staged);
        await_stage();
#pragma unroll
        for (int u = 0; u < M; ++u)
#pragma unroll
            for (int i = 0; i < BACK; ++i) {
                const int other = unit_of(u), term = BACK * lane + i;
                w[u][i] = other >= H || term >= H ? 0.f : TRANSPOSED ? matrix.read(term, other) : matrix.read(other, term);
            }
        for (int e = thread; e < 2 * VECTOR; e += THREADS) vectors[e] = 0.f;
        __syncthreads();
    }
    __device__ Turns turns() const { return {vectors + lane * pitch(BACK), vectors + VECTOR + place<BACK>(unit)}; }
};

// Shows the others the state or gradient of this unit, and gives the product with all of them. What nobody waits for is
// done in between.
template <class Between>
__device__ __forceinline__ float exchanged(
    const Unit &me, Turns &turns, const float (&w)[M][BACK], float value, const Between &between) {
    if (me.owner) *turns.to = value;
    turns.change();
    __syncthreads();
    float v[up(BACK, 4)];
    read<BACK>(v, turns.from);
    between();
    return multiply<BACK>(w, v);
}

extern "C" __global__ void __launch_bounds__(THREADS, IRNN_BLOCKS) layer_forward(const __grid_constant__ LayerCall call) {
    IRNN_SHARED(all);
    const Unit me(call, all);
    const int T = (int)call.steps;
    float w[M][BACK];
    me.load<false>(call.w_hh, w);
    const float *source = call.drive + me.mine;
    float *output = call.output + me.mine, *kept = call.history ? call.history + me.mine : nullptr;
    const auto fetch = [&](int t) {
        if (me.owner && t < T) copy4(me.ring + t % SLOTS * OWN, source), source += me.step;
        commit_copies();
    };
    for (int t = 0; t < AHEAD_OF_USE; ++t) fetch(t);
    float h = me.owner && call.start ? call.start[me.mine] : 0.f;
    Turns turns = me.turns();
    for (int t = 0; t < T; ++t) {
        float drive = 0.f;
        const float product = exchanged(me, turns, w, h, [&] {
            fetch(t + AHEAD_OF_USE);
            await_copies<AHEAD_OF_USE>();  // of its own: each thread uses only what it fetched
            if (!me.owner) return;
            drive = me.ring[t % SLOTS * OWN];
            if (kept) *kept = h, kept += me.step;
            if (t) *output = h, output += call.output_time;
        });
        h = activation(drive + product);
    }
    if (!me.owner) return;
    *output = h;
    if (kept) *kept = h;
}

extern "C" __global__ void __launch_bounds__(THREADS, IRNN_BLOCKS) layer_backward(const __grid_constant__ LayerCall call) {
    IRNN_SHARED(all);
    const Unit me(call, all);
    const int T = (int)call.steps;
    float w[M][BACK];
    me.load<true>(call.w_hh, w);
    const bool every = call.output_time;
    const float *source = call.history + T * me.step + me.mine;
    const float *slopes = call.slopes + (T - 1) * call.output_time + me.mine;
    float *delta = call.deltas + (T - 1) * me.step + me.mine;
    const auto fetch = [&](int s) {  // what step T - s needs
        float *const to = me.ring + s % SLOTS * OWN;
        if (me.owner && s < T) {
            copy4(to, source), source -= me.step;
            if (every || s == 0) copy4(to + H, slopes), slopes -= call.output_time;
        }
        commit_copies();
    };
    float state = 0.f, slope = 0.f;
    const auto use = [&](int s) {
        await_copies<AHEAD_OF_USE - 1>();
        if (!me.owner) return;
        state = me.ring[s % SLOTS * OWN];
        slope = every || s == 0 ? me.ring[s % SLOTS * OWN + H] : 0.f;
    };
    for (int s = 0; s < AHEAD_OF_USE; ++s) fetch(s);
    use(0);
    Turns turns = me.turns();
    float product = 0.f;
    for (int s = 0; s < T; ++s) {
        const float d = through(state, slope + product);
        product = exchanged(me, turns, w, d, [&] {
            fetch(s + AHEAD_OF_USE);
            use(s + 1);
            if (me.owner) *delta = d, delta -= me.step;
        });
    }
    if (me.owner && call.start_slope) call.start_slope[me.mine] = product;
}

#define IRNN_SIZES {THREADS, 0, ROOM, ROOM, 0, 0, 0, 0, 0, 0, 0}  // as of kernels.cu, with what there is here
extern "C" __constant__ int sizes[] = IRNN_SIZES;
