//! All tests of layers, losses, optimisers and files in one program: one is built and linked in a fraction of the time that many take.

mod averaging;
mod batch_norm;
mod checkpoints;
mod data;
mod data_changes;
mod device;
mod device_layers;
mod files;
mod freezing;
mod joins;
mod layer_cases;
mod layer_rules;
mod layers;
mod losses;
mod masks;
mod metrics;
mod model_mistakes;
mod model_tables;
mod models;
mod more_layer_rules;
mod more_layers;
mod more_losses;
mod more_optimisers;
mod networks;
mod numpy_files;
mod onnx;
mod onnx_cases;
mod onnx_more_cases;
mod optimisers;
mod params;
mod schedules;
mod search;
mod searching;
mod torch_weights;
mod training;

#[path = "../../../tests/common/fixture.rs"]
mod fixture;
