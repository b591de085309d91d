// Included by kernels.cpp: the transforms of Winograd's F(4 x 4, 3 x 3) (Lavin & Gray, arXiv:1509.09308): 36 products for 16 pixels instead of 144.
// Points 0, +-a, +-b and infinity with a = 5/8, b = 3/2, whose powers are exact in float32 and which lose fewer digits than 1 and 2. From
// M(x) = x (x^2 - a^2)(x^2 - b^2) follow the input's rows M(x) / (x - p), the weights' rows p^j / M'(p) and the output's columns p^i.
#pragma once

constexpr float kA = 0.625f, kB = 1.5f, kA2 = kA * kA, kB2 = kB * kB;
constexpr float kMiddle = kA2 + kB2, kLast = kA2 * kB2;
constexpr float kWeight0 = 1 / kLast, kWeightA = 1 / (2 * kA2 * (kA2 - kB2)), kWeightB = 1 / (2 * kB2 * (kB2 - kA2));

// Each works on a column of values `s` apart.
inline void input_1d(const Vector* d, int s, Vector* t, int q) {
  const Vector even_a = d[4 * s] - kB2 * d[2 * s], odd_a = kA * (d[3 * s] - kB2 * d[s]);
  const Vector even_b = d[4 * s] - kA2 * d[2 * s], odd_b = kB * (d[3 * s] - kA2 * d[s]);
  t[0] = kLast * d[0] - kMiddle * d[2 * s] + d[4 * s];
  t[q] = even_a + odd_a;
  t[2 * q] = even_a - odd_a;
  t[3 * q] = even_b + odd_b;
  t[4 * q] = even_b - odd_b;
  t[5 * q] = d[5 * s] - kMiddle * d[3 * s] + kLast * d[s];
}

inline void input_adjoint_1d(const Vector* t, int s, Vector* d, int q) {
  const Vector sum_a = t[s] + t[2 * s], difference_a = kA * (t[s] - t[2 * s]);
  const Vector sum_b = t[3 * s] + t[4 * s], difference_b = kB * (t[3 * s] - t[4 * s]);
  d[0] = kLast * t[0];
  d[q] = kLast * t[5 * s] - kB2 * difference_a - kA2 * difference_b;
  d[2 * q] = -(kMiddle * t[0] + kB2 * sum_a + kA2 * sum_b);
  d[3 * q] = difference_a + difference_b - kMiddle * t[5 * s];
  d[4 * q] = t[0] + sum_a + sum_b;
  d[5 * q] = t[5 * s];
}

inline void output_1d(const Vector* m, int s, Vector* y, int q) {
  const Vector sum_a = m[s] + m[2 * s], difference_a = kA * (m[s] - m[2 * s]);
  const Vector sum_b = m[3 * s] + m[4 * s], difference_b = kB * (m[3 * s] - m[4 * s]);
  y[0] = m[0] + sum_a + sum_b;
  y[q] = difference_a + difference_b;
  y[2 * q] = kA2 * sum_a + kB2 * sum_b;
  y[3 * q] = kA2 * difference_a + kB2 * difference_b + m[5 * s];
}

inline void output_adjoint_1d(const Vector* y, int s, Vector* m, int q) {
  const Vector even_a = y[0] + kA2 * y[2 * s], odd_a = kA * (y[s] + kA2 * y[3 * s]);
  const Vector even_b = y[0] + kB2 * y[2 * s], odd_b = kB * (y[s] + kB2 * y[3 * s]);
  m[0] = y[0];
  m[q] = even_a + odd_a;
  m[2 * q] = even_a - odd_a;
  m[3 * q] = even_b + odd_b;
  m[4 * q] = even_b - odd_b;
  m[5 * q] = y[3 * s];
}

inline void weight_1d(const Vector* g, int s, Vector* u, int q) {
  const Vector even_a = kWeightA * (g[0] + kA2 * g[2 * s]), odd_a = kWeightA * kA * g[s];
  const Vector even_b = kWeightB * (g[0] + kB2 * g[2 * s]), odd_b = kWeightB * kB * g[s];
  u[0] = kWeight0 * g[0];
  u[q] = even_a + odd_a;
  u[2 * q] = even_a - odd_a;
  u[3 * q] = even_b + odd_b;
  u[4 * q] = even_b - odd_b;
  u[5 * q] = g[2 * s];
}

inline void weight_adjoint_1d(const Vector* u, int s, Vector* g, int q) {
  const Vector sum_a = kWeightA * (u[s] + u[2 * s]), difference_a = kWeightA * kA * (u[s] - u[2 * s]);
  const Vector sum_b = kWeightB * (u[3 * s] + u[4 * s]), difference_b = kWeightB * kB * (u[3 * s] - u[4 * s]);
  g[0] = kWeight0 * u[0] + sum_a + sum_b;
  g[q] = difference_a + difference_b;
  g[2 * q] = kA2 * sum_a + kB2 * sum_b + u[5 * s];
}

// Where each pixel of a tile lies; what is outside of the image reads as zeros.
template <int Side>
inline void locate(const float* x, int64_t h, int64_t w, int64_t channels, int64_t top, int64_t left, const float* zeros, const float** pixels) {
  for (int64_t i = 0; i < Side; i++)
    for (int64_t j = 0; j < Side; j++) {
      const int64_t row = top + i, column = left + j;
      const bool inside = row >= 0 && row < h && column >= 0 && column < w;
      pixels[i * Side + j] = inside ? x + (row * w + column) * channels : zeros;
    }
}

