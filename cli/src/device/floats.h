/* Sums run over k in blocks of at most @LONGEST, as those of Tress do, so that the last bits agree. They do where the compiler
   does not fuse multiplications with additions: -ffp-contract=off, which -std=c99 implies for gcc. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

static inline float @_chain(const float *x, const float *w, int k, int step)
{
    int parts = (k + @LONGEST - 1) / @LONGEST, block, start, i;
    float total = 0.0f;
    block = parts > 0 ? (k + parts - 1) / parts : 1;
    for (start = 0; start < k; start += block) {
        int end = start + block < k ? start + block : k;
        float sum = 0.0f;
        for (i = start; i < end; i++)
            sum += x[i] * w[i * step];
        total = start == 0 ? sum : sum + total;
    }
    return total;
}

static inline void @_dense(const float *x, int m, int k, const float *w, const float *bias, int n, float *y)
{
    int i, j;
    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++)
            y[i * n + j] = @_chain(x + i * k, w + j, k, n) + (bias ? bias[j] : 0.0f);
}

/* window: height and width of the image, of the kernel, of the step; zeros above, below, left, right; dilation. */
static inline void @_conv2d(const float *x, const int *window, const int *size, const float *w, const float *bias,
                            float *column, float *y)
{
    /* size: channels and outputs of one group, groups, height and width of the result. */
    int taps = size[0] * window[2] * window[3], g, i, j, o, c, r, s;
    for (g = 0; g < size[2]; g++)
        for (i = 0; i < size[3]; i++)
            for (j = 0; j < size[4]; j++) {
                float *tap = column;
                for (c = 0; c < size[0]; c++)
                    for (r = 0; r < window[2]; r++)
                        for (s = 0; s < window[3]; s++) {
                            int up = i * window[4] + r * window[10] - window[6];
                            int left = j * window[5] + s * window[11] - window[8];
                            int inside = up >= 0 && up < window[0] && left >= 0 && left < window[1];
                            *tap++ = inside ? x[((g * size[0] + c) * window[0] + up) * window[1] + left] : 0.0f;
                        }
                for (o = g * size[1]; o < (g + 1) * size[1]; o++)
                    y[(o * size[3] + i) * size[4] + j] =
                        @_chain(column, w + o * taps, taps, 1) + (bias ? bias[o] : 0.0f);
            }
}

static inline void @_max_pool(const float *x, const int *window, const int *size, float *y)
{
    int c, i, j, r, s;
    for (c = 0; c < size[0]; c++)
        for (i = 0; i < size[3]; i++)
            for (j = 0; j < size[4]; j++) {
                float best = 0.0f;
                int found = 0;
                for (r = 0; r < window[2]; r++)
                    for (s = 0; s < window[3]; s++) {
                        int up = i * window[4] + r * window[10] - window[6];
                        int left = j * window[5] + s * window[11] - window[8];
                        float here;
                        if (up < 0 || up >= window[0] || left < 0 || left >= window[1])
                            continue;
                        here = x[(c * window[0] + up) * window[1] + left];
                        if (!found || !(here <= best || best != best))
                            best = here;
                        found = 1;
                    }
                y[(c * size[3] + i) * size[4] + j] = best;
            }
}

static inline void @_mean_pool(const float *x, const int *window, const int *size, float *y)
{
    int c, i, j, r, s;
    float part = 1.0f / (float)(window[2] * window[3]);
    for (c = 0; c < size[0]; c++)
        for (i = 0; i < size[3]; i++)
            for (j = 0; j < size[4]; j++) {
                float sum = 0.0f;
                for (r = 0; r < window[2]; r++)
                    for (s = 0; s < window[3]; s++) {
                        int up = i * window[4] + r * window[10] - window[6];
                        int left = j * window[5] + s * window[11] - window[8];
                        if (up >= 0 && up < window[0] && left >= 0 && left < window[1])
                            sum += x[(c * window[0] + up) * window[1] + left];
                    }
                y[(c * size[3] + i) * size[4] + j] = sum * part;
            }
}

/* The sum of x, or of the squares of what x is above `mean`: four sums take turns, and what is left in the end goes on around the
   four, or to the first. */
static inline float @_turns(const float *x, int n, int squares, float mean, int around)
{
    float sums[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
    int whole = n / 4 * 4, i;
    for (i = 0; i < n; i++) {
        float term = squares ? (x[i] - mean) * (x[i] - mean) : x[i];
        sums[i < whole || around ? i % 4 : 0] += term;
    }
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

/* The sum of n neighbours, in runs of at most @RUN. */
static inline float @_sum(const float *x, int n)
{
    float sum = 0.0f;
    int start;
    for (start = 0; start < n; start += @RUN)
        sum += @_turns(x + start, n - start < @RUN ? n - start : @RUN, 0, 0.0f, 1);
    return sum;
}

/* The largest number, NaNs left aside. */
static inline float @_largest(const float *x, int n)
{
    float largest = -INFINITY;
    int i;
    for (i = 0; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

static inline void @_softmax(const float *x, int rows, int n, float *y)
{
    int i, j;
    for (i = 0; i < rows; i++, x += n, y += n) {
        float largest = @_largest(x, n), sum = 0.0f, scale;
        for (j = 0; j < n; j++) {
            y[j] = expf(x[j] - largest);
            sum += y[j];
        }
        scale = 1.0f / sum;
        for (j = 0; j < n; j++)
            y[j] *= scale;
    }
}

static inline void @_log_softmax(const float *x, int rows, int n, float *y)
{
    int i, j;
    for (i = 0; i < rows; i++, x += n, y += n) {
        float largest = @_largest(x, n), sum = 0.0f, logarithm;
        for (j = 0; j < n; j++)
            sum += expf(x[j] - largest);
        logarithm = logf(sum);
        for (j = 0; j < n; j++)
            y[j] = (x[j] - largest) - logarithm;
    }
}

/* Rows over the root of their mean square plus epsilon, after their mean is taken off if `centred`. */
static inline void @_row_norm(const float *x, int rows, int n, float epsilon, int centred, const float *weight,
                              const float *bias, float *y)
{
    int i, j;
    for (i = 0; i < rows; i++, x += n, y += n) {
        float mean = centred ? @_turns(x, n, 0, 0.0f, 0) / (float)n : 0.0f;
        float factor = 1.0f / sqrtf(@_turns(x, n, 1, mean, 0) / (float)n + epsilon);
        for (j = 0; j < n; j++)
            y[j] = (x[j] - mean) * factor * (weight ? weight[j] : 1.0f) + (bias ? bias[j] : -0.0f);
    }
}
