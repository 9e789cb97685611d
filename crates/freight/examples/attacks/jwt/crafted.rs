//! The tokens, each with what is wrong with it. But for that, it is good: well formed, signed, in time.

use serde_json::{Value, json};

use super::forge::{CLIENT, EC, FOREIGN, Forge, LEEWAY, PS256, RS256, RS512, RSA, Token, header, part};

/// A token and what is special about it.
type Named = (String, Token);

/// Tokens that must be taken.
pub(crate) fn good(forge: &Forge) -> Vec<Named> {
    let leeway = i64::try_from(LEEWAY.as_secs()).unwrap();
    let claims = |name: &str, value: Value| forge.with_claims(&with(forge, name, value));
    let header = |name: &str, value: Value| {
        let mut header = json!({ "kid": RSA, "alg": "RS256" });
        header[name] = value;
        forge.signed(&header.to_string(), &forge.claims().to_string(), RSA)
    };
    [
        ("RS256", forge.token(RSA)),
        ("ES256", forge.token(EC)),
        ("typ JWT", header("typ", json!("JWT"))),
        ("typ at+jwt", header("typ", json!("at+jwt"))),
        ("the thumbprint of a certificate", header("x5t", json!("dGh1bWI"))),
        ("over, within the leeway", claims("exp", json!(forge.at(1 - leeway)))),
        ("made in the future, within the leeway", claims("iat", json!(forge.at(leeway)))),
        ("not begun, within the leeway", claims("nbf", json!(forge.at(leeway)))),
        ("begun", claims("nbf", json!(forge.at(-1)))),
        ("a fraction of a second", claims("exp", json!(forge.at(10) as f64 + 0.5))),
        ("an audience beside the client", claims("aud", json!("somebody else's"))),
        ("groups", claims("cognito:groups", json!(["readers", "others"]))),
        ("an empty scope", claims("scope", json!(""))),
        ("no scope", forge.with_claims(&without(forge, "scope"))),
        ("the tenant by its slug", claims("custom:tenant", json!("default"))),
        ("long", claims("note", json!("a".repeat(4_000)))),
    ]
    .map(|(name, token)| (name.to_owned(), token))
    .to_vec()
}

/// Tokens that must be refused.
pub(crate) fn crafted(forge: &Forge) -> Vec<Named> {
    [algorithms(forge), signatures(forge), headers(forge), forms(forge), times(forge), names(forge)].concat()
}

fn with(forge: &Forge, name: &str, value: Value) -> String {
    let mut claims = forge.claims();
    claims[name] = value;
    claims.to_string()
}

fn without(forge: &Forge, name: &str) -> String {
    let mut claims = forge.claims();
    claims.as_object_mut().unwrap().remove(name);
    claims.to_string()
}

fn algorithms(forge: &Forge) -> Vec<Named> {
    let claims = forge.claims().to_string();
    let mut tokens = Vec::new();
    for alg in ["none", "None", "nOnE", "NONE", "", "rs256", "RS256 ", "RS384", "PS256", "EdDSA", "HS256", "ES256"] {
        let header = json!({ "kid": RSA, "alg": alg }).to_string();
        tokens.push((format!("alg {alg:?}, signed with RS256"), forge.signed(&header, &claims, RSA)));
    }
    for alg in ["none", "None", "nOnE", ""] {
        let text = format!("{}.{}.", part(json!({ "kid": RSA, "alg": alg }).to_string()), part(&claims));
        tokens.push((format!("alg {alg:?}, unsigned"), text));
    }
    for (name, alg) in [("an array", json!(["RS256"])), ("null", Value::Null), ("a number", json!(256))] {
        let header = json!({ "kid": RSA, "alg": alg }).to_string();
        tokens.push((format!("alg is {name}"), forge.signed(&header, &claims, RSA)));
    }
    tokens.push(("no alg".to_owned(), forge.signed(&json!({ "kid": RSA }).to_string(), &claims, RSA)));
    for (name, secret) in forge.public_as_secret() {
        let text = format!("{}.{}", part(json!({ "kid": RSA, "alg": "HS256" }).to_string()), part(&claims));
        let mac = part(Forge::mac(&text, &secret));
        tokens.push((format!("HS256, the secret is the public key: {name}"), format!("{text}.{mac}")));
    }
    for (alg, encoding) in [("PS256", PS256), ("RS512", RS512)] {
        let text = format!("{}.{}", part(json!({ "kid": RSA, "alg": alg }).to_string()), part(&claims));
        tokens.push((
            format!("{alg}, signed so, not allowed"),
            format!("{text}.{}", part(forge.rsa(&text, RSA, encoding))),
        ));
    }
    let text = format!("{}.{}", part(json!({ "kid": EC, "alg": "RS256" }).to_string()), part(&claims));
    tokens.push((
        "RS256 under the name of a key on a curve".to_owned(),
        format!("{text}.{}", part(forge.rsa(&text, RSA, RS256))),
    ));
    tokens
}

