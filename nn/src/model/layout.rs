//! Where the boxes of a picture lie: ranks from top to bottom, few crossings, no overlaps.
//!
//! The steps are those of K. Sugiyama, S. Tagawa & M. Toda, "Methods for visual understanding of hierarchical system
//! structures", IEEE Transactions on Systems, Man and Cybernetics 11(2), 1981: every box gets a rank, long arrows get a
//! place in each rank that they pass, ranks are ordered by barycentres, and then places are moved toward their neighbours
//! as far as the order allows.

use alloc::vec::Vec;

/// Boxes of given widths and heights, and arrows from boxes to later ones.
pub(super) struct Graph {
    pub(super) sizes: Vec<[f64; 2]>,
    pub(super) arrows: Vec<(usize, usize)>,
}

/// A picture with all places known.
pub(super) struct Placed {
    pub(super) size: [f64; 2],
    /// The left upper corner of each box.
    pub(super) corners: Vec<[f64; 2]>,
    /// For each arrow the points that it passes: straight down from each odd one, by a curve from each even one.
    pub(super) routes: Vec<Vec<[f64; 2]>>,
}

/// Between neighbours in a rank, between ranks, and around all.
const BESIDE: f64 = 24.0;
const BETWEEN: f64 = 36.0;
pub(super) const AROUND: f64 = 16.0;
/// The room for an arrow that passes a rank.
const PASSING: f64 = 8.0;

/// A box, or the place of an arrow in a rank.
struct Spot {
    rank: usize,
    width: f64,
    above: Vec<usize>,
    below: Vec<usize>,
    /// The middle.
    x: f64,
}

impl Graph {
    pub(super) fn place(&self) -> Placed {
        let (mut spots, chains) = self.spots();
        let mut ranks: Vec<Vec<usize>> = Vec::new();
        for (i, spot) in spots.iter().enumerate() {
            ranks.resize(ranks.len().max(spot.rank + 1), Vec::new());
            ranks[spot.rank].push(i);
        }
        order(&spots, &mut ranks);
        align(&mut spots, &ranks);
        self.finish(&mut spots, &ranks, &chains)
    }

    /// All spots, boxes first, and for each arrow the spots that it leads through.
    fn spots(&self) -> (Vec<Spot>, Vec<Vec<usize>>) {
        let count = self.sizes.len();
        let mut rank = alloc::vec![0; count];
        for to in 0..count {
            let above = self.arrows.iter().filter(|arrow| arrow.1 == to).map(|&(from, _)| rank[from] + 1);
            rank[to] = above.max().unwrap_or(0);
        }
        let spot = |rank, width| Spot { rank, width, above: Vec::new(), below: Vec::new(), x: 0.0 };
        let mut spots: Vec<Spot> = (0..count).map(|i| spot(rank[i], self.sizes[i][0])).collect();
        let mut chains = Vec::with_capacity(self.arrows.len());
        for &(from, to) in &self.arrows {
            let mut chain = Vec::from([from]);
            for rank in rank[from] + 1..rank[to] {
                chain.push(spots.len());
                spots.push(spot(rank, PASSING));
            }
            chain.push(to);
            for pair in chain.windows(2) {
                spots[pair[0]].below.push(pair[1]);
                spots[pair[1]].above.push(pair[0]);
            }
            chains.push(chain);
        }
        (spots, chains)
    }

    fn finish(&self, spots: &mut [Spot], ranks: &[Vec<usize>], chains: &[Vec<usize>]) -> Placed {
        let left = spots.iter().map(|spot| spot.x - spot.width / 2.0).fold(f64::INFINITY, f64::min);
        let left = if left.is_finite() { left } else { 0.0 };
        spots.iter_mut().for_each(|spot| spot.x += AROUND - left);
        let right = spots.iter().map(|spot| spot.x + spot.width / 2.0).fold(0.0, f64::max);
        // The top and the bottom of each rank.
        let (mut bands, mut y) = (Vec::with_capacity(ranks.len()), AROUND);
        for rank in ranks {
            let boxes = rank.iter().filter_map(|&i| self.sizes.get(i));
            let height = boxes.map(|size| size[1]).fold(0.0, f64::max);
            bands.push([y, y + height]);
            y += height + BETWEEN;
        }
        let corners: Vec<[f64; 2]> = (0..self.sizes.len())
            .map(|i| {
                let [top, bottom] = bands[spots[i].rank];
                [spots[i].x - self.sizes[i][0] / 2.0, (top + bottom - self.sizes[i][1]) / 2.0]
            })
            .collect();
        let mut routes = Vec::with_capacity(chains.len());
        for (arrow, chain) in chains.iter().enumerate() {
            let (first, last) = (chain[0], chain[chain.len() - 1]);
            let mut route = Vec::new();
            for &i in chain {
                let [top, bottom] = bands[spots[i].rank];
                let (box_top, box_bottom) = match corners.get(i) {
                    Some(corner) => (corner[1], corner[1] + self.sizes[i][1]),
                    None => (top, bottom),
                };
                if i == first {
                    let x = spots[i].x + self.port(chains, spots, arrow, true);
                    route.extend([[x, box_bottom], [x, bottom]]);
                } else if i == last {
                    let x = spots[i].x + self.port(chains, spots, arrow, false);
                    route.extend([[x, top], [x, box_top]]);
                } else {
                    route.extend([[spots[i].x, top], [spots[i].x, bottom]]);
                }
            }
            routes.push(route);
        }
        Placed { size: [right + AROUND, (y - BETWEEN + AROUND).max(2.0 * AROUND)], corners, routes }
    }

