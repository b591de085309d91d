// Included by kernels.cpp: what touches each element once or twice.
#pragma once

constexpr float kInverseSiluMagnitude = 1.0f / 0.596f;

// Cody-Waite reduction by ln 2 and a polynomial of degree 5 (Cephes); about 1 ulp between -87 and 88. On vectors: from a scalar loop the compiler makes
// one branch per bound, whose constants turn arguments near zero into denormals, forty times slower.
inline Vector exponential(Vector x) {
  const Vector lowest = Vector{} - 87.0f, highest = Vector{} + 88.0f;
  x = x < lowest ? lowest : x;
  x = x > highest ? highest : x;
  // Adding 1.5 * 2^23 rounds to an integer.
  const Vector n = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
  Vector r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Vector p = Vector{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * (Vector)((__builtin_convertvector(n, Integers) + 127) << 23);
}

inline Vector sigmoid(Vector x) { return 1.0f / (1.0f + exponential(-x)); }

inline Vector silu_value(Vector x) { return x * sigmoid(x) * kInverseSiluMagnitude; }

inline Vector silu_slope(Vector x) {
  const Vector s = sigmoid(x);
  return s * (1.0f + x * (1.0f - s)) * kInverseSiluMagnitude;
}

// Calls body(first, count) for whole vectors, then for what is left.
template <class Body>
inline void for_vectors(int64_t n, Body&& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, int(n - i));
}

void silu(const float* __restrict x, float* __restrict y, int64_t n) {
  for_vectors(n, [=](int64_t i, int count) { store(y + i, silu_value(load(x + i, count)), count); });
}

void silu_backward(const float* __restrict x, const float* __restrict gy, float* __restrict gx, int64_t n) {
  for_vectors(n, [=](int64_t i, int count) { store(gx + i, load(gy + i, count) * silu_slope(load(x + i, count)), count); });
}

void modulated_silu(const float* __restrict x, const float* __restrict scale, float* __restrict y, int64_t pixels, int64_t channels) {
  for (int64_t p = 0; p < pixels; p++, x += channels, y += channels)
    for_vectors(channels, [=](int64_t i, int count) { store(y + i, silu_value(load(x + i, count) * load(scale + i, count)), count); });
}

void modulated_silu_backward(const float* __restrict x, const float* __restrict scale, const float* __restrict gy, float* __restrict gx,
                             float* __restrict g_scale, int64_t pixels, int64_t channels) {
  for (int64_t p = 0; p < pixels; p++, x += channels, gy += channels, gx += channels)
    for_vectors(channels, [=](int64_t i, int count) {
      const Vector value = load(x + i, count), factor = load(scale + i, count);
      const Vector gz = load(gy + i, count) * silu_slope(value * factor);
      store(gx + i, gz * factor, count);
      store(g_scale + i, load(g_scale + i, count) + gz * value, count);
    });
}

bool sum(const float* __restrict a, const float* __restrict b, float wa, float wb, float limit, float* __restrict y, int64_t n) {
  int32_t clamped = 0;
  for (int64_t i = 0; i < n; i++) {
    const float v = a[i] * wa + b[i] * wb;
    clamped |= (v > limit) | (v < -limit);
    // In this order a NaN stays one.
    const float low = v < -limit ? -limit : v;
    y[i] = low > limit ? limit : low;
  }
  return clamped != 0;
}

void sum_backward(const float* __restrict gy, float wa, float wb, float* __restrict ga, float* __restrict gb, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    ga[i] = gy[i] * wa;
    gb[i] = gy[i] * wb;
  }
}

void sum_backward_clamped(const float* __restrict a, const float* __restrict b, const float* __restrict gy, float wa, float wb, float limit,
                          float* __restrict ga, float* __restrict gb, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float v = a[i] * wa + b[i] * wb;
    const float g = (v > limit) | (v < -limit) ? 0.0f : gy[i];
    ga[i] = g * wa;
    gb[i] = g * wb;
  }
}

inline void scaled_copy(const float* __restrict x, float factor, float* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * factor;
}

