//! Software by others does what `docs/interop` says; `cargo xtask interop --update` writes that anew.

use anyhow::{Result, ensure};
use e2e::interop::{Comparison, System};

async fn is_as_recorded(system: System) -> Result<()> {
    let report = system.run(|_| ()).await?;
    match system.compare(&report)? {
        Comparison::Changes(changes) => {
            let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
            ensure!(told.is_empty(), "{}:\n{}", system.name(), told.join("\n"));
        }
        Comparison::OtherSystem { kept, found } => eprintln!("not compared: the record is of {kept}, this is {found}"),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kamailio_as_registrar_is_as_recorded() -> Result<()> {
    is_as_recorded(System::KamailioRegistrar).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kamailio_as_edge_is_as_recorded() -> Result<()> {
    is_as_recorded(System::KamailioEdge).await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_nodes_do_with_sipp_as_recorded() -> Result<()> {
    is_as_recorded(System::Sipp).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jssip_is_as_recorded() -> Result<()> {
    is_as_recorded(System::JsSip).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sipjs_is_as_recorded() -> Result<()> {
    is_as_recorded(System::SipJs).await
}
