// Any operator of libtorch by name, through the boxed dispatcher.
#include "bridge.h"
#include "compat.h"
#include "guard.h"

#include <ATen/core/Generator.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <mutex>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

using at::Tensor;
using dt::owned;
using dt::release;

namespace {

enum class Kind : uint8_t { Int, Double, Bool, Ints, Doubles, Tensors, OptionalTensors, Other };

// c10::optional or std::optional, by version.
using Default = std::decay_t<decltype(std::declval<const c10::Argument&>().default_value())>;

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Kind> kinds;
  std::vector<Default> defaults;
};

// Only the kinds that need a conversion are told apart.
Kind kind_of(const c10::TypePtr& type) {
  using c10::TypeKind;
  switch (type->kind()) {
    case TypeKind::OptionalType:
      return kind_of(type->expectRef<c10::OptionalType>().getElementType());
    case TypeKind::IntType:
    case TypeKind::SymIntType:
      return Kind::Int;
    case TypeKind::FloatType:
      return Kind::Double;
    case TypeKind::BoolType:
      return Kind::Bool;
    case TypeKind::ListType: {
      auto element = type->expectRef<c10::ListType>().getElementType();
      if (element->kind() == TypeKind::OptionalType) return Kind::OptionalTensors;
      if (element->kind() == TypeKind::TensorType) return Kind::Tensors;
      switch (kind_of(element)) {
        case Kind::Int: return Kind::Ints;
        case Kind::Double: return Kind::Doubles;
        default: return Kind::Other;
      }
    }
    default:
      return Kind::Other;
  }
}

void push(torch::jit::Stack& stack, const dt_value& v, Kind kind, const Default& fallback) {
  switch (v.tag) {
    case DT_NONE:
      stack.emplace_back();
      return;
    case DT_TENSOR:
      stack.emplace_back(owned(v.u.p));
      return;
    case DT_INT:
      if (kind == Kind::Double) stack.emplace_back(static_cast<double>(v.u.i));
      else if (kind == Kind::Bool) stack.emplace_back(v.u.i != 0);
      else if (kind == Kind::Ints) stack.emplace_back(at::IntArrayRef(&v.u.i, 1));
      else stack.emplace_back(v.u.i);
      return;
    case DT_DOUBLE:
      stack.emplace_back(v.u.d);
      return;
    case DT_BOOL:
      stack.emplace_back(v.u.i != 0);
      return;
    case DT_INTS:
      stack.emplace_back(at::IntArrayRef(static_cast<const int64_t*>(v.u.p), v.n));
      return;
    case DT_DOUBLES:
      stack.emplace_back(at::ArrayRef<double>(static_cast<const double*>(v.u.p), v.n));
      return;
    case DT_TENSORS: {
      auto* handles = static_cast<void* const*>(v.u.p);
      if (kind == Kind::OptionalTensors) {
        c10::impl::GenericList list(c10::OptionalType::ofTensor());
        list.reserve(v.n);
        for (int32_t i = 0; i < v.n; i++) list.push_back(handles[i] ? c10::IValue(owned(handles[i])) : c10::IValue());
        stack.emplace_back(std::move(list));
      } else {
        c10::List<Tensor> list;
        list.reserve(v.n);
        for (int32_t i = 0; i < v.n; i++) list.push_back(owned(handles[i]));
        stack.emplace_back(std::move(list));
      }
      return;
    }
    case DT_STRING:
      stack.emplace_back(std::string(static_cast<const char*>(v.u.p), v.n));
      return;
    case DT_DEVICE:
      stack.emplace_back(dt::device_of(v.u.i));
      return;
    case DT_GENERATOR: {
      auto* impl = static_cast<c10::GeneratorImpl*>(const_cast<void*>(v.u.p));
      c10::raw::intrusive_ptr::incref(impl);
      stack.emplace_back(at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::reclaim(impl)));
      return;
    }
    case DT_DEFAULT:
      TORCH_CHECK(fallback.has_value(), "an argument was left to its default, but has none");
      stack.push_back(*fallback);
      return;
    default:
      TORCH_CHECK(false, "unknown argument tag ", v.tag);
  }
}

thread_local std::vector<dt_tensor> list_result;

void pop(c10::IValue&& value, dt_value* out) {
  out->n = 0;
  out->u.i = 0;
  if (value.isTensor()) {
    out->tag = DT_TENSOR;
    out->u.p = release(std::move(value).toTensor());
  } else if (value.isNone()) {
    out->tag = DT_NONE;
  } else if (value.isInt()) {
    out->tag = DT_INT;
    out->u.i = value.toInt();
  } else if (value.isDouble()) {
    out->tag = DT_DOUBLE;
    out->u.d = value.toDouble();
  } else if (value.isBool()) {
    out->tag = DT_BOOL;
    out->u.i = value.toBool();
  } else if (value.isTensorList()) {
    list_result.clear();
    for (auto& t : value.toTensorVector()) list_result.push_back(release(std::move(t)));
    out->tag = DT_TENSORS;
    out->n = static_cast<int32_t>(list_result.size());
    out->u.p = list_result.data();  // valid until this thread's next call
  } else {
    TORCH_CHECK(false, "unsupported result type ", value.tagKind());
  }
}

thread_local torch::jit::Stack reusable_stack;

}  // namespace

DT_API dt_operator dt_find_operator(const char* name, const char* overload) {
  return dt::guard(dt_operator(nullptr), [&]() -> dt_operator {
    static std::mutex mutex;
    static std::unordered_map<std::string, Operator*> found;
    std::lock_guard<std::mutex> lock(mutex);
    auto& slot = found[std::string(name) + "." + overload];
    if (!slot) {
      auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
      auto* op = new Operator{handle, {}, {}};
      for (auto& argument : handle.schema().arguments()) {
        op->kinds.push_back(kind_of(argument.type()));
        op->defaults.push_back(argument.default_value());
      }
      slot = op;
    }
    return slot;
  });
}

// Arguments left out at the end take the schema's defaults. Returns the number of results, or -1.
DT_API int32_t dt_call(dt_operator handle, const dt_value* arguments, int32_t count, dt_value* results, int32_t capacity) {
  auto* op = static_cast<const Operator*>(handle);
  torch::jit::Stack stack = std::move(reusable_stack);  // a callback may enter again on this thread
  int32_t outcome = dt::guard(-1, [&] {
    const auto wanted = static_cast<int32_t>(op->kinds.size());
    TORCH_CHECK(count <= wanted, op->handle.operator_name(), " takes ", wanted, " arguments, got ", count);
    stack.reserve(wanted);
    for (int32_t i = 0; i < count; i++) push(stack, arguments[i], op->kinds[i], op->defaults[i]);
    for (int32_t i = count; i < wanted; i++) {
      TORCH_CHECK(op->defaults[i].has_value(), op->handle.operator_name(), " misses argument ", i);
      stack.push_back(*op->defaults[i]);
    }
    op->handle.callBoxed(stack);
    TORCH_CHECK(static_cast<int32_t>(stack.size()) <= capacity, op->handle.operator_name(), " has ", stack.size(), " results, room for ", capacity);
    int32_t n = 0;
    for (auto& value : stack) pop(std::move(value), results + n++);
    return n;
  });
  stack.clear();
  reusable_stack = std::move(stack);
  return outcome;
}
