// Convolutions of small kernels on [pixels, channels]: 3 x 3 by Winograd's method, 1 x 1 as one matrix product.
#include <torch/library.h>

#include <algorithm>

#include "tensors.h"

namespace diffusion {
namespace {

constexpr int64_t kParts = 36;

int64_t whole(int64_t channels) { return (channels + 15) / 16 * 16; }

// Channels filled up with zeros to a multiple of 16, in the memory order the kernels want.
Tensor padded_image(const Tensor& x) {
  const int64_t channels = x.size(1);
  if (whole(channels) == channels) return by_pixel(x);
  Tensor y = by_pixel_like(x, whole(channels), x.size(2), x.size(3)).zero_();
  y.narrow(1, 0, channels).copy_(x);
  return y;
}

Tensor padded_weight(const Tensor& w) {
  const int64_t outputs = w.size(0), inputs = w.size(1);
  if (whole(outputs) == outputs && whole(inputs) == inputs) return w.contiguous();
  Tensor y = at::zeros({whole(outputs), whole(inputs), w.size(2), w.size(3)}, w.options());
  y.narrow(0, 0, outputs).narrow(1, 0, inputs).copy_(w);
  return y;
}

// The 36 parts of some tiles, or of weights, [36][rows][columns]; a few cache lines between parts keep them out of each other's cache sets.
struct Parts {
  Parts(const Tensor& like, int64_t rows, int64_t columns)
      : columns(columns), step(rows * columns + 80), memory(at::empty({kParts * step}, like.options().memory_format(at::MemoryFormat::Contiguous))) {}

  float* at_row(int64_t row) const { return out(memory) + row * columns; }
  float* part(int64_t index) const { return out(memory) + index * step; }

  int64_t columns, step;
  Tensor memory;
};

struct Shape {
  Shape(const Tensor& x, int64_t outputs)
      : images(x.size(0)), inputs(x.size(1)), outputs(outputs), h(x.size(2)), w(x.size(3)), tiles((h + 3) / 4 * ((w + 3) / 4)) {
    // As many images at a time as leave their parts in the second-level cache. A function of the shape alone, for it orders the weights' sums.
    constexpr int64_t kCache = 640 * 1024;
    chunk = std::clamp<int64_t>(kCache / (kParts * 4 * tiles * (inputs + outputs)), 1, std::max<int64_t>(images, 1));
  }

  int64_t x_size() const { return h * w * inputs; }
  int64_t y_size() const { return h * w * outputs; }

  // Calls body(first image, number of images).
  template <class Body>
  void for_chunks(Body&& body) const {
    for (int64_t first = 0; first < images; first += chunk) body(first, std::min(chunk, images - first));
  }

  int64_t images, inputs, outputs, h, w, tiles, chunk;
};

struct Convolution3x3 : Function<Convolution3x3> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& weight) {
    require_float(input, "x");
    require_float(weight, "weight");
    const Tensor x = padded_image(input), w = padded_weight(weight);
    const Shape s(x, w.size(0));
    const Tensor y = by_pixel_like(x, s.outputs, s.h, s.w), zeros = at::zeros({s.inputs}, w.options());
    const Parts u(x, s.inputs, s.outputs), v(x, s.chunk * s.tiles, s.inputs), m(x, s.chunk * s.tiles, s.outputs);
    for_items(s.inputs, kParts * s.outputs, [&](int64_t i) { kernels().winograd_weight(in(w) + i * 9, s.outputs, s.inputs * 9, u.at_row(i), u.step); });
    s.for_chunks([&](int64_t first, int64_t count) {
      const int64_t rows = count * s.tiles;
      transform(s, x, first, count, v, zeros);
      for_items(kParts, rows * s.inputs, [&](int64_t i) {
        kernels().multiply(rows, s.outputs, s.inputs, v.part(i), s.inputs, 1, u.part(i), s.outputs, m.part(i), s.outputs, false);
      });
      for_items(count, s.y_size(), [&](int64_t i) {
        kernels().winograd_output(m.at_row(i * s.tiles), m.step, out(y) + (first + i) * s.y_size(), s.h, s.w, s.outputs);
      });
    });
    context->save_for_backward({x, w});
    context->saved_data["inputs"] = input.size(1);
    context->saved_data["outputs"] = weight.size(0);
    return s.outputs == weight.size(0) ? y : by_pixel(y.narrow(1, 0, weight.size(0)));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("conv3x3");
    const auto saved = context->get_saved_variables();
    const Tensor x = saved[0], w = saved[1], gy = padded_image(gradients[0]);
    const Shape s(x, w.size(0));
    const bool of_input = context->needs_input_grad(0), of_weight = context->needs_input_grad(1);
    const Tensor gx = of_input ? at::empty_like(x) : Tensor(), gw = of_weight ? at::empty_like(w) : Tensor();
    const Tensor zeros = at::zeros({std::max(s.inputs, s.outputs)}, w.options());
    const Parts u(x, s.outputs, of_input ? s.inputs : 0), gu(x, s.outputs, of_weight ? s.inputs : 0);
    const Parts v(x, s.chunk * s.tiles, s.inputs), gm(x, s.chunk * s.tiles, s.outputs);
    if (of_input)
      for_items(s.outputs, kParts * s.inputs, [&](int64_t i) { kernels().winograd_weight(in(w) + i * s.inputs * 9, s.inputs, 9, u.at_row(i), u.step); });
    s.for_chunks([&](int64_t first, int64_t count) {
      const int64_t rows = count * s.tiles;
      for_items(count, s.y_size(), [&](int64_t i) {
        kernels().winograd_output_adjoint(in(gy) + (first + i) * s.y_size(), s.h, s.w, s.outputs, gm.at_row(i * s.tiles), gm.step, in(zeros));
      });
      if (of_weight) {
        // The input's transform again instead of keeping it: it is 36/16 of the input.
        transform(s, x, first, count, v, zeros);
        for_items(kParts, rows * s.inputs, [&](int64_t i) {
          kernels().multiply(s.outputs, s.inputs, rows, gm.part(i), 1, s.outputs, v.part(i), s.inputs, gu.part(i), s.inputs, first > 0);
        });
      }
      if (of_input) {
        // The transformed input is not needed any more; its memory takes the gradient.
        for_items(kParts, rows * s.inputs, [&](int64_t i) {
          kernels().multiply(rows, s.inputs, s.outputs, gm.part(i), s.outputs, 1, u.part(i), s.inputs, v.part(i), s.inputs, false);
        });
        for_items(count, s.x_size(), [&](int64_t i) {
          kernels().winograd_input_adjoint(v.at_row(i * s.tiles), v.step, out(gx) + (first + i) * s.x_size(), s.h, s.w, s.inputs);
        });
      }
    });
    if (of_weight)
      for_items(s.outputs, kParts * s.inputs, [&](int64_t i) {
        kernels().winograd_weight_adjoint(gu.at_row(i), gu.step, out(gw) + i * s.inputs * 9, s.inputs, 9);
      });
    const int64_t inputs = context->saved_data["inputs"].toInt(), outputs = context->saved_data["outputs"].toInt();
    return {of_input ? gx.narrow(1, 0, inputs) : gx, of_weight ? gw.narrow(0, 0, outputs).narrow(1, 0, inputs) : gw};
  }

