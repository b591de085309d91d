// What an operator cannot say: handles, metadata, memory, autograd.
#include "bridge.h"
#include "compat.h"
#include "guard.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <memory>
#include <vector>

using at::Tensor;
using dt::borrow;
using dt::guard;
using dt::owned;
using dt::release;

DT_API void dt_free(dt_tensor t) {
  if (t) c10::raw::intrusive_ptr::decref(static_cast<c10::TensorImpl*>(t));
}

DT_API void dt_free_many(dt_tensor* tensors, int32_t n) {
  for (int32_t i = 0; i < n; i++) dt_free(tensors[i]);
}

DT_API dt_tensor dt_alias(dt_tensor t) { return release(owned(t)); }

DT_API int32_t dt_dim(dt_tensor t) { return static_cast<int32_t>(borrow(t).dim()); }
DT_API int64_t dt_numel(dt_tensor t) { return borrow(t).numel(); }
DT_API int32_t dt_dtype(dt_tensor t) { return static_cast<int32_t>(borrow(t).scalar_type()); }
DT_API int64_t dt_element_size(dt_tensor t) { return static_cast<int64_t>(borrow(t).element_size()); }
DT_API int64_t dt_storage_offset(dt_tensor t) { return borrow(t).storage_offset(); }
DT_API int32_t dt_is_contiguous(dt_tensor t) { return borrow(t).is_contiguous(); }

DT_API void dt_sizes(dt_tensor t, int64_t* out) {
  auto sizes = borrow(t).sizes();
  std::copy(sizes.begin(), sizes.end(), out);
}

DT_API int32_t dt_strides(dt_tensor t, int64_t* out) {
  return guard(-1, [&] {
    auto strides = borrow(t).strides();
    std::copy(strides.begin(), strides.end(), out);
    return 0;
  });
}

DT_API int64_t dt_device(dt_tensor t) {
  auto device = borrow(t).device();
  return (static_cast<int64_t>(device.type()) << 16) | (device.index() & 0xffff);
}

DT_API int32_t dt_data_pointer(dt_tensor t, void** out) {
  return guard(-1, [&] {
    *out = borrow(t).data_ptr();
    return 0;
  });
}

// Memory of the caller; release is called once, when the storage dies.
DT_API dt_tensor dt_from_memory(void* memory, const int64_t* sizes, int32_t n, int32_t dtype, void (*free_memory)(void*), void* state) {
  return guard(dt_tensor(nullptr), [&] {
    auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
    return release(at::from_blob(memory, at::IntArrayRef(sizes, n), [free_memory, state](void*) { free_memory(state); }, options));
  });
}

DT_API int32_t dt_requires_grad(dt_tensor t) { return borrow(t).requires_grad(); }
DT_API int32_t dt_is_leaf(dt_tensor t) { return borrow(t).is_leaf(); }

DT_API int32_t dt_set_requires_grad(dt_tensor t, int32_t value) {
  return guard(-1, [&] {
    borrow(t).requires_grad_(value != 0);
    return 0;
  });
}

DT_API int32_t dt_retain_grad(dt_tensor t) {
  return guard(-1, [&] {
    borrow(t).retain_grad();
    return 0;
  });
}

// Shares the storage, has no history, and has a version counter of its own.
DT_API dt_tensor dt_variable_data(dt_tensor t) {
  return guard(dt_tensor(nullptr), [&] { return release(borrow(t).variable_data()); });
}

// *out is null where there is no gradient.
DT_API int32_t dt_grad(dt_tensor t, dt_tensor* out) {
  return guard(-1, [&] {
    const auto& gradient = borrow(t).grad();
    *out = gradient.defined() ? release(Tensor(gradient)) : nullptr;
    return 0;
  });
}

DT_API int32_t dt_set_grad(dt_tensor t, dt_tensor gradient) {
  return guard(-1, [&] {
    borrow(t).mutable_grad() = owned(gradient);
    return 0;
  });
}

DT_API int32_t dt_grad_mode() { return at::GradMode::is_enabled(); }
DT_API void dt_set_grad_mode(int32_t on) { at::GradMode::set_enabled(on != 0); }

DT_API int32_t dt_inference_mode() { return c10::InferenceMode::is_enabled(); }
DT_API void* dt_inference_guard_new(int32_t on) { return new c10::InferenceMode(on != 0); }
DT_API void dt_inference_guard_free(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }

namespace {
std::vector<Tensor> tensors_of(const dt_tensor* handles, int32_t n) {
  std::vector<Tensor> tensors;
  tensors.reserve(n);
  for (int32_t i = 0; i < n; i++) tensors.push_back(owned(handles[i]));
  return tensors;
}
}  // namespace

// Without gradients (null) the roots are scalars; without inputs, every leaf accumulates.
DT_API int32_t dt_backward(const dt_tensor* roots, const dt_tensor* gradients, int32_t n, int32_t retain_graph, int32_t create_graph,
                           const dt_tensor* inputs, int32_t input_count) {
  return guard(-1, [&] {
    auto given = gradients ? tensors_of(gradients, n) : std::vector<Tensor>();
    torch::autograd::backward(tensors_of(roots, n), given, retain_graph != 0, create_graph != 0, tensors_of(inputs, input_count));
    return 0;
  });
}

// results has room for input_count handles; an unused input yields null.
DT_API int32_t dt_gradients(const dt_tensor* outputs, const dt_tensor* gradients, int32_t n, const dt_tensor* inputs, int32_t input_count,
                            int32_t retain_graph, int32_t create_graph, int32_t allow_unused, dt_tensor* results) {
  return guard(-1, [&] {
    auto given = gradients ? tensors_of(gradients, n) : std::vector<Tensor>();
    auto found = torch::autograd::grad(tensors_of(outputs, n), tensors_of(inputs, input_count), given, retain_graph != 0, create_graph != 0, allow_unused != 0);
    for (int32_t i = 0; i < input_count; i++) results[i] = release(std::move(found[i]));
    return 0;
  });
}

namespace {
struct AccumulatedHook : torch::autograd::FunctionPostHook {
  dt_callback callback;
  void* state;
  AccumulatedHook(dt_callback c, void* s) : callback(c), state(s) {}
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs, const torch::autograd::variable_list&) override {
    if (int64_t failure = callback(state)) throw std::runtime_error("managed callback failed: " + std::to_string(failure));
    return outputs;
  }
};

struct HookedLeaf {
  std::shared_ptr<torch::autograd::Node> accumulator;  // a leaf holds it weakly
  uintptr_t key;
};
}  // namespace

// Runs after the gradient of a leaf was accumulated, on the thread that accumulated it.
DT_API void* dt_hook_new(dt_tensor leaf, dt_callback callback, void* state) {
  return guard(static_cast<void*>(nullptr), [&]() -> void* {
    auto accumulator = torch::autograd::impl::grad_accumulator(owned(leaf));
    TORCH_CHECK(accumulator, "only a leaf that requires a gradient has something to hook on");
    auto key = accumulator->add_post_hook(std::make_unique<AccumulatedHook>(callback, state));
    return new HookedLeaf{accumulator, key};
  });
}

DT_API void dt_hook_free(void* hook) {
  auto* leaf = static_cast<HookedLeaf*>(hook);
  guard(0, [&] {
    leaf->accumulator->del_post_hook(leaf->key);
    return 0;
  });
  delete leaf;
}
