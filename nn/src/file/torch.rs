//! What the modules of PyTorch call their parameters, and how they lay them out.

use super::Loader;
use alloc::format;
use alloc::string::String;

/// Modules of PyTorch whose parameters have other names or layouts than the layers here. Convolutions of all kinds, norms,
/// embeddings, `Bilinear` and `PReLU` have the same, so that [`scope`](Loader::scope) is enough for them; a `BatchNorm` also
/// stores the number of batches, which is nothing to load: `ignore("**.num_batches_tracked")`. An `Embedding` with a
/// `padding_idx` is one with [`stored_padding`](crate::Embedding::stored_padding).
///
/// `model` is the scope of the layer, `file` the name of the module in the `state_dict`.
///
/// ```
/// use tress_nn::file::{Loader, save};
/// use tress_nn::{Dense, Init, Params, Recurrent};
/// // What PyTorch would have written of `GRU(2, 3)` under the name `rnn` and `Linear(3, 1)` under the name `head`.
/// let mut theirs = Params::<f32>::new(1);
/// let mut root = theirs.root();
/// for (name, shape) in [("weight_ih_l0", &[9, 2][..]), ("weight_hh_l0", &[9, 3]), ("bias_ih_l0", &[9]), ("bias_hh_l0", &[9])] {
///     root.scope("rnn").parameter(name, shape, Init::Normal(1.0))?;
/// }
/// root.scope("head").parameter("weight", [1, 3], Init::Normal(1.0))?;
/// root.scope("head").parameter("bias", [1], Init::Normal(1.0))?;
/// let bytes = save(&theirs);
///
/// let mut params = Params::<f32>::new(2);
/// Recurrent::gru(2, 3).build(&mut params.scope("words"))?;
/// Dense::new(&mut params.scope("score"), 3, 1)?;
/// let loader = Loader::new().torch_recurrent("words", "rnn", 1, false).torch_linear("score", "head");
/// assert!(loader.safetensors(&mut params, &bytes)?.is_complete());
/// # Ok::<(), tress_nn::Error>(())
/// ```
impl Loader {
    /// A `Linear` as a [`Dense`](crate::Dense): its matrix is `[outputs, inputs]`.
    pub fn torch_linear(self, model: &str, file: &str) -> Self {
        self.scope(model, file).transpose(&format!("{model}.weight"))
    }

    /// An `RNN`, `GRU` or `LSTM` of some layers, in one direction or both, as a [`Recurrent`](crate::Recurrent). The parts of
    /// its matrices are in the same order: `r`, `z`, `n`, and `i`, `f`, `g`, `o`. Either is with its biases or without them.
    pub fn torch_recurrent(mut self, model: &str, file: &str, layers: usize, both_ways: bool) -> Self {
        for layer in 0..layers {
            for (way, suffix) in
                [("forward", ""), ("backward", "_reverse")].into_iter().take(1 + usize::from(both_ways))
            {
                for (own, other) in [("weight_input", "weight_ih"), ("weight_hidden", "weight_hh")] {
                    let name = format!("{model}.layer{layer}.{way}.{own}");
                    let theirs = format!("{other}_l{layer}{suffix}");
                    self = self.transpose(&name).rename(&name, &within(file, &theirs));
                }
                for (own, other) in [("bias_input", "bias_ih"), ("bias_hidden", "bias_hh")] {
                    let theirs = format!("{other}_l{layer}{suffix}");
                    let name = format!("{model}.layer{layer}.{way}.{own}");
                    self = self.rename_some(&name, &within(file, &theirs));
                }
            }
        }
        self
    }

    /// A `MultiheadAttention` as a [`MultiHeadAttention`](crate::layer::MultiHeadAttention) whose memory is as wide as its
    /// queries: one matrix holds queries, keys and values. Either is with its biases or without them.
    pub fn torch_attention(mut self, model: &str, file: &str) -> Self {
        for (index, part) in ["query", "key", "value"].into_iter().enumerate() {
            for kind in ["weight", "bias"] {
                let packed = within(file, &format!("in_proj_{kind}"));
                self = self.part_some(&format!("{model}.{part}.{kind}"), &packed, index, 3);
            }
            self = self.transpose(&format!("{model}.{part}.weight"));
        }
        self.torch_linear(&format!("{model}.output"), &within(file, "out_proj"))
    }

