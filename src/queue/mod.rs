//! The queue of an output: a bounded ring between the reader and the sink. A spool on disk has its place here,
//! behind the ring: what [`ring::Inlet::push`] gives back is what would be spooled.

pub mod ring;
