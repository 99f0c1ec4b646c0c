//! Flow 1 with a registrar by others behind our eP-CSCF.

use anyhow::Result;
use e2e::Bed;
use e2e::peers::{self, Kamailio};
use testbed::up::Nodes;
use testbed::wic_shell::{Options, User, register};

#[tokio::test(flavor = "multi_thread")]
async fn a_wic_registers_by_digest_at_kamailio_and_leaves() -> Result<()> {
    for algorithm in ["MD5", "SHA-256"] {
        let listen = peers::free_port()?;
        let _kamailio =
            Kamailio::start("registrar", listen, &["-A".into(), format!("ALGORITHM=\"{algorithm}\"")]).await?;
        let nodes = Nodes { ims: false, ..Nodes::ALL };
        let bed = Bed::start_nodes(nodes, |config| config.epcscf.core.icscf = listen).await?;
        let ready = &bed.ready;

        let alice = User::digest("alice", "ims.example", "alice-secret")?;
        let options = Options { epcscf: Some(ready.epcscf.clone()), ..Options::new(alice, &ready.wwsf, &ready.ca) };
        let outcome = register(&options).await?;
        let registered = outcome.result.map_err(|failure| anyhow::anyhow!("{algorithm}: {failure:?}"))?;
        assert_eq!(registered.impu.as_str(), "sip:alice@ims.example");
        let messages = bed.testbed.hub().since(0);
        assert!(messages.iter().any(|r| r.remote == Some(listen) && r.summary == "401 Unauthorized"));

        let wrong = User::digest("alice", "ims.example", "not-her-secret")?;
        assert!(!register(&Options { user: wrong, ..options }).await?.is_registered());
    }
    Ok(())
}
