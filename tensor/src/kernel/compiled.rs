//! The kernels of one type of number, compiled in this crate once and not again in each crate that uses them.
//!
//! A generic function is compiled where it is used. These are large: one loop for each function and instruction set.
//! Behind a trait that this crate implements for `f32` and `f64` they are compiled here, and users build in seconds.

use super::matrix::Solve;
use super::reduce::Fold;
use super::row_norm::RowNorm;
use super::row_norm::channels::{self, Planes};
use super::softmax::Normal;
use super::sort::Sort;
use super::{
    cumulative, dropout, extreme, gates, gram, map, matrix, optim, pool, reduce, row_norm, select, softmax,
    sort, zip,
};
use crate::pointwise::{Gates, Map, Zip};
use crate::view::View;
use crate::{Axes, Window};

macro_rules! kernels {
    ($($module:ident::$name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        /// The kernels of one type of number.
        pub trait Kernels: Sized {
            $(#[doc(hidden)] fn $name($($argument: $type),*) $(-> $result)?;)*
        }

        impl Kernels for f32 {
            $(fn $name($($argument: $type),*) $(-> $result)? { $module::$name($($argument),*) })*
        }

        impl Kernels for f64 {
            $(fn $name($($argument: $type),*) $(-> $result)? { $module::$name($($argument),*) })*
        }
    };
}

kernels! {
    map::map(map: Map, x: View<'_, Self>, out: &mut [Self]);
    map::map_in_place(map: Map, x: &mut [Self]);
    map::map_grad(map: Map, kept: View<'_, Self>, g: View<'_, Self>, out: &mut [Self]);
    zip::zip(zip: Zip, a: View<'_, Self>, b: View<'_, Self>, out: &mut [Self]);
    zip::zip_in_place(zip: Zip, a: &mut [Self], b: View<'_, Self>);
    select::select(mask: View<'_, Self>, a: View<'_, Self>, b: View<'_, Self>, out: &mut [Self]);
    reduce::reduce(fold: Fold, x: View<'_, Self>, axes: Axes, out: &mut [Self]);
    softmax::normalise(normal: Normal, x: View<'_, Self>, width: usize, out: &mut [Self]);
    softmax::normalise_grad(normal: Normal, y: View<'_, Self>, g: View<'_, Self>, width: usize, out: &mut [Self]);
    softmax::log_sum_exp(x: View<'_, Self>, labels: Option<&[u32]>, width: usize, out: &mut [Self]);
    softmax::log_sum_exp_grad(
        x: View<'_, Self>,
        labels: Option<&[u32]>,
        g: &[Self],
        width: usize,
        out: &mut [Self]
    );
    row_norm::row_norm(
        norm: RowNorm,
        x: View<'_, Self>,
        weight: Option<&[Self]>,
        bias: Option<&[Self]>,
        width: usize,
        out: &mut [Self]
    );
    row_norm::row_norm_grad(
        norm: RowNorm,
        x: View<'_, Self>,
        g: View<'_, Self>,
        weight: Option<&[Self]>,
        width: usize,
        out: &mut [Self]
    );
    row_norm::row_norm_weight(norm: RowNorm, x: View<'_, Self>, g: View<'_, Self>, width: usize, out: &mut [Self]);
    channels::channel_norm(
        epsilon: f64,
        x: &[Self],
        affine: [Option<&[Self]>; 2],
        planes: Planes,
        out: &mut [Self]
    );
    channels::channel_norm_grad(
        epsilon: f64,
        x: &[Self],
        g: &[Self],
        weight: Option<&[Self]>,
        planes: Planes,
        out: &mut [Self]
    );
    channels::channel_norm_sums(epsilon: f64, x: &[Self], g: &[Self], planes: Planes, out: &mut [Self]);
    channels::channel_moments(x: &[Self], planes: Planes, out: &mut [Self]);
    gates::gates(gates: Gates, x: &[&[Self]], sizes: [usize; 2], out: &mut [Self]);
    cumulative::running_sum(x: View<'_, Self>, reversed: bool, len: usize, inner: usize, out: &mut [Self]);
    sort::sort_gather(order: Sort, x: &[Self], of: &[Self], width: usize, out: &mut [Self]);
    sort::sort_scatter(order: Sort, x: &[Self], g: &[Self], width: usize, out: &mut [Self]);
    extreme::extreme(largest: bool, x: &[Self], len: usize, inner: usize, out: &mut [u32]);
    sort::sort_places(order: Sort, x: &[Self], width: usize, out: &mut [u32]);
    matrix::solve(system: Solve, a: &[Self], b: &[Self], n: usize, m: usize, out: &mut [Self]);
    matrix::cholesky(a: &[Self], n: usize, out: &mut [Self]);
    matrix::determinant(a: &[Self], n: usize, sign: bool, out: &mut [Self]);
    pool::max_pool_gather(x: &[Self], of: &[Self], window: &Window, output: [usize; 2], out: &mut [Self]);
    pool::max_pool_scatter(x: &[Self], g: &[Self], window: &Window, output: [usize; 2], out: &mut [Self]);
    pool::mean_pool(x: &[Self], window: &Window, output: [usize; 2], out: &mut [Self]);
    pool::mean_pool_transpose(g: &[Self], window: &Window, output: [usize; 2], out: &mut [Self]);
    dropout::dropout(x: View<'_, Self>, rate: f64, seed: u64, out: &mut [Self]);
    gram::dot(a: &[Self], b: &[Self]) -> f64;
    gram::gram(rows: &[Self], count: usize, out: &mut [f64]);
    optim::sgd(settings: &optim::Sgd, parameters: &mut [Self], gradient: &[Self], velocity: &mut [Self]);
    optim::adam(
        settings: &optim::Adam,
        step: u64,
        parameters: &mut [Self],
        gradient: &[Self],
        first: &mut [Self],
        second: &mut [Self]
    );
    optim::rmsprop(
        settings: &optim::RmsProp,
        parameters: &mut [Self],
        gradient: &[Self],
        square: &mut [Self],
        mean: &mut [Self],
        velocity: &mut [Self]
    );
    optim::adagrad(settings: &optim::Adagrad, parameters: &mut [Self], gradient: &[Self], sum: &mut [Self]);
    optim::lion(settings: &optim::Lion, parameters: &mut [Self], gradient: &[Self], moment: &mut [Self]);
    optim::add_scaled(scale: f64, x: &[Self], y: &mut [Self]);
    optim::draw_near(part: f64, x: &[Self], y: &mut [Self]);
}
