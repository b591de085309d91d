// A recording stand-in for NCCL, for machines without a GPU: the same symbols over the CPU's memory.
// Streams are threads, numbers really travel (Unix sockets between ranks, in threads or processes), calls are written down, and faults can be asked for.
// Stricter than the real one: wrong use is counted, not undefined.
//
//   NCCL_STANDIN_FAULT or standin_fault():  KIND:SYMBOL:N[:CODE][:rRANK], several with commas
//     fail   the N-th call of SYMBOL answers CODE          hang   it does not return before its communicator is aborted
//     async  after it, the communicator's state is CODE    stall  (SYMBOL "transfer") the N-th group never completes
//     fail   (SYMBOL "stream") the N-th look at a stream answers CODE
//   NCCL_STANDIN_VERSION: what ncclGetVersion says.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

enum { kSuccess = 0, kSystem = 2, kInternal = 3, kArgument = 4, kUsage = 5, kRemote = 6, kInProgress = 7 };
enum { kFloat = 7, kByte = 1 };
using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::seconds(60);  // A stand-in outlives no test.

std::mutex book_mutex;
std::string book;
int violations = 0;
std::string violation_text;

void note(const std::string& line) {
  std::lock_guard<std::mutex> lock(book_mutex);
  book += line + "\n";
}

void violation(const std::string& what) {
  std::lock_guard<std::mutex> lock(book_mutex);
  violations++;
  violation_text += what + "\n";
}

struct Fault {
  std::string kind, symbol;
  int call = 0, code = kInternal, rank = -1, seen = 0;
};

std::mutex fault_mutex;
std::vector<Fault> faults;

void add_faults(const char* text) {
  std::lock_guard<std::mutex> lock(fault_mutex);
  std::istringstream all(text);
  for (std::string one; std::getline(all, one, ',');) {
    Fault fault;
    std::istringstream parts(one);
    std::string part;
    for (int i = 0; std::getline(parts, part, ':'); i++) {
      if (i == 0) fault.kind = part;
      else if (i == 1) fault.symbol = part;
      else if (i == 2) fault.call = std::atoi(part.c_str());
      else if (part[0] == 'r') fault.rank = std::atoi(part.c_str() + 1);
      else fault.code = std::atoi(part.c_str());
    }
    faults.push_back(fault);
  }
}

// The fault that this call of a symbol meets, if any.
bool due(const char* symbol, int rank, Fault& met) {
  static std::once_flag once;
  std::call_once(once, [] {
    if (const char* text = std::getenv("NCCL_STANDIN_FAULT")) add_faults(text);
  });
  std::lock_guard<std::mutex> lock(fault_mutex);
  bool found = false;
  for (auto& fault : faults) {
    if (fault.symbol == symbol && (fault.rank < 0 || fault.rank == rank) && ++fault.seen == fault.call) {
      met = fault;
      found = true;
    }
  }
  return found;
}

// A stream is a thread and a row of work.
struct Stream {
  Stream() : thread([this] { run(); }) {}
  ~Stream() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      ending = true;
    }
    changed.notify_all();
    thread.join();
  }
  void push(std::function<void()> work) {
    std::lock_guard<std::mutex> lock(mutex);
    queue.push_back(std::move(work));
    changed.notify_all();
  }
  bool idle() {
    std::lock_guard<std::mutex> lock(mutex);
    return queue.empty() && !busy;
  }
  void run() {
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return ending || !queue.empty(); });
      if (queue.empty()) return;
      auto work = std::move(queue.front());
      queue.pop_front();
      busy = true;
      lock.unlock();
      work();
      lock.lock();
      busy = false;
    }
  }
  int device = 0;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
  bool busy = false, ending = false;
  std::thread thread;
};

thread_local int current_device = 0;

struct Comm {
  int rank = 0, size = 0, device = 0, listener = -1;
  std::string name;
  std::vector<int> peers;
  std::atomic<bool> aborted{false}, ended{false}, ready{false};
  std::atomic<int> state{kSuccess}, delay{0}, inside{0};
  std::atomic<int> pending{0};  // groups on streams
  std::thread starter;
};

std::mutex registry_mutex;
std::set<Comm*> registry;  // Never freed, so that a use after the end is found.

