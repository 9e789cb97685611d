//! Who may call a route, as a type.
//!
//! Each marker names one requirement. A handler takes [`Caller<M>`](crate::Caller), the
//! registration reads the requirement from that type, the gate enforces it before the handler
//! runs, and the OpenAPI document is written from it: so the three cannot disagree. The trait is
//! sealed: a service cannot invent a requirement that the gate does not know.

use base::Scope;

/// What a route demands of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing; a credential that comes along is not looked at.
    Anyone,
    /// Nothing, but a credential that comes along must be valid and is used.
    Optional,
    /// Any valid credential; the operation itself asks for scopes where it needs them.
    AnyScope,
    /// A valid credential with this scope.
    Scope(Scope),
}

/// A type that stands for an [`Access`].
pub trait ScopeMarker: sealed::Sealed + Send + Sync + 'static {
    /// What it stands for.
    const ACCESS: Access;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! markers {
    ($($(#[$doc:meta])+ $name:ident = $access:expr;)+) => {$(
        $(#[$doc])+
        #[derive(Debug)]
        pub enum $name {}

        impl sealed::Sealed for $name {}

        impl ScopeMarker for $name {
            const ACCESS: Access = $access;
        }
    )+};
}

markers! {
    /// No credential is needed or looked at.
    Anyone = Access::Anyone;
    /// No credential is needed; one that comes along is used.
    Optional = Access::Optional;
    /// Any valid credential will do.
    AnyScope = Access::AnyScope;
    /// `source:read`
    SourceRead = Access::Scope(Scope::SourceRead);
    /// `source:write`
    SourceWrite = Access::Scope(Scope::SourceWrite);
    /// `carts:read`
    CartsRead = Access::Scope(Scope::CartsRead);
    /// `carts:write`
    CartsWrite = Access::Scope(Scope::CartsWrite);
    /// `ingest:read`
    IngestRead = Access::Scope(Scope::IngestRead);
    /// `ingest:run`
    IngestRun = Access::Scope(Scope::IngestRun);
    /// `ingest:sensitive`
    IngestSensitive = Access::Scope(Scope::IngestSensitive);
    /// `jobs:read`
    JobsRead = Access::Scope(Scope::JobsRead);
    /// `jobs:write`
    JobsWrite = Access::Scope(Scope::JobsWrite);
    /// `tokens:read`
    TokensRead = Access::Scope(Scope::TokensRead);
    /// `tokens:write`
    TokensWrite = Access::Scope(Scope::TokensWrite);
    /// `keys:admin`
    KeysAdmin = Access::Scope(Scope::KeysAdmin);
    /// `tenants:admin`
    TenantsAdmin = Access::Scope(Scope::TenantsAdmin);
    /// `ops:read`
    OpsRead = Access::Scope(Scope::OpsRead);
}
