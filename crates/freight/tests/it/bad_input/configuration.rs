//! Configuration: each way to get it wrong, the key that is named, and what is said.

use freight::config::{Config, Environment, Fault, Sources};

fn load(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Vec<Fault>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.toml");
    std::fs::write(&path, file).unwrap();
    Config::load(&Sources {
        file: Some(path),
        environment: Environment::of(variables.iter().copied()),
        flags: flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    })
}

type Said = &'static [(&'static str, &'static str)];

/// A file, variables, flags; the key that is named and words that its problem must hold.
type Bad = (&'static str, Said, Said, &'static str, &'static str);

pub(crate) const BAD: &[Bad] = &[
    ("[server]\nlisten = 8000", &[], &[], "server.listen", "an IP address and a port"),
    ("[server]\nlisten = \"localhost\"", &[], &[], "server.listen", "\"localhost\" is not allowed"),
    ("[server]\nlisten = \"1.2.3.4:99999\"", &[], &[], "server.listen", "an IP address and a port"),
    ("", &[("PORT", "http")], &[], "server.listen", "set by PORT"),
    ("", &[("PORT", "65536")], &[], "server.listen", "set by PORT"),
    ("[server]\ngrace_s = 0", &[], &[], "server.grace_s", "from 1 to 300"),
    ("[server]\ngrace_s = 301", &[], &[], "server.grace_s", "from 1 to 300"),
    ("[server]\ngrace_s = -1", &[], &[], "server.grace_s", "from 1 to 300"),
    ("[server]\ngrace_s = 2.5", &[], &[], "server.grace_s", "a whole number"),
    ("[server]\ngrace_s = true", &[], &[], "server.grace_s", "a whole number"),
    ("[server]\ngrace_s = \"25s\"", &[], &[], "server.grace_s", "a whole number"),
    ("", &[("FREIGHT_SERVER_GRACE_S", "25s")], &[], "server.grace_s", "set by FREIGHT_SERVER_GRACE_S"),
    ("", &[], &[("server.grace_s", "")], "server.grace_s", "set by a flag"),
    ("[server]\npublic_urls = \"ftp://a\"", &[], &[], "server.public_urls", "http and https URLs"),
    ("[server]\npublic_urls = [1]", &[], &[], "server.public_urls", "a list of"),
    ("[server]\nbase_path = \"freight\"", &[], &[], "server.base_path", "begins with a slash"),
    ("[server]\nbase_path = \"/freight/\"", &[], &[], "server.base_path", "does not end with one"),
    ("[server]\nallowed_hosts = [\"a.example:80\"]", &[], &[], "server.allowed_hosts", "without ports"),
    ("[server]\nallowed_hosts = [\"https://a\"]", &[], &[], "server.allowed_hosts", "without ports"),
    ("", &[("FREIGHT_SERVER_CORS_ORIGINS", "https://a,b")], &[], "server.cors_origins", "origins, such as"),
    ("[server]\ncors_origins = [\"https://a/path\"]", &[], &[], "server.cors_origins", "origins, such as"),
    ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", &[], &[], "server.trusted_proxies", "addresses, or ADDRESS/BITS"),
    ("[server]\ntrusted_proxies = [\"proxy\"]", &[], &[], "server.trusted_proxies", "addresses, or ADDRESS/BITS"),
    ("[server]\nrequest_timeout_s = 0", &[], &[], "server.request_timeout_s", "from 1 to 900"),
    ("[server]\nhead_timeout_s = 121", &[], &[], "server.head_timeout_s", "from 1 to 120"),
    ("[server]\nconnections_max = 0", &[], &[], "server.connections_max", "from 1 to 100000"),
    ("[server]\ndrain_delay_s = 301", &[], &[], "server.drain_delay_s", "from 0 to 300"),
    ("[server]\ngrace = 25", &[], &[], "server.grace", "did you mean server.grace_s?"),
    ("[sever]\ngrace_s = 25", &[], &[], "sever.grace_s", "did you mean server.grace_s?"),
    ("listen = \"1.2.3.4:5\"", &[], &[], "listen", "no such setting"),
    ("", &[("FREIGHT_SERVER_LISTN", "x")], &[], "FREIGHT_SERVER_LISTN", "did you mean FREIGHT_SERVER_LISTEN?"),
    ("", &[("FREIGHT_XYZZY", "x")], &[], "FREIGHT_XYZZY", "`freight config` lists them all"),
    ("", &[], &[("store.url", "sqlite:a")], "store.url", "did you mean store.uri?"),
    ("[store]\nuri = \"postgres://a\"", &[], &[], "store.uri", "expected sqlite:PATH"),
    ("[store]\nuri = \"freight.db\"", &[], &[], "store.uri", "expected sqlite:PATH"),
    ("[store]\nuri = \"sqlite:\"", &[], &[], "store.uri", "the path of a file"),
    ("[store]\nuri = \"sqlite::memory:\"", &[], &[], "store.uri", "the path of a file"),
    ("[store]\nuri = \"sqlite:a.db?mode=ro\"", &[], &[], "store.uri", "the path of a file"),
    ("[store]\nuri = \"dynamodb://eu-west-2?prefix=a.b\"", &[], &[], "store.uri", "letters, digits, - and _"),
    ("[store]\nuri = \"dynamodb://EU?table=a\"", &[], &[], "store.uri", "with a region and ?prefix="),
    ("[store]\nuri = \"dynamodb://id:hunter2@eu-west-2\"", &[], &[], "store.uri", "with a region and ?prefix="),
    ("[store]\nuri = 7", &[], &[], "store.uri", "expected text"),
    ("[queue]\nuri = \"sqs://eu-west-2/queue\"", &[], &[], "queue.uri", "with a region and ?prefix="),
    ("[queue]\nuri = \"amqp://a\"", &[], &[], "queue.uri", "expected local: or sqs:"),
    ("[cache]\nuri = \"redis://:hunter2@a:port\"", &[], &[], "cache.uri", "redis://HOST:PORT"),
    ("[cache]\nuri = \"memory\"", &[], &[], "cache.uri", "expected local:"),
    ("", &[("REDIS_URL", "rediss://:hunter2@h:port")], &[], "cache.uri", "set by REDIS_URL"),
    ("", &[("REDIS_URL", "h"), ("REDIS_PORT", "66666")], &[], "cache.uri", "set by REDIS_URL"),
    ("[cache]\nsize_max_bytes = 1048575", &[], &[], "cache.size_max_bytes", "from 1048576 to"),
    ("[cache]\nsize_max_bytes = 68719476737", &[], &[], "cache.size_max_bytes", "to 68719476736"),
    ("[workers]\nconcurrency = 0", &[], &[], "workers.concurrency", "from 1 to 1024"),
    ("[workers]\nconcurrency = 1025", &[], &[], "workers.concurrency", "from 1 to 1024"),
    ("[workers]\nconcurrency = [1]", &[], &[], "workers.concurrency", "a whole number"),
    ("[log]\nformat = \"yaml\"", &[], &[], "log.format", "one of auto, human, json"),
    ("[log]\nformat = 1", &[], &[], "log.format", "one of auto, human, json"),
    ("[log]\nfilter = \"jobs=loud\"", &[], &[], "log.filter", "levels, such as info"),
    ("[log]\nfilter = 3", &[], &[], "log.filter", "expected text"),
    ("[server]\nops_listen = \"9090\"", &[], &[], "server.ops_listen", "nothing, or an IP address"),
    ("[auth]\nissuer = \"http://login.example.com\"\naudience = [\"a\"]", &[], &[], "auth.issuer", "an https URL"),
    ("[auth]\nissuer = \"https://login.example.com\"", &[], &[], "auth.audience", "since auth.issuer is set"),
    ("[auth]\njwks_url = \"https://a.example/keys\"", &[], &[], "auth.jwks_url", "without auth.issuer"),
    ("[auth]\nalgorithms = [\"HS256\"]", &[], &[], "auth.algorithms", "RS256"),
    ("[auth]\nalgorithms = [\"none\"]", &[], &[], "auth.algorithms", "EdDSA"),
    ("[auth]\nalgorithms = \"rs256\"", &[], &[], "auth.algorithms", "RS256"),
    ("[auth]\ntoken_use = \"any\"", &[], &[], "auth.token_use", "one of access, id, audience"),
    ("[auth]\ntenant_claim = \"\"", &[], &[], "auth.tenant_claim", "not empty"),
    ("[auth]\nscope_map = [\"admins\"]", &[], &[], "auth.scope_map", "WORD=SCOPE or WORD=ROLE"),
    ("[auth]\nscope_map = [\"admins=king\"]", &[], &[], "auth.scope_map", "WORD=SCOPE or WORD=ROLE"),
    ("[auth]\nscope_map = [\"admins=platform\"]", &[], &[], "auth.scope_map", "WORD=SCOPE or WORD=ROLE"),
    ("[auth]\ndefault_tenant = \"system\"", &[], &[], "auth.default_tenant", "the id of a tenant"),
    ("[auth]\ndefault_tenant = \"acme\"", &[], &[], "auth.default_tenant", "a UUID in lower case"),
    ("[auth]\nleeway_s = 61", &[], &[], "auth.leeway_s", "from 0 to 60"),
    (
        "[auth]\niam_principals = [\"meter=default/meter@reader\"]",
        &[],
        &[],
        "auth.iam_principals",
        "ARN=TENANT/NAME@ROLE",
    ),
    ("[auth]\nprovider = \"ldap\"", &[], &[], "auth.provider", "one of local, cognito, none"),
    ("[auth]\nlocal_issuer = \"\"", &[], &[], "auth.local_issuer", "not empty"),
    ("[auth]\nuser_scopes = [\"ops:read\"]", &[], &[], "auth.user_scopes", "reader, writer and admin"),
    ("[auth]\nsmtp_uri = \"hunter2\"\nmail_from = \"a@b.example\"", &[], &[], "auth.smtp_uri", "smtps://"),
    ("[auth]\nsmtp_uri = \"smtps://u:hunter2@b.example\"", &[], &[], "auth.mail_from", "an address"),
    (
        "[auth]\nprovider = \"cognito\"\ncognito_client_id = \"a\"",
        &[],
        &[],
        "auth.issuer",
        "https://cognito-idp.REGION",
    ),
    (
        "[auth]\nprovider = \"cognito\"\naudience = [\"a\"]\nissuer = \"https://a.example/eu-west-2_A\"",
        &[],
        &[],
        "auth.cognito_client_id",
        "an app client",
    ),
    (
        "[auth]\nprovider = \"cognito\"\ncognito_client_id = \"b\"\naudience = [\"a\"]\nissuer = \"https://a.example/eu-west-2_A\"",
        &[],
        &[],
        "auth.audience",
        "auth.cognito_client_id among them",
    ),
    (
        "[auth]\nprovider = \"cognito\"\ncognito_client_id = \"a\"\naudience = [\"a\"]\nissuer = \"https://a.example/eu-west-2_A\"\ntoken_use = \"audience\"",
        &[],
        &[],
        "auth.token_use",
        "expected access, since auth.provider is cognito",
    ),
    (
        "[auth]\nprovider = \"cognito\"\ncognito_client_id = \"a\"\naudience = [\"a\"]\nissuer = \"https://a.example/eu-west-2_A\"\ntoken_use = \"id\"",
        &[],
        &[],
        "auth.token_use",
        "expected access, since auth.provider is cognito",
    ),
    (
        "[auth]\nprovider = \"cognito\"\ncognito_client_id = \"a\"\naudience = [\"a\"]\nissuer = \"https://a.example/eu-west-2_A\"\nalgorithms = [\"ES256\"]",
        &[],
        &[],
        "auth.algorithms",
        "RS256 among them",
    ),
    ("[ingest]\nconcurrency = 0", &[], &[], "ingest.concurrency", "from 1 to 1024"),
    ("[ingest]\nallow_http = 1", &[], &[], "ingest.allow_http", "true or false"),
    ("[ingest]\nallow_http = \"yes\"", &[], &[], "ingest.allow_http", "true or false"),
    ("[ingest]\nallow_hosts = \"10.0.0.5:http\"", &[], &[], "ingest.allow_hosts", "HOST:PORT"),
    (
        "[ingest]\ncredentials = [\"default/crm@a.example=UNSET\"]",
        &[],
        &[],
        "ingest.credentials",
        "a variable that is set",
    ),
    ("[ingest]\ncredentials = [{ tenant = \"default\" }]", &[], &[], "ingest.credentials", "TENANT/NAME@HOST=VARIABLE"),
    ("[ingest]\ntables = [\"orders\"]", &[], &[], "ingest.tables", "TENANT=dynamodb://REGION/TABLE"),
    ("[export]\njournal = \"freight\"", &[], &[], "export.journal", "nothing, or cloudwatch://REGION/GROUP"),
    ("[export]\ndead_letters = \"local:\"", &[], &[], "export.dead_letters", "nothing, or sqs://REGION"),
    ("[export]\nevery_s = 0", &[], &[], "export.every_s", "from 1 to 3600"),
    ("[sandbox]\nlisten = \"8001\"", &[], &[], "sandbox.listen", "an IP address and a port"),
    ("[sandbox]\nat = \"localhost\"", &[], &[], "sandbox.at", "nothing, or an IP address"),
    ("[server\n", &[], &[], ", line 1", "unclosed table"),
    ("[server]\n[server]\n", &[], &[], ", line 2", "duplicate key"),
];

#[test]
fn whatever_is_wrong_is_named_with_what_is_allowed() {
    for (file, variables, flags, key, words) in BAD {
        let faults = load(file, variables, flags).unwrap_err();
        assert_eq!(faults.len(), 1, "{file}{variables:?}{flags:?}: {faults:?}");
        let Fault { key: named, problem } = &faults[0];
        assert!(named.ends_with(key) && problem.contains(words), "{file}{variables:?}{flags:?}: {named}: {problem}");
        assert!(!problem.contains("hunter2"));
    }
}
