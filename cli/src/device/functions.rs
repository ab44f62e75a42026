//! What the code of functions of one number takes: their own, and the software that several of them share, which is linked once.

use tress::tensor::pointwise::Map;

/// A function, or its slope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Function {
    pub(super) map: Map,
    pub(super) slope: bool,
}

/// Software that several functions are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shared {
    /// An angle taken to a turn, in double precision.
    Turn,
    Root,
    Exponential,
    Logarithm,
    /// Quotients, where the processor has none.
    Quotient,
}

impl Shared {
    /// Bytes with floating-point instructions and without.
    pub(super) fn bytes(self) -> [usize; 2] {
        match self {
            Shared::Turn => [8620, 8140],
            Shared::Root => [400, 480],
            Shared::Exponential => [150, 400],
            Shared::Logarithm => [200, 300],
            Shared::Quotient => [0, 500],
        }
    }
}

impl Function {
    /// What makes it another one: its name, its numbers, and whether it is the slope.
    pub(super) fn spelt(self) -> String {
        format!("{:?}{}", self.map, if self.slope { "'" } else { "" })
    }

    /// Its own bytes, with floating-point instructions and without, beyond those of `-x`; and the software that it needs.
    pub(super) fn bytes(self) -> ([usize; 2], &'static [Shared]) {
        use Map::{
            Abs, Ceil, Cos, Cosh, Elu, Erf, Exp, Exp2, ExpM1, Floor, Gelu, GeluTanh, Ln, Ln1p, Neg, Offset,
            Power, Recip, Relu, Round, Rsqrt, Scale, Sigmoid, Silu, Sin, Sinh, Softplus, Sqrt, Square, Tanh,
        };
        use Shared::{Exponential, Logarithm, Quotient, Root, Turn};
        match (self.map, self.slope) {
            // These slopes follow from the function's value alone.
            (Exp | Exp2 | ExpM1 | Tanh | Sigmoid | Rsqrt, true) => ([30, 60], &[]),
            (Sqrt | Ln | Ln1p, true) => ([30, 60], &[Quotient]),
            // And these need another function than their own.
            (Softplus, true) => ([110, 160], &[Exponential, Quotient]),
            (Erf, true) => ([130, 200], &[Exponential]),
            (Gelu | GeluTanh | Silu, true) => ([550, 100], &[Exponential, Quotient]),
            (Floor | Ceil, _) => ([90, 160], &[]),
            (Round, _) => ([150, 300], &[]),
            (Sqrt, _) => ([50, 40], &[Root]),
            (Rsqrt, _) => ([60, 20], &[Root, Quotient]),
            (Recip, _) => ([0, 0], &[Quotient]),
            (Exp | Exp2, _) => ([100, 200], &[Exponential]),
            (ExpM1 | Elu(_), _) => ([130, 300], &[Exponential]),
            (Ln, _) => ([130, 200], &[Logarithm]),
            (Ln1p, _) => ([220, 500], &[Logarithm]),
            (Sin | Cos, _) => ([820, 870], &[Turn]),
            (Sinh | Cosh, _) => ([310, 300], &[Exponential]),
            (Tanh, _) => ([70, 100], &[Exponential, Quotient]),
            (Sigmoid, _) => ([110, 160], &[Exponential, Quotient]),
            (Softplus, _) => ([340, 550], &[Exponential, Logarithm]),
            (Silu, _) => ([130, 160], &[Exponential, Quotient]),
            (Erf, _) => ([390, 500], &[Exponential]),
            (Gelu, _) => ([210, 250], &[Exponential]),
            (GeluTanh, _) => ([150, 200], &[Exponential, Quotient]),
            (Power(_), _) => ([350, 800], &[Exponential, Logarithm]),
            (Relu | Neg | Abs | Square | Scale(_) | Offset(_), _) => ([0, 0], &[]),
            _ => ([60, 150], &[]),
        }
    }

    /// Whether a network with it was measured (`measured.txt`): what was not widens the bounds.
    pub(super) fn is_measured(self) -> bool {
        use Map::{Ceil, Clamp, Elu, Floor, IsFinite, IsNan, LeakyRelu, Neg, Power, Round, Sign, Step};
        match self.map {
            Power(_) | LeakyRelu(_) | Elu(_) | Clamp(..) => false,
            Sign | Step | IsNan | IsFinite => false,
            // Nothing learns through the last three.
            Neg | Floor | Ceil | Round => !self.slope,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Function;
    use tress::tensor::pointwise::Map;

    #[test]
    fn what_is_said_to_be_measured_is_in_the_list() {
        let lines = || include_str!("measured.txt").lines().filter(|line| !line.starts_with('#'));
        // Steps of learning have those two: they scale errors, and add.
        let others = |map: &&Map| !matches!(map, Map::Scale(_) | Map::Offset(_));
        for map in Map::ALL.iter().filter(others) {
            for slope in [false, true] {
                let applied = |line: &str| {
                    let mut words = line.split([' ', ',', ':']);
                    let form = words.next();
                    let ends = format!("/{}", map.name());
                    (if slope { form == Some("learning") } else { form != Some("bytes") })
                        && words.any(|word| word.ends_with(&ends))
                };
                let function = Function { map: *map, slope };
                assert_eq!(function.is_measured(), lines().any(applied), "{function:?}");
            }
        }
    }
}
