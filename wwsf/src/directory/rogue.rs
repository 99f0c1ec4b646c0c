use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ims::Password;

use super::{DirectoryError, UserDirectory, UserRecord};
use crate::demo::DemoUser;

/// The directory of a WWSF that lies: every password opens every demo account.
pub(crate) struct RogueDirectory {
    /// Without a demo there is nobody to lie about.
    pub(crate) demo: bool,
}

impl UserDirectory for RogueDirectory {
    fn authenticate<'a>(
        &'a self,
        username: &'a str,
        _password: &'a Password,
    ) -> BoxFuture<'a, Result<Option<UserRecord>, DirectoryError>> {
        self.find(username)
    }

    fn find<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Result<Option<UserRecord>, DirectoryError>> {
        async move { Ok(DemoUser::find(username).filter(|_| self.demo).and_then(DemoUser::record)) }.boxed()
    }
}
