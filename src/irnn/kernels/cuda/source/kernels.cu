// One update of many recurrent networks in four launches: `walk` (forward, read-out, back), `sum_products`,
// `gather`, `descend`; and `evaluate`. See ../../../../../docs/gpu.md.
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#include "walk.cuh"
#include "gradient.cuh"
#include "descend.cuh"

// Sizes for those who launch: threads of `walk` and `sum_products`; shared floats of `walk`, `evaluate`, `sum_products`
// and the other two; blocks that share a chunk of the gradient; elements of a row of history, of deltas; parameters.
#define IRNN_SIZES {THREADS, ADDERS, ROOM_WALK, ROOM_FORWARD, ROOM_GRADIENT, ROOM_DESCEND, PARTS, KP, HP, PARAMETERS, WORKERS}
extern "C" __constant__ int sizes[] = IRNN_SIZES;
