//! The endpoints as an axum router.

use axum::{Router, body::Body};

use crate::Endpoints;

impl Endpoints {
    /// A router that answers the protocol's paths and 404 for everything else. Merge it as a fallback, or nest it
    /// beside other routes.
    pub fn into_router(self) -> Router {
        Router::new().fallback_service(tower_map(self))
    }
}

fn tower_map(endpoints: Endpoints) -> axum::routing::MethodRouter {
    axum::routing::any(move |request: axum::extract::Request| {
        let endpoints = endpoints.clone();
        async move {
            let mut service = endpoints;
            match tower_service::Service::call(&mut service, request).await {
                Ok(response) => response.map(Body::new),
                Err(never) => match never {},
            }
        }
    })
}
