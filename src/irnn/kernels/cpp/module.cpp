// The C interface that ../loading.py loads with ctypes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "call.hpp"

namespace irnn {

Buffer::Buffer(std::size_t bytes, bool poison) {
    const std::size_t size = (bytes / 64 + 1) * 64;
    data_ = std::aligned_alloc(64, size);
    if (!data_) throw std::bad_alloc();
    if (poison)
        for (std::size_t i = 0; i < size / sizeof(double); ++i)
            static_cast<std::uint64_t *>(data_)[i] = ~std::uint64_t{0};  // NaN in both types
}

Buffer::~Buffer() { std::free(data_); }

namespace {

// Best first.
const Variant *const variants[] = {
#ifdef IRNN_X86
    &avx512_variant,
    &avx2_variant,
#endif
    &baseline_variant,
};

}  // namespace
}  // namespace irnn

namespace {
template <class T, int N> constexpr int count_of(T (&)[N]) { return N; }
}  // namespace

// Changes with every change of `Call` or of a function below.
IRNN_EXPORT int irnn_interface_version() { return 7; }

// The name of the index-th variant, best first, or null past the last.
IRNN_EXPORT const char *irnn_variant_name(int index) {
    return index < count_of(irnn::variants) ? irnn::variants[index]->name : nullptr;
}

// What compiled this file: the last bits of results follow the compiler too.
IRNN_EXPORT const char *irnn_compiler() {
#ifdef __clang__
    return __VERSION__;  // names Clang itself
#else
    return "GCC " __VERSION__;
#endif
}

IRNN_EXPORT int irnn_variant_supported(int index) { return irnn::variants[index]->supported(); }

// The names of cells and of optimizers' rules, by the numbers that stand for them; null past the last.
IRNN_EXPORT const char *irnn_cell_name(int number) {
    return number < count_of(irnn::cell_names) ? irnn::cell_names[number] : nullptr;
}
IRNN_EXPORT const char *irnn_rule_name(int number) {
    return number < count_of(irnn::rule_names) ? irnn::rule_names[number] : nullptr;
}

// In bytes.
IRNN_EXPORT std::int64_t irnn_history_row(const irnn::Call *call, int is_double) {
    const irnn::Index size = is_double ? sizeof(double) : sizeof(float);
    return irnn::history_row(*call, size) * size;
}

IRNN_EXPORT std::int64_t irnn_loss_rows(const irnn::Call *call) { return irnn::loss_rows(*call); }

namespace {
// 0, or 1 when memory ran out, or 2 where a target is no class.
int run(void (*pass)(const irnn::Call &), const irnn::Call *call) {
    try {
        pass(*call);
    } catch (const std::bad_alloc &) {
        return 1;
    } catch (const std::out_of_range &) {
        return 2;
    }
    return 0;
}
}  // namespace

IRNN_EXPORT int irnn_forward(const irnn::Call *call, int variant, int is_double) {
    return run(irnn::variants[variant]->forward[is_double], call);
}

IRNN_EXPORT int irnn_backward(const irnn::Call *call, int variant, int is_double) {
    return run(irnn::variants[variant]->backward[is_double], call);
}

IRNN_EXPORT int irnn_loss(const irnn::Call *call, int variant, int is_double) {
    return run(irnn::variants[variant]->loss[is_double], call);
}

IRNN_EXPORT void irnn_step(irnn::Step *step, int variant, int is_double) {
    irnn::variants[variant]->step[is_double](*step);
}

// setuptools builds extension modules, and on some systems its linker insists on this symbol.
// Nothing imports the file, so that building it needs no Python headers.
IRNN_EXPORT void *PyInit__native() { return nullptr; }
