//! Makes tokens: good ones, and any other.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base::Clock as _;
use base::clock::ManualClock;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A token as text.
pub(crate) type Token = String;

/// The program that tokens are made for.
pub(crate) const CLIENT: &str = "client-1";
/// By how much clocks may differ.
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);
/// The name of the first RSA key.
pub(crate) const RSA: &str = "rsa-0";
/// The name of the key on an elliptic curve.
pub(crate) const EC: &str = "ec-0";
/// The name of a key that nobody publishes.
pub(crate) const FOREIGN: &str = "foreign";

/// How an RSA key signs.
pub(crate) const RS256: &dyn RsaEncoding = &RSA_PKCS1_SHA256;
pub(crate) const RS512: &dyn RsaEncoding = &RSA_PKCS1_SHA512;
pub(crate) const PS256: &dyn RsaEncoding = &RSA_PSS_SHA256;

/// Every private key there is.
pub(crate) struct Forge {
    /// Who the tokens say they are of.
    pub(crate) issuer: String,
    clock: ManualClock,
    rsa: HashMap<String, RsaKeyPair>,
    ec: Vec<u8>,
}

pub(crate) fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Forge {
    pub(crate) fn new(clock: &ManualClock) -> Self {
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let ec = ec.to_pkcs8v1().unwrap().as_ref().to_vec();
        let rsa = [RSA, FOREIGN].map(|name| (name.to_owned(), rsa_key())).into();
        Self { issuer: String::new(), clock: clock.clone(), rsa, ec }
    }

    /// A new key, and its name.
    pub(crate) fn rotate(&mut self, n: u64) -> String {
        let name = format!("rotated-{n}");
        self.rsa.insert(name.clone(), rsa_key());
        name
    }

    /// Seconds from now, in the past or in the future.
    pub(crate) fn at(&self, seconds: i64) -> i64 {
        self.clock.now().as_second() + seconds
    }

    /// What a good token says.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.issuer, "sub": "6f3c9a52-7c1e-4b3a-9d0e-1f2a3b4c5d6e", "client_id": CLIENT,
            "token_use": "access", "scope": "aws.cognito.signin.user.admin", "username": "jane",
            "auth_time": self.at(-60), "iat": self.at(-60), "exp": self.at(3_540),
            "jti": "a1b2c3d4-0000-4000-8000-000000000000", "origin_jti": "a1b2c3d4-0000-4000-8000-000000000001",
        })
    }

    /// A good token.
    pub(crate) fn token(&self, key: &str) -> Token {
        let alg = if key == EC { "ES256" } else { "RS256" };
        self.signed(&json!({ "kid": key, "alg": alg }).to_string(), &self.claims().to_string(), key)
    }

    /// A good token but for the key that it names.
    pub(crate) fn with_kid(&self, kid: &str) -> Token {
        self.signed(&json!({ "kid": kid, "alg": "RS256" }).to_string(), &self.claims().to_string(), RSA)
    }

    /// A good token but for its claims.
    pub(crate) fn with_claims(&self, claims: &str) -> Token {
        self.signed(&header(), claims, RSA)
    }

    /// Any header and any claims, signed well.
    pub(crate) fn signed(&self, header: &str, claims: &str, key: &str) -> Token {
        let text = format!("{}.{}", part(header), part(claims));
        let signature =
            if key == EC { self.ec(&text, &ECDSA_P256_SHA256_FIXED_SIGNING) } else { self.rsa(&text, key, RS256) };
        format!("{text}.{}", part(signature))
    }

    /// The signature of a text by an RSA key.
    pub(crate) fn rsa(&self, text: &str, key: &str, encoding: &'static dyn RsaEncoding) -> Vec<u8> {
        let pair = &self.rsa[key];
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        signature
    }

    /// The signature of a text by the key on the curve, written as DER: not as a token has it.
    pub(crate) fn ec_der(&self, text: &str) -> Vec<u8> {
        self.ec(text, &ECDSA_P256_SHA256_ASN1_SIGNING)
    }

    fn ec(&self, text: &str, how: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
        let pair = EcdsaKeyPair::from_pkcs8(how, &self.ec).unwrap();
        pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
    }

    /// The code of a text under a shared secret.
    pub(crate) fn mac(text: &str, secret: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes()).as_ref().to_vec()
    }

    /// A public key as it is published.
    pub(crate) fn public(&self, key: &str) -> Value {
        if key == EC {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.ec).unwrap();
            let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
            return json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": EC, "x": part(x), "y": part(y) });
        }
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa[key].public_key());
        json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": key, "n": part(&public.n), "e": part(&public.e) })
    }

    /// The public key in forms in which somebody may have taken it for a secret.
    pub(crate) fn public_as_secret(&self) -> Vec<(&'static str, Vec<u8>)> {
        let der = self.rsa[RSA].public_key().as_der().unwrap().as_ref().to_vec();
        let pem =
            STANDARD.encode(&der).as_bytes().chunks(64).map(|line| [line, b"\n"].concat()).collect::<Vec<_>>().concat();
        let pem = [b"-----BEGIN PUBLIC KEY-----\n".as_slice(), &pem, b"-----END PUBLIC KEY-----\n"].concat();
        let n = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa[RSA].public_key()).n;
        let jwk = self.public(RSA).to_string().into_bytes();
        vec![("its PEM", pem), ("its DER", der), ("its modulus", n), ("its JWK", jwk), ("nothing", Vec::new())]
    }
}

/// The header of a good token.
pub(crate) fn header() -> String {
    json!({ "kid": RSA, "alg": "RS256" }).to_string()
}

fn rsa_key() -> RsaKeyPair {
    RsaKeyPair::generate(KeySize::Rsa2048).unwrap()
}
