//! Datasets whose records come from a table of DynamoDB.

use base::{Ctx, Error, Result, TenantId};

use super::Ingest;
use crate::model::{Rule, Source, TableName};
use crate::outbound::tables::TableTrouble;

impl Ingest {
    /// What names the records of a source of which nobody said it: the key of its table.
    ///
    /// # Errors
    /// `Invalid`, naming the field: `key` unless the source is a table, `source.url` for one that may
    /// not be read or is not there. `Unavailable` when the table does not answer.
    pub async fn source_key(&self, ctx: &Ctx, source: Option<&Source>) -> Result<Rule> {
        let required = || Error::invalid("key", "Required, unless the source is a table of DynamoDB");
        let source = source.ok_or_else(required)?;
        source.check()?;
        let table = source.table().ok_or_else(required)?;
        self.table_check(&ctx.tenant, &table)?;
        let names = self.deps.tables.key(&table).await.map_err(|trouble| match trouble {
            TableTrouble::Missing => Error::invalid("source.url", format!("There is no table {table}")),
            TableTrouble::Throttled => Error::unavailable(format!("{table} is throttled")),
            TableTrouble::Away(why) | TableTrouble::Refused(why) => Error::unavailable(format!("{table}: {why}")),
        })?;
        Rule::of_names(&names).map_err(|_| {
            Error::invalid(
                "key",
                "The key of this table has a name that is no path: control characters are not allowed",
            )
        })
    }

    /// Refuses a table that the operator does not let the tenant read; its own are named.
    pub(super) fn table_check(&self, tenant: &TenantId, table: &TableName) -> Result<()> {
        let settings = &self.deps.settings;
        if settings.may_read(tenant, table) {
            return Ok(());
        }
        let own = settings.tables.iter().filter(|grant| grant.tenant == *tenant);
        let own: Vec<String> = own.map(|grant| grant.table.to_string()).collect();
        let allowed = match own.is_empty() {
            true => "none; the operator lists them in ingest.tables".to_owned(),
            false => own.join(", "),
        };
        Err(Error::invalid("source.url", format!("This table may not be read. Allowed: {allowed}")))
    }
}
