//! The eP-CSCF: the edge between WICs and the IMS core.
