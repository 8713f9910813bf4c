//! The served set: swapped whole, read without a lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Route;

/// The routes by exact raw path.
#[derive(Debug, Default)]
pub struct Table {
    /// False before the first full list is compiled: any path is then answered 503.
    pub is_complete: bool,
    /// The routes.
    pub routes: HashMap<String, Arc<Route>>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The route.
    pub route: &'a Arc<Route>,
    /// The last path segment where the route owns it as its token.
    pub path_token: Option<&'a str>,
}

impl Table {
    /// The route of a raw path: an exact match, else the route one segment up where that owns a path token.
    #[must_use]
    pub fn find<'a>(&'a self, path: &'a str) -> Option<Found<'a>> {
        if let Some(route) = self.routes.get(path) {
            return Some(Found { route, path_token: None });
        }
        let (parent, token) = path.rsplit_once('/')?;
        let route = self.routes.get(parent).filter(|route| route.owns_path_token && !token.is_empty())?;
        Some(Found { route, path_token: Some(token) })
    }
}

/// The table in service, shared by the controller, which swaps it, and the workers, which read it.
#[derive(Clone, Debug, Default)]
pub struct Routes(Arc<ArcSwap<Table>>);

impl Routes {
    /// The table now.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<Table>> {
        self.0.load()
    }

    /// Puts another table in service.
    pub fn store(&self, table: Table) {
        self.0.store(Arc::new(table));
    }
}
