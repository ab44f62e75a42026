//! `+`, `-`, `*`, `/` and unary minus, for a kind of value and references to it.

/// Writes the operators of a kind of value: `operators!([generics] Type)`.
macro_rules! operators {
    ([$($generics:tt)*] $kind:ty) => {
        $crate::value::operators!(@binary [$($generics)*] $kind, Add, add);
        $crate::value::operators!(@binary [$($generics)*] $kind, Sub, sub);
        $crate::value::operators!(@binary [$($generics)*] $kind, Mul, mul);
        $crate::value::operators!(@binary [$($generics)*] $kind, Div, div);

        impl<$($generics)*> core::ops::Neg for $kind {
            type Output = Self;
            #[track_caller]
            fn neg(self) -> Self {
                -&self
            }
        }

        impl<$($generics)*> core::ops::Neg for &$kind {
            type Output = $kind;
            #[track_caller]
            fn neg(self) -> $kind {
                $crate::Pointwise::map(self, tress_tensor::pointwise::Map::Neg)
            }
        }
    };
    (@binary [$($generics:tt)*] $kind:ty, $trait:ident, $method:ident) => {
        $crate::value::operators!(@one [$($generics)*] $kind, $kind, $kind, $trait, $method);
        $crate::value::operators!(@one [$($generics)*] $kind, $kind, &$kind, $trait, $method);
        $crate::value::operators!(@one [$($generics)*] $kind, &$kind, $kind, $trait, $method);
        $crate::value::operators!(@one [$($generics)*] $kind, &$kind, &$kind, $trait, $method);
    };
    (@one [$($generics:tt)*] $kind:ty, $left:ty, $right:ty, $trait:ident, $method:ident) => {
        impl<$($generics)*> core::ops::$trait<$right> for $left {
            type Output = $kind;
            #[track_caller]
            fn $method(self, other: $right) -> $kind {
                $crate::Pointwise::zip(
                    core::borrow::Borrow::<$kind>::borrow(&self),
                    tress_tensor::pointwise::Zip::$trait,
                    core::borrow::Borrow::<$kind>::borrow(&other),
                )
            }
        }
    };
}
pub(crate) use operators;
