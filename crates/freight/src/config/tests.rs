//! Each way to get the configuration wrong, and what is said about it.

use super::*;

fn load(
    file: Option<&str>,
    variables: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, Vec<Fault>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.toml");
    std::fs::write(&path, file.unwrap_or_default()).unwrap();
    Config::load(&Sources {
        file: Some(path),
        environment: Environment::of(variables.iter().copied()),
        flags: flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    })
}

#[test]
fn the_default_file_is_the_default() {
    let config = load(None, &[], &[]).unwrap();
    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 8000)));
    assert_eq!(config.grace, Duration::from_secs(25));
    assert_eq!(config.store.path(), std::path::Path::new("freight.db"));
}

#[test]
fn a_file_is_below_the_environment_and_that_below_flags() {
    let file =
        Some("[server]\ngrace_s = 1\n[workers]\nconcurrency = 1\n[log]\nfilter = \"warn\"\n");
    let variables = [("FREIGHT_SERVER_GRACE_S", "2"), ("FREIGHT_WORKERS_CONCURRENCY", "2")];
    let config = load(file, &variables, &[("server.grace_s", "3")]).unwrap();
    assert_eq!((config.grace.as_secs(), config.concurrency, &*config.log_filter), (3, 2, "warn"));
}

#[test]
fn variables_of_platforms_count_below_our_own() {
    let listen = |variables: &[_]| load(None, variables, &[]).unwrap().listen.to_string();
    assert_eq!(listen(&[("PORT", "9000")]), "127.0.0.1:9000");
    assert_eq!(listen(&[("PORT", "9000"), ("FREIGHT_SERVER_LISTEN", "[::1]:7")]), "[::1]:7");
    assert_eq!(listen(&[("PORT", "")]), "127.0.0.1:8000");
}

#[test]
fn a_dotenv_file_counts_below_real_variables() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".env");
    std::fs::write(&path, "# words\nexport A=\"x y\"\nB='z'\n\nC = 1=2\nD=\nREAL=file\n").unwrap();
    let mut environment = Environment::of([("REAL", "real")]);
    environment.merge_file(&path).unwrap();
    let all = ["A", "B", "C", "D", "REAL"].map(|name| environment.get(name));
    assert_eq!(all, [Some("x y"), Some("z"), Some("1=2"), None, Some("real")]);
    environment.merge_file(&directory.path().join("absent")).unwrap();
    std::fs::write(&path, "A=1\nhunter2\n").unwrap();
    let error = environment.merge_file(&path).unwrap_err();
    assert!(error.ends_with("line 2: expected NAME=value"), "{error}");
}

