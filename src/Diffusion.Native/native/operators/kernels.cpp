// Compiled once per instruction set, with DIFFUSION_SET its name.
#include "kernels.h"

#include <cmath>
#include <cstring>

#define DIFFUSION_JOIN_(a, b) a##b
#define DIFFUSION_JOIN(a, b) DIFFUSION_JOIN_(a, b)
#define DIFFUSION_TEXT_(a) #a
#define DIFFUSION_TEXT(a) DIFFUSION_TEXT_(a)

// Of internal linkage: the linker must not take one set's copy for another's.
namespace {
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

#include "vectors.h"
#include "elementwise.h"
#include "multiply.h"
#include "winograd.h"
}  // namespace

namespace diffusion {

const Kernels DIFFUSION_JOIN(kernels_, DIFFUSION_SET) = {
    DIFFUSION_TEXT(DIFFUSION_SET),
    silu,
    silu_backward,
    modulated_silu,
    modulated_silu_backward,
    sum,
    sum_backward,
    sum_backward_clamped,
    join,
    split,
    normalize_rows,
    normalize_rows_backward,
    pool,
    repeat,
    multiply,
    winograd_input,
    winograd_input_adjoint,
    winograd_output,
    winograd_output_adjoint,
    winograd_weight,
    winograd_weight_adjoint,
    softmax,
    softmax_backward,
};

}  // namespace diffusion
