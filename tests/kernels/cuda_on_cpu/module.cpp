// The kernels of a plan as a shared library: the same source, through the shim.
#include "shim.hpp"
#include "kernels.cu"

#define IRNN_LAUNCH(kernel)                                                                            \
    extern "C" void launch_##kernel(const Call *call, unsigned x, unsigned y, unsigned z, unsigned threads) { \
        shim::launch({x, y, z}, threads, [call] { kernel(*call); });                                   \
    }
IRNN_LAUNCH(walk)
IRNN_LAUNCH(evaluate)
IRNN_LAUNCH(sum_products)
IRNN_LAUNCH(gather)
IRNN_LAUNCH(descend)