Comm* known(void* comm, const char* symbol) {
  auto* c = static_cast<Comm*>(comm);
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (!registry.count(c)) {
    violation(std::string(symbol) + " of no communicator");
    return nullptr;
  }
  if (c->ended) {
    violation(std::string(symbol) + " after the end of rank " + std::to_string(c->rank));
    return nullptr;
  }
  return c;
}

void wait_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

// Writes a call down, meets its fault, and finds two threads inside one communicator.
struct Call {
  Call(const char* symbol, Comm* comm, bool may_overlap = false) : comm(comm) {
    int rank = comm ? comm->rank : -1;
    note(std::string(symbol) + (comm ? " r" + std::to_string(rank) : ""));
    if (comm && comm->inside++ > 0 && !may_overlap) violation(std::string(symbol) + " while another thread is inside rank " + std::to_string(rank));
    Fault fault;
    if (!due(symbol, comm ? rank : current_device, fault)) return;
    if (fault.kind == "fail") {
      failed = true;
      code = fault.code;
    } else if (fault.kind == "async" && comm) {
      comm->state = fault.code;
    } else if (fault.kind == "hang") {
      auto end = Clock::now() + kPatience;
      while (Clock::now() < end && !(comm && comm->aborted && std::strcmp(symbol, "ncclCommAbort") != 0)) wait_a_little();
      failed = true;
      code = kInternal;
    }
  }
  ~Call() {
    if (comm) comm->inside--;
  }
  Comm* comm;
  bool failed = false;
  int code = kSuccess;
};

// ---- connections

sockaddr_un address_of(const std::string& name, int rank, socklen_t& length) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = "diffusion-nccl-" + name + "-" + std::to_string(rank);  // abstract: no file is left behind
  std::memcpy(address.sun_path + 1, path.data(), path.size());
  length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
  return address;
}

int connect_mesh(Comm* c) {
  auto end = Clock::now() + kPatience;
  auto over = [&] { return c->aborted || Clock::now() > end; };
  socklen_t length;
  for (int peer = 0; peer < c->rank; peer++) {
    auto address = address_of(c->name, peer, length);
    int fd = -1;
    for (;; wait_a_little()) {
      if (over()) return kInternal;
      fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0) break;
      close(fd);
    }
    int own = c->rank;
    if (write(fd, &own, sizeof own) != sizeof own) return kSystem;
    c->peers[peer] = fd;
  }
  for (int missing = c->size - 1 - c->rank; missing > 0;) {
    if (over()) return kInternal;
    pollfd waiting{c->listener, POLLIN, 0};
    if (poll(&waiting, 1, 2) <= 0) continue;
    int fd = accept4(c->listener, nullptr, nullptr, SOCK_CLOEXEC), peer = -1;
    if (fd < 0 || read(fd, &peer, sizeof peer) != sizeof peer || peer <= c->rank || peer >= c->size) return kSystem;
    c->peers[peer] = fd;
    missing--;
  }
  for (int fd : c->peers)
    if (fd >= 0) fcntl(fd, F_SETFL, O_NONBLOCK);
  return kSuccess;
}

void close_all(Comm* c) {
  for (int& fd : c->peers) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  if (c->listener >= 0) close(c->listener);
  c->listener = -1;
}

// ---- transfers

enum Kind : int64_t { kPair = 1, kReduce = 2, kGather = 3 };

struct Operation {
  Kind kind;
  bool send;
  const char* from;
  char* to;
  size_t bytes;
  int peer;
  Comm* comm;
  Stream* stream;
};

struct Piece {  // one message with one peer: a header of kind and bytes, then the bytes
  int64_t header[2], seen[2] = {0, 0};
  char* data;
  size_t done = 0;
  bool send;
};

