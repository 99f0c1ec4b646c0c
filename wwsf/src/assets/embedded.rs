//! What lies in `wwsf/assets/`, and in the folder that `WIC_DIST` named when
//! this was compiled.

include!(concat!(env!("OUT_DIR"), "/embedded_assets.rs"));
