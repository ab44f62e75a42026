//! The arithmetic of tensors: shape checks, then a kernel.

use super::Tensor;

mod conv;
mod product;
use crate::pointwise::{Map, Zip};
use crate::{Axes, Element, Error, Float, Shape, Window};

impl<T: Element> Tensor<T> {
    /// A dense copy in row-major order.
    pub(super) fn to_dense(&self) -> Self {
        let mut index = [0; Shape::MAX_RANK];
        let (shape, data) = (*self.shape(), self.buffer.as_slice());
        Self::written(shape, |out| {
            for slot in out {
                if let Some(place) = self.layout.place(&index[..shape.rank()]) {
                    *slot = data[place];
                }
                for axis in (0..shape.rank()).rev() {
                    index[axis] += 1;
                    if index[axis] < shape[axis] {
                        break;
                    }
                    index[axis] = 0;
                }
            }
        })
    }

    /// Tensors end to end along an axis.
    pub fn concat(tensors: &[&Self], axis: usize) -> Result<Self, Error> {
        let mut parts = alloc::vec::Vec::new();
        let mut len = 0;
        for t in tensors {
            parts.push((len, t));
            len += t.shape()[axis];
        }
        Self::from_fn(tensors[0].shape().with(axis, len)?, |i| {
            let (start, t) =
                parts.iter().rev().find(|(s, t)| *s <= i[axis] && i[axis] < s + t.shape()[axis]).unwrap();
            let mut j = i.to_vec();
            j[axis] -= start;
            t.get(&j).unwrap()
        })
    }

    /// Zeros with self at the slice.
    pub fn unslice(
        &self,
        axis: usize,
        start: usize,
        end: usize,
        step: usize,
        len: usize,
    ) -> Result<Self, Error> {
        Self::from_fn(self.shape().with(axis, len)?, |i| {
            let mut j = i.to_vec();
            if i[axis] >= start && i[axis] < end && (i[axis] - start) % step == 0 {
                j[axis] = (i[axis] - start) / step;
                self.get(&j).unwrap()
            } else {
                T::default()
            }
        })
    }

    /// x[index].
    pub fn gather(&self, axis: usize, index: &Tensor<u32>) -> Result<Self, Error> {
        let r = index.rank();
        let mut s = self.shape()[..axis].to_vec();
        s.extend_from_slice(index.shape());
        s.extend_from_slice(&self.shape()[axis + 1..]);
        Self::from_fn(&s[..], |i| {
            let mut j = i[..axis].to_vec();
            j.push(index.get(&i[axis..axis + r]).unwrap() as usize);
            j.extend_from_slice(&i[axis + r..]);
            self.get(&j).unwrap()
        })
    }
}