    /// A `TransformerEncoderLayer` as an [`EncoderBlock`](crate::layer::EncoderBlock).
    pub fn torch_encoder_block(self, model: &str, file: &str) -> Self {
        let (own, theirs) = (|part: &str| format!("{model}.{part}"), |part: &str| within(file, part));
        self.torch_attention(&own("attention"), &theirs("self_attn"))
            .torch_linear(&own("widen"), &theirs("linear1"))
            .torch_linear(&own("narrow"), &theirs("linear2"))
            .scope(&own("norm1"), &theirs("norm1"))
            .scope(&own("norm2"), &theirs("norm2"))
    }
}

/// The name of a part of a module in the file; the module without a name is the whole file.
fn within(file: &str, part: &str) -> String {
    match file {
        "" => String::from(part),
        file => format!("{file}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::Loader;
    use crate::file::save;
    use crate::layer::MultiHeadAttention;
    use crate::{Init, Params, Recurrent};

    #[test]
    fn attention_comes_without_biases() {
        let mut theirs = Params::<f32>::new(1);
        let mut root = theirs.root();
        root.scope("a").parameter("in_proj_weight", [12, 4], Init::Normal(1.0)).unwrap();
        root.scope("a.out_proj").parameter("weight", [4, 4], Init::Normal(1.0)).unwrap();
        let mut params = Params::<f32>::new(2);
        MultiHeadAttention::builder(4, 2).without_bias().build(&mut params.scope("words")).unwrap();
        let loader = Loader::new().torch_attention("words", "a");
        assert!(loader.safetensors(&mut params, &save(&theirs)).unwrap().is_complete());
        let rows = theirs.tensor("a.in_proj_weight").unwrap().slice(0, 4, 8, 1).unwrap();
        assert_eq!(params.tensor("words.key.weight").unwrap(), rows.transpose(0, 1).unwrap());
    }

    #[test]
    fn recurrent_modules_come_with_biases_or_without() {
        let mut theirs = Params::<f32>::new(1);
        let mut root = theirs.root();
        for (name, shape) in [("weight_ih_l0", [9, 2]), ("weight_hh_l0", [9, 3])] {
            root.scope("rnn").parameter(name, shape, Init::Normal(1.0)).unwrap();
        }
        let loader = Loader::new().torch_recurrent("words", "rnn", 1, false);
        let mut bare = Params::<f32>::new(2);
        Recurrent::gru(2, 3).without_bias().build(&mut bare.scope("words")).unwrap();
        assert!(loader.safetensors(&mut bare, &save(&theirs)).unwrap().is_complete());
        let found = bare.tensor("words.layer0.forward.weight_hidden").unwrap();
        assert_eq!(found, theirs.tensor("rnn.weight_hh_l0").unwrap().transpose(0, 1).unwrap());
        // A model that has them misses them.
        let mut whole = Params::<f32>::new(2);
        Recurrent::gru(2, 3).build(&mut whole.scope("words")).unwrap();
        let report = loader.clone().lenient().safetensors(&mut whole, &save(&theirs)).unwrap();
        assert_eq!(report.missing.len(), 2);
        assert!(loader.safetensors(&mut whole, &save(&theirs)).is_err());
    }

    #[test]
    fn a_module_that_is_the_whole_file_has_no_name_before_its_parts() {
        let mut theirs = Params::<f32>::new(1);
        let mut root = theirs.root();
        for (name, shape) in [("in_proj_weight", &[12, 4][..]), ("in_proj_bias", &[12])] {
            root.parameter(name, shape, Init::Normal(1.0)).unwrap();
        }
        for (name, shape) in [("weight", &[4, 4][..]), ("bias", &[4])] {
            root.scope("out_proj").parameter(name, shape, Init::Normal(1.0)).unwrap();
        }
        let mut params = Params::<f32>::new(2);
        MultiHeadAttention::builder(4, 2).build(&mut params.scope("attention")).unwrap();
        let loader = Loader::new().torch_attention("attention", "");
        assert!(loader.safetensors(&mut params, &save(&theirs)).unwrap().is_complete());
    }
}
