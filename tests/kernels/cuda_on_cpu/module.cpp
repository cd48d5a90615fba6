// The kernels of a plan as a shared library: the same source, through the shim.
#include "shim.hpp"
#include IRNN_MAIN

#define IRNN_LAUNCH(kernel, Call)                                                                             \
    extern "C" void launch_##kernel(const Call *call, unsigned x, unsigned y, unsigned z, unsigned threads) { \
        const auto run = [](const void *each) { kernel(*static_cast<const Call *>(each)); };                  \
        shim::launch({x, y, z}, threads, run, call);                                                          \
    }
#if IRNN_F
IRNN_LAUNCH(walk, Call)
IRNN_LAUNCH(evaluate, Call)
IRNN_LAUNCH(sum_products, Call)
IRNN_LAUNCH(gather, Call)
IRNN_LAUNCH(descend, Call)
#else
IRNN_LAUNCH(layer_forward, LayerCall)
IRNN_LAUNCH(layer_backward, LayerCall)
#endif