fn signatures(forge: &Forge) -> Vec<Named> {
    let good = forge.token(RSA);
    let (text, signature) = good.rsplit_once('.').unwrap();
    let bytes = forge.rsa(text, RSA, RS256);
    let again = |bytes: &[u8]| format!("{text}.{}", part(bytes));
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        again(&bytes)
    };
    let ec_good = forge.token(EC);
    let (ec_text, ec_signature) = ec_good.rsplit_once('.').unwrap();
    let ec = |signature: Vec<u8>| format!("{ec_text}.{}", part(signature));
    let mut order = vec![0; 32];
    order.extend([0; 32]);
    let other_claims = part(with(forge, "sub", json!("somebody-else")));
    let head = text.split_once('.').unwrap().0;
    [
        ("no signature", format!("{text}.")),
        ("a signature of zeros", again(&vec![0; bytes.len()])),
        ("a signature that lacks a byte", again(&bytes[..bytes.len() - 1])),
        ("a signature with a byte more", again(&[bytes.as_slice(), &[0]].concat())),
        ("a signature with a zero before it", again(&[&[0], bytes.as_slice()].concat())),
        ("the first bit flipped", flipped(0)),
        ("a bit in the middle flipped", flipped(128)),
        ("the last bit flipped", flipped(255)),
        ("the signature of another token", format!("{head}.{other_claims}.{signature}")),
        ("signed by a key that nobody published", forge.signed(&header(), &forge.claims().to_string(), FOREIGN)),
        ("ES256, r and s are zero", ec(order)),
        ("ES256, written as DER", ec(forge.ec_der(ec_text))),
        ("ES256, a byte more", format!("{ec_text}.{ec_signature}AA")),
        ("ES256, half of it", format!("{ec_text}.{}", &ec_signature[..43])),
        ("ES256, by the RSA key", ec(forge.rsa(ec_text, RSA, RS256))),
    ]
    .map(|(name, token)| (name.to_owned(), token))
    .to_vec()
}

fn headers(forge: &Forge) -> Vec<Named> {
    let claims = forge.claims().to_string();
    let foreign = forge.public(FOREIGN);
    let mut tokens = Vec::new();
    let members = [
        ("jwk", foreign.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(7)),
        ("kid", Value::Null),
        ("kid", json!("")),
        ("kid", json!("../../dev/null")),
        ("kid", json!("' OR 1=1--")),
        ("kid", json!("rsa-0\u{0}")),
        ("kid", json!("RSA-0")),
        ("kid", json!("a".repeat(5_000))),
        ("kid", json!(0)),
        ("kid", json!([RSA])),
        ("kid", json!(FOREIGN)),
        ("kid", json!(EC)),
    ];
    for (name, value) in members {
        let mut header = json!({ "kid": RSA, "alg": "RS256" });
        header[name] = value;
        let what = header.to_string();
        tokens.push((format!("header {}", &what[..what.len().min(80)]), forge.signed(&what, &claims, RSA)));
        // And signed by the key that it brings along.
        if matches!(name, "jwk" | "jku" | "x5u") {
            tokens.push((format!("header with {name}, signed by that key"), forge.signed(&what, &claims, FOREIGN)));
        }
    }
    for header in [
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"none","kid":"rsa-0","alg":"RS256"}"#,
        r#"{"kid":"foreign","alg":"RS256","kid":"rsa-0"}"#,
        r#"["RS256","rsa-0"]"#,
        r#""RS256""#,
        "{}",
        "null",
        "{",
        "\u{feff}{\"alg\":\"RS256\",\"kid\":\"rsa-0\"}",
    ] {
        tokens.push((format!("header {header}"), forge.signed(header, &claims, RSA)));
    }
    tokens
}

