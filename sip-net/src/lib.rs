//! The tokio shell of SIP between core nodes (Mw): UDP and TCP sockets, stream framing.
