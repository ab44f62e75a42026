//! What was aimed at before the kernels were written: how many times as fast as the best of the engines that a table shows.
//!
//! The aims were set on a processor of the fourth Zen generation, beside what the engines reached there on one thread.

use crate::report::{Results, line};

/// A workload, and how many times as fast as the best peer.
const AIMS: [(&str, f64); 37] = [
    ("gemm/nn/32x32x32", 1.02),
    ("gemm/nn/64x64x64", 1.01),
    ("gemm/nn/256x256x256", 1.00),
    ("gemm/nn/1024x1024x1024", 1.03),
    ("gemm/nn/256x512x10", 1.23),
    ("gemm/tn/512x256x10", 1.23),
    ("gemm/nt/64x512x784", 1.03),
    ("gemm/nt/256x500x2880", 1.06),
    ("conv/fwd/lenet1", 1.34),
    ("conv/bwd_weight/lenet1", 1.44),
    ("conv/fwd/lenet2", 1.30),
    ("conv/bwd_data/lenet2", 1.90),
    ("conv/bwd_weight/lenet2", 1.90),
    ("conv/fwd/res3x3", 1.18),
    ("conv/bwd_data/res3x3", 1.19),
    ("conv/bwd_weight/res3x3", 1.09),
    ("conv/fwd/pw1x1", 1.13),
    ("conv/bwd_data/pw1x1", 1.40),
    ("conv/bwd_weight/pw1x1", 1.13),
    ("conv/fwd/dw3x3", 2.22),
    ("conv/bwd_data/dw3x3", 2.50),
    ("conv/bwd_weight/dw3x3", 3.16),
    ("elem/add/10000000", 0.93),
    ("elem/tanh/100000", 1.45),
    ("elem/exp/100000", 1.33),
    ("elem/gelu/100000", 1.70),
    ("elem/sum_axis0/4096x4096", 1.32),
    ("elem/sum_axis1/4096x4096", 1.06),
    ("elem/softmax/4096x1024", 1.18),
    ("elem/layernorm/4096x1024", 1.27),
    ("elem/maxpool2x2/256x10x24x24", 1.20),
    ("train/mlp/b64", 1.23),
    ("train/mlp/b256", 1.13),
    ("train/lenet/b64", 2.87),
    ("train/lenet/b256", 2.45),
    ("train/multimnist2/b256", 2.67),
    ("train/transformer/b32", 1.47),
];

impl Results {
    /// Aims and what was reached of them; `-` where no peer has a figure.
    pub(crate) fn aims(&self) -> String {
        let mut text = line("workload", &["aim", "reached", "beside"].map(String::from));
        text += "|---|---|---|---|\n";
        for (id, aim) in AIMS {
            let peers = self.figures.get(id).into_iter().flatten().filter(|(peer, _)| *peer != "tress");
            let best = peers
                .filter_map(|(peer, times)| Some((peer, times[0]?)))
                .min_by(|(_, a), (_, b)| a.total_cmp(b));
            let (reached, beside) = match best.zip(self.cell(id, "tress", 1)) {
                Some(((peer, theirs), ours)) if theirs / ours >= aim => {
                    (format!("{:.2}", theirs / ours), peer.as_str())
                }
                // What is missed stands out.
                Some(((peer, theirs), ours)) => (format!("**{:.2}**", theirs / ours), peer.as_str()),
                None => ("-".into(), "-"),
            };
            text += &line(id, &[format!("{aim:.2}"), reached, beside.into()]);
        }
        text
    }
}