// Moves every row of messages with every peer at once. 0, or an error code.
int move(Comm* c, std::vector<std::deque<Piece>>& out, std::vector<std::deque<Piece>>& in) {
  constexpr size_t kHeader = sizeof(Piece::header);
  auto end = Clock::now() + kPatience;
  auto step = [&](int fd, std::deque<Piece>& row, bool send) -> int {
    while (!row.empty()) {
      Piece& piece = row.front();
      size_t total = kHeader + piece.header[1];
      bool head = piece.done < kHeader;
      char* at = head ? reinterpret_cast<char*>(send ? piece.header : piece.seen) + piece.done : piece.data + (piece.done - kHeader);
      size_t left = head ? kHeader - piece.done : total - piece.done;
      ssize_t moved = left == 0 ? 0 : send ? ::send(fd, at, left, MSG_NOSIGNAL) : recv(fd, at, left, 0);
      if (moved < 0) return errno == EAGAIN || errno == EINTR ? kSuccess : kRemote;
      if (moved == 0 && left > 0 && !send) return kRemote;
      piece.done += moved;
      if (!send && head && piece.done == kHeader && std::memcmp(piece.header, piece.seen, kHeader) != 0) {
        violation("rank " + std::to_string(c->rank) + " expects kind " + std::to_string(piece.header[0]) + " of " + std::to_string(piece.header[1]) + " bytes and gets kind " +
                  std::to_string(piece.seen[0]) + " of " + std::to_string(piece.seen[1]));
        return kInternal;
      }
      if (piece.done == total) row.pop_front();
    }
    return kSuccess;
  };
  for (;;) {
    if (c->aborted || Clock::now() > end) return kInternal;
    std::vector<pollfd> waiting;
    for (int peer = 0; peer < c->size; peer++) {
      if (peer == c->rank || (out[peer].empty() && in[peer].empty())) continue;
      int fd = c->peers[peer];
      if (int error = step(fd, out[peer], true)) return error;
      if (int error = step(fd, in[peer], false)) return error;
      short events = (out[peer].empty() ? 0 : POLLOUT) | (in[peer].empty() ? 0 : POLLIN);
      if (events) waiting.push_back({fd, events, 0});
    }
    if (waiting.empty()) return kSuccess;
    poll(waiting.data(), waiting.size(), 2);
  }
}

Piece piece(Kind kind, bool send, const char* data, size_t bytes) {
  Piece p;
  p.header[0] = kind;
  p.header[1] = static_cast<int64_t>(bytes);
  p.data = const_cast<char*>(data);
  p.send = send;
  return p;
}

// Everything one communicator does in one group.
int perform(Comm* c, const std::vector<Operation>& operations) {
  std::vector<std::deque<Piece>> out(c->size), in(c->size);
  std::vector<std::unique_ptr<float[]>> received;  // of all-reduces: size rows each
  for (auto& o : operations) {
    if (o.kind == kPair) {
      (o.send ? out : in)[o.peer].push_back(piece(kPair, o.send, o.send ? o.from : o.to, o.bytes));
      continue;
    }
    char* rows = o.to;
    if (o.kind == kReduce) {
      received.emplace_back(new float[c->size * o.bytes / sizeof(float)]);
      rows = reinterpret_cast<char*>(received.back().get());
    }
    if (rows + c->rank * o.bytes != o.from) std::memcpy(rows + c->rank * o.bytes, o.from, o.bytes);
    for (int peer = 0; peer < c->size; peer++) {
      if (peer == c->rank) continue;
      out[peer].push_back(piece(o.kind, true, o.from, o.bytes));
      in[peer].push_back(piece(o.kind, false, rows + peer * o.bytes, o.bytes));
    }
  }
  if (int error = move(c, out, in)) return error;
  size_t next = 0;
  for (auto& o : operations) {
    if (o.kind != kReduce) continue;
    size_t count = o.bytes / sizeof(float);
    const float* rows = received[next++].get();
    auto* to = reinterpret_cast<float*>(o.to);
    std::memcpy(to, rows, o.bytes);
    for (int rank = 1; rank < c->size; rank++)
      for (size_t i = 0; i < count; i++) to[i] += rows[rank * count + i];
  }
  return kSuccess;
}

thread_local int group_depth = 0;
thread_local int group_error = kSuccess;
thread_local std::vector<Operation> group;

int launch() {
  std::vector<Operation> all;
  all.swap(group);
  while (!all.empty()) {
    Comm* c = all.front().comm;
    Stream* stream = all.front().stream;
    std::vector<Operation> mine, rest;
    for (auto& o : all) (o.comm == c ? mine : rest).push_back(o);
    all.swap(rest);
    for (auto& o : mine)
      if (o.stream != stream) violation("one group of rank " + std::to_string(c->rank) + " on two streams");
    c->delay = 2;
    c->pending++;
    stream->push([c, mine] {
      Fault fault;
      int error = kSuccess;
      if (due("transfer", c->rank, fault) && fault.kind == "stall") {
        auto end = Clock::now() + kPatience;
        while (!c->aborted && Clock::now() < end) wait_a_little();
      } else if (!c->aborted) {
        error = perform(c, mine);
      }
      if (error && !c->aborted) {
        c->state = error;
        // Like the real one's: a kernel that lost its peer spins until the abort.
        auto end = Clock::now() + kPatience;
        while (!c->aborted && Clock::now() < end) wait_a_little();
      }
      c->pending--;
    });
  }
  return kSuccess;
}

