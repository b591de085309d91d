// Turns C++ exceptions into a return value and a message, and handles into references.
#pragma once
#include "bridge.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <string>
#include <utility>

namespace dt {

void set_error(const char* what) noexcept;

template <class B, class F>
auto guard(B failure, F&& body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (const c10::Error& e) {
    set_error(e.what_without_backtrace());
  } catch (const std::exception& e) {
    set_error(e.what());
  } catch (...) {
    set_error("unknown C++ exception");
  }
  return failure;
}

// A new reference.
inline at::Tensor owned(const void* handle) {
  if (!handle) return at::Tensor();
  auto* impl = static_cast<c10::TensorImpl*>(const_cast<void*>(handle));
  c10::raw::intrusive_ptr::incref(impl);
  return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(impl));
}

// The caller's reference: at::Tensor is exactly one pointer.
inline const at::Tensor& borrow(const dt_tensor& handle) {
  static_assert(sizeof(at::Tensor) == sizeof(void*), "at::Tensor is one pointer");
  return reinterpret_cast<const at::Tensor&>(handle);
}

inline dt_tensor release(at::Tensor&& t) { return t.defined() ? static_cast<dt_tensor>(t.unsafeReleaseTensorImpl()) : nullptr; }

inline c10::Device device_of(int64_t packed) {
  return c10::Device(static_cast<c10::DeviceType>(packed >> 16), static_cast<c10::DeviceIndex>(static_cast<int16_t>(packed & 0xffff)));
}

}  // namespace dt
