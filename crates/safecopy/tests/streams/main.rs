//! Sequences of blocks, readers, writers and their adapters, over memory that faults.
#![expect(unsafe_code, reason = "maps memory that faults")]

mod ends;
mod fixed;
mod from_std;
mod full;
mod model;
mod positions;
mod sequences;
mod slots;
mod to_std;
mod vectors;