int enqueue(const char* symbol, Operation o) {
  Comm* c = o.comm = known(o.comm, symbol);
  if (!c) return kArgument;
  Call call(symbol, c);
  int error = call.failed ? call.code : kSuccess;
  if (!error && (!c->ready || c->delay > 0)) {
    violation(std::string(symbol) + " before the last call of rank " + std::to_string(c->rank) + " was done");
    error = kArgument;
  }
  if (!error && (o.from == nullptr || o.to == nullptr || o.bytes == 0 || o.peer < 0 || o.peer >= c->size || o.stream == nullptr)) error = kArgument;
  if (error) {
    group_error = error;
    return error;
  }
  group.push_back(o);
  return group_depth > 0 ? static_cast<int>(kSuccess) : launch();
}

size_t width(int type) { return type == kFloat ? 4 : type == kByte ? 1 : 0; }

}  // namespace

#define API extern "C" __attribute__((visibility("default")))

struct Id { char bytes[128]; };
struct Config { size_t size; unsigned magic, version; int blocking, rest[3]; };

API void standin_fault(const char* text) { add_faults(text); }

API void standin_reset() {
  std::lock_guard<std::mutex> lock(book_mutex);
  std::lock_guard<std::mutex> faults_lock(fault_mutex);
  book.clear();
  violation_text.clear();
  violations = 0;
  faults.clear();
}

// The calls so far, or what was wrong with them; the number of bytes there are.
API long standin_calls(int wrong, char* text, long capacity) {
  std::lock_guard<std::mutex> lock(book_mutex);
  const std::string& from = wrong ? violation_text : book;
  if (text) std::memcpy(text, from.data(), std::min<size_t>(capacity, from.size()));
  return static_cast<long>(from.size());
}

API int ncclGetVersion(int* version) {
  const char* text = std::getenv("NCCL_STANDIN_VERSION");
  *version = text ? std::atoi(text) : 22809;
  return kSuccess;
}

API int ncclGetUniqueId(Id* id) {
  Call call("ncclGetUniqueId", nullptr);
  if (call.failed) return call.code;
  unsigned char random[16];
  int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, random, sizeof random) != sizeof random) return kSystem;
  close(fd);
  std::memset(id, 0, sizeof *id);
  for (int i = 0; i < 16; i++) std::snprintf(id->bytes + 2 * i, 3, "%02x", random[i]);
  return kSuccess;
}

API int ncclCommInitRankConfig(void** comm, int ranks, Id id, int rank, Config* config) {
  if (config->magic != 0xcafebeefu || config->size < 24 || config->blocking != 0 || ranks < 1 || rank < 0 || rank >= ranks) return kArgument;
  auto* c = new Comm;
  c->rank = rank;
  c->size = ranks;
  c->device = current_device;
  c->name = std::string(id.bytes, strnlen(id.bytes, 32));
  c->peers.assign(ranks, -1);
  c->state = kInProgress;
  Call call("ncclCommInitRankConfig", c);
  if (call.failed) return call.code;
  {
    std::lock_guard<std::mutex> lock(registry_mutex);
    registry.insert(c);
  }
  socklen_t length;
  auto address = address_of(c->name, rank, length);
  c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(c->listener, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(c->listener, ranks) != 0) return kSystem;
  c->starter = std::thread([c] {
    int error = connect_mesh(c);
    c->ready = error == kSuccess;
    int expected = kInProgress;
    c->state.compare_exchange_strong(expected, error);
  });
  *comm = c;
  return kInProgress;
}

API int ncclCommGetAsyncError(void* comm, int* result) {
  Comm* c = known(comm, "ncclCommGetAsyncError");
  if (!c) return kArgument;
  if (c->inside++ > 0) violation("ncclCommGetAsyncError while another thread is inside rank " + std::to_string(c->rank));
  int state = c->state;
  *result = state == kSuccess && c->delay > 0 && c->delay-- > 0 ? static_cast<int>(kInProgress) : state;
  c->inside--;
  return kSuccess;
}

