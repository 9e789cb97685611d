//! The outbound guard, form by form. Nothing here connects to anything.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use base::clock::SystemClock;
use ingest::model::source::Method;
use ingest::outbound::call::Request;
use ingest::outbound::guard::{Guard, Lookup, Refusal};
use ingest::outbound::{Authority, Caller, Trouble};

/// URLs that no stranger may have called, whatever the names in them resolve to.
const FORBIDDEN: [&str; 102] = [
    // Loopback, in every spelling.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://0177.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://127.255.255.254/",
    "https://%31%32%37.0.0.1/",
    "https://127%2e0%2e0%2e1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://ⓛocalhost/",
    "https://localhost.localdomain/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::]/",
    "https://0.0.0.0/",
    "https://0/",
    "https://0.0.0.0./",
    "https://[::127.0.0.1]/",
    // IPv4 inside IPv6.
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[2001::1]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    // Link-local, unique-local, multicast, other scopes.
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[febf::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[100::1]/",
    "https://[5f00::1]/",
    // Metadata services.
    "https://169.254.169.254/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://169.254.170.2/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://metadata.google.internal/",
    "https://metadata.google.internal./",
    "https://metadata/",
    // Private and special networks.
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://192.168.1/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://192.0.0.1/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.255/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://db.corp/",
    "https://router.lan/",
    "https://printer.local/",
    "https://nas.home.arpa/",
    "https://intranet/",
    // Who is it that one talks to?
    "https://good@127.0.0.1/",
    "https://user:word@example.com/",
    "https://@example.com/",
    "https://127.0.0.1#@example.com",
    "https://good\\@127.0.0.1/",
    "https://example.com\\@127.0.0.1/",
    "https://exam\tple.com/",
    "https://example.com/\r\nX: y",
    " https://example.com/",
    "https://example.com /",
    "https:///",
    "//example.com/",
    // Other schemes and ports.
    "http://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/",
    "unix:/var/run/socket",
    "https://example.com:0/",
    "https://example.com:22/",
];

#[test]
fn no_form_of_a_forbidden_address_is_a_target() {
    let guard = Guard::default();
    let open = Guard { http: true, ..Guard::default() };
    for url in FORBIDDEN {
        assert!(guard.target(url).is_err(), "{url}");
        let http = url.replacen("https://", "http://", 1);
        if !url.starts_with("http://") {
            assert!(open.target(&http).is_err(), "{http}");
        }
    }
    for url in
        ["https://example.com:6379/", "https://example.com:8443/", "http://example.com:443/", "https://example.com:80/"]
    {
        assert!(guard.target(url).is_err() && open.target(url).is_err(), "{url}");
    }
}

#[test]
fn public_addresses_are_reached() {
    let guard = Guard::default();
    for url in [
        "https://example.com/users?size=1",
        "https://EXAMPLE.com:443/",
        "https://1.1.1.1/",
        "https://172.32.0.1/",
        "https://100.128.0.1/",
        "https://[2606:4700:4700::1111]/",
        "https://bücher.example/",
        "https://example.com/#@x",
    ] {
        assert!(guard.target(url).is_ok(), "{url}: {:?}", guard.target(url));
    }
    assert!(Guard { http: true, ..Guard::default() }.target("http://example.com/").is_ok());
}

#[test]
fn exactly_the_listed_host_and_port_are_exempt() {
    let listed: Authority = "127.0.0.1:8001".parse().unwrap();
    let guard = Guard { allow: vec![listed], ..Guard::default() };
    for url in ["http://127.0.0.1:8001/api", "http://127.1:8001/", "https://127.0.0.1:8001/"] {
        assert!(guard.target(url).is_ok_and(|target| target.listed), "{url}");
    }
    for url in [
        "http://127.0.0.1/",
        "http://127.0.0.1:8002/",
        "https://127.0.0.1/",
        "http://localhost:8001/",
        "http://127.0.0.2:8001/",
        "http://user@127.0.0.1:8001/",
        "http://[::1]:8001/",
        "http://127.0.0.1:8001@example.com/",
    ] {
        assert!(guard.target(url).is_err(), "{url}");
    }
}

#[test]
fn one_private_address_condemns_the_name() {
    let guard = Guard { own: vec!["93.184.216.34:443".parse().unwrap()], ..Guard::default() };
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
    assert_eq!(guard.admit(&addresses(&["1.1.1.1", "2606:4700::1"]), 443), Ok(()));
    assert!(matches!(guard.admit(&addresses(&["1.1.1.1", "10.0.0.1"]), 443), Err(Refusal::Address(_))));
    assert!(matches!(guard.admit(&addresses(&["::ffff:1.1.1.1"]), 443), Err(Refusal::Address(_))));
    assert_eq!(guard.admit(&[], 443), Err(Refusal::Unresolved));
    assert!(matches!(guard.admit(&addresses(&["93.184.216.34"]), 443), Err(Refusal::Address(_))));
    assert_eq!(guard.admit(&addresses(&["93.184.216.34"]), 80), Ok(()));
}

/// A name that is public when it is looked at and private when it is called.
struct Rebinding(std::sync::atomic::AtomicUsize);

#[async_trait]
impl Lookup for Rebinding {
    async fn addresses(&self, _: &str) -> Vec<IpAddr> {
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        vec![if before == 0 { [1, 1, 1, 1].into() } else { [127, 0, 0, 1].into() }]
    }
}

#[tokio::test]
async fn a_name_that_changes_is_judged_where_it_is_connected_to() {
    let lookup = Arc::new(Rebinding(Default::default()));
    let guard = Arc::new(Guard::default());
    let target = guard.preview("https://rebind.example.com/", lookup.as_ref()).await.unwrap();
    let caller = Caller::new(guard, Arc::new(SystemClock::new()), lookup.clone());
    for _ in 0..100 {
        let request = Request { target: &target, method: Method::Get, headers: Vec::new(), auth: None };
        let called = caller.call(request).await;
        assert!(matches!(called, Err(Trouble::Refused(Refusal::Address(_)))), "{called:?}");
    }
    assert!(lookup.0.load(std::sync::atomic::Ordering::SeqCst) > 100, "every connection asks the guard");
}
