// Operators that touch each element once: what a chain of libtorch's operations does in one pass over memory.
#include <torch/library.h>

#include <atomic>
#include <vector>

#include "tensors.h"

namespace diffusion {
namespace {

struct Silu : Function<Silu> {
  static Tensor forward(AutogradContext* context, const Tensor& input) {
    require_float(input, "x");
    const Tensor x = dense(input), y = at::empty_like(x);
    for_elements(x.numel(), [&](int64_t i, int64_t n) { kernels().silu(in(x) + i, out(y) + i, n); });
    context->save_for_backward({x});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("mp_silu");
    const Tensor x = context->get_saved_variables()[0], gy = in_order_of(gradients[0], x), gx = at::empty_like(x);
    for_elements(x.numel(), [&](int64_t i, int64_t n) { kernels().silu_backward(in(x) + i, in(gy) + i, out(gx) + i, n); });
    return {gx};
  }
};

struct ModulatedSilu : Function<ModulatedSilu> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& factors) {
    require_float(input, "x");
    require_float(factors, "scale");
    const int64_t images = input.size(0), channels = input.size(1), pixels = input.size(2) * input.size(3);
    TORCH_CHECK(factors.dim() == 2 && factors.size(1) == channels && (factors.size(0) == images || factors.size(0) == 1), "scale is ",
                factors.sizes(), " and x ", input.sizes(), "; scale must be [N or 1, C].");
    const Tensor x = by_pixel(input), scale = factors.contiguous(), y = at::empty_like(x);
    const int64_t step = scale.size(0) == 1 ? 0 : channels;
    for_items(images, pixels * channels, [&](int64_t i) {
      kernels().modulated_silu(in(x) + i * pixels * channels, in(scale) + i * step, out(y) + i * pixels * channels, pixels, channels);
    });
    context->save_for_backward({x, scale});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("modulated_mp_silu");
    const auto saved = context->get_saved_variables();
    const Tensor x = saved[0], scale = saved[1], gy = in_order_of(gradients[0], x), gx = at::empty_like(x);
    const int64_t images = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3), step = scale.size(0) == 1 ? 0 : channels;
    // One row per image, also where the scale is shared, so that the order of additions does not depend on threads.
    Tensor g_scale = at::zeros({images, channels}, scale.options());
    for_items(images, pixels * channels, [&](int64_t i) {
      const int64_t offset = i * pixels * channels;
      kernels().modulated_silu_backward(in(x) + offset, in(scale) + i * step, in(gy) + offset, out(gx) + offset, out(g_scale) + i * channels, pixels, channels);
    });
    return {gx, scale.size(0) == images ? g_scale : g_scale.sum(0, true)};
  }
};

struct Sum : Function<Sum> {
  static Tensor forward(AutogradContext* context, const Tensor& left, const Tensor& right, double wa, double wb, double limit) {
    require_float(left, "a");
    require_float(right, "b");
    TORCH_CHECK(left.sizes() == right.sizes(), "a is ", left.sizes(), " and b ", right.sizes(), "; they must have one shape.");
    const Tensor a = dense(left), b = in_order_of(right, a), y = at::empty_like(a);
    std::atomic<bool> clamped{false};
    for_elements(a.numel(), [&](int64_t i, int64_t n) {
      if (kernels().sum(in(a) + i, in(b) + i, float(wa), float(wb), float(limit), out(y) + i, n)) clamped = true;
    });
    // Rarely is anything clamped; otherwise the gradient needs nothing but itself.
    if (clamped) context->save_for_backward({a, b});
    context->saved_data["wa"] = wa;
    context->saved_data["wb"] = wb;
    context->saved_data["limit"] = limit;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("mp_sum");
    const auto saved = context->get_saved_variables();
    const float wa = float(context->saved_data["wa"].toDouble()), wb = float(context->saved_data["wb"].toDouble());
    const float limit = float(context->saved_data["limit"].toDouble());
    const Tensor gy = saved.empty() ? dense(gradients[0]) : in_order_of(gradients[0], saved[0]);
    const Tensor ga = at::empty_like(gy), gb = at::empty_like(gy);
    for_elements(gy.numel(), [&](int64_t i, int64_t n) {
      if (saved.empty())
        kernels().sum_backward(in(gy) + i, wa, wb, out(ga) + i, out(gb) + i, n);
      else
        kernels().sum_backward_clamped(in(saved[0]) + i, in(saved[1]) + i, in(gy) + i, wa, wb, limit, out(ga) + i, out(gb) + i, n);
    });
    return {ga, gb, Tensor(), Tensor(), Tensor()};
  }
};

