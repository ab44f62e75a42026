//! Clustering: k-means on what is plain, soft assignments by their formulas, and a loss that sharpens.

use tress_autograd::{Eager, Tape};
use tress_mtl::cluster::{KMeans, SoftClusters};
use tress_nn::metric::Clusters;
use tress_nn::{Adam, Gradient, Layer, Optimiser, Params, Random};
use tress_tensor::Tensor;

/// Points around the corners of a triangle, and which corner each is of.
fn blobs(n: usize, spread: f64, seed: u64) -> (Tensor<f64>, Vec<u32>) {
    let mut random = Random::new(seed);
    let corners = [[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]];
    let (mut points, mut classes) = (Vec::new(), Vec::new());
    for i in 0..n {
        let class = i % 3;
        points.extend(corners[class].map(|at| at + spread * random.normal()));
        classes.push(class as u32);
    }
    (Tensor::new([n, 2], &points).unwrap(), classes)
}

fn agreement(classes: &[u32], clusters: &[u32]) -> [f64; 2] {
    let mut metric = Clusters::new();
    metric.add(classes, clusters).unwrap();
    [metric.nmi().unwrap(), metric.ari().unwrap()]
}

#[test]
fn plain_groups_are_found_and_centroids_are_their_means() {
    let (points, classes) = blobs(300, 0.5, 1);
    for seed in 0..20 {
        let fitted = KMeans::fit(&points, 3, seed, 100).unwrap();
        assert_eq!(agreement(&classes, fitted.assignment()), [1.0, 1.0], "seed {seed}");
        let centroids = fitted.centroids::<f64>().unwrap();
        for cluster in 0..3 {
            for axis in 0..2 {
                let members = (0..300).filter(|&i| fitted.assignment()[i] == cluster as u32);
                let mean = members.map(|i| points[[i, axis]]).sum::<f64>() / 100.0;
                assert!((centroids[[cluster, axis]] - mean).abs() < 1e-12);
            }
        }
        assert_eq!(fitted.predict(&points).unwrap(), fitted.assignment());
        let inertia: f64 = (0..300)
            .map(|i| {
                let own = fitted.assignment()[i] as usize;
                (0..2).map(|axis| (points[[i, axis]] - centroids[[own, axis]]).powi(2)).sum::<f64>()
            })
            .sum();
        assert!((fitted.inertia() - inertia).abs() < 1e-9);
    }
}

#[test]
fn more_rounds_are_never_worse_and_no_cluster_stays_empty() {
    let (points, _) = blobs(60, 3.0, 2);
    for seed in 0..10 {
        let inertia = |rounds| KMeans::fit(&points, 7, seed, rounds).unwrap().inertia();
        let all: Vec<f64> = (0..30).map(inertia).collect();
        assert!(all.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12), "{all:?}");
        assert_eq!(KMeans::fit(&points, 7, seed, 5).unwrap(), KMeans::fit(&points, 7, seed, 5).unwrap());
    }
    // As many clusters as different points, some of them twice: each has its own.
    let twice = Tensor::new([6, 1], &[1.0f32, 1.0, 5.0, 5.0, 9.0, 9.0]).unwrap();
    for seed in 0..20 {
        assert_eq!(KMeans::fit(&twice, 3, seed, 50).unwrap().inertia(), 0.0);
    }
    assert_eq!(KMeans::fit(&twice, 6, 1, 50).unwrap().inertia(), 0.0, "more clusters than different points");
    assert!(KMeans::fit(&twice, 7, 1, 50).is_err() && KMeans::fit(&twice, 0, 1, 50).is_err());
    assert!(KMeans::fit(&Tensor::new([2, 1], &[0.0, f64::NAN]).unwrap(), 1, 1, 5).is_err());
    assert!(KMeans::fit(&twice, 2, 1, 5).unwrap().predict(&points).is_err());
}

/// k-means++ draws its second centroid in proportion to the squared distance from the first.
#[test]
fn starts_are_drawn_by_squared_distance() {
    let points = Tensor::new([3, 1], &[0.0f64, 1.0, 3.0]).unwrap();
    // From 0: 1 with 1/10, 3 with 9/10. From 1: 0 with 1/5, 3 with 4/5. From 3: 0 with 9/13, 1 with 4/13.
    let mut pairs = [0.0; 3];
    for seed in 0..6_000 {
        let start = KMeans::fit(&points, 2, seed, 0).unwrap().centroids::<f64>().unwrap();
        pairs[match (start[[0, 0]] + start[[1, 0]]) as usize {
            1 => 0,
            3 => 1,
            _ => 2,
        }] += 1.0 / 6_000.0;
    }
    let expected = [(0.1 + 0.2) / 3.0, (0.9 + 9.0 / 13.0) / 3.0, (0.8 + 4.0 / 13.0) / 3.0];
    assert!(pairs.iter().zip(expected).all(|(a, b): (&f64, f64)| (a - b).abs() < 0.025), "{pairs:?}");
}