    /// How far from the middle of its box an arrow starts or ends: those of one box lie in the order of where they lead.
    fn port(&self, chains: &[Vec<usize>], spots: &[Spot], arrow: usize, start: bool) -> f64 {
        let at = |i: usize| if start { chains[i][0] } else { chains[i][chains[i].len() - 1] };
        let next = |i: usize| if start { chains[i][1] } else { chains[i][chains[i].len() - 2] };
        let mut mine: Vec<usize> = (0..chains.len()).filter(|&i| at(i) == at(arrow)).collect();
        mine.sort_by(|&a, &b| spots[next(a)].x.total_cmp(&spots[next(b)].x).then(a.cmp(&b)));
        let place = mine.iter().position(|&i| i == arrow).unwrap_or(0) as f64 + 0.5;
        let width = self.sizes[at(arrow)][0] * 0.6;
        (place / mine.len().max(1) as f64 - 0.5) * width
    }
}

/// Orders each rank by the mean place of the neighbours, downward and upward in turn; the order with the fewest crossings
/// is kept.
fn order(spots: &[Spot], ranks: &mut [Vec<usize>]) {
    let mut best = (crossings(spots, ranks), ranks.to_vec());
    for sweep in 0..8 {
        let down = sweep % 2 == 0;
        let around: Vec<usize> =
            if down { (1..ranks.len()).collect() } else { (0..ranks.len()).rev().skip(1).collect() };
        for rank in around {
            let fixed = &ranks[if down { rank - 1 } else { rank + 1 }];
            let mut places = alloc::vec![0.0; spots.len()];
            fixed.iter().enumerate().for_each(|(place, &i)| places[i] = place as f64);
            let mut keyed: Vec<(f64, usize)> = ranks[rank]
                .iter()
                .enumerate()
                .map(|(place, &i)| {
                    let around = if down { &spots[i].above } else { &spots[i].below };
                    match around.len() {
                        0 => (place as f64, i),
                        n => (around.iter().map(|&x| places[x]).sum::<f64>() / n as f64, i),
                    }
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0)); // stable
            ranks[rank] = keyed.into_iter().map(|(_, i)| i).collect();
        }
        let found = crossings(spots, ranks);
        if found < best.0 {
            best = (found, ranks.to_vec());
        }
    }
    ranks.clone_from_slice(&best.1);
}

/// The number of pairs of arrows between neighbouring ranks that cross.
fn crossings(spots: &[Spot], ranks: &[Vec<usize>]) -> usize {
    let mut places = alloc::vec![0; spots.len()];
    ranks.iter().for_each(|rank| rank.iter().enumerate().for_each(|(place, &i)| places[i] = place));
    let mut count = 0;
    for rank in ranks {
        let arrows: Vec<(usize, usize)> = rank
            .iter()
            .flat_map(|&i| spots[i].below.iter().map(move |&x| (i, x)))
            .map(|(i, x)| (places[i], places[x]))
            .collect();
        for (n, a) in arrows.iter().enumerate() {
            count +=
                arrows[..n].iter().filter(|b| (a.0 < b.0) != (a.1 < b.1) && a.0 != b.0 && a.1 != b.1).count();
        }
    }
    count
}

