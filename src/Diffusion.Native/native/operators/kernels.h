// Loops over float32 rows for the operators, without torch headers. Compiled once per instruction set; the best one is picked when the
// library loads. Images lie as [pixels, channels], so that the channels of a pixel are neighbours. Sums have a fixed order: the same
// processor gives the same bits for any number of threads.
#pragma once
#include <cstdint>

namespace diffusion {

struct Kernels {
  const char* name;

  // y = silu(x) / 0.596, and its gradient.
  void (*silu)(const float* x, float* y, int64_t n);
  void (*silu_backward)(const float* x, const float* gy, float* gx, int64_t n);

  // y = silu(x * scale[channel]) / 0.596 over the pixels of one image. The gradient of the scale is added to g_scale.
  void (*modulated_silu)(const float* x, const float* scale, float* y, int64_t pixels, int64_t channels);
  void (*modulated_silu_backward)(const float* x, const float* scale, const float* gy, float* gx, float* g_scale, int64_t pixels, int64_t channels);

  // y = clamp(wa * a + wb * b, -limit, limit); true when something was clamped, in which case the gradient needs a and b again.
  bool (*sum)(const float* a, const float* b, float wa, float wb, float limit, float* y, int64_t n);
  void (*sum_backward)(const float* gy, float wa, float wb, float* ga, float* gb, int64_t n);
  void (*sum_backward_clamped)(const float* a, const float* b, const float* gy, float wa, float wb, float limit, float* ga, float* gb, int64_t n);

  // Channels of a and b side by side, each with its weight; and back.
  void (*join)(const float* a, const float* b, float wa, float wb, float* y, int64_t pixels, int64_t na, int64_t nb);
  void (*split)(const float* gy, float wa, float wb, float* ga, float* gb, int64_t pixels, int64_t na, int64_t nb);

  // y = factor * x / (epsilon + rms(x)) row by row; may work in place. The gradient returns the sum of gy * x / (epsilon + rms(x)).
  void (*normalize_rows)(const float* x, float* y, int64_t rows, int64_t length, float epsilon, float factor);
  double (*normalize_rows_backward)(const float* x, const float* gy, float* gx, int64_t rows, int64_t length, float epsilon, float factor);

  // One image [h, w, channels]: factor times the sum of 2 x 2 pixels to one, and factor times one pixel to 2 x 2; h and w are those of the small image.
  void (*pool)(const float* x, float factor, float* y, int64_t h, int64_t w, int64_t channels);
  void (*repeat)(const float* x, float factor, float* y, int64_t h, int64_t w, int64_t channels);

  // c[m, n] = a[m, k] b[k, n], or that is added to c. a has any strides; rows of b and c are contiguous; n is a multiple of 16.
  void (*multiply)(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_row, int64_t a_column, const float* b, int64_t b_row, float* c, int64_t c_row,
                   bool add);

  // Winograd's F(4 x 4, 3 x 3) for one image [h, w, channels] with zero padding of 1; channels is a multiple of 16. The 36 parts of all tiles lie
  // `part` floats apart, in each the tiles row by row with their channels. Each has its adjoint. `zeros` holds `channels` zeros.
  void (*winograd_input)(const float* x, int64_t h, int64_t w, int64_t channels, float* parts, int64_t part, const float* zeros);
  void (*winograd_input_adjoint)(const float* parts, int64_t part, float* gx, int64_t h, int64_t w, int64_t channels);
  void (*winograd_output)(const float* parts, int64_t part, float* y, int64_t h, int64_t w, int64_t channels);
  void (*winograd_output_adjoint)(const float* gy, int64_t h, int64_t w, int64_t channels, float* parts, int64_t part, const float* zeros);

  // Weights whose 3 x 3 taps lie at w + row * row_stride + column * column_stride, for one row: parts[36][columns].
  void (*winograd_weight)(const float* w, int64_t columns, int64_t column_stride, float* parts, int64_t part);
  void (*winograd_weight_adjoint)(const float* parts, int64_t part, float* gw, int64_t columns, int64_t column_stride);

  // Rows of length n: softmax in place, and from its result w and gradient gw (overwritten) to the gradient of its argument, times factor.
  void (*softmax)(float* x, int64_t rows, int64_t n);
  void (*softmax_backward)(const float* w, float* gw, int64_t rows, int64_t n, float factor);
};

extern const Kernels kernels_base, kernels_avx2, kernels_avx512;

// The best set for this processor.
const Kernels& kernels();

}  // namespace diffusion
