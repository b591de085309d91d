// The passes over arenas on a GPU: Adam with all averages and the clearing of gradients in one, and a gradient's norm with its finite check.
// Products, sums, quotients and roots are rounded one by one (the _rn intrinsics are never contracted), so weights, moments and averages
// have the bits of the processor's kernels. The norm adds in a fixed order that is the same on every GPU.
#include <cuda_runtime.h>

#include <stdint.h>

#define DC_API extern "C" __attribute__((visibility("default")))

// Tests compile this file for the processor and launch it their own way.
#ifndef DC_LAUNCH
#define DC_LAUNCH(kernel, blocks, threads, stream, ...) kernel<<<blocks, threads, 0, stream>>>(__VA_ARGS__)
#endif

namespace {

constexpr int kThreads = 256;
constexpr int kBlocks = 1024;      // fixed, for the order of the norm's additions
constexpr int kMaxAverages = 16;

struct Averages {
  float* values[kMaxAverages];
  float one_minus_beta[kMaxAverages];
  int count;
};

// As in ../kernels.h.
struct Adam {
  float gradient_scale;
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;
  float root_correction2;
  float epsilon;
  int32_t replace_non_finite;
  int32_t zero_gradients;
};

__device__ bool is_finite(float x) { return (__float_as_uint(x) & 0x7f800000u) != 0x7f800000u; }

// With a count of non-finite values that is not zero, only the averages move: the step is skipped where it is computed, and nobody waits for the count.
__global__ void adam(float* w, float* g, float* m, float* v, int64_t n, Adam s, Averages averages, const int64_t* non_finite) {
  const bool skip = non_finite != nullptr && *non_finite != 0;
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < n; i += int64_t(gridDim.x) * blockDim.x) {
    float weight = w[i];
    if (!skip) {
      float gradient = g[i];
      if (s.replace_non_finite && !is_finite(gradient)) gradient = 0.0f;
      gradient = __fmul_rn(gradient, s.gradient_scale);
      const float first = __fadd_rn(__fmul_rn(s.beta1, m[i]), __fmul_rn(s.one_minus_beta1, gradient));
      const float second = __fadd_rn(__fmul_rn(s.beta2, v[i]), __fmul_rn(s.one_minus_beta2, __fmul_rn(gradient, gradient)));
      m[i] = first;
      v[i] = second;
      const float denominator = __fadd_rn(__fdiv_rn(__fsqrt_rn(second), s.root_correction2), s.epsilon);
      weight = __fsub_rn(weight, __fdiv_rn(__fmul_rn(s.step_size, first), denominator));
      w[i] = weight;
    }
    if (s.zero_gradients) g[i] = 0.0f;
    for (int a = 0; a < averages.count; a++) {
      float* e = averages.values[a];
      const float factor = averages.one_minus_beta[a];
      e[i] = factor == 1.0f ? weight : __fadd_rn(e[i], __fmul_rn(factor, __fsub_rn(weight, e[i])));
    }
  }
}

__global__ void add(float* destination, const float* left, const float* right, int64_t n) {
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < n; i += int64_t(gridDim.x) * blockDim.x) destination[i] = __fadd_rn(left[i], right[i]);
}

__global__ void summarize(const float* x, float factor, int64_t n, double* sums, int64_t* counts) {
  __shared__ double sum[kThreads];
  __shared__ int64_t bad[kThreads];
  double own = 0;
  int64_t own_bad = 0;
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < n; i += int64_t(gridDim.x) * blockDim.x) {
    const float value = x[i];
    if (is_finite(value)) {
      const double scaled = double(__fmul_rn(value, factor));
      own += scaled * scaled;
    } else {
      own_bad++;
    }
  }
  sum[threadIdx.x] = own;
  bad[threadIdx.x] = own_bad;
  __syncthreads();
  for (int width = kThreads / 2; width > 0; width /= 2) {
    if (int(threadIdx.x) < width) {
      sum[threadIdx.x] += sum[threadIdx.x + width];
      bad[threadIdx.x] += bad[threadIdx.x + width];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = sum[0];
    counts[blockIdx.x] = bad[0];
  }
}

// One block; sums[0] and counts[0] become the whole's.
__global__ void total(double* sums, int64_t* counts, int blocks) {
  if (threadIdx.x != 0) return;
  double sum = 0;
  int64_t bad = 0;
  for (int i = 0; i < blocks; i++) {
    sum += sums[i];
    bad += counts[i];
  }
  sums[0] = sum;
  counts[0] = bad;
}

int result() { return static_cast<int>(cudaGetLastError()); }

}  // namespace

// Every function enqueues on a stream of the calling thread's current device and returns CUDA's error, 0 for none.
DC_API int dc_adam(float* w, float* g, float* m, float* v, int64_t n, const Adam* step, float* const* averages, const float* one_minus_beta, int32_t count,
                   const int64_t* non_finite, void* stream) {
  if (count < 0 || count > kMaxAverages) return static_cast<int>(cudaErrorInvalidValue);
  Averages all{};
  all.count = count;
  for (int i = 0; i < count; i++) {
    all.values[i] = averages[i];
    all.one_minus_beta[i] = one_minus_beta[i];
  }
  DC_LAUNCH(adam, kBlocks, kThreads, static_cast<cudaStream_t>(stream), w, g, m, v, n, *step, all, non_finite);
  return result();
}

DC_API int dc_add(float* destination, const float* left, const float* right, int64_t n, void* stream) {
  DC_LAUNCH(add, kBlocks, kThreads, static_cast<cudaStream_t>(stream), destination, left, right, n);
  return result();
}

// sums and counts have dc_summary_blocks() values each, in the device's memory; the first of each is the result.
DC_API int32_t dc_summary_blocks() { return kBlocks; }
DC_API int dc_summarize(const float* x, float factor, int64_t n, double* sums, int64_t* counts, void* stream) {
  const auto on = static_cast<cudaStream_t>(stream);
  DC_LAUNCH(summarize, kBlocks, kThreads, on, x, factor, n, sums, counts);
  DC_LAUNCH(total, 1, 32, on, sums, counts, kBlocks);
  return result();
}
DC_API const char* dc_error(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }
