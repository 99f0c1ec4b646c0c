//! The WebRTC Web Server Function: logs people in, issues tokens, serves the WIC.
//!
//! A WWSF (TS 23.228 U.1.3.2) stands between a person and an IMS network. It
//! serves the page and the WIC over W1, decides by ordinary web means who the
//! person is, and hands out a security token that names the IMS identities
//! this person may register (U.2.1.3), or one out of a wildcard range that the
//! WWSF controls (U.2.1.4). It contains the WAF: it signs the token itself.
//!
//! The same program is the operator's WWSF, a third party's, and a rogue one
//! that no eP-CSCF has authorised; [`Role`] tells them apart.
//!
//! ```no_run
//! # async fn start(tls: std::sync::Arc<rustls::ServerConfig>) -> Result<(), wwsf::StartError> {
//! let config = wwsf::Config::operator();
//! let listeners = vec![std::net::TcpListener::bind("127.0.0.1:8443").unwrap()];
//! let running = wwsf::Server::start(config, tls, listeners, "state/wwsf".into(), ()).await?;
//! println!("{:?}", running.addrs());
//! running.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod demo;
pub mod directory;
pub mod keys;

mod assets;
mod clock;
mod config;
mod controllers;
mod entropy;
mod file;
mod lease;
mod limits;
mod middleware;
mod observer;
mod origin;
mod page;
mod password;
mod problem;
mod rate_limit;
mod router;
mod server;
mod session;
mod state;
mod token;

pub use assets::{Assets, AssetsError};
pub use config::{Config, ConfigError, Guests, Impersonation, LoginLimits, Neighbour, Role};
pub use directory::UserDirectory;
pub use keys::SigningAlg;
pub use observer::{HttpDirection, HttpEvent, HttpObserver, Identities};
pub use origin::{Origin, OriginError};
pub use password::{HashError, PasswordHash};
pub use server::{Keys, Running, Server, StartError};
