//! The OpenAPI document: what the handlers say, and what the registration knows besides.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;

use crate::App;
use crate::register::Spec;
use crate::scope::Access;

/// Completes an operation with what its registration knows.
pub(crate) fn describe(operation: &mut Operation, spec: &Spec) {
    operation.security = match spec.access {
        Access::Anyone => None,
        Access::Optional => Some(vec![SecurityRequirement::default(), key::<0>([]), bearer::<0>([])]),
        Access::AnyScope => Some(vec![key::<0>([]), bearer::<0>([])]),
        Access::Scope(scope) => Some(vec![key([scope.as_str()]), bearer([scope.as_str()])]),
    };
}

fn key<const N: usize>(scopes: [&str; N]) -> SecurityRequirement {
    SecurityRequirement::new("api_key", scopes)
}

fn bearer<const N: usize>(scopes: [&str; N]) -> SecurityRequirement {
    SecurityRequirement::new("bearer", scopes)
}

/// The document as JSON for people, for committing.
pub fn openapi(app: &App) -> String {
    app.document().to_pretty_json().unwrap_or_default()
}
