//! All tests of multi-task learning in one program: one is built and linked in a fraction of the time that many take.

mod absence;
mod architecture;
mod balance;
mod cluster;
mod columns;
mod common;
mod data;
mod detect;
mod ensemble;
mod experts;
mod gradient_methods;
mod known;
mod loss_methods;
mod measure;
mod merge;
mod meta;
mod min_norm;
mod models;
mod more_properties;
mod network;
mod oracle;
mod places;
mod properties;
mod related_tasks;
mod remembering_methods;
mod rows;
mod solvers;
mod sweep;
mod torchjd;
mod toy;
mod trunks;
mod worst_case;

#[path = "../../../tests/common/fixture.rs"]
mod fixture;
mod wrappers;