 private:
  static void transform(const Shape& s, const Tensor& x, int64_t first, int64_t count, const Parts& v, const Tensor& zeros) {
    for_items(count, s.x_size(), [&](int64_t i) {
      kernels().winograd_input(in(x) + (first + i) * s.x_size(), s.h, s.w, s.inputs, v.at_row(i * s.tiles), v.step, in(zeros));
    });
  }
};

// y[pixel, output] = sum over inputs of x[pixel, input] w[output, input]; channels are multiples of 16.
struct Convolution1x1 : Function<Convolution1x1> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& weight) {
    require_float(input, "x");
    require_float(weight, "weight");
    const int64_t inputs = weight.size(1), outputs = weight.size(0);
    TORCH_CHECK(inputs % 16 == 0 && outputs % 16 == 0, "weight is ", weight.sizes(), "; conv1x1 takes multiples of 16 channels.");
    const Tensor x = by_pixel(input), w = weight.reshape({outputs, inputs}).contiguous(), transposed = w.t().contiguous();
    const Tensor y = by_pixel_like(x, outputs, x.size(2), x.size(3));
    const int64_t pixels = x.size(2) * x.size(3);
    for_items(x.size(0), pixels * inputs, [&](int64_t i) {
      kernels().multiply(pixels, outputs, inputs, in(x) + i * pixels * inputs, inputs, 1, in(transposed), outputs, out(y) + i * pixels * outputs, outputs, false);
    });
    context->save_for_backward({x, w});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("conv1x1");
    const auto saved = context->get_saved_variables();
    const Tensor x = saved[0], w = saved[1], gy = by_pixel(gradients[0]);
    const int64_t inputs = w.size(1), outputs = w.size(0), pixels = x.size(2) * x.size(3), rows = x.size(0) * pixels;
    variable_list result(2);
    if (context->needs_input_grad(0)) {
      const Tensor gx = at::empty_like(x);
      for_items(x.size(0), pixels * inputs, [&](int64_t i) {
        kernels().multiply(pixels, inputs, outputs, in(gy) + i * pixels * outputs, outputs, 1, in(w), inputs, out(gx) + i * pixels * inputs, inputs, false);
      });
      result[0] = gx;
    }
    if (context->needs_input_grad(1)) {
      const Tensor gw = at::empty({outputs, inputs, 1, 1}, w.options());
      // Sixteen outputs at a time: one thread adds up all pixels of its outputs.
      for_items(outputs / 16, 16 * rows, [&](int64_t i) {
        kernels().multiply(16, inputs, rows, in(gy) + i * 16, 1, outputs, in(x), inputs, out(gw) + i * 16 * inputs, inputs, false);
      });
      result[1] = gw;
    }
    return result;
  }
};

Tensor conv3x3(const Tensor& x, const Tensor& weight) { return Convolution3x3::apply(x, weight); }
Tensor conv1x1(const Tensor& x, const Tensor& weight) { return Convolution1x1::apply(x, weight); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(diffusion, library) {
  library.def("conv3x3(Tensor x, Tensor weight) -> Tensor", conv3x3);
  library.def("conv1x1(Tensor x, Tensor weight) -> Tensor", conv1x1);
}

}  // namespace diffusion
