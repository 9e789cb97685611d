//! The contract of this service over HTTP, as cases that any server must pass.
//!
//! [`cases`] runs them one after the other against a server that was just started for the first
//! time; the client carries the key that [`bootstrap`](crate::Accounts::bootstrap) made. They run
//! here on memory, and from `freight/tests/it/accounts.rs` on every backend. No case waits: what
//! takes time (a tenant's removal, a key's end) is shown in this crate's own tests, on a clock
//! that they own.

#![expect(clippy::expect_used, clippy::panic, reason = "a case ends by panicking")]

mod keys;
mod mailbox;
mod sign_in;
mod tenants;

pub use mailbox::Mailbox;

use serde_json::{Value, json};
use testkit::Client;

/// Runs every case. Makes at most 15 failed authentications, so that none is limited.
pub async fn cases(client: &Client) {
    unlimited(client).await;
    keys::me_says_who_is_calling(client).await;
    keys::a_bad_credential_is_refused_in_its_own_words(client).await;
    keys::a_key_is_shown_once_works_and_is_revoked(client).await;
    keys::nobody_gives_what_they_lack(client).await;
    keys::rotation_keeps_the_principal(client).await;
    keys::a_test_key_makes_test_keys(client).await;
    keys::what_a_key_cannot_be_is_named(client).await;
    keys::a_dev_key_is_for_this_machine(client).await;
    tenants::a_tenant_is_made_changed_and_listed(client).await;
    tenants::only_what_was_seen_is_changed(client).await;
    tenants::settings_out_of_range_are_named(client).await;
    tenants::a_suspended_tenant_is_forbidden(client).await;
    tenants::only_system_acts_for_others(client).await;
    tenants::one_of_many_gets_the_slug(client).await;
    tenants::the_audit_tells_what_was_done(client).await;
    tenants::a_tenant_on_its_way_out_is_shut(client).await;
}

/// Runs every case of people who sign in, on a server whose letters go to `mailbox`. They come from many
/// addresses, and so need a server in this process.
pub async fn sign_in_cases(client: &Client, mailbox: &Mailbox) {
    let door = sign_in::Door::new(client, mailbox);
    sign_in::whoever_confirms_an_address_signs_in(&door).await;
    sign_in::nobody_learns_who_has_an_account(&door).await;
    sign_in::failures_shut_a_user_out(&door).await;
    sign_in::a_code_has_five_tries(&door).await;
    sign_in::a_refresh_token_is_good_once(&door).await;
    sign_in::nobody_signs_up_over_another(&door).await;
    sign_in::no_password_is_kept_with_a_request(&door).await;
    sign_in::one_of_many_becomes_the_user(&door).await;
    sign_in::what_cannot_be_an_account_is_named(&door).await;
}

/// Lifts the limits of the tenants that the cases call as.
async fn unlimited(client: &Client) {
    let none = json!({ "settings": { "rate_limits": { "control": [] } } });
    for tenant in ["default", "system"] {
        client.patch(&format!("/api/v1/tenants/{tenant}"), &none).await.expect(200);
    }
}

/// A tenant without limits; its id.
async fn tenant(client: &Client, slug: &str) -> String {
    let body = json!({ "name": slug, "slug": slug, "settings": { "rate_limits": { "control": [] } } });
    text(&client.post("/api/v1/tenants", &body).await.expect(201).json(), "id")
}

/// A key with a role in the tenant that `client` acts for: its id and a client that carries it.
async fn key(client: &Client, role: &str) -> (String, Client) {
    let made = client.post("/api/v1/keys", &json!({ "name": role, "role": role })).await.expect(201).json();
    let carrying = client.without_header("freight-tenant").with_key(&text(&made, "key"));
    (text(&made, "id"), carrying)
}

/// The same caller acting for this tenant.
fn acting(client: &Client, tenant: &str) -> Client {
    client.with_header("freight-tenant", tenant)
}

#[track_caller]
fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}")).to_owned()
}
