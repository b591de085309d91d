// Raw messages between ranks over gloo's TCP transport, every wait bounded and abortable. Includes gloo alone, no torch header, so that one
// build serves beside any libtorch. The mesh is connected here and not by gloo::rendezvous: the addresses travel as bytes through the caller's
// own store, and a connection attempt can be aborted too.
#include <gloo/config.h>
#include <gloo/context.h>
#include <gloo/transport/context.h>
#include <gloo/transport/device.h>
#include <gloo/transport/pair.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/transport/unbound_buffer.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define DG_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;
using gloo::transport::UnboundBuffer;

enum Outcome : int32_t { kDone = 0, kAborted = 1, kTimedOut = 2, kPeerLost = 3, kFailed = 4 };
constexpr uint64_t kProbeSlot = ~0ull;

struct Transfer {
  int32_t peer;
  int32_t unused;
  uint64_t tag;
  uint8_t* address;
  int64_t bytes;
};

struct Failure {
  int32_t peer;  // -1: not known
  int32_t sending;
  uint64_t tag;
  int64_t bytes;
  char message[512];
};

// gloo ends the process when a message is longer than the receive it meets. The length is part of the slot, so that such two never meet:
// ranks that disagree time out instead.
uint64_t slot_of(const Transfer& t) {
  uint64_t x = t.tag + uint64_t(t.bytes) * 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

void say(char* text, size_t size, const char* what) { std::snprintf(text, size, "%s", what); }

class Mesh final : public gloo::Context {
 public:
  Mesh(int rank, int size) : gloo::Context(rank, size) {}

  void open(const gloo::transport::tcp::attr& where, Milliseconds timeout) {
    device_ = gloo::transport::tcp::CreateDevice(where);
    setTimeout(timeout);
    transportContext_ = device_->createContext(rank, size);
    transportContext_->setTimeout(timeout);
    for (int peer = 0; peer < size; peer++)
      if (peer != rank) transportContext_->createPair(peer);
  }

  std::atomic<bool> aborted{false};

  // Ends every wait. Connections are closed too, so that peers learn of it at once.
  void abort() {
    aborted = true;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (auto* buffer : waiting_) {
        buffer->abortWaitRecv();
        buffer->abortWaitSend();
      }
    }
    try {
      closeConnections();
    } catch (const std::exception&) {
      // A pair that cannot be closed is one that never opened.
    }
  }

  void watch(UnboundBuffer* buffer) {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.insert(buffer);
    if (aborted) {
      buffer->abortWaitRecv();
      buffer->abortWaitSend();
    }
  }

  void forget(UnboundBuffer* buffer) {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.erase(buffer);
  }

  // Whether the connection to a peer has failed: gloo refuses new operations on it at once.
  bool is_broken(int peer) {
    uint8_t nothing;
    auto probe = createUnboundBuffer(&nothing, 1);
    try {
      probe->recv(peer, kProbeSlot, 0, 0);
      return false;
    } catch (const std::exception&) {
      return true;
    }
  }

 private:
  std::mutex mutex_;
  std::set<UnboundBuffer*> waiting_;
};

// One gloo buffer that spans all messages of a direction: a failure of any of their peers then wakes the wait, whichever comes first.
class Direction {
 public:
  Direction(Mesh& mesh, const Transfer* transfers, int count) : mesh_(mesh), transfers_(transfers), count_(count) {
    if (count == 0) return;
    uint8_t *low = transfers[0].address, *high = low;
    for (int i = 0; i < count; i++) {
      low = std::min(low, transfers[i].address);
      high = std::max(high, transfers[i].address + transfers[i].bytes);
    }
    base_ = low;
    buffer_ = mesh.createUnboundBuffer(low, size_t(high - low));
    mesh.watch(buffer_.get());
  }
  ~Direction() {
    if (buffer_) mesh_.forget(buffer_.get());
  }
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;

  void post(bool sending) {
    for (current_ = 0; current_ < count_; current_++) {
      const Transfer& t = transfers_[current_];
      if (sending)
        buffer_->send(t.peer, slot_of(t), size_t(t.address - base_), size_t(t.bytes));
      else
        buffer_->recv(t.peer, slot_of(t), size_t(t.address - base_), size_t(t.bytes));
    }
    current_ = -1;
  }

  // False when aborted; throws when a peer failed or time ran out.
  bool wait(bool sending, Clock::time_point end) {
    for (int done = 0; done < count_; done++) {
      const auto left = std::chrono::duration_cast<Milliseconds>(end - Clock::now()) + Milliseconds(1);
      int peer = -1;
      const auto bounded = std::max(Milliseconds(1), left);
      if (!(sending ? buffer_->waitSend(&peer, bounded) : buffer_->waitRecv(&peer, bounded))) return false;
      completed_.push_back(peer);
    }
    finished_ = true;
    return true;
  }

