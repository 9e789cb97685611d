//! Each way to get the configuration wrong, and what is said about it.

use std::time::Duration;

use super::*;

fn load(file: Option<&str>, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Vec<Fault>> {
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
    assert_eq!(config.web.grace, Duration::from_secs(25));
    assert_eq!(config.store.file(), Some(std::path::Path::new("freight.db")));
}

#[test]
fn a_file_is_below_the_environment_and_that_below_flags() {
    let file = Some("[server]\ngrace_s = 1\n[workers]\nconcurrency = 1\n[log]\nfilter = \"warn\"\n");
    let variables = [("FREIGHT_SERVER_GRACE_S", "2"), ("FREIGHT_WORKERS_CONCURRENCY", "2")];
    let config = load(file, &variables, &[("server.grace_s", "3")]).unwrap();
    assert_eq!((config.web.grace.as_secs(), config.concurrency, &*config.log_filter), (3, 2, "warn"));
}

#[test]
fn variables_of_platforms_count_below_our_own() {
    let listen = |variables: &[_]| load(None, variables, &[]).unwrap().listen.to_string();
    assert_eq!(listen(&[("PORT", "9000")]), "127.0.0.1:9000");
    assert_eq!(listen(&[("PORT", "9000"), ("FREIGHT_SERVER_LISTEN", "[::1]:7")]), "[::1]:7");
    assert_eq!(listen(&[("PORT", "")]), "127.0.0.1:8000");
}

#[test]
fn a_list_in_a_variable_has_commas() {
    let config = load(None, &[("FREIGHT_SERVER_ALLOWED_HOSTS", "a.example, b.example,")], &[]).unwrap();
    assert_eq!(config.web.allowed_hosts, ["a.example", "b.example"]);
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

#[test]
fn everything_wrong_is_reported_at_once() {
    let variables = [("FREIGHT_SERVER_GRACE_S", "x"), ("FREIGHT_NO_SUCH", "x")];
    let faults = load(Some("[log]\nformat = \"x\"\n[nothing]\na = 1"), &variables, &[("store.uri", "x")]).unwrap_err();
    let mut keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["FREIGHT_NO_SUCH", "log.format", "nothing.a", "server.grace_s", "store.uri"]);
}

#[test]
fn a_file_that_was_named_must_exist() {
    let sources = Sources { file: Some("/nonexistent/freight.toml".into()), ..Sources::default() };
    assert_eq!(Config::load(&sources).unwrap_err()[0].key, "/nonexistent/freight.toml");
}