struct Join : Function<Join> {
  static Tensor forward(AutogradContext* context, const Tensor& left, const Tensor& right, double wa, double wb) {
    require_float(left, "a");
    require_float(right, "b");
    const Tensor a = by_pixel(left), b = by_pixel(right);
    const int64_t na = a.size(1), nb = b.size(1), pixels = a.size(2) * a.size(3);
    TORCH_CHECK(a.size(0) == b.size(0) && a.size(2) == b.size(2) && a.size(3) == b.size(3), "a is ", a.sizes(), " and b ", b.sizes(),
                "; only their channels may differ.");
    const Tensor y = by_pixel_like(a, na + nb, a.size(2), a.size(3));
    for_items(a.size(0), pixels * (na + nb), [&](int64_t i) {
      kernels().join(in(a) + i * pixels * na, in(b) + i * pixels * nb, float(wa), float(wb), out(y) + i * pixels * (na + nb), pixels, na, nb);
    });
    context->saved_data["wa"] = wa;
    context->saved_data["wb"] = wb;
    context->saved_data["na"] = na;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("mp_cat");
    const Tensor gy = by_pixel(gradients[0]);
    const float wa = float(context->saved_data["wa"].toDouble()), wb = float(context->saved_data["wb"].toDouble());
    const int64_t na = context->saved_data["na"].toInt(), nb = gy.size(1) - na, pixels = gy.size(2) * gy.size(3);
    const Tensor ga = by_pixel_like(gy, na, gy.size(2), gy.size(3)), gb = by_pixel_like(gy, nb, gy.size(2), gy.size(3));
    for_items(gy.size(0), pixels * (na + nb), [&](int64_t i) {
      kernels().split(in(gy) + i * pixels * (na + nb), wa, wb, out(ga) + i * pixels * na, out(gb) + i * pixels * nb, pixels, na, nb);
    });
    return {ga, gb, Tensor(), Tensor()};
  }
};

struct PixelNorm : Function<PixelNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& input, double epsilon) {
    require_float(input, "x");
    const Tensor x = by_pixel(input), y = at::empty_like(x);
    const int64_t channels = x.size(1), pixels = x.size(2) * x.size(3);
    for_items(x.size(0), pixels * channels, [&](int64_t i) {
      kernels().normalize_rows(in(x) + i * pixels * channels, out(y) + i * pixels * channels, pixels, channels, float(epsilon), 1);
    });
    context->save_for_backward({x});
    context->saved_data["epsilon"] = epsilon;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("pixel_norm");
    const Tensor x = context->get_saved_variables()[0], gy = in_order_of(gradients[0], x), gx = at::empty_like(x);
    const float epsilon = float(context->saved_data["epsilon"].toDouble());
    const int64_t channels = x.size(1), pixels = x.size(2) * x.size(3);
    for_items(x.size(0), pixels * channels, [&](int64_t i) {
      const int64_t offset = i * pixels * channels;
      kernels().normalize_rows_backward(in(x) + offset, in(gy) + offset, out(gx) + offset, pixels, channels, epsilon, 1);
    });
    return {gx, Tensor()};
  }
};

struct WeightNorm : Function<WeightNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& weight, const c10::optional<Tensor>& gain, double scale, double epsilon) {
    require_float(weight, "weight");
    const Tensor w = weight.contiguous(), y = at::empty_like(w);
    const int64_t rows = w.size(0), length = w.numel() / rows;
    const double factor = scale * (gain.has_value() ? double(gain->item<float>()) : 1.0);
    for_items(rows, length, [&](int64_t i) { kernels().normalize_rows(in(w) + i * length, out(y) + i * length, 1, length, float(epsilon), float(factor)); });
    context->save_for_backward({w});
    context->saved_data["factor"] = factor;
    context->saved_data["scale"] = scale;
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["gain"] = gain.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("normalized_weight");
    const Tensor w = context->get_saved_variables()[0], gy = in_order_of(gradients[0], w), gw = at::empty_like(w);
    const float epsilon = float(context->saved_data["epsilon"].toDouble()), factor = float(context->saved_data["factor"].toDouble());
    const int64_t rows = w.size(0), length = w.numel() / rows;
    // By row, then in order: no thread count shows.
    std::vector<double> products(rows);
    for_items(rows, length, [&](int64_t i) {
      products[i] = kernels().normalize_rows_backward(in(w) + i * length, in(gy) + i * length, out(gw) + i * length, 1, length, epsilon, factor);
    });
    Tensor g_gain;
    if (context->saved_data["gain"].toBool()) {
      double total = 0;
      for (const double product : products) total += product;
      g_gain = at::empty({}, w.options());
      *out(g_gain) = float(total * context->saved_data["scale"].toDouble());
    }
    return {gw, g_gain, Tensor(), Tensor()};
  }
};