void winograd_input(const float* x, int64_t h, int64_t w, int64_t channels, float* parts, int64_t part, const float* zeros) {
  const float* pixels[36];
  for (int64_t top = 0; top < h; top += 4)
    for (int64_t left = 0; left < w; left += 4, parts += channels) {
      locate<6>(x, h, w, channels, top - 1, left - 1, zeros, pixels);
      for (int64_t c = 0; c < channels; c += kLanes) {
        Vector rows[36], d[6], t[6];
        for (int i = 0; i < 6; i++) {
          for (int j = 0; j < 6; j++) d[j] = load(pixels[i * 6 + j] + c);
          input_1d(d, 1, rows + i * 6, 1);
        }
        for (int j = 0; j < 6; j++) {
          input_1d(rows + j, 6, t, 1);
          for (int i = 0; i < 6; i++) store(parts + (i * 6 + j) * part + c, t[i]);
        }
      }
    }
}

void winograd_input_adjoint(const float* parts, int64_t part, float* gx, int64_t h, int64_t w, int64_t channels) {
  std::memset(gx, 0, sizeof(float) * h * w * channels);
  for (int64_t top = 0; top < h; top += 4)
    for (int64_t left = 0; left < w; left += 4, parts += channels) {
      const int first_row = top == 0, first_column = left == 0;
      const int last_row = int(smaller(6, h - top + 1)), last_column = int(smaller(6, w - left + 1));
      for (int64_t c = 0; c < channels; c += kLanes) {
        Vector columns[36], d[6];
        for (int j = 0; j < 6; j++) {
          for (int i = 0; i < 6; i++) d[i] = load(parts + (i * 6 + j) * part + c);
          input_adjoint_1d(d, 1, columns + j, 6);
        }
        // Tiles overlap by two pixels, so gradients add up; in the order of the tiles.
        for (int i = first_row; i < last_row; i++) {
          input_adjoint_1d(columns + i * 6, 1, d, 1);
          float* row = gx + ((top - 1 + i) * w + left - 1) * channels + c;
          for (int j = first_column; j < last_column; j++) store(row + j * channels, load(row + j * channels) + d[j]);
        }
      }
    }
}

void winograd_output(const float* parts, int64_t part, float* y, int64_t h, int64_t w, int64_t channels) {
  for (int64_t top = 0; top < h; top += 4)
    for (int64_t left = 0; left < w; left += 4, parts += channels) {
      const int last_row = int(smaller(4, h - top)), last_column = int(smaller(4, w - left));
      for (int64_t c = 0; c < channels; c += kLanes) {
        Vector columns[24], m[6], out[4];
        for (int j = 0; j < 6; j++) {
          for (int i = 0; i < 6; i++) m[i] = load(parts + (i * 6 + j) * part + c);
          output_1d(m, 1, columns + j, 6);
        }
        for (int i = 0; i < last_row; i++) {
          output_1d(columns + i * 6, 1, out, 1);
          float* row = y + ((top + i) * w + left) * channels + c;
          for (int j = 0; j < last_column; j++) store(row + j * channels, out[j]);
        }
      }
    }
}

void winograd_output_adjoint(const float* gy, int64_t h, int64_t w, int64_t channels, float* parts, int64_t part, const float* zeros) {
  const float* pixels[16];
  for (int64_t top = 0; top < h; top += 4)
    for (int64_t left = 0; left < w; left += 4, parts += channels) {
      locate<4>(gy, h, w, channels, top, left, zeros, pixels);
      for (int64_t c = 0; c < channels; c += kLanes) {
        Vector rows[24], y[4], m[6];
        for (int i = 0; i < 4; i++) {
          for (int j = 0; j < 4; j++) y[j] = load(pixels[i * 4 + j] + c);
          output_adjoint_1d(y, 1, rows + i * 6, 1);
        }
        for (int j = 0; j < 6; j++) {
          output_adjoint_1d(rows + j, 6, m, 1);
          for (int i = 0; i < 6; i++) store(parts + (i * 6 + j) * part + c, m[i]);
        }
      }
    }
}

void winograd_weight(const float* w, int64_t columns, int64_t column_stride, float* parts, int64_t part) {
  // Taps are sorted for several vectors ahead: a vector that is read just after its numbers were written one by one waits for the memory.
  constexpr int kAhead = 128;
  float taps[9][kAhead];
  for (int64_t first = 0; first < columns; first += kAhead) {
    const int64_t count = smaller(kAhead, columns - first);
    for (int64_t column = 0; column < count; column++)
      for (int i = 0; i < 9; i++) taps[i][column] = w[(first + column) * column_stride + i];
    for (int64_t c = 0; c < count; c += kLanes) {
      Vector rows[18], g[3], u[6];
      for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) g[j] = load(taps[i * 3 + j] + c);
        weight_1d(g, 1, rows + i * 6, 1);
      }
      for (int j = 0; j < 6; j++) {
        weight_1d(rows + j, 6, u, 1);
        for (int i = 0; i < 6; i++) store(parts + (i * 6 + j) * part + first + c, u[i]);
      }
    }
  }
}

void winograd_weight_adjoint(const float* parts, int64_t part, float* gw, int64_t columns, int64_t column_stride) {
  for (int64_t c = 0; c < columns; c += kLanes) {
    Vector rows[18], u[6], g[3];
    for (int j = 0; j < 6; j++) {
      for (int i = 0; i < 6; i++) u[i] = load(parts + (i * 6 + j) * part + c);
      weight_adjoint_1d(u, 1, rows + j, 6);
    }
    float taps[9][kLanes];
    for (int i = 0; i < 3; i++) {
      weight_adjoint_1d(rows + i * 6, 1, g, 1);
      for (int j = 0; j < 3; j++) store(taps[i * 3 + j], g[j]);
    }
    for (int lane = 0; lane < kLanes; lane++)
      for (int i = 0; i < 9; i++) gw[(c + lane) * column_stride + i] = taps[i][lane];
  }
}
