//! Who may log in, and which IMS identities they have.

mod file;
mod rogue;

use futures_util::future::BoxFuture;
use ims::{Impi, Impu, Password};

pub use file::{FileDirectory, FileDirectoryError};
pub(crate) use rogue::RogueDirectory;

/// A source of web users.
///
/// The password goes in rather than a hash coming out, because a directory
/// such as LDAP checks it itself. TS 23.228 U.2.1.3 step 1 leaves the way of
/// authenticating to the WWSF.
pub trait UserDirectory: Send + Sync + 'static {
    /// The user, when the name and the password belong together.
    ///
    /// Takes as long for a name that does not exist.
    fn authenticate<'a>(
        &'a self,
        username: &'a str,
        password: &'a Password,
    ) -> BoxFuture<'a, Result<Option<UserRecord>, DirectoryError>>;

    /// The user, when there still is one; asked before each token.
    fn find<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Result<Option<UserRecord>, DirectoryError>>;
}

/// What a directory knows about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The name that the person logs in with.
    pub username: String,
    /// The private identity.
    pub impi: Impi,
    /// The public identities, at least one, the default one first.
    pub impus: Vec<Impu>,
}

/// The directory could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the user directory cannot be asked: {0}")]
pub struct DirectoryError(pub String);