#[test]
fn assignments_targets_and_losses_are_those_of_the_paper() {
    let mut params = Params::<f64>::new(3);
    let clusters = SoftClusters::new(&mut params.scope("c"), 3, 2).unwrap();
    let heavy = clusters.freedom(2.5).unwrap();
    let (points, _) = blobs(5, 2.0, 4);
    let c = params.tensor("c.centroids").unwrap();
    for (clusters, freedom) in [(clusters, 1.0), (heavy, 2.5)] {
        let q = clusters.probabilities(&params.eager(), &points).unwrap();
        let kernel = |i: usize, j: usize| -> f64 {
            let squared: f64 = (0..2).map(|d| (points[[i, d]] - c[[j, d]]).powi(2)).sum();
            (1.0 + squared / freedom).powf(-(freedom + 1.0) / 2.0)
        };
        let soft = |i: usize, j: usize| kernel(i, j) / (0..3).map(|j| kernel(i, j)).sum::<f64>();
        let size = |j: usize| (0..5).map(|i| soft(i, j)).sum::<f64>();
        let sharp = |i: usize, j: usize| soft(i, j).powi(2) / size(j);
        let p = SoftClusters::target(&q).unwrap();
        let mut divergence = 0.0;
        for i in 0..5 {
            let total: f64 = (0..3).map(|j| sharp(i, j)).sum();
            for j in 0..3 {
                assert!((q[[i, j]] - soft(i, j)).abs() < 1e-12);
                assert!((p[[i, j]] - sharp(i, j) / total).abs() < 1e-12);
                divergence += p[[i, j]] * (p[[i, j]] / q[[i, j]]).ln() / 5.0;
            }
        }
        let loss = SoftClusters::loss(&clusters.apply(&params.eager(), &Eager::new(points.clone())), &p);
        assert!((loss.item().unwrap() - divergence).abs() < 1e-12);

        // The paper's slopes with respect to the centroids (equation 5), at a mean over 5 samples.
        let tape = Tape::new();
        let bound = params.on(&tape);
        let loss = SoftClusters::loss(&clusters.apply(&bound, &tape.var(points.clone())), &p);
        let slopes = loss.gradient(&bound).unwrap();
        for j in 0..3 {
            for d in 0..2 {
                let term = |i: usize| {
                    let squared: f64 = (0..2).map(|d| (points[[i, d]] - c[[j, d]]).powi(2)).sum();
                    let weight = (p[[i, j]] - q[[i, j]]) / (1.0 + squared / freedom);
                    -(freedom + 1.0) / freedom * weight * (points[[i, d]] - c[[j, d]])
                };
                let expected = (0..5).map(term).sum::<f64>() / 5.0;
                assert!((slopes[[j * 2 + d]] - expected).abs() < 1e-12);
            }
        }
    }
    assert!(clusters.freedom(0.0).is_err() && SoftClusters::target(&Tensor::vector(&[1.0f64])).is_err());
    let zeros = SoftClusters::target(&Tensor::new([1, 2], &[1.0f64, 0.0]).unwrap()).unwrap();
    assert_eq!(zeros.to_vec(), [1.0, 0.0], "an empty cluster stays empty");
}

#[test]
fn the_loss_sharpens_and_groups_stay_right() {
    let (points, classes) = blobs(240, 1.6, 5);
    let mut params = Params::<f64>::new(6);
    let clusters = SoftClusters::new(&mut params.root(), 3, 2).unwrap();
    let started = clusters.start(&mut params, &points, 1).unwrap();
    assert_eq!(params.tensor("centroids").unwrap(), started.centroids().unwrap());
    let sure = |params: &Params<f64>| {
        let q = clusters.probabilities(&params.eager(), &points).unwrap().to_vec();
        let best = |row: &[f64]| row.iter().copied().fold(0.0, f64::max);
        let answers =
            q.chunks(3).map(|row| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as u32);
        (q.chunks(3).map(best).sum::<f64>() / 240.0, agreement(&classes, &answers.collect::<Vec<_>>()))
    };
    let (before, _) = sure(&params);
    let (mut adam, mut tape) = (Adam::new(0.02), Tape::new());
    for round in 0..60 {
        let q = clusters.probabilities(&params.eager(), &points).unwrap();
        let target = SoftClusters::target(&q).unwrap();
        let bound = params.on(&tape);
        let loss = SoftClusters::loss(&clusters.apply(&bound, &tape.var(points.clone())), &target);
        assert!(loss.item().unwrap() >= 0.0, "{round}");
        let gradient = loss.gradient(&bound).unwrap();
        tape.reset();
        adam.step(&mut params, &gradient).unwrap();
    }
    let (after, [nmi, ari]) = sure(&params);
    assert!(after > before && nmi > 0.7 && ari > 0.75, "{before} {after} {nmi} {ari}");
    let mut other = Params::<f64>::new(1);
    assert!(clusters.start(&mut other, &points, 1).is_err(), "parameters of another model");
}
