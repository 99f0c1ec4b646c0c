//! The browser shell of the WIC.
