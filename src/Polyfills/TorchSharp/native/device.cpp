// Devices, streams and events by libtorch's interface for any device: no header of CUDA's is needed, and the same code runs where there is none.
#include "bridge.h"
#include "compat.h"
#include "guard.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <type_traits>

using dt::guard;

// c10::cuda::CUDAStream::stream() of libc10_cuda, null where that is not linked. The class holds one c10::Stream, in every version.
extern "C" void* _ZNK3c104cuda10CUDAStream6streamEv(const c10::Stream*) __attribute__((weak));

namespace {

c10::Stream stream_of(int64_t device, int64_t id) { return c10::Stream(c10::Stream::UNSAFE, dt::device_of(device), id); }

// Newer versions of libtorch answer with an option of three values, of which the first allows.
template <class T>
bool is_allowed(T value) {
  if constexpr (std::is_same_v<T, bool>)
    return value;
  else
    return static_cast<int>(value) == 0;
}

}  // namespace

DT_API int32_t dt_cuda_compiled() {
  return guard(0, [] { return static_cast<int32_t>(at::detail::getCUDAHooks().hasCUDA() || c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)); });
}
DT_API int64_t dt_cuda_runtime_version() {
  return guard(int64_t(0), [] { return static_cast<int64_t>(at::detail::getCUDAHooks().hasCUDART() ? at::detail::getCUDAHooks().versionCUDART() : 0); });
}
DT_API int64_t dt_cudnn_version() {
  return guard(int64_t(0), [] { return static_cast<int64_t>(at::detail::getCUDAHooks().compiledWithCuDNN() ? at::detail::getCUDAHooks().versionCuDNN() : 0); });
}

DT_API int32_t dt_fp16_reduction() {
  return guard(-1, [] { return static_cast<int32_t>(is_allowed(at::globalContext().allowFP16ReductionCuBLAS())); });
}
DT_API int32_t dt_set_fp16_reduction(int32_t on) {
  return guard(-1, [&] {
    at::globalContext().setAllowFP16ReductionCuBLAS(on != 0);
    return 0;
  });
}
// Since 2.0; before, bfloat16 always added up in single precision.
DT_API int32_t dt_set_bf16_reduction(int32_t on) {
  return guard(-1, [&] {
#if DT_TORCH >= 200
    at::globalContext().setAllowBF16ReductionCuBLAS(on != 0);
#else
    (void)on;
#endif
    return 0;
  });
}
DT_API int32_t dt_set_cudnn(int32_t deterministic, int32_t benchmark) {
  return guard(-1, [&] {
    at::globalContext().setDeterministicCuDNN(deterministic != 0);
    at::globalContext().setBenchmarkCuDNN(benchmark != 0);
    return 0;
  });
}

// ---------------------------------------------------------------- devices and streams
DT_API int32_t dt_exchange_device(int32_t index) {
  return guard(-1, [&] {
    c10::impl::VirtualGuardImpl impl(c10::DeviceType::CUDA);
    return static_cast<int32_t>(impl.exchangeDevice(c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index))).index());
  });
}
DT_API int32_t dt_current_stream(int64_t device, int64_t* id) {
  return guard(-1, [&] {
    const auto where = dt::device_of(device);
    *id = c10::impl::VirtualGuardImpl(where.type()).getStream(where).id();
    return 0;
  });
}
DT_API int32_t dt_stream_from_pool(int64_t device, int32_t high_priority, int64_t* id) {
  return guard(-1, [&] {
    const auto where = dt::device_of(device);
    *id = c10::impl::VirtualGuardImpl(where.type()).getStreamFromGlobalPool(where, high_priority != 0).id();
    return 0;
  });
}
DT_API int32_t dt_exchange_stream(int64_t device, int64_t id, int64_t* before) {
  return guard(-1, [&] {
    *before = c10::impl::VirtualGuardImpl(dt::device_of(device).type()).exchangeStream(stream_of(device, id)).id();
    return 0;
  });
}
DT_API int32_t dt_synchronize_stream(int64_t device, int64_t id) {
  return guard(-1, [&] {
    c10::impl::VirtualGuardImpl(dt::device_of(device).type()).synchronizeStream(stream_of(device, id));
    return 0;
  });
}
DT_API int32_t dt_native_stream(int64_t device, int64_t id, void** native) {
  return guard(-1, [&] {
    *native = nullptr;
    if (id == 0) return 0;
    TORCH_CHECK(_ZNK3c104cuda10CUDAStream6streamEv, "this libtorch has no CUDA streams that other libraries could use");
    const auto stream = stream_of(device, id);
    *native = _ZNK3c104cuda10CUDAStream6streamEv(&stream);
    return 0;
  });
}
DT_API int32_t dt_record_stream(dt_tensor tensor, int64_t id) {
  return guard(-1, [&] {
    const auto& t = dt::borrow(tensor);
    const c10::Stream stream(c10::Stream::UNSAFE, t.device(), id);
    c10::impl::VirtualGuardImpl(t.device().type()).recordDataPtrOnStream(t.storage().data_ptr(), stream);
    return 0;
  });
}

// ---------------------------------------------------------------- events
DT_API void* dt_event_new(int64_t device) {
  return guard(static_cast<void*>(nullptr), [&]() -> void* { return new c10::Event(dt::device_of(device).type()); });
}
DT_API void dt_event_free(void* event) { delete static_cast<c10::Event*>(event); }
DT_API int32_t dt_event_record(void* event, int64_t device, int64_t id) {
  return guard(-1, [&] {
    static_cast<c10::Event*>(event)->record(stream_of(device, id));
    return 0;
  });
}
DT_API int32_t dt_event_block(void* event, int64_t device, int64_t id) {
  return guard(-1, [&] {
    static_cast<c10::Event*>(event)->block(stream_of(device, id));
    return 0;
  });
}
DT_API int32_t dt_event_query(void* event) {
  return guard(-1, [&] { return static_cast<int32_t>(static_cast<c10::Event*>(event)->query()); });
}
