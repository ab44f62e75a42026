//! Channels of a batch `[N, C, ..]` brought to mean 0 and mean square 1, the gradient of that, and their statistics: batch
//! norm. A channel is what a row is to layer norm, in N planes; it is read several times while a near cache has it.

use crate::kernel::disjoint::Disjoint;
use crate::pointwise::Real;
use crate::simd::{Kernel, Lanes, Vector};
use crate::{Float, parallel};

/// Where the planes of a batch lie.
#[derive(Clone, Copy)]
pub struct Planes {
    /// N.
    pub(crate) samples: usize,
    /// C.
    pub(crate) channels: usize,
    /// Numbers in a plane.
    pub(crate) inner: usize,
}

impl Planes {
    fn len(self) -> usize {
        self.samples * self.channels * self.inner
    }

    /// Where the planes of a channel begin.
    #[inline(always)]
    fn of(self, channel: usize) -> impl Iterator<Item = usize> + Clone {
        (0..self.samples).map(move |n| (n * self.channels + channel) * self.inner)
    }
}

/// `out = (x - mean) / sqrt(variance + epsilon)` of each channel, times its `weight`, plus its `bias`, where there are any.
pub(crate) fn channel_norm<T: Float>(
    epsilon: f64,
    x: &[T],
    [weight, bias]: [Option<&[T]>; 2],
    planes: Planes,
    out: &mut [T],
) {
    let out = Disjoint::new(out);
    each(x, planes, epsilon, |channel| {
        let of = |all: Option<&[T]>, usual| all.map_or(usual, |all| all[channel]);
        Task::Forward { weight: of(weight, T::ONE), bias: of(bias, T::ZERO), out: &out }
    });
}

/// The gradient of [`channel_norm`] by `x`, from that and the cotangent `g`.
pub(crate) fn channel_norm_grad<T: Float>(
    epsilon: f64,
    x: &[T],
    g: &[T],
    weight: Option<&[T]>,
    planes: Planes,
    out: &mut [T],
) {
    assert_eq!(x.len(), g.len());
    let out = Disjoint::new(out);
    each(x, planes, epsilon, |channel| {
        let weight = weight.map_or(T::ONE, |weight| weight[channel]);
        Task::Back { g, weight, out: &out }
    });
}

/// `out [2, C]`: the gradients of [`channel_norm`] by weight and bias, which are sums over the channel of `g y`, with `y` its
/// normalised numbers, and of `g`.
pub(crate) fn channel_norm_sums<T: Float>(epsilon: f64, x: &[T], g: &[T], planes: Planes, out: &mut [T]) {
    assert_eq!(x.len(), g.len());
    let out = Disjoint::new(out);
    each(x, planes, epsilon, |_| Task::Sums { g, out: &out });
}

/// `out [2, C]`: the mean of each channel, and its variance, by its length.
pub(crate) fn channel_moments<T: Float>(x: &[T], planes: Planes, out: &mut [T]) {
    let out = Disjoint::new(out);
    each(x, planes, 0.0, |_| Task::Moments { out: &out });
}

fn each<'a, T: Float>(
    x: &[T],
    planes: Planes,
    epsilon: f64,
    task: impl Fn(usize) -> Task<'a, T> + parallel::Shared,
) {
    assert_eq!(x.len(), planes.len());
    let size = planes.samples * planes.inner;
    let batch = (super::TASK / size.max(1)).max(1);
    parallel::for_each(planes.channels.div_ceil(batch), |i| {
        for channel in i * batch..((i + 1) * batch).min(planes.channels) {
            T::dispatch(Channel { task: task(channel), x, planes, channel, epsilon });
        }
    });
}

/// What is found of a channel; each writes its own planes, or its own place in `[2, C]`.
enum Task<'a, T> {
    Forward { weight: T, bias: T, out: &'a Disjoint<'a, T> },
    Back { g: &'a [T], weight: T, out: &'a Disjoint<'a, T> },
    Sums { g: &'a [T], out: &'a Disjoint<'a, T> },
    Moments { out: &'a Disjoint<'a, T> },
}

struct Channel<'a, T> {
    task: Task<'a, T>,
    x: &'a [T],
    planes: Planes,
    channel: usize,
    epsilon: f64,
}

impl<T: Float> Kernel<T> for Channel<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { task, x, planes, channel, epsilon } = self;
        let inner = planes.inner;
        let count = T::from_f64((planes.samples * inner) as f64);
        let plane = |all: &[T], at: usize| all[at..][..inner].as_ptr();
        // Planes in order, each summed as a row is.
        macro_rules! total {
            (|$x:ident $(, $g:ident of $all:ident)?; $load:ident| $term:expr) => {{
                let mut total = T::ZERO;
                for at in planes.of(channel) {
                    let $x = plane(x, at);
                    $(let $g = plane($all, at);)?
                    total = total + sum!(isa, inner, |$load| $term);
                }
                total
            }};
        }
        let mean = total!(|x; load| load(x)) / count;
        let shift = isa.splat(mean);
        let variance = total!(|x; load| {
            let centred = load(x) - shift;
            centred * centred
        }) / count;
        let own = T::ONE / (variance + T::from_f64(epsilon)).sqrt();
        let scale = isa.splat(own);
        match task {
            Task::Forward { weight, bias, out } => {
                let (slope, bias) = (isa.splat(own * weight), isa.splat(bias));
                for at in planes.of(channel) {
                    let x = plane(x, at);
                    // SAFETY: each channel has its own planes.
                    let to = unsafe { out.part(at, inner) }.as_mut_ptr();
                    each!(isa, inner, to, |load| (load(x) - shift).mul_add(slope, bias));
                }
            }
            Task::Back { g, weight, out } => {
                let g_mean = isa.splat(total!(|_x, g of g; load| load(g)) / count);
                let along = total!(|x, g of g; load| (load(x) - shift) * scale * load(g)) / count;
                let (along, slope) = (isa.splat(along), isa.splat(own * weight));
                for at in planes.of(channel) {
                    let (x, g) = (plane(x, at), plane(g, at));
                    // SAFETY: as above.
                    let to = unsafe { out.part(at, inner) }.as_mut_ptr();
                    each!(isa, inner, to, |load| {
                        ((load(g) - g_mean) - (load(x) - shift) * scale * along) * slope
                    });
                }
            }
            Task::Sums { g, out } => {
                let along = total!(|x, g of g; load| (load(x) - shift) * scale * load(g));
                let sum = total!(|_x, g of g; load| load(g));
                write(out, planes, channel, [along, sum]);
            }
            Task::Moments { out } => write(out, planes, channel, [mean, variance]),
        }
    }
}

/// Writes a channel's two numbers.
fn write<T: Float>(out: &Disjoint<'_, T>, planes: Planes, channel: usize, found: [T; 2]) {
    for (row, found) in found.into_iter().enumerate() {
        // SAFETY: each channel has its own places.
        let slot = unsafe { out.part(row * planes.channels + channel, 1) };
        slot[0] = found;
    }
}
