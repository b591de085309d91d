// Element-wise loops over one block of an arena. Compiled once per instruction set; all of them give the same bits.
#pragma once
#include <cstdint>

namespace dn {

struct Adam {
  float gradient_scale;
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;         // lr / (1 - beta1^k)
  float root_correction2;  // sqrt(1 - beta2^k)
  float epsilon;
  int32_t replace_non_finite;
  int32_t zero_gradients;
};

struct Summary {
  double sum_of_squares;
  int64_t non_finite;
};

struct Kernels {
  const char* name;
  void (*add)(float* destination, const float* left, const float* right, int64_t n);
  void (*scale)(float* x, float factor, int64_t n);
  Summary (*summarize)(const float* x, float factor, int64_t n);
  void (*adam)(float* w, float* g, float* m, float* v, int64_t n, const Adam& step);
  void (*average)(float* e, const float* w, float one_minus_beta, int64_t n);
};

extern const Kernels kernels_base, kernels_avx2, kernels_avx512;

}  // namespace dn
