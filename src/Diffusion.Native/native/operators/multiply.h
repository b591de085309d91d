// Included by kernels.cpp: a matrix product for operands that fit the caches as they lie, which is what convolutions of these networks are made of.
#pragma once

// As many rows as leave the accumulators of two columns in registers.
#if defined(__AVX512F__)
constexpr int kRows = 12;
#else
constexpr int kRows = 6;
#endif

constexpr int64_t kDepth = 256;  // of the product at a time: two columns of b then stay in the first-level cache

template <int Rows, int Columns>
inline void multiply_block(int64_t k, const float* a, int64_t a_row, int64_t a_column, const float* b, int64_t b_row, float* c, int64_t c_row, bool add) {
  Vector sums[Rows][Columns];
#pragma GCC unroll 12
  for (int r = 0; r < Rows; r++)
#pragma GCC unroll 2
    for (int j = 0; j < Columns; j++) sums[r][j] = add ? load(c + r * c_row + j * kLanes) : Vector{};
  for (int64_t i = 0; i < k; i++, a += a_column, b += b_row) {
    Vector columns[Columns];
#pragma GCC unroll 2
    for (int j = 0; j < Columns; j++) columns[j] = load(b + j * kLanes);
#pragma GCC unroll 12
    for (int r = 0; r < Rows; r++)
#pragma GCC unroll 2
      for (int j = 0; j < Columns; j++) sums[r][j] += a[r * a_row] * columns[j];
  }
#pragma GCC unroll 12
  for (int r = 0; r < Rows; r++)
#pragma GCC unroll 2
    for (int j = 0; j < Columns; j++) store(c + r * c_row + j * kLanes, sums[r][j]);
}

template <int Columns>
void multiply_columns(int64_t m, int64_t k, const float* a, int64_t a_row, int64_t a_column, const float* b, int64_t b_row, float* c, int64_t c_row, bool add) {
  int64_t i = 0;
  for (; i + kRows <= m; i += kRows) multiply_block<kRows, Columns>(k, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, add);
  for (; i + 4 <= m; i += 4) multiply_block<4, Columns>(k, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, add);
  for (; i < m; i++) multiply_block<1, Columns>(k, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, add);
}

void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_row, int64_t a_column, const float* b, int64_t b_row, float* c, int64_t c_row,
              bool add) {
  for (int64_t from = 0; from < k; from += kDepth) {
    const int64_t depth = smaller(kDepth, k - from);
    const float* left = a + from * a_column;
    const float* right = b + from * b_row;
    int64_t j = 0;
    for (; j + 2 * kLanes <= n; j += 2 * kLanes) multiply_columns<2>(m, depth, left, a_row, a_column, right + j, b_row, c + j, c_row, add || from > 0);
    for (; j < n; j += kLanes) multiply_columns<1>(m, depth, left, a_row, a_column, right + j, b_row, c + j, c_row, add || from > 0);
  }
}
