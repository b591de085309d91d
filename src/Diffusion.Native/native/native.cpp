// C functions over raw float32 buffers. Buffers are cut into fixed blocks; threads share out whole blocks, and what is summed is summed
// block by block in order, so the number of threads never shows in a result.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels.h"

#define DN_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int64_t kBlock = 4096;            // floats; the working set of a block stays in the first-level caches
constexpr int64_t kSumBlock = 1024;         // floats per block of an ordered sum, which keeps a stack of partial sums
constexpr int kMaxStack = 24;               // deep enough for 2^12 shards on any plan
constexpr int64_t kDigestBlock = 1 << 20;   // bytes
constexpr int64_t kParallelFrom = 1 << 16;  // floats; below this a team of threads costs more than it saves

const dn::Kernels* const kAll[] = {
    &dn::kernels_base,
#if defined(DN_X86)
    &dn::kernels_avx2,
    &dn::kernels_avx512,
#endif
};

bool supported(const dn::Kernels* k) {
#if defined(DN_X86)
  if (k == &dn::kernels_avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
  if (k == &dn::kernels_avx2) return __builtin_cpu_supports("avx2");
#endif
  return k == &dn::kernels_base;
}

const dn::Kernels* pick() {
  const dn::Kernels* best = kAll[0];
  for (const auto* k : kAll)
    if (supported(k)) best = k;
  return best;
}

const dn::Kernels* g_kernels = pick();

int team(int64_t n, int32_t threads) { return n < kParallelFrom ? 1 : std::max(1, int(threads)); }
int64_t blocks(int64_t n, int64_t block) { return (n + block - 1) / block; }

// ---- 64-bit digest: XXH64 (Yann Collet's published algorithm) of each block of 1 MiB, seeded with its number, then XXH64 of those
// values, seeded with the length in bytes.
constexpr uint64_t P1 = 11400714785074694791ull, P2 = 14029467366897019727ull, P3 = 1609587929392839161ull, P4 = 9650029242287828579ull,
                   P5 = 2870177450012600261ull;
inline uint64_t rotate(uint64_t x, int r) { return (x << r) | (x >> (64 - r)); }
inline uint64_t load64(const uint8_t* p) { uint64_t x; std::memcpy(&x, p, 8); return x; }
inline uint32_t load32(const uint8_t* p) { uint32_t x; std::memcpy(&x, p, 4); return x; }
inline uint64_t round64(uint64_t acc, uint64_t x) { return rotate(acc + x * P2, 31) * P1; }
inline uint64_t merge64(uint64_t h, uint64_t acc) { return (h ^ round64(0, acc)) * P1 + P4; }

uint64_t xxh64(const uint8_t* p, int64_t bytes, uint64_t seed) {
  const uint8_t* const end = p + bytes;
  uint64_t h;
  if (bytes >= 32) {
    uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
    for (; p + 32 <= end; p += 32) {
      a = round64(a, load64(p));
      b = round64(b, load64(p + 8));
      c = round64(c, load64(p + 16));
      d = round64(d, load64(p + 24));
    }
    h = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    h = merge64(merge64(merge64(merge64(h, a), b), c), d);
  } else {
    h = seed + P5;
  }
  h += uint64_t(bytes);
  for (; p + 8 <= end; p += 8) h = rotate(h ^ round64(0, load64(p)), 27) * P1 + P4;
  if (p + 4 <= end) {
    h = rotate(h ^ (uint64_t(load32(p)) * P1), 23) * P2 + P3;
    p += 4;
  }
  for (; p < end; p++) h = rotate(h ^ (*p * P5), 11) * P1;
  h = (h ^ (h >> 33)) * P2;
  h = (h ^ (h >> 29)) * P3;
  return h ^ (h >> 32);
}

dn::Summary total(const std::vector<dn::Summary>& parts) {
  dn::Summary sum{0, 0};
  for (const auto& part : parts) {
    sum.sum_of_squares += part.sum_of_squares;
    sum.non_finite += part.non_finite;
  }
  return sum;
}

}  // namespace

DN_EXPORT int32_t dn_abi() { return 1; }
DN_EXPORT const char* dn_instruction_set() { return g_kernels->name; }

// For tests: run on another instruction set. 0 when there is one of that name here, -1 otherwise.
DN_EXPORT int32_t dn_select(const char* name) {
  for (const auto* k : kAll)
    if (!std::strcmp(k->name, name) && supported(k)) {
      g_kernels = k;
      return 0;
    }
  return -1;
}

