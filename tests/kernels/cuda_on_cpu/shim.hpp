// Enough of CUDA to run a kernel on a CPU: the threads of a block are fibers of one thread, which go on until they
// have to wait for one another. Shared memory is NaN wherever it was never written. Of the C++ library only what
// compiles at once: this file is compiled for every plan.
#pragma once
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <ucontext.h>

#define __device__
#define __host__
#define __global__
#define __constant__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#define __grid_constant__

struct alignas(16) float4 { float x, y, z, w; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };
static dim3 threadIdx, blockIdx, blockDim;

namespace shim {
struct Meeting { unsigned here = 0, number = 0; };
struct Fiber { void *stack = nullptr; void *at = nullptr; bool done = false; unsigned exchanges = 0; };
constexpr unsigned most = 1024, stack_bytes = 64 << 10;
inline Fiber fibers[most];
inline Meeting all, warps[most / 32];
inline double lanes[2][most];
inline unsigned current, count, left;
inline void *home;
inline void (*body)(const void *);
inline const void *argument;
alignas(16) inline float room[1 << 16];

#if defined(__x86_64__)
extern "C" void shim_switch(void **from, void *to);
asm(R"(
.text
.type shim_switch, @function
shim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
inline void go(void **from, void *to) { shim_switch(from, to); }
inline void *prepare(Fiber &fiber, void (*start)()) {
    void **top = reinterpret_cast<void **>(static_cast<char *>(fiber.stack) + stack_bytes - 64);
    *top = reinterpret_cast<void *>(start);  // where the first switch returns to, on a stack aligned as after a call
    return top - 6;
}
#else
inline void go(void **from, void *to) {
    ucontext_t here;
    *from = &here;
    swapcontext(&here, static_cast<ucontext_t *>(to));
}
inline void *prepare(Fiber &fiber, void (*start)()) {
    auto *context = static_cast<ucontext_t *>(fiber.stack);
    getcontext(context);
    context->uc_stack.ss_sp = static_cast<char *>(fiber.stack) + sizeof(ucontext_t);
    context->uc_stack.ss_size = stack_bytes - sizeof(ucontext_t);
    context->uc_link = nullptr;
    makecontext(context, start, 0);
    return context;
}
#endif

inline void yield() {
    const unsigned from = current;
    void **const save = &fibers[from].at;
    if (!left) {
        go(save, home);
        return;
    }
    do current = (current + 1) % count;
    while (fibers[current].done);
    if (current == from) return;
    threadIdx.x = current;
    go(save, fibers[current].at);
}
inline void meet(Meeting &meeting, unsigned size) {
    const unsigned number = meeting.number;
    if (++meeting.here == size) {
        meeting.here = 0, ++meeting.number;
    } else {
        while (meeting.number == number) yield();
    }
}
inline void start() {
    body(argument);
    fibers[current].done = true, --left;
    yield();
    std::abort();
}
template <class T> T exchange(T value, int mask) {
    const unsigned thread = threadIdx.x, which = fibers[thread].exchanges++ % 2;
    lanes[which][thread] = static_cast<double>(value);
    meet(warps[thread / 32], 32);
    return static_cast<T>(lanes[which][thread ^ mask]);
}
inline void launch(dim3 grid, unsigned threads, void (*kernel)(const void *), const void *call) {
    body = kernel, argument = call, count = threads, blockDim = {threads, 1, 1};
    for (unsigned z = grid.z; z-- > 0;)  // backward: nothing may depend on which block comes first
        for (unsigned y = grid.y; y-- > 0;)
            for (unsigned x = grid.x; x-- > 0;) {
                blockIdx = {x, y, z};
                std::memset(room, 0xff, sizeof room);
                for (unsigned t = 0; t < threads; ++t) {
                    Fiber &fiber = fibers[t];
                    if (!fiber.stack) fiber.stack = std::aligned_alloc(64, stack_bytes);
                    fiber.done = false, fiber.exchanges = 0, fiber.at = prepare(fiber, start);
                }
                left = threads, current = 0, threadIdx = {0, 0, 0};
                go(&home, fibers[0].at);
            }
}
}  // namespace shim

inline void __syncthreads() { shim::meet(shim::all, shim::count); }
inline float __shfl_xor_sync(unsigned, float value, int mask) { return shim::exchange(value, mask); }
inline double __shfl_xor_sync(unsigned, double value, int mask) { return shim::exchange(value, mask); }
#define IRNN_SHARED(name) float *const name = shim::room
