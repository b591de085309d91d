// Plain loops for the compiler to vectorise. Built with -ffp-contract=off and without -ffast-math: additions, products, quotients and
// roots are rounded one by one as IEEE 754 says, so the instruction set changes the speed and nothing else.
#include "kernels.h"

#include <cmath>
#include <cstring>

#define DN_JOIN_(a, b) a##b
#define DN_JOIN(a, b) DN_JOIN_(a, b)
#define DN_TEXT_(a) #a
#define DN_TEXT(a) DN_TEXT_(a)

namespace {

inline bool is_finite(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return (bits & 0x7f800000u) != 0x7f800000u;
}

// No __restrict: the destination may be one of the terms. The compiler checks for overlap once per call.
void add(float* destination, const float* left, const float* right, int64_t n) {
  for (int64_t i = 0; i < n; i++) destination[i] = left[i] + right[i];
}

void scale(float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] *= factor;
}

// GCC's portable vectors: eight lanes whatever the processor, lowered to what it has. Written out because the mixed widths defeat the
// vectoriser. They never cross a function's border, so their calling convention does not matter.
typedef float Floats __attribute__((vector_size(32)));
typedef int32_t Ints __attribute__((vector_size(32)));
typedef double Doubles __attribute__((vector_size(64)));

// Sixteen double accumulators in a fixed order, whatever the vector width.
dn::Summary summarize(const float* x, float factor, int64_t n) {
  constexpr int lanes = 16, half = 8;
  const Ints exponent = Ints{} + 0x7f800000;
  Doubles sums[2] = {};
  Ints finite_lanes = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int h = 0; h < 2; h++) {
      Floats value;
      std::memcpy(&value, x + i + h * half, sizeof value);
      const Ints finite = ((Ints)value & exponent) != exponent;  // -1 in the lanes where it holds
      finite_lanes += finite;
      const Doubles d = __builtin_convertvector((Floats)((Ints)(value * factor) & finite), Doubles);
      sums[h] += d * d;
    }
  }
  double sum[lanes];
  std::memcpy(sum, sums, sizeof sum);
  int64_t bad = i;
  for (int j = 0; j < half; j++) bad += finite_lanes[j];
  for (int j = 0; i < n; i++, j++) {
    const bool finite = is_finite(x[i]);
    bad += finite ? 0 : 1;
    const double d = finite ? double(x[i] * factor) : 0.0;
    sum[j] += d * d;
  }
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int j = 0; j < width; j++) sum[j] += sum[j + width];
  return {sum[0], bad};
}

template <bool Replace>
void adam_loop(float* __restrict w, float* __restrict g, float* __restrict m, float* __restrict v, int64_t n, const dn::Adam& step) {
  const dn::Adam s = step;
  for (int64_t i = 0; i < n; i++) {
    float gi = g[i];
    if (Replace) gi = is_finite(gi) ? gi : 0.0f;
    gi = gi * s.gradient_scale;
    const float mi = s.beta1 * m[i] + s.one_minus_beta1 * gi;
    const float vi = s.beta2 * v[i] + s.one_minus_beta2 * (gi * gi);
    m[i] = mi;
    v[i] = vi;
    w[i] = w[i] - (s.step_size * mi) / (__builtin_sqrtf(vi) / s.root_correction2 + s.epsilon);
  }
}

void adam(float* w, float* g, float* m, float* v, int64_t n, const dn::Adam& step) {
  if (step.replace_non_finite)
    adam_loop<true>(w, g, m, v, n, step);
  else
    adam_loop<false>(w, g, m, v, n, step);
  if (step.zero_gradients) std::memset(g, 0, size_t(n) * sizeof(float));
}

void average(float* __restrict e, const float* __restrict w, float one_minus_beta, int64_t n) {
  for (int64_t i = 0; i < n; i++) e[i] = e[i] + one_minus_beta * (w[i] - e[i]);
}

}  // namespace

namespace dn {
extern const Kernels DN_JOIN(kernels_, DN_ISA);
const Kernels DN_JOIN(kernels_, DN_ISA) = {DN_TEXT(DN_ISA), add, scale, summarize, adam, average};
}  // namespace dn