/// A file, variables, flags; the key that is named and words that its problem must hold.
type Bad = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const BAD: &[Bad] = &[
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
    (
        "",
        &[("FREIGHT_SERVER_GRACE_S", "25s")],
        &[],
        "server.grace_s",
        "set by FREIGHT_SERVER_GRACE_S",
    ),
    ("", &[], &[("server.grace_s", "")], "server.grace_s", "set by a flag"),
    ("[server]\ngrace = 25", &[], &[], "server.grace", "did you mean server.grace_s?"),
    ("[sever]\ngrace_s = 25", &[], &[], "sever.grace_s", "did you mean server.grace_s?"),
    ("listen = \"1.2.3.4:5\"", &[], &[], "listen", "no such setting"),
    (
        "",
        &[("FREIGHT_SERVER_LISTN", "x")],
        &[],
        "FREIGHT_SERVER_LISTN",
        "did you mean FREIGHT_SERVER_LISTEN?",
    ),
    ("", &[("FREIGHT_XYZZY", "x")], &[], "FREIGHT_XYZZY", "`freight config` lists them all"),
    ("", &[], &[("store.url", "sqlite:a")], "store.url", "did you mean store.uri?"),
    ("[store]\nuri = \"postgres://a\"", &[], &[], "store.uri", "expected sqlite:PATH"),
    ("[store]\nuri = \"freight.db\"", &[], &[], "store.uri", "expected sqlite:PATH"),
    ("[store]\nuri = \"sqlite:\"", &[], &[], "store.uri", "the path of a file"),
    ("[store]\nuri = \"sqlite::memory:\"", &[], &[], "store.uri", "the path of a file"),
    ("[store]\nuri = \"sqlite:a.db?mode=ro\"", &[], &[], "store.uri", "the path of a file"),
    (
        "[store]\nuri = \"dynamodb://eu-west-2?prefix=freight-\"",
        &[],
        &[],
        "store.uri",
        "no cloud backend yet",
    ),
    ("[store]\nuri = 7", &[], &[], "store.uri", "expected text"),
    ("[queue]\nuri = \"sqs://eu-west-2\"", &[], &[], "queue.uri", "no cloud backend yet"),
    ("[queue]\nuri = \"amqp://a\"", &[], &[], "queue.uri", "expected local:"),
    ("[cache]\nuri = \"redis://a\"", &[], &[], "cache.uri", "no cloud backend yet"),
    ("[cache]\nuri = \"memory\"", &[], &[], "cache.uri", "expected local:"),
    ("", &[("REDIS_URL", "rediss://:hunter2@h:6379")], &[], "cache.uri", "set by REDIS_URL"),
    ("", &[("REDIS_URL", "h"), ("REDIS_PORT", "1")], &[], "cache.uri", "cannot use redis:"),
    ("[cache]\nsize_max_bytes = 1048575", &[], &[], "cache.size_max_bytes", "from 1048576 to"),
    ("[cache]\nsize_max_bytes = 68719476737", &[], &[], "cache.size_max_bytes", "to 68719476736"),
    ("[workers]\nconcurrency = 0", &[], &[], "workers.concurrency", "from 1 to 1024"),
    ("[workers]\nconcurrency = 1025", &[], &[], "workers.concurrency", "from 1 to 1024"),
    ("[workers]\nconcurrency = [1]", &[], &[], "workers.concurrency", "a whole number"),
    ("[log]\nformat = \"yaml\"", &[], &[], "log.format", "one of auto, human, json"),
    ("[log]\nformat = 1", &[], &[], "log.format", "one of auto, human, json"),
    ("[log]\nfilter = \"jobs=loud\"", &[], &[], "log.filter", "levels, such as info"),
    ("[log]\nfilter = 3", &[], &[], "log.filter", "expected text"),
    ("[sandbox]\nlisten = \"8001\"", &[], &[], "sandbox.listen", "an IP address and a port"),
    ("[server\n", &[], &[], ", line 1", "unclosed table"),
    ("[server]\n[server]\n", &[], &[], ", line 2", "duplicate key"),
];

#[test]
fn whatever_is_wrong_is_named_with_what_is_allowed() {
    for (file, variables, flags, key, words) in BAD {
        let faults = load(Some(file), variables, flags).unwrap_err();
        assert_eq!(faults.len(), 1, "{file}{variables:?}{flags:?}: {faults:?}");
        let Fault { key: named, problem } = &faults[0];
        assert!(
            named.ends_with(key) && problem.contains(words),
            "{file}{variables:?}{flags:?}: {named}: {problem}"
        );
        assert!(!problem.contains("hunter2"));
    }
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let variables = [("FREIGHT_SERVER_GRACE_S", "x"), ("FREIGHT_NO_SUCH", "x")];
    let faults =
        load(Some("[log]\nformat = \"x\"\n[nothing]\na = 1"), &variables, &[("store.uri", "x")])
            .unwrap_err();
    let mut keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["FREIGHT_NO_SUCH", "log.format", "nothing.a", "server.grace_s", "store.uri"]);
}

#[test]
fn a_file_that_was_named_must_exist() {
    let sources = Sources { file: Some("/nonexistent/freight.toml".into()), ..Sources::default() };
    assert_eq!(Config::load(&sources).unwrap_err()[0].key, "/nonexistent/freight.toml");
}
