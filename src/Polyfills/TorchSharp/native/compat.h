// What differs between libtorch 1.13 and 2.x, kept in one place.
#pragma once
#include <torch/version.h>

#define DT_TORCH (TORCH_VERSION_MAJOR * 100 + TORCH_VERSION_MINOR)
#if DT_TORCH < 113
#error "libtorch 1.13 or newer is needed"
#endif

// c10::Allocator::allocate lost its const and copy_data became pure in 2.3.
#if DT_TORCH >= 203
#define DT_ALLOCATE_CONST
#define DT_ALLOCATOR_COPIES 1
#else
#define DT_ALLOCATE_CONST const
#define DT_ALLOCATOR_COPIES 0
#endif
