// Included by kernels.cpp: GCC's portable vectors, as wide as this set's registers.
#pragma once

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t Integers __attribute__((vector_size(kLanes * sizeof(int32_t))));

// The first `count` numbers; the rest is zero and stays where it is.
inline Vector load(const float* p, int count = kLanes) {
  Vector v{};
  std::memcpy(&v, p, count == kLanes ? sizeof v : count * sizeof(float));
  return v;
}

inline void store(float* p, Vector v, int count = kLanes) { std::memcpy(p, &v, count == kLanes ? sizeof v : count * sizeof(float)); }