DN_EXPORT void dn_add(float* destination, const float* left, const float* right, int64_t n, int32_t threads) {
  const auto* k = g_kernels;
#pragma omp parallel for schedule(static) num_threads(team(n, threads))
  for (int64_t b = 0; b < blocks(n, kBlock); b++) {
    const int64_t from = b * kBlock;
    k->add(destination + from, left + from, right + from, std::min(kBlock, n - from));
  }
}

DN_EXPORT void dn_scale(float* x, float factor, int64_t n, int32_t threads) {
  const auto* k = g_kernels;
#pragma omp parallel for schedule(static) num_threads(team(n, threads))
  for (int64_t b = 0; b < blocks(n, kBlock); b++) k->scale(x + b * kBlock, factor, std::min(kBlock, n - b * kBlock));
}

DN_EXPORT void dn_summarize(const float* x, int64_t n, int32_t threads, dn::Summary* result) {
  const auto* k = g_kernels;
  std::vector<dn::Summary> parts(blocks(n, kBlock));
#pragma omp parallel for schedule(static) num_threads(team(n, threads))
  for (int64_t b = 0; b < int64_t(parts.size()); b++) parts[b] = k->summarize(x + b * kBlock, 1.0f, std::min(kBlock, n - b * kBlock));
  *result = total(parts);
}

// averages[i] <- averages[i] + one_minus_beta[i] * (w - averages[i]); one_minus_beta 1 copies.
DN_EXPORT void dn_adam(float* w, float* g, float* m, float* v, int64_t n, float* const* averages, const float* one_minus_beta,
                       int32_t average_count, const dn::Adam* step, int32_t threads, dn::Summary* result) {
  const auto* k = g_kernels;
  std::vector<dn::Summary> parts(blocks(n, kBlock));
#pragma omp parallel for schedule(static) num_threads(team(n, threads))
  for (int64_t b = 0; b < int64_t(parts.size()); b++) {
    const int64_t from = b * kBlock, count = std::min(kBlock, n - from);
    parts[b] = k->summarize(g + from, step->gradient_scale, count);
    k->adam(w + from, g + from, m + from, v + from, count, *step);
    for (int32_t a = 0; a < average_count; a++) {
      if (one_minus_beta[a] == 1.0f)
        std::memcpy(averages[a] + from, w + from, size_t(count) * sizeof(float));
      else
        k->average(averages[a] + from, w + from, one_minus_beta[a], count);
    }
  }
  *result = total(parts);
}

// Pushes the sources on a stack one after the other; after source i its two topmost entries are added merges[i] times. The destination
// may be one of the sources. -1 when the merges do not leave exactly one entry or the stack grows too deep.
DN_EXPORT int32_t dn_sum_in_order(float* destination, const float* const* sources, const int32_t* merges, int32_t count, int64_t n,
                                  int32_t threads) {
  int depth = 0, deepest = 0;
  for (int32_t i = 0; i < count; i++) {
    deepest = std::max(deepest, ++depth);
    if (merges[i] < 0 || merges[i] >= depth) return -1;
    depth -= merges[i];
  }
  if (depth != 1 || deepest > kMaxStack) return -1;
  const auto* k = g_kernels;
#pragma omp parallel for schedule(static) num_threads(team(n, threads))
  for (int64_t b = 0; b < blocks(n, kSumBlock); b++) {
    alignas(64) float partial[kMaxStack][kSumBlock];
    const float* stack[kMaxStack];
    const int64_t from = b * kSumBlock, length = std::min(kSumBlock, n - from);
    int top = 0;
    for (int32_t i = 0; i < count; i++) {
      stack[top++] = sources[i] + from;
      for (int32_t j = 0; j < merges[i]; j++) {
        top--;
        float* sum = (i == count - 1 && j == merges[i] - 1) ? destination + from : partial[top - 1];
        k->add(sum, stack[top - 1], stack[top], length);
        stack[top - 1] = sum;
      }
    }
    if (stack[0] != destination + from) std::memcpy(destination + from, stack[0], size_t(length) * sizeof(float));
  }
  return 0;
}

DN_EXPORT uint64_t dn_digest(const uint8_t* bytes, int64_t length, int32_t threads) {
  std::vector<uint64_t> parts(blocks(length, kDigestBlock));
#pragma omp parallel for schedule(static) num_threads(team(length / 4, threads))
  for (int64_t b = 0; b < int64_t(parts.size()); b++)
    parts[b] = xxh64(bytes + b * kDigestBlock, std::min(kDigestBlock, length - b * kDigestBlock), uint64_t(b));
  return xxh64(reinterpret_cast<const uint8_t*>(parts.data()), int64_t(parts.size() * 8), uint64_t(length));
}

DN_EXPORT uint64_t dn_xxh64(const uint8_t* bytes, int64_t length, uint64_t seed) { return xxh64(bytes, length, seed); }
