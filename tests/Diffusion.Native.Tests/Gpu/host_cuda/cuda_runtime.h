// Stands in for CUDA's header where there is no CUDA: kernels run as plain loops of one block with one thread, so their arithmetic can be compared.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __shared__ static

typedef int cudaError_t;
typedef struct CUstream_st* cudaStream_t;
enum { cudaErrorInvalidValue = 1 };

struct Extent {
  unsigned x;
};
static Extent blockIdx{0}, threadIdx{0}, blockDim{1}, gridDim{1};

#define DC_LAUNCH(kernel, blocks, threads, stream, ...) \
  do {                                                  \
    (void)(stream);                                     \
    kernel(__VA_ARGS__);                                \
  } while (0)

inline void __syncthreads() {}
inline uint32_t __float_as_uint(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline cudaError_t cudaGetLastError() { return 0; }
inline const char* cudaGetErrorString(cudaError_t error) { return error == cudaErrorInvalidValue ? "invalid value" : "no error"; }
