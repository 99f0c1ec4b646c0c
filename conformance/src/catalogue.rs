//! The test purposes.

mod cx;
mod dig;
mod dlg;
mod evt;
mod ics;
mod loc;
mod media;
mod org;
mod ori;
mod par;
mod prf;
mod reg;
mod scs;
mod sec;
mod tna;
mod tok;
mod trm;
mod wic;
mod wld;
mod ws;
mod wws;

use crate::purpose::Purpose;

/// All purposes, family by family.
pub fn all() -> impl Iterator<Item = &'static Purpose> {
    [
        ws::PURPOSES,
        ori::PURPOSES,
        tok::PURPOSES,
        dig::PURPOSES,
        tna::PURPOSES,
        wld::PURPOSES,
        reg::PURPOSES,
        org::PURPOSES,
        trm::PURPOSES,
        dlg::PURPOSES,
        evt::PURPOSES,
        media::PURPOSES,
        par::PURPOSES,
        sec::PURPOSES,
        cx::PURPOSES,
        ics::PURPOSES,
        loc::PURPOSES,
        scs::PURPOSES,
        prf::PURPOSES,
        wic::PURPOSES,
        wws::PURPOSES,
    ]
    .into_iter()
    .flatten()
}