/// Moves spots toward the middle of their neighbours, keeping the order and the room between them.
fn align(spots: &mut [Spot], ranks: &[Vec<usize>]) {
    for rank in ranks {
        let mut x = 0.0;
        for &i in rank {
            spots[i].x = x + spots[i].width / 2.0;
            x += spots[i].width + BESIDE;
        }
    }
    for sweep in 0..24 {
        let all: Vec<usize> =
            if sweep % 2 == 0 { (0..ranks.len()).collect() } else { (0..ranks.len()).rev().collect() };
        for rank in all {
            // The mean of all neighbours, the more of them the stronger; passing arrows want to be straight.
            let wishes: Vec<(f64, f64)> = ranks[rank]
                .iter()
                .map(|&i| {
                    let around = spots[i].above.iter().chain(&spots[i].below);
                    let (sum, count) =
                        around.fold((0.0, 0.0), |(sum, count), &x| (sum + spots[x].x, count + 1.0));
                    if count == 0.0 { (spots[i].x, 0.1) } else { (sum / count, count) }
                })
                .collect();
            let widths: Vec<f64> = ranks[rank].iter().map(|&i| spots[i].width).collect();
            for (&i, x) in ranks[rank].iter().zip(apart(&wishes, &widths)) {
                spots[i].x = x;
            }
        }
    }
}

/// The middles nearest to the wishes (by weighted squares) at which neighbours do not come nearer than [`BESIDE`]: a
/// regression under an order, by pooling neighbours that violate it.
fn apart(wishes: &[(f64, f64)], widths: &[f64]) -> Vec<f64> {
    // How far right of the first each one is at least.
    let mut least = Vec::with_capacity(widths.len());
    for i in 0..widths.len() {
        let before = if i == 0 { 0.0 } else { least[i - 1] + (widths[i - 1] + widths[i]) / 2.0 + BESIDE };
        least.push(before);
    }
    // Pools: the weighted mean of the wishes in it, the weight, and how many it holds.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (&(wish, weight), least) in wishes.iter().zip(&least) {
        pools.push((wish - least, weight, 1));
        while let [.., a, b] = pools[..]
            && a.0 > b.0
        {
            pools.pop();
            let weight = a.1 + b.1;
            *pools.last_mut().unwrap_or(&mut (0.0, 0.0, 0)) =
                ((a.0 * a.1 + b.0 * b.1) / weight, weight, a.2 + b.2);
        }
    }
    let means = pools.iter().flat_map(|&(mean, _, count)| core::iter::repeat_n(mean, count));
    means.zip(least).map(|(mean, least)| mean + least).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    /// Whether two rectangles (corner and size) have a point in common.
    fn meet(a: [f64; 2], a_size: [f64; 2], b: [f64; 2], b_size: [f64; 2]) -> bool {
        (0..2).all(|axis| a[axis] < b[axis] + b_size[axis] && b[axis] < a[axis] + a_size[axis])
    }

    #[test]
    fn in_random_graphs_no_box_overlaps_a_box_or_an_arrow() {
        let mut random = Random::new(3);
        for case in 0..200 {
            let count = 2 + random.below(14) as usize;
            let sizes: Vec<[f64; 2]> = (0..count)
                .map(|_| [40.0 + random.below(200) as f64, 30.0 + random.below(60) as f64])
                .collect();
            let mut arrows = Vec::new();
            for to in 1..count {
                for _ in 0..random.below(4) {
                    arrows.push((random.below(to as u64) as usize, to));
                }
            }
            let graph = Graph { sizes: sizes.clone(), arrows };
            let Placed { size, corners, routes } = graph.place();
            for i in 0..count {
                assert!(
                    (0..2).all(
                        |axis| corners[i][axis] >= 0.0 && corners[i][axis] + sizes[i][axis] <= size[axis]
                    )
                );
                for j in 0..i {
                    assert!(
                        !meet(corners[i], sizes[i], corners[j], sizes[j]),
                        "case {case}: boxes {i} and {j}"
                    );
                }
            }
            for (route, &(from, to)) in routes.iter().zip(&graph.arrows) {
                assert!(route.windows(2).all(|pair| pair[0][1] <= pair[1][1]), "case {case}: downward");
                for pair in route.windows(2) {
                    let left = pair[0][0].min(pair[1][0]);
                    let corner = [left, pair[0][1]];
                    let span = [(pair[0][0] - pair[1][0]).abs(), pair[1][1] - pair[0][1]];
                    for i in (0..count).filter(|&i| i != from && i != to) {
                        assert!(
                            !meet(corner, span, corners[i], sizes[i]),
                            "case {case}: an arrow through box {i}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_crossing_that_is_not_needed_is_undone() {
        // Two chains, declared crosswise.
        let graph = Graph { sizes: alloc::vec![[50.0, 20.0]; 4], arrows: alloc::vec![(0, 3), (1, 2)] };
        let Placed { corners, .. } = graph.place();
        assert_eq!(corners[0][0] < corners[1][0], corners[3][0] < corners[2][0]);
        assert_eq!(corners[0][0], corners[3][0], "straight");
    }
}
