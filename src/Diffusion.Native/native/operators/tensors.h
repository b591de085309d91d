// What all operators share: layouts, checks, and how work is shared out.
#pragma once
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels.h"

namespace diffusion {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 16384;  // elements a thread is worth

inline void require_float(const Tensor& x, const char* name) {
  TORCH_CHECK(x.device().is_cpu() && x.scalar_type() == at::kFloat, name, " is ", x.scalar_type(), " on ", x.device(),
              "; the fused operators take float32 on the CPU. Use the composed ones.");
}

inline const float* in(const Tensor& x) { return static_cast<const float*>(x.data_ptr()); }
inline float* out(const Tensor& x) { return static_cast<float*>(x.data_ptr()); }

// Gradients of gradients would come out as constants.
inline void require_single_backward(const char* op) {
  TORCH_CHECK(!at::GradMode::is_enabled(), op, " is fused and cannot be differentiated twice (create_graph). Use the composed operators.");
}

// [N, C, H, W] with the channels of a pixel side by side; anything else as it is in memory, if dense.
inline Tensor by_pixel(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }
inline Tensor dense(const Tensor& x) { return x.is_non_overlapping_and_dense() ? x : x.contiguous(); }

// A tensor of the same shape in the memory order of another.
inline Tensor in_order_of(const Tensor& x, const Tensor& other) { return x.strides() == other.strides() ? x : at::empty_like(other).copy_(x); }

inline Tensor by_pixel_like(const Tensor& x, int64_t channels, int64_t height, int64_t width) {
  return at::empty({x.size(0), channels, height, width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
}

// A range of elements, in pieces [from, from + count).
template <class Body>
void for_elements(int64_t n, Body&& body) {
  at::parallel_for(0, n, kGrain, [&](int64_t from, int64_t to) { body(from, to - from); });
}

// Items of `work` elements each.
template <class Body>
void for_items(int64_t n, int64_t work, Body&& body) {
  at::parallel_for(0, n, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work)), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) body(i);
  });
}

}  // namespace diffusion
