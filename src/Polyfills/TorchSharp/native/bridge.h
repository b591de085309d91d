// C interface of the bridge between the TorchSharp assembly and libtorch.
//
// A tensor handle is an owned reference to an at::TensorImpl, so a managed wrapper is one pointer and wrapping allocates nothing.
// A function that can fail returns -1 or null and leaves the message in dt_last_error of the calling thread; nothing throws across this border.
#pragma once
#include <stdint.h>

#define DT_API extern "C" __attribute__((visibility("default")))

enum dt_tag : int32_t {
  DT_NONE = 0,
  DT_TENSOR = 1,
  DT_INT = 2,
  DT_DOUBLE = 3,
  DT_BOOL = 4,
  DT_INTS = 5,       // u.p -> const int64_t[n]
  DT_DOUBLES = 6,    // u.p -> const double[n]
  DT_TENSORS = 7,    // u.p -> void*[n]; a null handle is an absent optional tensor
  DT_STRING = 8,     // u.p -> UTF-8, n bytes
  DT_DEVICE = 9,     // u.i = type << 16 | (index & 0xffff)
  DT_GENERATOR = 10,
  DT_DEFAULT = 11,   // the operator schema's default value
  DT_TUPLE = 12,     // a tuple of tensors, as DT_TENSORS; only as a result of TorchScript
};

// One argument or result of an operator; the managed twin is NativeValue.
struct dt_value {
  int32_t tag;
  int32_t n;
  union {
    int64_t i;
    double d;
    const void* p;
  } u;
};

typedef void* dt_tensor;
typedef void* dt_generator;
typedef const void* dt_operator;

// Zero, or the number under which the managed side keeps the exception that its callback caught.
typedef int64_t (*dt_callback)(void* state);
