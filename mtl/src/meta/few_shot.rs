//! Few-shot tasks over the classes of a data set.

use alloc::format;
use alloc::vec::Vec;

use tress_nn::{Labels, Random, mix};
use tress_tensor::{Float, Tensor};

use super::episode::rows;
use super::{Episode, Examples};
use crate::error::{Error, Result, check_length};
use crate::network::Targets;

/// Draws episodes of so many classes (*ways*), with so many samples of support each (*shots*), as O. Vinyals et al.,
/// "Matching networks for one shot learning", NeurIPS 2016, section 4.1, pose them. Episode number `i` follows from the
/// seed and `i` alone.
///
/// Classes for training and for testing are two samplers over one data set, with lists of classes that share none.
///
/// ```
/// use tress_mtl::meta::FewShot;
/// let labels = [0, 1, 2, 0, 1, 2, 0, 1, 2];
/// let training = FewShot::new(&labels, &[0, 2], 2, 1, 2, 7)?;
/// let drawn = training.draw(0);
/// assert_eq!((drawn.support.len(), drawn.query.len()), (2, 4));
/// assert!(drawn.support.iter().all(|&sample| labels[sample] != 1));
/// # Ok::<(), tress_mtl::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FewShot {
    /// The samples of each class.
    members: Vec<Vec<usize>>,
    /// The classes, in the order of `members`.
    classes: Vec<u32>,
    samples: usize,
    ways: usize,
    shots: usize,
    queries: usize,
    seed: u64,
}

/// The samples of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Which class of the data set is class 0, 1, .. of the episode.
    pub classes: Vec<u32>,
    /// The samples of the support: `shots` of class 0, then of class 1, and so on.
    pub support: Vec<usize>,
    /// The samples of the query, in the same order; none is in the support.
    pub query: Vec<usize>,
}

impl FewShot {
    /// A sampler over the samples whose label is one of `classes`: `ways` of them in each episode, with `shots` and
    /// `queries` samples each.
    ///
    /// # Errors
    /// Fewer than two ways, more than there are classes, no shots or no queries, a class that is named twice, or one that
    /// has fewer samples than an episode takes.
    pub fn new(
        labels: &[u32],
        classes: &[u32],
        ways: usize,
        shots: usize,
        queries: usize,
        seed: u64,
    ) -> Result<Self> {
        if ways < 2 || ways > classes.len() || shots == 0 || queries == 0 {
            let what = "an episode has two classes or more, no more than there are, with shots and queries";
            return Err(Error::Setting { what });
        }
        if let Some(i) = (1..classes.len()).find(|&i| classes[..i].contains(&classes[i])) {
            return Err(Error::Class { class: classes[i], why: "is named twice; name each once".into() });
        }
        let of = |class: &u32| (0..labels.len()).filter(|&i| labels[i] == *class).collect::<Vec<usize>>();
        let members: Vec<Vec<usize>> = classes.iter().map(of).collect();
        let wanted = shots.saturating_add(queries);
        if let Some((class, members)) =
            classes.iter().zip(&members).find(|(_, members)| members.len() < wanted)
        {
            let found = members.len();
            let why = format!(
                "has {found} samples, and an episode takes {wanted} of it ({shots} shots and {queries} queries); take \
                 fewer, or leave the class out"
            );
            return Err(Error::Class { class: *class, why });
        }
        Ok(Self { members, classes: classes.to_vec(), samples: labels.len(), ways, shots, queries, seed })
    }

    /// The samples of episode `i`.
    pub fn draw(&self, i: u64) -> Drawn {
        let mut random = Random::new(mix(self.seed, i));
        let order = some_of(self.classes.len(), self.ways, &mut random);
        let mut drawn = Drawn { classes: Vec::new(), support: Vec::new(), query: Vec::new() };
        for class in order {
            let members = &self.members[class];
            let chosen = some_of(members.len(), self.shots + self.queries, &mut random);
            let (support, query) = chosen.split_at(self.shots);
            drawn.classes.push(self.classes[class]);
            drawn.support.extend(support.iter().map(|&at| members[at]));
            drawn.query.extend(query.iter().map(|&at| members[at]));
        }
        drawn
    }

    /// Episode `i` with its inputs, which are rows of those of the whole data set, `[N, ..]`. Its classes are numbered
    /// from 0 to `ways`.
    ///
    /// # Errors
    /// Another number of inputs than of labels.
    pub fn episode<T: Float>(&self, i: u64, inputs: &Tensor<T>) -> Result<Episode<T>> {
        check_length("inputs of the data set", self.samples, inputs.shape().first().copied().unwrap_or(0))?;
        let drawn = self.draw(i);
        let examples = |samples: &[usize], each: usize| {
            let labels = (0..samples.len()).map(|at| (at / each) as u32);
            Examples::new(rows(inputs, samples)?, Targets::Classes(Labels::new(labels, self.ways)?))
        };
        Ok(Episode {
            support: examples(&drawn.support, self.shots)?,
            query: examples(&drawn.query, self.queries)?,
        })
    }
}

/// `some` different numbers below `all`, each order as likely (the first steps of a shuffle).
fn some_of(all: usize, some: usize, random: &mut Random) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..all).collect();
    for place in 0..some {
        let other = place + random.below((all - place) as u64) as usize;
        numbers.swap(place, other);
    }
    numbers.truncate(some);
    numbers
}
