//! The WebRTC IMS Client's user agent. Sans-IO.