fn forms(forge: &Forge) -> Vec<Named> {
    let good = forge.token(RSA);
    let (text, signature) = good.rsplit_once('.').unwrap();
    let claims = forge.claims().to_string();
    let with_claims = |claims: &str| forge.with_claims(claims);
    let twice = |member: &str| with_claims(&format!("{{{member},{}", &claims[1..]));
    let mut invalid = claims.clone().into_bytes();
    invalid[2] = 0xff;
    let invalid = format!("{}.{}", part(header()), part(invalid));
    let invalid = format!("{invalid}.{}", part(forge.rsa(&invalid, RSA, RS256)));
    let deep = format!("{{\"a\":{}1{},{}", "[".repeat(40), "]".repeat(40), &claims[1..]);
    [
        ("two parts", text.to_owned()),
        ("one part", text.split_once('.').unwrap().0.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{signature}.{signature}")),
        ("a dot behind", format!("{good}.")),
        ("a dot before", format!(".{good}")),
        ("padding", format!("{good}==")),
        ("bits behind the last byte", bits_behind(&good)),
        ("the other alphabet", format!("{text}.+{}", &signature[1..])),
        ("a letter more", format!("{good}A")),
        ("a space inside", format!("{text}. {signature}")),
        ("no claims", with_claims("")),
        ("empty claims", with_claims("{}")),
        ("claims in an array", with_claims(&format!("[{claims}]"))),
        ("claims that are no JSON", with_claims("not json")),
        ("claims with something behind", with_claims(&format!("{claims}x"))),
        ("claims that are no UTF-8", invalid),
        ("claims nested deep", with_claims(&deep)),
        ("a token in a token", with_claims(&format!("\"{good}\""))),
        ("sub twice", twice(r#""sub":"somebody-else""#)),
        ("exp twice", twice(r#""exp":9999999999"#)),
        ("exp twice, once escaped", twice(r#""e\u0078p":9999999999"#)),
        ("token_use twice", twice(r#""token_use":"access""#)),
        ("longer than a token may be", with_claims(&with(forge, "note", json!("a".repeat(7_000))))),
        ("much longer", with_claims(&with(forge, "note", json!("a".repeat(12_000))))),
        ("nothing but dots", "..".to_owned()),
    ]
    .map(|(name, token)| (name.to_owned(), token))
    .to_vec()
}

/// The same bytes, written with another last letter.
fn bits_behind(token: &str) -> Token {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token.bytes().last().unwrap();
    let at = ALPHABET.iter().position(|letter| *letter == last).unwrap();
    format!("{}{}", &token[..token.len() - 1], char::from(ALPHABET[at | 1]))
}

fn times(forge: &Forge) -> Vec<Named> {
    let leeway = i64::try_from(LEEWAY.as_secs()).unwrap();
    let mut tokens = vec![
        ("exp missing".to_owned(), forge.with_claims(&without(forge, "exp"))),
        ("iat missing".to_owned(), forge.with_claims(&without(forge, "iat"))),
    ];
    let late = json!(forge.at(leeway + 1));
    let values = [
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(forge.at(-leeway))),
        ("exp", json!(forge.at(-leeway - 30))),
        ("exp", json!(forge.at(-86_400))),
        ("exp", json!(forge.at(3_600).to_string())),
        ("exp", json!(1e308)),
        ("exp", json!(9_007_199_254_740_993_i64)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(true)),
        ("exp", Value::Null),
        ("exp", json!([forge.at(3_600)])),
        ("iat", late.clone()),
        ("iat", json!(forge.at(86_400))),
        ("iat", json!("now")),
        ("iat", json!(-5)),
        ("nbf", late),
        ("nbf", json!(forge.at(3_600))),
        ("nbf", json!(forge.at(3_600).to_string())),
        ("nbf", json!([forge.at(-60)])),
        ("nbf", Value::Null),
    ];
    tokens
        .extend(values.map(|(name, value)| (format!("{name} {value}"), forge.with_claims(&with(forge, name, value)))));
    tokens
}

fn names(forge: &Forge) -> Vec<Named> {
    let iss = &forge.issuer;
    let mut tokens = Vec::new();
    for name in ["iss", "sub", "client_id", "token_use"] {
        tokens.push((format!("{name} missing"), forge.with_claims(&without(forge, name))));
    }
    let values = [
        ("iss", json!(format!("{iss}/"))),
        ("iss", json!(format!("{iss}2"))),
        ("iss", json!(iss.to_uppercase())),
        ("iss", json!(&iss[..iss.len() - 1])),
        ("iss", json!(format!(" {iss}"))),
        ("iss", json!("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other")),
        ("iss", json!("freight")),
        ("iss", json!([iss])),
        ("iss", json!("")),
        ("iss", Value::Null),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!("jane\nprincipal=admin")),
        ("sub", json!("a".repeat(256))),
        ("sub", Value::Null),
        ("token_use", json!("id")),
        ("token_use", json!("refresh")),
        ("token_use", json!("Access")),
        ("token_use", json!(["access"])),
        ("token_use", json!("")),
        ("client_id", json!("client-2")),
        ("client_id", json!("client-1 ")),
        ("client_id", json!("")),
        ("client_id", json!([CLIENT])),
        ("client_id", json!(1)),
        ("custom:tenant", json!("system")),
        ("custom:tenant", json!("nobody")),
        ("custom:tenant", json!("../default")),
        ("custom:tenant", json!("")),
        ("custom:tenant", json!(["default"])),
        ("custom:tenant", json!(1)),
        ("scope", json!(["openid"])),
        ("scope", json!(1)),
        ("cognito:groups", json!({ "readers": true })),
        ("cognito:groups", json!([1])),
    ];
    tokens.extend(values.map(|(name, value)| {
        let token = forge.with_claims(&with(forge, name, value.clone()));
        let value = value.to_string();
        (format!("{name} {}", &value[..value.len().min(60)]), token)
    }));
    // An ID token, which names the same client as its audience.
    let mut id = forge.claims();
    id["token_use"] = json!("id");
    id["aud"] = json!(CLIENT);
    id.as_object_mut().unwrap().remove("client_id");
    tokens.push(("an ID token".to_owned(), forge.with_claims(&id.to_string())));
    id["token_use"] = json!("access");
    tokens.push(("an access token without a client, but an audience".to_owned(), forge.with_claims(&id.to_string())));
    tokens
}
