// What this processor and its system run, asked of both by hand: __builtin_cpu_supports needs a compiler's run-time
// library to fill in a table, and Zig's, which compiles the wheels, leaves it empty.
#include "call.hpp"

#ifdef IRNN_X86
#include <cpuid.h>

namespace irnn {
namespace {

struct Features {
    unsigned leaf1_ecx = 0, leaf7_ebx = 0;
    unsigned saved = 0;  // registers that the system keeps for a thread: XCR0
};

Features features() {
    Features found;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) found.leaf1_ecx = ecx;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) found.leaf7_ebx = ebx;
    constexpr unsigned system_uses_xsave = 1u << 27;
    if (found.leaf1_ecx & system_uses_xsave) {
        unsigned high = 0;
        __asm__ volatile("xgetbv" : "=a"(found.saved), "=d"(high) : "c"(0));
    }
    return found;
}

bool all(unsigned word, unsigned bits) { return (word & bits) == bits; }

}  // namespace

bool processor_runs_avx2() {
    const Features found = features();
    constexpr unsigned fma = 1u << 12, avx = 1u << 28, avx2 = 1u << 5;
    constexpr unsigned vectors_of_256 = 0x6;
    return all(found.leaf1_ecx, fma | avx) && all(found.leaf7_ebx, avx2) && all(found.saved, vectors_of_256);
}

bool processor_runs_avx512() {
    const Features found = features();
    constexpr unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
    constexpr unsigned vectors_of_512 = 0xe6;
    return processor_runs_avx2() && all(found.leaf7_ebx, f | dq | bw | vl) && all(found.saved, vectors_of_512);
}

}  // namespace irnn
#endif