void join(const float* a, const float* b, float wa, float wb, float* y, int64_t pixels, int64_t na, int64_t nb) {
  for (int64_t p = 0; p < pixels; p++, a += na, b += nb, y += na + nb) {
    scaled_copy(a, wa, y, na);
    scaled_copy(b, wb, y + na, nb);
  }
}

void split(const float* gy, float wa, float wb, float* ga, float* gb, int64_t pixels, int64_t na, int64_t nb) {
  for (int64_t p = 0; p < pixels; p++, ga += na, gb += nb, gy += na + nb) {
    scaled_copy(gy, wa, ga, na);
    scaled_copy(gy + na, wb, gb, nb);
  }
}

void normalize_rows(const float* x, float* y, int64_t rows, int64_t length, float epsilon, float factor) {
  const float inverse_root = 1.0f / std::sqrt(float(length));
  for (int64_t r = 0; r < rows; r++, x += length, y += length) {
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < length; i++) squares += x[i] * x[i];
    const float scale = factor / (epsilon + inverse_root * std::sqrt(squares));
    // Element by element: y may be x.
#pragma omp simd
    for (int64_t i = 0; i < length; i++) y[i] = x[i] * scale;
  }
}

// d = 1 / (epsilon + rms): gx = factor * (d * gy - x * (gy . x) * d^2 / (length * rms)); a row of zeros has slope factor / epsilon.
double normalize_rows_backward(const float* __restrict x, const float* __restrict gy, float* __restrict gx, int64_t rows, int64_t length,
                               float epsilon, float factor) {
  const float inverse_root = 1.0f / std::sqrt(float(length));
  double total = 0;
  for (int64_t r = 0; r < rows; r++, x += length, gy += length, gx += length) {
    float squares = 0, dot = 0;
#pragma omp simd reduction(+ : squares, dot)
    for (int64_t i = 0; i < length; i++) {
      squares += x[i] * x[i];
      dot += gy[i] * x[i];
    }
    const float norm = std::sqrt(squares), d = 1.0f / (epsilon + inverse_root * norm);
    const float along = norm > 0 ? factor * dot * d * d * inverse_root / norm : 0.0f, scale = factor * d;
    for (int64_t i = 0; i < length; i++) gx[i] = gy[i] * scale - x[i] * along;
    total += double(dot) * d;
  }
  return total;
}

void pool(const float* __restrict x, float factor, float* __restrict y, int64_t h, int64_t w, int64_t channels) {
  const int64_t row = 2 * w * channels;
  for (int64_t i = 0; i < h; i++, x += row)
    for (int64_t j = 0; j < w; j++, x += 2 * channels, y += channels)
      for (int64_t c = 0; c < channels; c++) y[c] = factor * ((x[c] + x[c + channels]) + (x[c + row] + x[c + row + channels]));
}

void repeat(const float* __restrict x, float factor, float* __restrict y, int64_t h, int64_t w, int64_t channels) {
  const int64_t row = 2 * w * channels;
  for (int64_t i = 0; i < h; i++, y += row)
    for (int64_t j = 0; j < w; j++, y += 2 * channels, x += channels)
      for (int64_t c = 0; c < channels; c++) {
        const float v = factor * x[c];
        y[c] = v;
        y[c + channels] = v;
        y[c + row] = v;
        y[c + row + channels] = v;
      }
}

void softmax(float* x, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++, x += n) {
    float largest = x[0], total = 0;
#pragma omp simd reduction(max : largest)
    for (int64_t i = 0; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    for_vectors(n, [=](int64_t i, int count) { store(x + i, exponential(load(x + i, count) - largest), count); });
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < n; i++) total += x[i];
    const float inverse = 1.0f / total;
    for (int64_t i = 0; i < n; i++) x[i] *= inverse;
  }
}

void softmax_backward(const float* __restrict w, float* __restrict gw, int64_t rows, int64_t n, float factor) {
  for (int64_t r = 0; r < rows; r++, w += n, gw += n) {
    float mean = 0;
#pragma omp simd reduction(+ : mean)
    for (int64_t i = 0; i < n; i++) mean += w[i] * gw[i];
    for (int64_t i = 0; i < n; i++) gw[i] = factor * w[i] * (gw[i] - mean);
  }
}