// 2 x 2 pixels to their mean, or one to 2 x 2; each is the other's adjoint up to a factor.
struct BoxResample : Function<BoxResample> {
  static Tensor run(const Tensor& input, bool up, float factor) {
    const Tensor x = by_pixel(input);
    const int64_t channels = x.size(1), h = x.size(2), w = x.size(3);
    TORCH_CHECK(up || (h % 2 == 0 && w % 2 == 0), "x is ", x.sizes(), "; only an even height and width can be halved.");
    const Tensor y = up ? by_pixel_like(x, channels, 2 * h, 2 * w) : by_pixel_like(x, channels, h / 2, w / 2);
    for_items(x.size(0), x.numel() / std::max<int64_t>(1, x.size(0)), [&](int64_t i) {
      const float* from = in(x) + i * channels * h * w;
      if (up)
        kernels().repeat(from, factor, out(y) + i * channels * 4 * h * w, h, w, channels);
      else
        kernels().pool(from, factor, out(y) + i * channels * (h / 2) * (w / 2), h / 2, w / 2, channels);
    });
    return y;
  }

  static Tensor forward(AutogradContext* context, const Tensor& x, bool up) {
    require_float(x, "x");
    context->saved_data["up"] = up;
    return run(x, up, up ? 1.0f : 0.25f);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    require_single_backward("box_resample");
    const bool up = context->saved_data["up"].toBool();
    return {run(gradients[0], !up, up ? 1.0f : 0.25f), Tensor()};
  }
};

Tensor mp_silu(const Tensor& x) { return Silu::apply(x); }
Tensor modulated_mp_silu(const Tensor& x, const Tensor& scale) { return ModulatedSilu::apply(x, scale); }
Tensor mp_sum(const Tensor& a, const Tensor& b, double wa, double wb, double limit) { return Sum::apply(a, b, wa, wb, limit); }
Tensor mp_cat(const Tensor& a, const Tensor& b, double wa, double wb) { return Join::apply(a, b, wa, wb); }
Tensor pixel_norm(const Tensor& x, double epsilon) { return PixelNorm::apply(x, epsilon); }
Tensor box_resample(const Tensor& x, bool up) { return BoxResample::apply(x, up); }
Tensor normalized_weight(const Tensor& weight, const c10::optional<Tensor>& gain, double scale, double epsilon) {
  return WeightNorm::apply(weight, gain, scale, epsilon);
}

// Forced normalisation of many weights in one call, outside autograd.
void normalize_rows_(at::TensorList weights, double epsilon) {
  for (const Tensor& weight : weights) {
    require_float(weight, "weight");
    TORCH_CHECK(weight.is_contiguous(), "A weight of shape ", weight.sizes(), " is not contiguous, so it cannot be normalised in place.");
    const int64_t rows = weight.size(0), length = weight.numel() / rows;
    for_items(rows, length, [&](int64_t i) {
      float* row = out(weight) + i * length;
      kernels().normalize_rows(row, row, 1, length, float(epsilon), 1);
    });
  }
}

}  // namespace

TORCH_LIBRARY(diffusion, library) {
  library.def("mp_silu(Tensor x) -> Tensor", mp_silu);
  library.def("modulated_mp_silu(Tensor x, Tensor scale) -> Tensor", modulated_mp_silu);
  library.def("mp_sum(Tensor a, Tensor b, float wa, float wb, float limit) -> Tensor", mp_sum);
  library.def("mp_cat(Tensor a, Tensor b, float wa, float wb) -> Tensor", mp_cat);
  library.def("pixel_norm(Tensor x, float epsilon) -> Tensor", pixel_norm);
  library.def("box_resample(Tensor x, bool up) -> Tensor", box_resample);
  library.def("normalized_weight(Tensor weight, Tensor? gain, float scale, float epsilon) -> Tensor", normalized_weight);
  library.def("normalize_rows_(Tensor[] weights, float epsilon) -> ()", normalize_rows_);
}

}  // namespace diffusion
