//! Callers without a key: what AWS says of them.

use accounts::model::IamPrincipal;
use accounts::{Accounts, Deps, SignIn};
use base::ErrorKind;

use crate::world::{World, manual};

const USER: &str = "arn:aws:iam::123456789012:user/meter";
const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/collector/";

#[tokio::test]
async fn a_principal_of_aws_is_who_the_configuration_says() {
    let world = World::new(std::sync::Arc::new(manual())).await;
    let principals = [format!("{USER}=default/meter@source:write"), format!("{ROLE}*=default/collector@reader")];
    let iam_principals = principals.iter().map(|text| text.parse().unwrap()).collect();
    let deps = Deps { store: world.store.clone(), clock: world.clock.clone() };
    let accounts = Accounts::with_sign_in(deps, SignIn { iam_principals, ..SignIn::default() });

    let meter = accounts.arn_verify(USER, None).await.unwrap();
    assert_eq!((meter.principal.as_str(), meter.tenant.id.as_str()), ("iam:meter", "default"));
    assert_eq!(meter.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["source:write"]);
    let session = accounts.arn_verify(&format!("{ROLE}i-0abc"), Some("default")).await.unwrap();
    assert_eq!(session.principal.as_str(), "iam:collector");
    for stranger in ["", &format!("{USER}2"), ROLE, &format!("{ROLE}a/b"), "arn:aws:iam::999999999999:user/meter"] {
        let error = accounts.arn_verify(stranger, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{stranger}");
    }
    let error = accounts.arn_verify(USER, Some("system")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
}

#[test]
fn a_principal_of_aws_is_written_in_one_way() {
    for wrong in [
        "meter=default/meter@reader",
        "arn:aws:iam::1:user/a=default/a",
        "arn:aws:iam::1:user/a=default@reader",
        "arn:aws:iam::1:user/a=default/a@king",
        "arn:aws:iam::1:user/a=default/a@platform",
        "arn:aws:iam::1:user/a=default/a@ops:read",
        "arn:aws:iam::1:user/*/b=default/a@reader",
        "arn:aws:iam::1:user/a=default/a b@reader",
    ] {
        assert!(wrong.parse::<IamPrincipal>().is_err(), "{wrong}");
    }
}
