// Cosine attention over the pixels of an image, from the interleaved projection to the weighted values, in one operator.
#include <torch/library.h>

#include <cmath>
#include <vector>

#include "tensors.h"

namespace diffusion {
namespace {

struct Shape {
  Shape(const Tensor& qkv, int64_t heads)
      : images(qkv.size(0)), heads(heads), pixels(qkv.size(2) * qkv.size(3)), channels(qkv.size(1) / 3), depth(channels / heads) {}

  int64_t items() const { return images * heads; }
  // First of a head's numbers in [images, pixels, channels].
  int64_t offset(int64_t item) const { return (item / heads) * pixels * channels + (item % heads) * depth; }

  int64_t images, heads, pixels, channels, depth;
};

// Queries, keys and values of one head, [pixels, depth] each, taken apart; and where they lie after normalisation.
struct Head {
  explicit Head(const Shape& s) : size(s.pixels * s.depth), raw(3 * size), normal(3 * size) {}

  void load(const Shape& s, const float* qkv, int64_t item, float epsilon) {
    const float* from = qkv + 3 * s.offset(item);
    for (int64_t p = 0; p < s.pixels; p++, from += 3 * s.channels)
      for (int64_t d = 0; d < s.depth; d++)
        for (int64_t part = 0; part < 3; part++) raw[part * size + p * s.depth + d] = from[3 * d + part];
    kernels().normalize_rows(raw.data(), normal.data(), 3 * s.pixels, s.depth, epsilon, 1);
  }

  const float* query() const { return normal.data(); }
  const float* key() const { return normal.data() + size; }
  const float* value() const { return normal.data() + 2 * size; }

  int64_t size;
  std::vector<float> raw, normal;
};

void transpose(const float* x, int64_t rows, int64_t columns, float factor, float* y) {
  for (int64_t j = 0; j < columns; j++)
    for (int64_t i = 0; i < rows; i++) y[j * rows + i] = factor * x[i * columns + j];
}

struct Attention : Function<Attention> {
  static Tensor forward(AutogradContext* context, const Tensor& input, int64_t heads, double epsilon) {
    require_float(input, "qkv");
    const Tensor qkv = by_pixel(input);
    const Shape s(qkv, heads);
    TORCH_CHECK(s.pixels % 16 == 0 && s.depth % 16 == 0 && 3 * heads * s.depth == qkv.size(1), "qkv is ", qkv.sizes(), " for ", heads,
                " heads; the fused attention takes multiples of 16 pixels and channels per head.");
    const Tensor y = by_pixel_like(qkv, s.channels, qkv.size(2), qkv.size(3));
    const Tensor weights = at::empty({s.items(), s.pixels, s.pixels}, qkv.options().memory_format(at::MemoryFormat::Contiguous));
    at::parallel_for(0, s.items(), 1, [&](int64_t from, int64_t to) {
      Head head(s);
      std::vector<float> keys(head.size);
      for (int64_t i = from; i < to; i++) {
        head.load(s, in(qkv), i, float(epsilon));
        transpose(head.key(), s.pixels, s.depth, float(1 / std::sqrt(double(s.depth))), keys.data());
        float* w = out(weights) + i * s.pixels * s.pixels;
        kernels().multiply(s.pixels, s.pixels, s.depth, head.query(), s.depth, 1, keys.data(), s.pixels, w, s.pixels, false);
        kernels().softmax(w, s.pixels, s.pixels);
        kernels().multiply(s.pixels, s.depth, s.pixels, w, s.pixels, 1, head.value(), s.depth, out(y) + s.offset(i), s.channels, false);
      }
    });
    context->save_for_backward({qkv, weights});
    context->saved_data["heads"] = heads;
    context->saved_data["epsilon"] = epsilon;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("attention");
    const auto saved = context->get_saved_variables();
    const Tensor qkv = saved[0], weights = saved[1], gy = by_pixel(gradients[0]), g_qkv = at::empty_like(qkv);
    const Shape s(qkv, context->saved_data["heads"].toInt());
    const float epsilon = float(context->saved_data["epsilon"].toDouble()), scale = float(1 / std::sqrt(double(s.depth)));
    at::parallel_for(0, s.items(), 1, [&](int64_t from, int64_t to) {
      Head head(s);
      std::vector<float> values(head.size), g_normal(3 * head.size), g_raw(3 * head.size), g_weights(s.pixels * s.pixels);
      for (int64_t i = from; i < to; i++) {
        head.load(s, in(qkv), i, epsilon);
        const float* w = in(weights) + i * s.pixels * s.pixels;
        const float* g = in(gy) + s.offset(i);
        float *gq = g_normal.data(), *gk = gq + head.size, *gv = gk + head.size;
        // y = W v: gv = W^T gy, gW = gy v^T. W = softmax(q k^T / sqrt(depth)).
        kernels().multiply(s.pixels, s.depth, s.pixels, w, 1, s.pixels, g, s.channels, gv, s.depth, false);
        transpose(head.value(), s.pixels, s.depth, 1, values.data());
        kernels().multiply(s.pixels, s.pixels, s.depth, g, s.channels, 1, values.data(), s.pixels, g_weights.data(), s.pixels, false);
        kernels().softmax_backward(w, g_weights.data(), s.pixels, s.pixels, scale);
        kernels().multiply(s.pixels, s.depth, s.pixels, g_weights.data(), s.pixels, 1, head.key(), s.depth, gq, s.depth, false);
        kernels().multiply(s.pixels, s.depth, s.pixels, g_weights.data(), 1, s.pixels, head.query(), s.depth, gk, s.depth, false);
        kernels().normalize_rows_backward(head.raw.data(), g_normal.data(), g_raw.data(), 3 * s.pixels, s.depth, epsilon, 1);
        float* to_qkv = out(g_qkv) + 3 * s.offset(i);
        for (int64_t p = 0; p < s.pixels; p++, to_qkv += 3 * s.channels)
          for (int64_t d = 0; d < s.depth; d++)
            for (int64_t part = 0; part < 3; part++) to_qkv[3 * d + part] = g_raw[part * head.size + p * s.depth + d];
      }
    });
    return {g_qkv, Tensor(), Tensor()};
  }
};

Tensor attention(const Tensor& qkv, int64_t heads, double epsilon) { return Attention::apply(qkv, heads, epsilon); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(diffusion, library) { library.def("cosine_attention(Tensor qkv, int heads, float epsilon) -> Tensor", attention); }

}  // namespace diffusion
