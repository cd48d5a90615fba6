// What lies between the partial sums of a gradient and the next update: the gradient, its norm, whether it is finite,
// clipping, and the optimizer. The formulas are those of ../../cpp/optimizers.hpp.
#pragma once
#include "call.cuh"
#include "shape.cuh"

constexpr int WORKERS = 256;
constexpr int ROOM_DESCEND = 2 * 2 * WORKERS / 32 + 8;  // floats: two doubles a warp, and four for all

__device__ __forceinline__ bool is_finite(double value) { return value - value == 0.0; }

// The gradient as one vector, in the order of the parameters; groups of rows are added up in order, and in each
// the chunks of steps from the last to the first.
extern "C" __global__ void __launch_bounds__(WORKERS) gather(const __grid_constant__ Call call) {
    IRNN_SHARED(all);
    double *const room = reinterpret_cast<double *>(all);
    const Index run = blockIdx.y;
    const int p = blockIdx.x * WORKERS + threadIdx.x;
    if (p == 0 && run == 0) ++*call.position;  // nobody else reads it in this launch
    if (is_idle(call, run)) return;
    float total = 0.f;
    if (p < W_OUT) {
        int row = (p - W_HH) / H, column = (p - W_HH) % H;
        if (p < W_HH) row = p / F, column = H + p % F;
        if (p >= B_IH) row = (p - B_IH) % H, column = H + F;
        const Index chunks = call.kept, stride = (Index)H * KP;
        const float *from = call.partials + run * call.groups * chunks * stride + row * KP + column;
        for (Index group = 0; group < call.groups; ++group, from += chunks * stride) {
            float sum = from[0];
            for (Index chunk = 1; chunk < chunks; ++chunk) sum += from[chunk * stride];
            total = group ? total + sum : sum;
        }
    } else if (p < PARAMETERS) {
        for (Index row = 0; row < call.batch; ++row) {
            const float slope = 2.f * call.errors[run * call.batch + row] * (1.f / (float)call.batch);
            total = fmaf(slope, p < B_OUT ? call.last[(run * call.batch + row) * H + p - W_OUT] : 1.f, total);
        }
    }
    if (p < PARAMETERS) call.gradient[run * call.parameters_run + p] = total;
    double square = (double)total * (double)total, largest = fabs((double)total);
    for (int step = 16; step; step /= 2) {
        square += __shfl_xor_sync(0xffffffffu, square, step);
        largest = fmax(largest, __shfl_xor_sync(0xffffffffu, largest, step));
    }
    if (threadIdx.x % 32 == 0) room[threadIdx.x / 32 * 2] = square, room[threadIdx.x / 32 * 2 + 1] = largest;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int warp = 1; warp < WORKERS / 32; ++warp) square += room[2 * warp], largest = fmax(largest, room[2 * warp + 1]);
        double *const to = call.measures + (run * call.blocks + blockIdx.x) * 2;
        to[0] = square, to[1] = largest;
    }
}

struct Slope {
    float unit, scale, penalty;
    __device__ float operator()(float gradient, float parameter) const {
        return (unit == 1.f ? gradient : gradient / unit) * scale + penalty * parameter;
    }
};

__device__ __forceinline__ float moved(const Numbers &n, float parameter, float slope, float rate, const double *corrections,
                                       float *first, float *second, float *third) {
    const float momentum = (float)n.momentum, epsilon = (float)n.epsilon;
    if (n.rule == SGD) {
        if (momentum == 0.f) return parameter - rate * slope;
        const float moving = momentum * *first + slope;
        *first = moving;
        return parameter - rate * (n.nesterov ? slope + momentum * moving : moving);
    }
    const float old_square = (float)n.beta2, new_square = (float)(1 - n.beta2);
    if (n.rule == ADAM) {
        const float mean_factor = (float)(1 / corrections[0]), spread = (float)sqrt(corrections[1]);
        const float mean = *first + (float)(1 - n.beta1) * (slope - *first);
        float square = old_square * *second + new_square * slope * slope;
        *first = mean, *second = square;
        if (n.amsgrad) square = *third = *third > square ? *third : square;
        const float kept = parameter - rate * (float)n.decoupled_decay * parameter;
        return kept - rate * mean_factor * (mean / (sqrtf(square) / spread + epsilon));
    }
    float square = old_square * *first + new_square * slope * slope;
    *first = square;
    if (n.centered) {
        const float mean = *third + new_square * (slope - *third);
        *third = mean;
        square -= mean * mean;
    }
    float direction = slope / (sqrtf(square) + epsilon);
    if (momentum != 0.f) direction = *second = momentum * *second + direction;
    return parameter - rate * direction;
}

extern "C" __global__ void __launch_bounds__(WORKERS) descend(const __grid_constant__ Call call) {
    IRNN_SHARED(all);
    double *const room = reinterpret_cast<double *>(all);
    const Index run = blockIdx.y, position = *call.position - 1;
    const Standing before = standing_of(call, position, run);
    const int p = blockIdx.x * WORKERS + threadIdx.x;
    if (before.halted) {
        if (p == 0) standing_of(call, position + 1, run) = before;
        return;
    }
    const Numbers &numbers = call.numbers[run];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (warp == 0) {
        double square = 0, largest = 0;
        for (Index block = lane; block < call.blocks; block += 32) {
            const double *const from = call.measures + (run * call.blocks + block) * 2;
            square += from[0], largest = fmax(largest, from[1]);
        }
        for (int step = 16; step; step /= 2) {
            square += __shfl_xor_sync(0xffffffffu, square, step);
            largest = fmax(largest, __shfl_xor_sync(0xffffffffu, largest, step));
        }
        if (lane == 0) room[0] = square, room[1] = largest;
    } else if (warp == 1) {
        double sum = 0;
        for (Index row = lane; row < call.batch; row += 32) {
            const double error = (double)call.errors[run * call.batch + row];
            sum += error * error;
        }
        for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
        if (lane == 0) room[2] = sum;
    } else if (warp == 2 && lane < 2) {
        room[3 + lane] = 1 - pow(lane ? numbers.beta2 : numbers.beta1, (double)(before.count + 1));
    }
    __syncthreads();
    const float loss = (float)(room[2] / (double)call.batch);
    // In float32 the norm is infinite where the sum of squares is too large for it; where there is clipping, such a
    // gradient is brought to a largest element of 1 first.
    double norm = sqrt(room[0]), unit = 1;
    if (room[0] > 3.4028235677973366e38) {  // what rounds to infinity
        const bool rescued = is_finite(room[0]) && is_finite(numbers.max_norm) && is_finite((double)loss);
        if (rescued) unit = room[1];
        else norm = norm * INFINITY;
    }
    const bool applied = is_finite((double)loss) && is_finite(norm), clipped = applied && norm > numbers.max_norm;
    const Index slot = before.slot;
    if (p == 0) {
        call.records[slot * call.runs + run] = {norm, loss, 1 + 2 * applied + 4 * clipped};
        standing_of(call, position + 1, run) = {before.count + applied, !applied || slot + 1 == before.end, slot + 1, before.end};
    }
    if (p >= PARAMETERS || !applied) return;
    const Slope slope{(float)unit, (float)(clipped ? numbers.max_norm / (norm / unit) : unit), (float)numbers.l2_penalty};
    const Index i = run * call.parameters_run + p;
    const float rate = call.scales[i] * call.rates[slot * call.runs + run], parameter = call.parameters[i];
    call.parameters[i] = moved(numbers, parameter, slope(call.gradient[i], parameter), rate, room + 3,
                               call.state[0] + i, call.state[1] + i, call.state[2] + i);
}
