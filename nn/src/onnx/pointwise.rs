//! Functions of one and two numbers as nodes.

use super::proto::{self, Attribute};
use super::writer::Writer;
use alloc::string::String;
use tress_tensor::pointwise::{Map, Zip};

impl Writer {
    /// `f(x)`; `None` for a function that has no nodes here.
    pub(super) fn map(&mut self, map: Map, x: &str) -> Option<String> {
        Some(match map {
            Map::Neg => self.one("Neg", x),
            Map::Scale(c) => self.with("Mul", x, c),
            Map::Offset(c) => self.with("Add", x, c),
            Map::Abs => self.one("Abs", x),
            Map::Sign => self.one("Sign", x),
            Map::Step => {
                let above = self.with("Greater", x, 0.0);
                self.as_number(&above)
            }
            Map::Floor => self.one("Floor", x),
            Map::Ceil => self.one("Ceil", x),
            Map::Round => self.one("Round", x),
            Map::IsNan => {
                let nan = self.one("IsNaN", x);
                self.as_number(&nan)
            }
            Map::IsFinite => {
                // What is infinite or NaN is not equal to itself less itself plus zero: x - x is 0 elsewhere.
                let none = self.node("Sub", &[x, x], &[]);
                let is = self.with("Equal", &none, 0.0);
                self.as_number(&is)
            }
            Map::Square => self.node("Mul", &[x, x], &[]),
            Map::Sqrt => self.one("Sqrt", x),
            Map::Rsqrt => {
                let root = self.one("Sqrt", x);
                self.one("Reciprocal", &root)
            }
            Map::Recip => self.one("Reciprocal", x),
            Map::Power(p) => self.with("Pow", x, p),
            Map::Exp => self.one("Exp", x),
            Map::Exp2 => {
                let two = self.number(2.0);
                self.node("Pow", &[&two, x], &[])
            }
            Map::ExpM1 => {
                let exp = self.one("Exp", x);
                self.with("Sub", &exp, 1.0)
            }
            Map::Ln => self.one("Log", x),
            Map::Ln1p => {
                let more = self.with("Add", x, 1.0);
                self.one("Log", &more)
            }
            Map::Sin => self.one("Sin", x),
            Map::Cos => self.one("Cos", x),
            Map::Sinh => self.one("Sinh", x),
            Map::Cosh => self.one("Cosh", x),
            Map::Tanh => self.one("Tanh", x),
            Map::Sigmoid => self.one("Sigmoid", x),
            Map::Softplus => self.one("Softplus", x),
            Map::Silu => {
                let gate = self.one("Sigmoid", x);
                self.node("Mul", &[x, &gate], &[])
            }
            Map::Erf => self.one("Erf", x),
            Map::Gelu => {
                let scaled = self.with("Mul", x, core::f64::consts::FRAC_1_SQRT_2);
                let erf = self.one("Erf", &scaled);
                self.half_of_one_plus(&erf, x)
            }
            Map::GeluTanh => {
                let square = self.node("Mul", &[x, x], &[]);
                let cube = self.node("Mul", &[&square, x], &[]);
                let cube = self.with("Mul", &cube, 0.044715);
                let sum = self.node("Add", &[x, &cube], &[]);
                // The square root of two over pi.
                let argument = self.with("Mul", &sum, 0.797_884_560_802_865_4);
                let tanh = self.one("Tanh", &argument);
                self.half_of_one_plus(&tanh, x)
            }
            Map::Relu => self.one("Relu", x),
            Map::LeakyRelu(slope) => {
                self.node("LeakyRelu", &[x], &[("alpha", Attribute::Float(slope as f32))])
            }
            Map::Elu(c) => self.node("Elu", &[x], &[("alpha", Attribute::Float(c as f32))]),
            Map::Clamp(low, high) => {
                let (low, high) = (self.number(low), self.number(high));
                self.node("Clip", &[x, &low, &high], &[])
            }
            _ => return None,
        })
    }

    /// `f(a, b)`; `None` for a function that has no nodes here.
    pub(super) fn zip(&mut self, zip: Zip, a: &str, b: &str) -> Option<String> {
        let (operator, is_number) = match zip {
            Zip::Add => ("Add", true),
            Zip::Sub => ("Sub", true),
            Zip::Mul => ("Mul", true),
            Zip::Div => ("Div", true),
            Zip::Max => ("Max", true),
            Zip::Min => ("Min", true),
            Zip::Greater => ("Greater", false),
            Zip::GreaterEqual => ("GreaterOrEqual", false),
            Zip::Equal => ("Equal", false),
            _ => return None,
        };
        let y = self.node(operator, &[a, b], &[]);
        Some(if is_number { y } else { self.as_number(&y) })
    }

    /// `a` where the condition is not zero, else `b`.
    pub(super) fn select(&mut self, condition: &str, a: &str, b: &str) -> String {
        let is = self.node("Cast", &[condition], &[("to", Attribute::Int(proto::BOOL))]);
        self.node("Where", &[&is, a, b], &[])
    }

    pub(super) fn one(&mut self, operator: &'static str, x: &str) -> String {
        self.node(operator, &[x], &[])
    }

    pub(super) fn with(&mut self, operator: &'static str, x: &str, c: f64) -> String {
        let c = self.number(c);
        self.node(operator, &[x, &c], &[])
    }

    /// A truth as 1 or 0.
    fn as_number(&mut self, x: &str) -> String {
        self.node("Cast", &[x], &[("to", Attribute::Int(proto::FLOAT))])
    }

    /// `0.5 x (1 + y)`.
    fn half_of_one_plus(&mut self, y: &str, x: &str) -> String {
        let more = self.with("Add", y, 1.0);
        let product = self.node("Mul", &[x, &more], &[]);
        self.with("Mul", &product, 0.5)
    }
}
