//! K-means, begun with k-means++.

use alloc::vec::Vec;

use tress_nn::Random;
use tress_tensor::{Float, Tensor};

use crate::error::{Error, Result, check_finite, check_length};

/// Centroids, and the cluster of each point.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// `k` rows of `width` numbers.
    centroids: Vec<f64>,
    width: usize,
    assignment: Vec<u32>,
    inertia: f64,
    rounds: usize,
}

impl KMeans {
    /// Clusters points `[N, d]` into `k`: first centroids by D. Arthur & S. Vassilvitskii, "k-means++: the advantages of
    /// careful seeding", 2007 (each drawn with a probability in proportion to the squared distance from those before), then
    /// Lloyd's rounds until nothing changes, `most` of them at most. A cluster that loses all points takes the point that is
    /// farthest from its centroid.
    ///
    /// # Errors
    /// Points that are not `[N, d]` or not finite, no clusters, or fewer points than clusters.
    pub fn fit<T: Float>(points: &Tensor<T>, k: usize, seed: u64, most: usize) -> Result<Self> {
        let [count, width] = points.shape()[..] else {
            return Err(Error::Setting { what: "points to be clustered are [N, d]" });
        };
        if k == 0 || k > count || width == 0 {
            return Err(Error::Setting { what: "there are between one cluster and as many as points" });
        }
        let numbers: Vec<f64> = points.to_vec().iter().map(|x| x.to_f64()).collect();
        check_finite("points to be clustered", &numbers)?;
        let rows: Vec<&[f64]> = numbers.chunks_exact(width).collect();
        let mut fitted = Self {
            centroids: start(&rows, k, seed),
            width,
            assignment: alloc::vec![0; count],
            inertia: 0.0,
            rounds: 0,
        };
        let mut distances = fitted.assign(&rows);
        while fitted.rounds < most {
            fitted.rounds += 1;
            fitted.move_centroids(&rows, &distances);
            let before = fitted.assignment.clone();
            distances = fitted.assign(&rows);
            if before == fitted.assignment {
                break;
            }
        }
        Ok(fitted)
    }

    /// The centroids, `[k, d]`.
    ///
    /// # Errors
    /// None, as they are finite and not empty.
    pub fn centroids<T: Float>(&self) -> Result<Tensor<T>> {
        let numbers: Vec<T> = self.centroids.iter().map(|&x| T::from_f64(x)).collect();
        Ok(Tensor::new([self.centroids.len() / self.width, self.width], &numbers)?)
    }

    /// The cluster of each point: that of the nearest centroid, the first of equally near ones.
    pub fn assignment(&self) -> &[u32] {
        &self.assignment
    }

    /// The sum of the squared distances of points from their centroids: what k-means makes small.
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// How many rounds were taken.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// The cluster of each of other points `[N, d]`.
    ///
    /// # Errors
    /// Points of another width.
    pub fn predict<T: Float>(&self, points: &Tensor<T>) -> Result<Vec<u32>> {
        let width = points.shape().get(1).copied().unwrap_or(0);
        check_length("numbers of a point", self.width, width)?;
        let numbers: Vec<f64> = points.to_vec().iter().map(|x| x.to_f64()).collect();
        Ok(numbers.chunks_exact(width).map(|row| self.nearest(row).0).collect())
    }

    fn nearest(&self, row: &[f64]) -> (u32, f64) {
        let mut best = (0, f64::INFINITY);
        for (cluster, centroid) in (0u32..).zip(self.centroids.chunks_exact(self.width)) {
            let distance = squared(row, centroid);
            if distance < best.1 {
                best = (cluster, distance);
            }
        }
        best
    }

    /// Gives each point to its nearest centroid; their squared distances.
    fn assign(&mut self, rows: &[&[f64]]) -> Vec<f64> {
        let nearest: Vec<(u32, f64)> = rows.iter().map(|row| self.nearest(row)).collect();
        self.inertia = nearest.iter().map(|(_, distance)| distance).sum();
        self.assignment = nearest.iter().map(|(cluster, _)| *cluster).collect();
        nearest.into_iter().map(|(_, distance)| distance).collect()
    }

    /// Moves each centroid to the mean of its points.
    fn move_centroids(&mut self, rows: &[&[f64]], distances: &[f64]) {
        let k = self.centroids.len() / self.width;
        let mut counts = alloc::vec![0usize; k];
        let mut sums = alloc::vec![0.0; self.centroids.len()];
        for (row, &cluster) in rows.iter().zip(&self.assignment) {
            let cluster = cluster as usize;
            counts[cluster] += 1;
            sums[cluster * self.width..][..self.width].iter_mut().zip(*row).for_each(|(sum, x)| *sum += x);
        }
        let mut far: Vec<usize> = (0..rows.len()).collect();
        if counts.contains(&0) {
            far.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]));
        }
        let mut far = far.into_iter();
        for (cluster, &count) in counts.iter().enumerate() {
            let centroid = &mut self.centroids[cluster * self.width..][..self.width];
            match count {
                0 => far.next().into_iter().for_each(|point| centroid.copy_from_slice(rows[point])),
                _ => {
                    let sums = &sums[cluster * self.width..];
                    centroid.iter_mut().zip(sums).for_each(|(c, sum)| *c = sum / count as f64);
                }
            }
        }
    }
}

/// The centroids of k-means++.
fn start(rows: &[&[f64]], k: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut chosen = random.below(rows.len() as u64) as usize;
    let mut distances = alloc::vec![f64::INFINITY; rows.len()];
    let mut centroids = Vec::with_capacity(k * rows[0].len());
    loop {
        centroids.extend_from_slice(rows[chosen]);
        if centroids.len() == k * rows[0].len() {
            return centroids;
        }
        for (distance, row) in distances.iter_mut().zip(rows) {
            *distance = distance.min(squared(row, rows[chosen]));
        }
        let total: f64 = distances.iter().sum();
        let mut left = random.uniform() * total;
        // The last point that could be drawn is taken where rounding has used up all of the rest.
        chosen = rows.len() - 1;
        for (point, &distance) in distances.iter().enumerate() {
            if distance > 0.0 {
                chosen = point;
                if left < distance {
                    break;
                }
                left -= distance;
            }
        }
    }
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
