//! How parameters start.

use crate::Error;
use crate::random::Random;
use tress_tensor::{Element, Shape};

/// The distribution that the first numbers of a parameter are drawn from.
///
/// Those that speak of fans scale with the number of inputs and outputs that one output and one input are joined to;
/// see [`Init::for_fans`]. By default they follow from the shape: `[in, out]` for a matrix, `[out, in, window ..]` for
/// more axes, as the layers of this crate have them.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// Zeros.
    Zeros,
    /// The same number everywhere.
    Constant(f64),
    /// Uniform in `-a..a`.
    Uniform(f64),
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// Uniform in `-a..a` with `a = 1 / sqrt(fan_in)`: what the layers of PyTorch start with.
    FanIn,
    /// Uniform with variance `2 / fan_in`, for ReLU (He et al. 2015, "Delving deep into rectifiers", section 2.2).
    HeUniform,
    /// Normal with variance `2 / fan_in`, for ReLU (ibid., equation 10).
    HeNormal,
    /// Uniform with variance `2 / (fan_in + fan_out)`, for tanh (Glorot & Bengio 2010, "Understanding the difficulty of
    /// training deep feedforward neural networks", equation 16).
    GlorotUniform,
    /// Normal with variance `2 / (fan_in + fan_out)` (ibid., equation 12).
    GlorotNormal,
}

impl Init {
    /// The same distribution without fans in it: `fan_in` numbers flow into each output, each input into `fan_out`.
    ///
    /// A fan of 0 counts as 1: there is nothing to draw then.
    pub fn for_fans(self, fan_in: usize, fan_out: usize) -> Init {
        let (fan_in, fan_out) = (fan_in.max(1) as f64, fan_out.max(1) as f64);
        let both = fan_in + fan_out;
        // A uniform number in -a..a has variance a^2 / 3.
        match self {
            Init::FanIn => Init::Uniform(libm::sqrt(1.0 / fan_in)),
            Init::HeUniform => Init::Uniform(libm::sqrt(6.0 / fan_in)),
            Init::HeNormal => Init::Normal(libm::sqrt(2.0 / fan_in)),
            Init::GlorotUniform => Init::Uniform(libm::sqrt(6.0 / both)),
            Init::GlorotNormal => Init::Normal(libm::sqrt(2.0 / both)),
            plain => plain,
        }
    }

    /// The same distribution with the fans that a shape has.
    pub fn for_shape(self, shape: &Shape) -> Init {
        match shape[..] {
            [] => self.for_fans(1, 1),
            [length] => self.for_fans(length, length),
            [inputs, outputs] => self.for_fans(inputs, outputs),
            [outputs, inputs, ref window @ ..] => {
                let window: usize = window.iter().product();
                self.for_fans(inputs * window, outputs * window)
            }
        }
    }

    pub(crate) fn checked(self) -> Result<Self, Error> {
        match self {
            Init::Constant(c) | Init::Uniform(c) | Init::Normal(c) if !c.is_finite() => {
                Err(Error::Setting { of: "init", why: "numbers must be finite" })
            }
            fine => Ok(fine),
        }
    }

    /// Draws the numbers of a parameter of `shape`.
    pub(crate) fn fill<T: Element>(self, shape: &Shape, numbers: &mut [T], random: &mut Random) {
        match self.for_shape(shape) {
            Init::Constant(c) => numbers.fill(T::from_f64(c)),
            Init::Uniform(a) => {
                numbers.iter_mut().for_each(|x| *x = T::from_f64(a * (2.0 * random.uniform() - 1.0)));
            }
            Init::Normal(deviation) => {
                numbers.iter_mut().for_each(|x| *x = T::from_f64(deviation * random.normal()));
            }
            _ => numbers.fill(T::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(init: Init, shape: &[usize]) -> (f64, f64) {
        let shape = Shape::new(shape).unwrap();
        let mut numbers = alloc::vec![0.0f64; shape.len()];
        init.fill(&shape, &mut numbers, &mut Random::new(5));
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64;
        (variance, numbers.iter().fold(0.0, |largest, x| largest.max(x.abs())))
    }

    #[test]
    fn variances_are_those_of_the_papers() {
        // [in, out] = [200, 300]; [out, in, h, w] with fans 25 * 40 and 25 * 60.
        for (shape, fan_in, fan_out) in [(&[200, 300][..], 200.0, 300.0), (&[60, 40, 5, 5], 1000.0, 1500.0)] {
            let cases = [
                (Init::HeNormal, 2.0 / fan_in),
                (Init::HeUniform, 2.0 / fan_in),
                (Init::GlorotNormal, 2.0 / (fan_in + fan_out)),
                (Init::GlorotUniform, 2.0 / (fan_in + fan_out)),
                (Init::FanIn, 1.0 / (3.0 * fan_in)),
            ];
            for (init, variance) in cases {
                let (found, largest) = drawn(init, shape);
                assert!((found / variance - 1.0).abs() < 0.03, "{init:?}: {found} for {variance}");
                if let Init::Uniform(a) = init.for_shape(&Shape::new(shape).unwrap()) {
                    assert!(largest <= a && largest > 0.999 * a);
                }
            }
        }
        assert_eq!(drawn(Init::Constant(0.5), &[4]), (0.25, 0.5));
        assert_eq!(drawn(Init::Zeros, &[4]), (0.0, 0.0));
    }
}