  // The message to blame: one with a broken connection, else one from a peer that was not heard of.
  const Transfer* culprit(bool timed_out) const {
    if (current_ >= 0 && current_ < count_) return &transfers_[current_];
    if (finished_ || count_ == 0) return nullptr;
    for (int i = 0; i < count_; i++) {
      const int peer = transfers_[i].peer;
      const bool heard = std::find(completed_.begin(), completed_.end(), peer) != completed_.end();
      if (timed_out ? !heard : mesh_.is_broken(peer)) return &transfers_[i];
    }
    return nullptr;
  }

 private:
  Mesh& mesh_;
  const Transfer* transfers_;
  int count_;
  int current_ = -1;
  bool finished_ = false;
  uint8_t* base_ = nullptr;
  std::unique_ptr<UnboundBuffer> buffer_;
  std::vector<int> completed_;
};

int32_t blame(Failure* failure, const Direction& receives, const Direction& sends, bool timed_out, const char* what) {
  const Transfer* t = receives.culprit(timed_out);
  failure->sending = t == nullptr;
  if (!t) t = sends.culprit(timed_out);
  failure->peer = t ? t->peer : -1;
  failure->tag = t ? t->tag : 0;
  failure->bytes = t ? t->bytes : 0;
  say(failure->message, sizeof failure->message, what);
  return timed_out ? kTimedOut : kPeerLost;
}

}  // namespace

DG_EXPORT int32_t dg_abi() { return 1; }
DG_EXPORT int32_t dg_gloo_version() { return GLOO_VERSION; }

// Listens on an address of the host or of the interface. Null and a message when that fails.
DG_EXPORT Mesh* dg_open(int32_t rank, int32_t size, const char* host, const char* interface_name, int64_t timeout_ms, char* message, int64_t capacity) {
  try {
    gloo::transport::tcp::attr where;
    if (host) where.hostname = host;
    if (interface_name) where.iface = interface_name;
    auto mesh = std::make_unique<Mesh>(rank, size);
    mesh->open(where, Milliseconds(timeout_ms));
    return mesh.release();
  } catch (const std::exception& e) {
    say(message, size_t(capacity), e.what());
    return nullptr;
  }
}

// Copies the address that one peer must connect to; returns its length, or -1 when it does not fit.
DG_EXPORT int64_t dg_address(Mesh* mesh, int32_t peer, uint8_t* bytes, int64_t capacity) {
  try {
    const auto address = mesh->getPair(peer)->address().bytes();
    if (int64_t(address.size()) > capacity) return -1;
    std::memcpy(bytes, address.data(), address.size());
    return int64_t(address.size());
  } catch (const std::exception&) {
    return -1;
  }
}

// Connects to one peer by the address it published for this rank.
DG_EXPORT int32_t dg_connect(Mesh* mesh, int32_t peer, const uint8_t* address, int64_t length, char* message, int64_t capacity) {
  try {
    if (mesh->aborted) return kAborted;
    const auto* first = reinterpret_cast<const char*>(address);
    mesh->getPair(peer)->connect(std::vector<char>(first, first + length));
    return mesh->aborted ? kAborted : kDone;
  } catch (const std::exception& e) {
    say(message, size_t(capacity), e.what());
    return mesh->aborted ? kAborted : kFailed;
  }
}

DG_EXPORT int32_t dg_exchange(Mesh* mesh, const Transfer* sends, int32_t send_count, const Transfer* receives, int32_t receive_count,
                              int64_t timeout_ms, Failure* failure) {
  const auto end = Clock::now() + Milliseconds(timeout_ms);
  failure->peer = -1;
  failure->message[0] = 0;
  int32_t outcome = kFailed;
  try {
    Direction in(*mesh, receives, receive_count), out(*mesh, sends, send_count);
    try {
      if (mesh->aborted) return kAborted;
      in.post(false);
      out.post(true);
      if (in.wait(false, end) && out.wait(true, end)) return kDone;
      outcome = kAborted;
    } catch (const std::exception& e) {
      const bool timed_out = Clock::now() >= end;
      outcome = mesh->aborted ? int32_t(kAborted) : blame(failure, in, out, timed_out, e.what());
    }
    mesh->abort();  // while the buffers exist: nothing may be written once this has returned
  } catch (const std::exception& e) {
    say(failure->message, sizeof failure->message, e.what());
  }
  return outcome;
}

DG_EXPORT void dg_abort(Mesh* mesh) { mesh->abort(); }
DG_EXPORT void dg_free(Mesh* mesh) { delete mesh; }