impl<T: Float> Tensor<T> {
    /// f(x).
    pub fn map(&self, map: Map) -> Self {
        Self::from_fn(*self.shape(), |i| map.f(self.get(i).unwrap())).unwrap()
    }
    /// g f'(kept).
    pub fn map_grad(map: Map, kept: &Self, g: &Self) -> Result<Self, Error> {
        Self::from_fn(*kept.shape(), |i| g.get(i).unwrap() * map.df(kept.get(i).unwrap()))
    }
    /// f(a, b).
    pub fn zip(&self, zip: Zip, other: &Self) -> Result<Self, Error> {
        Self::from_fn(*self.shape(), |i| zip.f(self.get(i).unwrap(), other.get(i).unwrap()))
    }
    /// a where self is not zero, else b.
    pub fn select(&self, a: &Self, b: &Self) -> Result<Self, Error> {
        Self::from_fn(*self.shape(), |i| {
            if self.get(i).unwrap() != T::ZERO { a.get(i).unwrap() } else { b.get(i).unwrap() }
        })
    }
    fn reduce(&self, axes: Axes, start: T, f: impl Fn(T, T) -> T) -> Result<Self, Error> {
        let shape = axes.remove_from("sum", self.shape())?;
        let mut out = alloc::vec![start; shape.len()];
        let kept = crate::Layout::contiguous(shape);
        Self::from_fn(*self.shape(), |i| {
            let j: alloc::vec::Vec<usize> =
                i.iter().enumerate().filter(|(a, _)| !axes.contains(*a)).map(|(_, &i)| i).collect();
            let p = kept.place(&j).unwrap();
            out[p] = f(out[p], self.get(i).unwrap());
            T::ZERO
        })?;
        Self::new(shape, &out)
    }
    /// sum.
    pub fn sum(&self, axes: Axes) -> Result<Self, Error> {
        self.reduce(axes, T::ZERO, |a, b| a + b)
    }
    /// max.
    pub fn max(&self, axes: Axes) -> Result<Self, Error> {
        self.reduce(axes, T::NEG_INFINITY, |a, b| Zip::Max.f(a, b))
    }
    /// softmax.
    pub fn softmax(&self) -> Result<Self, Error> {
        Ok(self.log_softmax()?.map(Map::Exp))
    }
    /// log softmax.
    pub fn log_softmax(&self) -> Result<Self, Error> {
        let last = Axes::NONE.and(self.rank() - 1);
        let kept = last.flatten_in("s", self.shape())?;
        let shifted = self.zip(Zip::Sub, &self.max(last)?.reshape(kept)?.expand(*self.shape())?)?;
        let lse = shifted.map(Map::Exp).sum(last)?.map(Map::Ln);
        shifted.zip(Zip::Sub, &lse.reshape(kept)?.expand(*self.shape())?)
    }
    fn taps(w: &Window, p: &[usize], r: &[usize]) -> Option<[usize; 2]> {
        let mut at = [0; 2];
        for a in 0..2 {
            at[a] = (p[a] * w.stride[a] + r[a] * w.dilation[a])
                .checked_sub(w.pad[a][0])
                .filter(|&x| x < w.input[a])?;
        }
        Some(at)
    }
    fn first_max(&self, w: &Window, i: &[usize]) -> [usize; 4] {
        let mut best: Option<([usize; 4], T)> = None;
        for rh in 0..w.kernel[0] {
            for rw in 0..w.kernel[1] {
                if let Some(at) = Self::taps(w, &i[2..], &[rh, rw]) {
                    let p = [i[0], i[1], at[0], at[1]];
                    let v = self.get(&p).unwrap();
                    if best.is_none_or(|(_, b)| v > b) {
                        best = Some((p, v));
                    }
                }
            }
        }
        best.unwrap().0
    }
    /// max pool.
    pub fn max_pool(&self, window: Window) -> Result<Self, Error> {
        self.max_pool_gather(self, window)
    }
    /// t at the maxima of self.
    pub fn max_pool_gather(&self, t: &Self, window: Window) -> Result<Self, Error> {
        let o = window.output("max_pool")?;
        Self::from_fn([self.shape()[0], self.shape()[1], o[0], o[1]], |i| {
            t.get(&self.first_max(&window, i)).unwrap()
        })
    }
    /// g to the maxima of self.
    pub fn max_pool_scatter(&self, g: &Self, window: Window) -> Result<Self, Error> {
        let mut x = Self::zeros(*self.shape())?;
        let l = *x.layout();
        let xs = x.make_mut();
        Self::from_fn(*g.shape(), |i| {
            let p = l.place(&self.first_max(&window, i)).unwrap();
            xs[p] = xs[p] + g.get(i).unwrap();
            T::ZERO
        })?;
        Ok(x)
    }
    /// mean pool.
    pub fn mean_pool(&self, window: Window) -> Result<Self, Error> {
        let o = window.output("mean_pool")?;
        let n = T::from_f64((window.kernel[0] * window.kernel[1]) as f64);
        Self::from_fn([self.shape()[0], self.shape()[1], o[0], o[1]], |i| {
            let mut s = T::ZERO;
            for rh in 0..window.kernel[0] {
                for rw in 0..window.kernel[1] {
                    if let Some(at) = Self::taps(&window, &i[2..], &[rh, rw]) {
                        s = s + self.get(&[i[0], i[1], at[0], at[1]]).unwrap();
                    }
                }
            }
            s / n
        })
    }
    /// transpose.
    pub fn mean_pool_transpose(&self, window: Window) -> Result<Self, Error> {
        let mut x = Self::zeros([self.shape()[0], self.shape()[1], window.input[0], window.input[1]])?;
        let l = *x.layout();
        let xs = x.make_mut();
        let n = T::from_f64((window.kernel[0] * window.kernel[1]) as f64);
        Self::from_fn(*self.shape(), |i| {
            for rh in 0..window.kernel[0] {
                for rw in 0..window.kernel[1] {
                    if let Some(at) = Self::taps(&window, &i[2..], &[rh, rw]) {
                        let p = l.place(&[i[0], i[1], at[0], at[1]]).unwrap();
                        xs[p] = xs[p] + self.get(i).unwrap() / n;
                    }
                }
            }
            T::ZERO
        })?;
        Ok(x)
    }
    /// transpose of gather.
    pub fn scatter(&self, axis: usize, index: &Tensor<u32>, len: usize) -> Result<Self, Error> {
        let r = index.rank();
        let mut s = self.shape()[..axis].to_vec();
        s.push(len);
        s.extend_from_slice(&self.shape()[axis + r..]);
        let mut x = Self::zeros(&s[..])?;
        let l = *x.layout();
        let xs = x.make_mut();
        Self::from_fn(*self.shape(), |i| {
            let mut j = i[..axis].to_vec();
            j.push(index.get(&i[axis..axis + r]).unwrap() as usize);
            j.extend_from_slice(&i[axis + r..]);
            let p = l.place(&j).unwrap();
            xs[p] = xs[p] + self.get(i).unwrap();
            T::ZERO
        })?;
        Ok(x)
    }
    /// dropout.
    pub fn dropout(&self, rate: f64, seed: u64) -> Result<Self, Error> {
        let l = crate::Layout::contiguous(*self.shape());
        Self::from_fn(*self.shape(), |i| {
            let mut z =
                seed.wrapping_add((l.place(i).unwrap() as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            if (z >> 11) as f64 / (1u64 << 53) as f64 >= rate {
                self.get(i).unwrap() * T::from_f64(1.0 / (1.0 - rate))
            } else {
                T::ZERO
            }
        })
    }
}
