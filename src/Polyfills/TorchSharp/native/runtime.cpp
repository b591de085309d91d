// Errors, threads, random generators, devices, switches, versions.
#include "bridge.h"
#include "compat.h"
#include "guard.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/util/Logging.h>
#include <torch/cuda.h>

#include <dlfcn.h>

#include <mutex>

using dt::guard;

namespace dt {
namespace {
thread_local std::string last_error;
}

void set_error(const char* what) noexcept {
  try {
    last_error = what;
  } catch (...) {
    last_error.clear();
  }
}
}  // namespace dt

DT_API const char* dt_last_error() { return dt::last_error.c_str(); }

// libtorch symbolises a backtrace at every throw (milliseconds); a shape error is no rarity in tests and tools.
DT_API void dt_start() {
  c10::SetStackTraceFetcher([] { return std::string(); });
}

DT_API int32_t dt_version() { return TORCH_VERSION_MAJOR * 10000 + TORCH_VERSION_MINOR * 100 + TORCH_VERSION_PATCH; }

namespace {
const char* copy_text(const std::string& text) {
  static thread_local std::string kept;
  kept = text;
  return kept.c_str();
}
const char* file_of(const void* address) {
  Dl_info info;
  return address && dladdr(const_cast<void*>(address), &info) && info.dli_fname ? info.dli_fname : "";
}
}  // namespace

DT_API const char* dt_configuration() {
  return guard(static_cast<const char*>(nullptr), [] { return copy_text(at::show_config()); });
}
// The file that libtorch's own code was loaded from, and the one that answers a BLAS call from here.
DT_API const char* dt_libtorch_file() { return file_of(reinterpret_cast<const void*>(&at::get_num_threads)); }
DT_API const char* dt_blas_file() { return file_of(dlsym(RTLD_DEFAULT, "sgemm_")); }

// With OpenMP the number of threads belongs to the calling thread.
DT_API int32_t dt_set_threads(int32_t n) {
  return guard(-1, [&] {
    at::set_num_threads(n);
    return 0;
  });
}
DT_API int32_t dt_threads() { return at::get_num_threads(); }
DT_API int32_t dt_set_interop_threads(int32_t n) {
  return guard(-1, [&] {
    at::set_num_interop_threads(n);
    return 0;
  });
}
DT_API int32_t dt_interop_threads() { return static_cast<int32_t>(at::get_num_interop_threads()); }

// ---------------------------------------------------------------- random generators
namespace {
at::Generator generator_of(dt_generator handle) {
  auto* impl = static_cast<c10::GeneratorImpl*>(handle);
  c10::raw::intrusive_ptr::incref(impl);
  return at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::reclaim(impl));
}
dt_generator release_generator(const at::Generator& generator) {
  auto* impl = generator.unsafeGetGeneratorImpl();
  c10::raw::intrusive_ptr::incref(impl);
  return impl;
}
}  // namespace

DT_API dt_generator dt_generator_new(uint64_t seed, int64_t device) {
  return guard(dt_generator(nullptr), [&]() -> dt_generator {
    auto where = dt::device_of(device);
    if (where.is_cpu()) return release_generator(at::detail::createCPUGenerator(seed));
    auto copy = at::globalContext().defaultGenerator(where).clone();  // needs no header of the device's
    copy.set_current_seed(seed);
    return release_generator(copy);
  });
}
DT_API dt_generator dt_generator_default() {
  return guard(dt_generator(nullptr), [&]() -> dt_generator { return release_generator(at::globalContext().defaultGenerator(c10::Device(c10::kCPU))); });
}
DT_API void dt_generator_free(dt_generator handle) {
  if (handle) c10::raw::intrusive_ptr::decref(static_cast<c10::GeneratorImpl*>(handle));
}
DT_API int32_t dt_generator_seed(dt_generator handle, uint64_t seed) {
  return guard(-1, [&] {
    auto generator = generator_of(handle);
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
    return 0;
  });
}
DT_API uint64_t dt_generator_initial_seed(dt_generator handle) { return generator_of(handle).current_seed(); }
DT_API dt_tensor dt_generator_state(dt_generator handle) {
  return guard(dt_tensor(nullptr), [&] {
    auto generator = generator_of(handle);
    std::lock_guard<std::mutex> lock(generator.mutex());
    return dt::release(generator.get_state());
  });
}
DT_API int32_t dt_generator_set_state(dt_generator handle, dt_tensor state) {
  return guard(-1, [&] {
    auto generator = generator_of(handle);
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(dt::borrow(state));
    return 0;
  });
}
DT_API int32_t dt_manual_seed(uint64_t seed) {
  return guard(-1, [&] {
    at::manual_seed(seed);
    return 0;
  });
}

// ---------------------------------------------------------------- CUDA and switches
DT_API int32_t dt_cuda_available() {
  return guard(0, [] { return static_cast<int32_t>(torch::cuda::is_available()); });
}
DT_API int32_t dt_cudnn_available() {
  return guard(0, [] { return static_cast<int32_t>(torch::cuda::cudnn_is_available()); });
}
DT_API int32_t dt_cuda_count() {
  return guard(0, [] { return static_cast<int32_t>(torch::cuda::device_count()); });
}
DT_API int32_t dt_cuda_seed(uint64_t seed, int32_t all) {
  return guard(-1, [&] {
    if (all) torch::cuda::manual_seed_all(seed);
    else torch::cuda::manual_seed(seed);
    return 0;
  });
}
DT_API int32_t dt_cuda_synchronize(int32_t index) {
  return guard(-1, [&] {
    torch::cuda::synchronize(index);
    return 0;
  });
}

DT_API int32_t dt_matmul_tf32() { return at::globalContext().allowTF32CuBLAS(); }
DT_API void dt_set_matmul_tf32(int32_t on) { at::globalContext().setAllowTF32CuBLAS(on != 0); }
DT_API int32_t dt_cudnn_tf32() { return at::globalContext().allowTF32CuDNN(); }
DT_API void dt_set_cudnn_tf32(int32_t on) { at::globalContext().setAllowTF32CuDNN(on != 0); }
DT_API int32_t dt_deterministic() { return at::globalContext().deterministicAlgorithms(); }
DT_API int32_t dt_deterministic_warns() { return at::globalContext().deterministicAlgorithmsWarnOnly(); }
DT_API void dt_set_deterministic(int32_t on, int32_t warn_only) {
  at::globalContext().setDeterministicAlgorithms(on != 0, warn_only != 0);
#if DT_TORCH >= 203
  // Filling every fresh tensor would be a pass over all memory, and nothing here reads what it has not written.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
#endif
}
