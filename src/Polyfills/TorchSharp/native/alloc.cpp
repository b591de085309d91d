// A caching CPU allocator: freed blocks keep their pages, so that a training step that repeats itself makes no page faults,
// and the bytes that tensors hold are known exactly.
#include "bridge.h"
#include "compat.h"
#include "guard.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace {

constexpr size_t kHeaderBytes = 64;           // keeps the alignment that vector kernels like
constexpr size_t kSmallBytes = 32 << 10;      // below: malloc, which caches these well itself
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kChunkBytes = 64 << 20;
constexpr size_t kOwnMapping = 8 << 20;       // above: a mapping of its own

struct Header {
  uint32_t size_class;  // 0: malloc
  size_t bytes;
};

// Eight classes to each power of two: at most 12.5 % is wasted.
int class_of(size_t n) {
  const int exponent = 63 - __builtin_clzll(n);
  const size_t step = size_t(1) << (exponent - 3);
  return exponent * 8 + static_cast<int>((n - (size_t(1) << exponent) + step - 1) / step);
}
size_t bytes_of(int size_class) {
  const int exponent = size_class / 8;
  return (size_t(1) << exponent) + (size_t(1) << (exponent - 3)) * (size_class % 8);
}

class CachingAllocator final : public c10::Allocator {
 public:
  std::atomic<int64_t> live{0}, peak{0}, reserved{0};

  // Never destroyed: tensors of static storage may outlive every destructor.
  static CachingAllocator& instance() {
    static auto* allocator = new CachingAllocator;
    return *allocator;
  }

  c10::DataPtr allocate(size_t n) DT_ALLOCATE_CONST override { return const_cast<CachingAllocator*>(this)->take(n); }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
#if DT_ALLOCATOR_COPIES
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }
#endif

 private:
  struct Bin {
    std::mutex mutex;
    std::vector<char*> blocks;
  };
  std::array<Bin, 64 * 8> bins_;
  std::mutex chunk_mutex_;
  char* chunk_ = nullptr;
  size_t chunk_left_ = 0;

  char* map(size_t n) {
    void* memory = mmap(nullptr, n + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TORCH_CHECK(memory != MAP_FAILED, "not enough CPU memory: tried to map ", n, " bytes while tensors hold ", live.load());
    auto* aligned = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(memory) + kHugePage - 1) / kHugePage * kHugePage);
    madvise(aligned, n, MADV_HUGEPAGE);
    reserved += static_cast<int64_t>(n);
    return aligned;
  }

  char* fresh(size_t bytes) {
    std::lock_guard<std::mutex> lock(chunk_mutex_);
    if (bytes > kOwnMapping) return map((bytes + kHugePage - 1) / kHugePage * kHugePage);
    if (chunk_left_ < bytes) {
      chunk_ = map(kChunkBytes);
      chunk_left_ = kChunkBytes;
    }
    char* block = chunk_;
    chunk_ += bytes;
    chunk_left_ -= bytes;
    return block;
  }

  char* cached(int size_class) {
    auto& bin = bins_[size_class];
    std::lock_guard<std::mutex> lock(bin.mutex);
    if (bin.blocks.empty()) return nullptr;
    char* block = bin.blocks.back();
    bin.blocks.pop_back();
    return block;
  }

  c10::DataPtr take(size_t n) {
    if (n == 0) return {nullptr, nullptr, &give_back, c10::Device(c10::kCPU)};
    char* block;
    Header header{0, n};
    if (n < kSmallBytes) {
      block = static_cast<char*>(std::aligned_alloc(64, (n + kHeaderBytes + 63) / 64 * 64));
      TORCH_CHECK(block, "not enough CPU memory: tried to allocate ", n, " bytes while tensors hold ", live.load());
    } else {
      const int size_class = class_of(n + kHeaderBytes);
      header.size_class = static_cast<uint32_t>(size_class);
      block = cached(size_class);
      if (!block) block = fresh((bytes_of(size_class) + 63) / 64 * 64);
    }
    *reinterpret_cast<Header*>(block) = header;
    const int64_t now = live += static_cast<int64_t>(n);
    int64_t before = peak.load();
    while (now > before && !peak.compare_exchange_weak(before, now)) {
    }
    void* data = block + kHeaderBytes;
    return {data, data, &give_back, c10::Device(c10::kCPU)};
  }

  static void give_back(void* data) {
    if (!data) return;
    auto& self = instance();
    char* block = static_cast<char*>(data) - kHeaderBytes;
    const Header header = *reinterpret_cast<Header*>(block);
    self.live -= static_cast<int64_t>(header.bytes);
    if (header.size_class == 0) {
      std::free(block);
      return;
    }
    auto& bin = self.bins_[header.size_class];
    std::lock_guard<std::mutex> lock(bin.mutex);
    bin.blocks.push_back(block);
  }
};

}  // namespace

DT_API int32_t dt_use_caching_allocator() {
  return dt::guard(-1, [] {
    c10::SetCPUAllocator(&CachingAllocator::instance(), 255);
    return 0;
  });
}

DT_API int64_t dt_live_bytes() { return CachingAllocator::instance().live; }

DT_API void dt_memory(int64_t* live, int64_t* peak, int64_t* reserved) {
  auto& allocator = CachingAllocator::instance();
  *live = allocator.live;
  *peak = allocator.peak;
  *reserved = allocator.reserved;
}

DT_API void dt_reset_peak() {
  auto& allocator = CachingAllocator::instance();
  allocator.peak = allocator.live.load();
}