API int ncclCommFinalize(void* comm) {
  Comm* c = known(comm, "ncclCommFinalize");
  if (!c) return kArgument;
  Call call("ncclCommFinalize", c);
  if (call.failed) return call.code;
  if (c->pending > 0) violation("ncclCommFinalize with work in progress");
  c->delay = 2;
  return kInProgress;
}

static int finish(Comm* c) {
  if (c->starter.joinable()) c->starter.join();
  auto end = Clock::now() + kPatience;
  while (c->pending > 0 && Clock::now() < end) wait_a_little();
  close_all(c);
  c->ended = true;
  return kSuccess;
}

API int ncclCommDestroy(void* comm) {
  Comm* c = known(comm, "ncclCommDestroy");
  if (!c) return kArgument;
  Call call("ncclCommDestroy", c);
  return call.failed ? call.code : finish(c);
}

API int ncclCommAbort(void* comm) {
  Comm* c = known(comm, "ncclCommAbort");
  if (!c) return kArgument;
  if (c->inside > 0) note("abort with a thread inside r" + std::to_string(c->rank));
  c->aborted = true;
  Call call("ncclCommAbort", c, true);
  return call.failed ? call.code : finish(c);
}

API const char* ncclGetErrorString(int result) {
  static const char* names[] = {"no error", "unhandled cuda error", "unhandled system error", "internal error", "invalid argument", "invalid usage", "remote process exited", "in progress"};
  return result >= 0 && result < 8 ? names[result] : "unknown";
}

API const char* ncclGetLastError(void*) { return "the stand-in's last word"; }

API int ncclGroupStart() {
  Call call("ncclGroupStart", nullptr);
  if (call.failed) return call.code;
  group_depth++;
  return kSuccess;
}

API int ncclGroupEnd() {
  if (group_depth == 0) {
    violation("ncclGroupEnd without ncclGroupStart");
    return kUsage;
  }
  Comm* c = group.empty() ? nullptr : group.front().comm;
  Call call("ncclGroupEnd", c);
  int error = call.failed ? call.code : group_error;
  if (--group_depth > 0) return error;
  group_error = kSuccess;
  if (error) {
    group.clear();
    return error;
  }
  if (!c) return kSuccess;
  launch();
  return kInProgress;
}

API int ncclSend(const void* from, size_t count, int type, int peer, void* comm, void* stream) {
  return enqueue("ncclSend", {kPair, true, static_cast<const char*>(from), static_cast<char*>(const_cast<void*>(from)), count * width(type), peer, static_cast<Comm*>(comm), static_cast<Stream*>(stream)});
}

API int ncclRecv(void* to, size_t count, int type, int peer, void* comm, void* stream) {
  return enqueue("ncclRecv", {kPair, false, static_cast<const char*>(to), static_cast<char*>(to), count * width(type), peer, static_cast<Comm*>(comm), static_cast<Stream*>(stream)});
}

API int ncclAllReduce(const void* from, void* to, size_t count, int type, int operation, void* comm, void* stream) {
  if (type != kFloat || operation != 0) return kArgument;
  return enqueue("ncclAllReduce", {kReduce, false, static_cast<const char*>(from), static_cast<char*>(to), count * width(type), 0, static_cast<Comm*>(comm), static_cast<Stream*>(stream)});
}

API int ncclAllGather(const void* from, void* to, size_t count, int type, void* comm, void* stream) {
  return enqueue("ncclAllGather", {kGather, false, static_cast<const char*>(from), static_cast<char*>(to), count * width(type), 0, static_cast<Comm*>(comm), static_cast<Stream*>(stream)});
}

// ---- streams and devices, which NCCL takes from CUDA

API void standin_set_device(int device) { current_device = device; }

API void* standin_stream_new() {
  auto* stream = new Stream;
  stream->device = current_device;
  return stream;
}

API void standin_stream_free(void* stream) { delete static_cast<Stream*>(stream); }

// 0: all is done; 600: there is work left; else the device's error.
API int standin_stream_query(void* stream) {
  auto* s = static_cast<Stream*>(stream);
  Fault fault;
  if (due("stream", s->device, fault)) return fault.code;
  return s->idle() ? 0 : 600;
}

API void standin_stream_run(void* stream, void (*function)(void*), void* state) {
  note("add");
  static_cast<Stream*>(stream)->push([=] { function(state); });
}
