//! The multi-task attention network: one trunk, and for each task masks that pick what it needs.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::{Arrange, Value};
use tress_nn::{Bound, Conv2d, Layer, Scope, Sequential};
use tress_tensor::Float;
use tress_tensor::pointwise::Map;

use super::{Architecture, Features};
use crate::error::{Error, Result, check_tasks};

/// One block of the shared trunk: `u = first(x)`, `p = second(u)`, and what shrinks the picture after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage<L = Sequential> {
    /// Gives `u [N, channels[0], H, W]`, which attention looks at.
    pub first: L,
    /// Gives `p [N, channels[1], H, W]`, which is attended to.
    pub second: L,
    /// Pooling, or nothing; applied to the trunk and to each task, so it has no parameters.
    pub down: L,
    /// The channels of `u` and of `p`.
    pub channels: [usize; 2],
}

/// The features of task `k` behind block `j` are `a_k (.) p` with the mask `a_k = h_k(g_k([u; f_k]))`, where `f_k` comes
/// from the block before (S. Liu, E. Johns & A. J. Davison, "End-to-end multi-task learning with attention", CVPR
/// 2019). `g` is a 1 x 1 convolution with ReLU, `h` one with sigmoid, `f` a 3 x 3 convolution with ReLU. The
/// paper's batch normalisation is left out of them.
///
/// Parameters of the attention are declared as `block<j>.task<k>.{g, h, f}.*`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mtan<L = Sequential> {
    stages: Vec<Stage<L>>,
    /// Stage by stage, for each task.
    attention: Vec<Vec<Attention>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Attention {
    g: Conv2d,
    h: Conv2d,
    f: Conv2d,
}

impl<L: Layer> Mtan<L> {
    /// Attention of so many tasks to a trunk. The last `f` gives as many channels as the last `p` has.
    ///
    /// # Errors
    /// No task or more than 32, no block, a block without channels, or names that are taken in the scope.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, tasks: usize, stages: Vec<Stage<L>>) -> Result<Self> {
        check_tasks(tasks)?;
        if stages.is_empty() || stages.iter().any(|stage| stage.channels.contains(&0)) {
            return Err(Error::Setting { what: "attention has at least one block, and each has channels" });
        }
        let mut attention = Vec::with_capacity(stages.len());
        for (j, stage) in stages.iter().enumerate() {
            let [u, p] = stage.channels;
            // From the second block on, `u` lies beside what the block before handed on.
            let seen = if j == 0 { u } else { u.saturating_mul(2) };
            let on = stages.get(j + 1).map_or(p, |next| next.channels[0]);
            let mut each = Vec::with_capacity(tasks);
            for task in 0..tasks {
                let mut place = scope.scope(&format!("block{j}.task{task}"));
                let wide = Conv2d::builder(p, on, [3, 3]).same();
                each.push(Attention {
                    g: Conv2d::new(&mut place.scope("g"), seen, p, [1, 1])?.activation(Map::Relu),
                    h: Conv2d::new(&mut place.scope("h"), p, p, [1, 1])?.activation(Map::Sigmoid),
                    f: wide.activation(Map::Relu).build(&mut place.scope("f"))?,
                });
            }
            attention.push(each);
        }
        Ok(Self { stages, attention })
    }
}

impl<L: Layer> Architecture for Mtan<L> {
    fn tasks(&self) -> usize {
        self.attention[0].len()
    }

    /// The gates of the features are the masks, block by block.
    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let mut trunk = x.clone();
        let mut tasks: Vec<V> = Vec::new();
        let mut masks = Vec::new();
        for (stage, attention) in self.stages.iter().zip(&self.attention) {
            let u = stage.first.apply(bound, &trunk);
            let p = stage.second.apply(bound, &u);
            let mut next = Vec::with_capacity(attention.len());
            for (k, own) in attention.iter().enumerate() {
                let seen = match tasks.get(k) {
                    Some(before) => u.concat(1, core::slice::from_ref(before)),
                    None => u.clone(),
                };
                let mask = own.h.apply(bound, &own.g.apply(bound, &seen));
                let attended = mask.clone() * p.clone();
                next.push(stage.down.apply(bound, &own.f.apply(bound, &attended)));
                masks.push(mask);
            }
            tasks = next;
            trunk = stage.down.apply(bound, &p);
        }
        Features::new(tasks).with_gates(masks)
    }
}
