// TorchScript: modules that PyTorch compiled and saved, run by libtorch's interpreter.
#include "bridge.h"
#include "compat.h"
#include "guard.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

using at::Tensor;
using dt::guard;
using dt::owned;
using dt::release;
using torch::jit::Module;

namespace {

const Module& module_of(const void* handle) { return *static_cast<const Module*>(handle); }

c10::IValue value_of(const dt_value& v) {
  switch (v.tag) {
    case DT_NONE: return {};
    case DT_TENSOR: return owned(v.u.p);
    case DT_INT: return v.u.i;
    case DT_DOUBLE: return v.u.d;
    case DT_BOOL: return v.u.i != 0;
    case DT_TENSORS: {
      c10::List<Tensor> list;
      auto* handles = static_cast<void* const*>(v.u.p);
      for (int32_t i = 0; i < v.n; i++) list.push_back(owned(handles[i]));
      return list;
    }
    default: TORCH_CHECK(false, "a TorchScript module cannot take an argument of tag ", v.tag);
  }
}

thread_local std::vector<dt_tensor> several;

void give_several(std::vector<Tensor>&& tensors, int32_t tag, dt_value* out) {
  several.clear();
  for (auto& t : tensors) several.push_back(release(std::move(t)));
  out->tag = tag;
  out->n = static_cast<int32_t>(several.size());
  out->u.p = several.data();  // valid until this thread's next call
}

void give(c10::IValue&& value, dt_value* out) {
  out->n = 0;
  out->u.i = 0;
  if (value.isTensor()) {
    out->tag = DT_TENSOR;
    out->u.p = release(std::move(value).toTensor());
  } else if (value.isNone()) {
    out->tag = DT_NONE;
  } else if (value.isInt()) {
    out->tag = DT_INT;
    out->u.i = value.toInt();
  } else if (value.isDouble()) {
    out->tag = DT_DOUBLE;
    out->u.d = value.toDouble();
  } else if (value.isBool()) {
    out->tag = DT_BOOL;
    out->u.i = value.toBool();
  } else if (value.isTensorList()) {
    give_several(value.toTensorVector(), DT_TENSORS, out);
  } else if (value.isTuple()) {
    std::vector<Tensor> tensors;
    for (auto& element : value.toTupleRef().elements()) {
      TORCH_CHECK(element.isTensor(), "the module returns a tuple that holds a ", element.tagKind(), "; only tensors are supported there");
      tensors.push_back(element.toTensor());
    }
    give_several(std::move(tensors), DT_TUPLE, out);
  } else {
    TORCH_CHECK(false, "the module returns a ", value.tagKind(), "; supported are a tensor, a number, None, and tuples and lists of tensors");
  }
}

}  // namespace

DT_API void* dt_jit_load(const char* path, int64_t device) {
  return guard(static_cast<void*>(nullptr), [&]() -> void* { return new Module(torch::jit::load(std::string(path), dt::device_of(device))); });
}

DT_API void* dt_jit_load_memory(const void* bytes, int64_t count, int64_t device) {
  return guard(static_cast<void*>(nullptr), [&]() -> void* {
    std::istringstream stream(std::string(static_cast<const char*>(bytes), static_cast<size_t>(count)), std::ios::binary);
    return new Module(torch::jit::load(stream, dt::device_of(device)));
  });
}

DT_API void dt_jit_free(void* module) { delete static_cast<Module*>(module); }

// The graph runs as it was saved: the profiling executor rewrites it after the first calls, and then equal inputs may have other bits.
DT_API int32_t dt_jit_call(const void* module, const char* method, const dt_value* arguments, int32_t count, dt_value* result) {
  return guard(-1, [&] {
    torch::jit::GraphOptimizerEnabledGuard as_saved(false);
    auto found = module_of(module).find_method(method);
    TORCH_CHECK(found.has_value(), "the module has no method '", method, "'");
    std::vector<c10::IValue> stack;
    for (int32_t i = 0; i < count; i++) stack.push_back(value_of(arguments[i]));
    give((*found)(std::move(stack)), result);
    return 0;
  });
}

// The arguments of a method without the module itself.
DT_API int32_t dt_jit_argument_count(const void* module, const char* method) {
  return guard(-1, [&] {
    auto found = module_of(module).find_method(method);
    TORCH_CHECK(found.has_value(), "the module has no method '", method, "'");
    return static_cast<int32_t>(found->function().getSchema().arguments().size()) - 1;
  });
}

// Moves and converts in place; -1 leaves the device or the type as it is. Integers keep their type.
DT_API int32_t dt_jit_to(void* module, int64_t device, int32_t dtype, int32_t non_blocking) {
  return guard(-1, [&] {
    auto& m = *static_cast<Module*>(module);
    if (device >= 0 && dtype >= 0) m.to(dt::device_of(device), static_cast<at::ScalarType>(dtype), non_blocking != 0);
    else if (device >= 0) m.to(dt::device_of(device), non_blocking != 0);
    else if (dtype >= 0) m.to(static_cast<at::ScalarType>(dtype), non_blocking != 0);
    return 0;
  });
}

DT_API int32_t dt_jit_train(void* module, int32_t on) {
  return guard(-1, [&] {
    static_cast<Module*>(module)->train(on != 0);
    return 0;
  });
}

DT_API int32_t dt_jit_training(const void* module) {
  return guard(-1, [&] { return static_cast<int32_t>(module_of(module).is_training()); });
}
