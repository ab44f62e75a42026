macro_rules! real {
    ($t:ident, $($c:tt)*) => {
        impl crate::pointwise::Real for $t {
            type Mask = bool;
            fn of(&self, c: f64) -> Self {
                c as $t
            }
            fn mul_add(self, a: Self, b: Self) -> Self {
                self * a + b
            }
            fn sqrt(self) -> Self {
                $t::sqrt(self)
            }
            fn exp(self) -> Self {
                $t::exp(self)
            }
            fn ln(self) -> Self {
                $t::ln(self)
            }
            fn ln_1p(self) -> Self {
                $t::ln_1p(self)
            }
            fn exp_m1(self) -> Self {
                $t::exp_m1(self)
            }
            fn tanh(self) -> Self {
                $t::tanh(self)
            }
            fn sin(self) -> Self {
                $t::sin(self)
            }
            fn cos(self) -> Self {
                $t::cos(self)
            }
            fn erf(self) -> Self {
                libm::erf(self as f64) as $t
            }
            fn powf(self, p: f64) -> Self {
                $t::powf(self, p as $t)
            }
            fn abs(self) -> Self {
                $t::abs(self)
            }
            fn gt(&self, o: &Self) -> bool {
                *self > *o
            }
            fn ge(&self, o: &Self) -> bool {
                *self >= *o
            }
            fn equal(&self, o: &Self) -> bool {
                *self == *o
            }
            fn select(m: bool, a: Self, b: Self) -> Self {
                if m { a } else { b }
            }
        }
        impl crate::Float for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $t::EPSILON;
            const NEG_INFINITY: Self = $t::NEG_INFINITY;
            const INFINITY: Self = $t::INFINITY;
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            fn dispatch<K: crate::simd::Kernel<Self>>(_k: K) -> K::Output {
                unimplemented!()
            }
        }
    };
}
real!(f32,);
real!(f64,);
