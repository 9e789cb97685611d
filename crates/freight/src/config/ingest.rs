//! The section `[ingest]`: what sources may call, how, and with which credentials.
//!
//! A credential's value is never a setting: the setting names the variable that holds it, so a
//! configuration file can be shown to anybody.

use base::Secret;
use ingest::outbound::Authority;
use ingest::service::{Credential, TableGrant};

use super::Environment;
use super::read::Reader;

/// What sources may call, and how.
#[derive(Clone, Debug)]
pub struct Ingest {
    /// How many calls of a tenant are worked on at once.
    pub concurrency: usize,
    /// Whether http is allowed beside https.
    pub allow_http: bool,
    /// What may be called although it is not public.
    pub allow_hosts: Vec<Authority>,
    /// What sources may send to prove who they are.
    pub credentials: Vec<Credential>,
    /// Tables of DynamoDB that sources may be.
    pub tables: Vec<TableGrant>,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            concurrency: 48,
            allow_http: false,
            allow_hosts: Vec::new(),
            credentials: Vec::new(),
            tables: Vec::new(),
        }
    }
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader, environment: &Environment) -> Ingest {
    let credentials = "TENANT/NAME@HOST=VARIABLE, each with a variable that is set";
    Ingest {
        concurrency: reader.count("ingest.concurrency", 1..=1024),
        allow_http: reader.flag("ingest.allow_http"),
        allow_hosts: reader.list("ingest.allow_hosts", "HOST:PORT", |text| text.parse().ok()),
        credentials: reader.list("ingest.credentials", credentials, |text| credential(text, environment)),
        tables: reader.list("ingest.tables", "TENANT=dynamodb://REGION/TABLE", grant),
    }
}

/// `default/crm@api.example.com=CRM_TOKEN`.
fn credential(text: &str, environment: &Environment) -> Option<Credential> {
    let (reference, variable) = text.split_once('=')?;
    let (name, host) = reference.split_once('@')?;
    let (tenant, name) = name.split_once('/')?;
    Some(Credential {
        tenant: tenant.parse().ok()?,
        name: Some(name).filter(|name| !name.is_empty())?.to_owned(),
        host: url::Host::parse(host).ok()?.to_string(),
        value: Secret::new(environment.get(variable)?.to_owned()),
    })
}

/// `default=dynamodb://eu-west-2/orders`.
fn grant(text: &str) -> Option<TableGrant> {
    let (tenant, table) = text.split_once('=')?;
    Some(TableGrant { tenant: tenant.parse().ok()?, table: table.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_granted_to_a_tenant() {
        let read = grant("default=dynamodb:///orders.v2").unwrap();
        assert_eq!((read.tenant.as_str(), read.table.name()), ("default", "orders.v2"));
        for wrong in ["dynamodb:///orders", "default=orders", "=dynamodb:///orders", "default=dynamodb:///"] {
            assert!(grant(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_credential_is_read_from_its_variable_and_not_shown() {
        let environment = Environment::of([("CRM_TOKEN", "hunter2")]);
        let read = credential("default/crm@API.example.com=CRM_TOKEN", &environment).unwrap();
        assert_eq!((read.tenant.as_str(), &*read.name, &*read.host), ("default", "crm", "api.example.com"));
        assert_eq!(read.value.expose(), "hunter2");
        assert!(!format!("{read:?}").contains("hunter2"));
        for wrong in
            ["default/crm@api.example.com=UNSET", "crm@a=CRM_TOKEN", "default/@a=CRM_TOKEN", "default/crm=CRM_TOKEN"]
        {
            assert!(credential(wrong, &environment).is_none(), "{wrong}");
        }
    }
}
