/* The byte nearest to a number, for the SCALE and the ZERO of an input. */
static inline int8_t @_byte(float x, float scale, int zero)
{
    float q = x / scale + (float)zero;
    q += q < 0.0f ? -0.5f : 0.5f;
    return (int8_t)(q != q ? 0 : q <= -128.0f ? -128 : q >= 127.0f ? 127 : (int)q);
}

/* A factor between two scales: multiplier / 2^shift. The shift of a negative number is an arithmetic one, as every compiler
   for the devices in question has it. */
typedef struct {
    int32_t multiplier;
    uint8_t shift;
} @_scale;

static inline int32_t @_apply(@_scale scale, int32_t sum)
{
    int64_t wide = (int64_t)sum * scale.multiplier, scaled;
    /* A factor below 1/4, as nearly all are: half of the words is enough, and nothing is too large. */
    if (scale.shift >= 33)
        return (((int32_t)(wide >> 32) >> (scale.shift - 33)) + 1) >> 1;
    scaled = (wide + (scale.shift == 0 ? 0 : (int64_t)1 << (scale.shift - 1))) >> scale.shift;
    return scaled < INT32_MIN ? INT32_MIN : scaled > INT32_MAX ? INT32_MAX : (int32_t)scaled;
}

static inline int8_t @_held(int32_t value, int zero, int low)
{
    int64_t q = (int64_t)value + zero;
    return (int8_t)(q < low ? low : q > 127 ? 127 : q);
}

/* Rows of weights by one column, two at a time; the results lie `step` apart. Of an odd number the last is taken twice. */
static inline void @_rows(const int8_t *w, const int8_t *x, int k, const int32_t *bias, const @_scale *scale, int outputs,
                          int zero, int low, int8_t *y, int step)
{
    int o, i;
    for (o = 0; o < outputs; o += 2, w += 2 * k) {
        int next = o + 1 < outputs;
        const int8_t *v = next ? w + k : w;
        int32_t sum = bias[o], other = bias[o + next];
        i = 0;
#ifdef @UPPER_DSP
        for (; i + 4 <= k; i += 4) {
            uint32_t four, these, those;
            int16x2_t even, odd;
            memcpy(&four, x + i, 4);
            memcpy(&these, w + i, 4);
            memcpy(&those, v + i, 4);
            even = __sxtb16((int8x4_t)four);
            odd = __sxtb16((int8x4_t)(four >> 8));
            sum = __smlad(even, __sxtb16((int8x4_t)these), sum);
            sum = __smlad(odd, __sxtb16((int8x4_t)(these >> 8)), sum);
            other = __smlad(even, __sxtb16((int8x4_t)those), other);
            other = __smlad(odd, __sxtb16((int8x4_t)(those >> 8)), other);
        }
#endif
        for (; i < k; i++) {
            sum += (int32_t)w[i] * x[i];
            other += (int32_t)v[i] * x[i];
        }
        y[o * step] = @_held(@_apply(scale[o], sum), zero, low);
        if (next)
            y[(o + 1) * step] = @_held(@_apply(scale[o + 1], other), zero, low);
    }
}

/* window: height and width of the image, of the kernel, of the step; zeros above, below, left, right; dilation.
   size: channels and outputs of one group, groups, height and width of the result. */
static inline void @_conv2d(const int8_t *x, const int *window, const int *size, int from, const int8_t *w,
                            const int32_t *bias, const @_scale *scale, int zero, int low, int8_t *column, int8_t *y)
{
    int taps = size[0] * window[2] * window[3], pixels = size[3] * size[4], plane = window[0] * window[1], g, i, j, c, r, s;
    for (g = 0; g < size[2]; g++)
        for (i = 0; i < size[3]; i++)
            for (j = 0; j < size[4]; j++) {
                int8_t *tap = column;
                int o = g * size[1], left = j * window[5] - window[8];
                int whole = left >= 0 && left + (window[3] - 1) * window[11] < window[1];
                for (c = 0; c < size[0]; c++)
                    for (r = 0; r < window[2]; r++) {
                        int up = i * window[4] + r * window[10] - window[6], at = left;
                        int row = (g * size[0] + c) * plane + up * window[1];
                        if (up < 0 || up >= window[0])
                            for (s = 0; s < window[3]; s++)
                                *tap++ = (int8_t)from;
                        else if (whole)
                            for (s = 0; s < window[3]; s++, at += window[11])
                                *tap++ = x[row + at];
                        else
                            for (s = 0; s < window[3]; s++, at += window[11])
                                *tap++ = at >= 0 && at < window[1] ? x[row + at] : (int8_t)from;
                    }
                @_rows(w + o * taps, column, taps, bias + o, scale + o, size[1], zero, low,
                       y + o * pixels + i * size[4] + j, pixels);
            }
}

/* The largest in each window, or with `mean` the sum on another scale. */
static inline void @_pool(const int8_t *x, const int *window, const int *size, int mean, int from, int to, @_scale scale,
                          int8_t *y)
{
    int c, i, j, r, s;
    for (c = 0; c < size[0]; c++)
        for (i = 0; i < size[3]; i++)
            for (j = 0; j < size[4]; j++) {
                int8_t best = -128;
                int32_t sum = 0;
                for (r = 0; r < window[2]; r++)
                    for (s = 0; s < window[3]; s++) {
                        int up = i * window[4] + r * window[10] - window[6];
                        int left = j * window[5] + s * window[11] - window[8];
                        int8_t here;
                        if (up < 0 || up >= window[0] || left < 0 || left >= window[1])
                            continue;
                        here = x[(c * window[0] + up) * window[1] + left];
                        best = here > best ? here : best;
                        sum += here - from;
                    }
                y[(c * size[3] + i) * size[4] + j] = mean ? @_held(@_apply(scale, sum), to, -128) : best;
            }
}
