//! A mock IMS core: I-CSCF, S-CSCF and HSS.

pub mod cx;
