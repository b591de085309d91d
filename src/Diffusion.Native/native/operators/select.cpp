// Picks the kernels for this processor, once.
#include "kernels.h"

#include <cstdlib>
#include <cstring>

namespace diffusion {
namespace {

const Kernels& pick() {
#if defined(DIFFUSION_X86)
  // For tests and comparisons: a lesser set than the processor's.
  const char* asked = std::getenv("DIFFUSION_OPERATORS_SET");
  const bool any = asked == nullptr || *asked == 0;
  if ((any || std::strcmp(asked, "avx512") == 0) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return kernels_avx512;
  if ((any || std::strcmp(asked, "avx2") == 0) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kernels_avx2;
#endif
  return kernels_base;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& best = pick();
  return best;
}

}  // namespace diffusion

extern "C" __attribute__((visibility("default"))) const char* diffusion_operators_set() { return diffusion::kernels().name; }
