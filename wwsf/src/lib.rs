//! The WebRTC Web Server Function: logs people in, issues tokens, serves the WIC.
