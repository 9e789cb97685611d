//! A user pool of Amazon Cognito, asked to sign people in.
//!
//! Every call here is one that Cognito takes from anybody who knows an app client, so none is signed:
//! a server needs no access key for it. An app client with a secret proves itself in each call by a code
//! over the name of the user. That name is not in a refresh token; so for such a client it goes out with
//! the token that we hand on, and comes back with it.
//!
//! Errors are told apart by their type, never by their text: emulators and languages differ in it.

use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::config::timeout::TimeoutConfig;
use aws_sdk_cognitoidentityprovider::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cognitoidentityprovider::operation::initiate_auth::InitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, AuthFlowType, AuthenticationResultType};
use base::{Secret, json};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Aws;

/// How long a call may take: Cognito hashes passwords, too.
const CALL_MAX: Duration = Duration::from_secs(10);
/// Between a refresh token and the name of its user.
const NAME_MARK: char = '~';

/// The app client of a user pool.
#[derive(Clone, Debug)]
pub struct Cognito {
    client: Client,
    app: String,
    secret: Option<Secret<String>>,
}

/// What a session is held by, as Cognito gives it out.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: Secret<String>,
    /// The ID token.
    pub id: Option<Secret<String>>,
    /// The refresh token; none where the one that was shown goes on.
    pub refresh: Option<Secret<String>>,
    /// How long the first two are good for.
    pub expires_in_s: u64,
}

/// What came of signing in.
#[derive(Clone, Debug)]
pub enum SignedIn {
    /// A session.
    Tokens(Tokens),
    /// Cognito asks for more.
    Challenge {
        /// Its name.
        name: String,
        /// Goes back with the answer.
        session: Option<Secret<String>>,
        /// What else there is to know.
        parameters: Vec<(String, String)>,
    },
}

/// Why Cognito did not do it, by the type of its error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Wrong name or password, or a token that is none.
    NotAuthorized,
    /// No such user.
    UserNotFound,
    /// There is such a user already.
    UserExists,
    /// The address is not confirmed.
    NotConfirmed,
    /// The password has to be set anew before anybody can sign in with it.
    ResetRequired,
    /// The password is not what the pool demands.
    PasswordRefused,
    /// The code is wrong, or its time is over.
    CodeRefused,
    /// Too many requests, or tries.
    TooMany,
    /// Something in the request is not allowed.
    Invalid,
    /// A function that the pool's operator put before it says no.
    Vetoed,
    /// The code was not sent, by who sends codes for the pool: for the operator.
    Undelivered(String),
    /// A function that the pool's operator put before it does not work: for the operator.
    Broken(String),
    /// No answer, or one that says nothing about the request: for the operator.
    Unavailable(String),
}

impl Failure {
    fn of<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> Self {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        match code.unwrap_or_default() {
            "NotAuthorizedException" | "UnauthorizedException" | "RefreshTokenReuseException" => Self::NotAuthorized,
            "UserNotFoundException" => Self::UserNotFound,
            "UsernameExistsException" | "AliasExistsException" => Self::UserExists,
            "UserNotConfirmedException" => Self::NotConfirmed,
            "PasswordResetRequiredException" => Self::ResetRequired,
            "InvalidPasswordException" | "PasswordHistoryPolicyViolationException" => Self::PasswordRefused,
            "CodeMismatchException" | "ExpiredCodeException" => Self::CodeRefused,
            "TooManyRequestsException" | "LimitExceededException" | "TooManyFailedAttemptsException" => Self::TooMany,
            "InvalidParameterException" => Self::Invalid,
            "UserLambdaValidationException" => Self::Vetoed,
            "CodeDeliveryFailureException"
            | "InvalidEmailRoleAccessPolicyException"
            | "InvalidSmsRoleAccessPolicyException"
            | "InvalidSmsRoleTrustRelationshipException" => Self::Undelivered(DisplayErrorContext(error).to_string()),
            "UnexpectedLambdaException" | "InvalidLambdaResponseException" => {
                Self::Broken(DisplayErrorContext(error).to_string())
            }
            _ => Self::Unavailable(DisplayErrorContext(error).to_string()),
        }
    }
}

/// What a call came to.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Cognito {
    /// An app client; nothing is asked yet.
    pub async fn connect(aws: &Aws, app: impl Into<String>, secret: Option<Secret<String>>) -> Self {
        let shared = aws.sdk_config().await;
        let config = aws_sdk_cognitoidentityprovider::config::Builder::from(&shared)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(CALL_MAX).build())
            .build();
        Self { client: Client::from_conf(config), app: app.into(), secret }
    }

    /// Makes a user whose name is an email address.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn sign_up(&self, email: &str, password: &str) -> Result<()> {
        let address = AttributeType::builder().name("email").value(email).build();
        let address = address.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let call = self.client.sign_up().client_id(&self.app).set_secret_hash(self.proof(email)).username(email);
        let call = call.password(password).user_attributes(address);
        call.send().await.map(drop).map_err(|error| Failure::of(&error))
    }

    /// Confirms a user with the code that they were sent.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn confirm(&self, email: &str, code: &str) -> Result<()> {
        let call = self.client.confirm_sign_up().client_id(&self.app).set_secret_hash(self.proof(email));
        let call = call.username(email).confirmation_code(code);
        call.send().await.map(drop).map_err(|error| Failure::of(&error))
    }

    /// Sends another code.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn resend(&self, email: &str) -> Result<()> {
        let call = self.client.resend_confirmation_code().client_id(&self.app).set_secret_hash(self.proof(email));
        call.username(email).send().await.map(drop).map_err(|error| Failure::of(&error))
    }

    /// Begins a session, or is asked for more.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn> {
        let call = self.client.initiate_auth().client_id(&self.app).auth_flow(AuthFlowType::UserPasswordAuth);
        let call = call.auth_parameters("USERNAME", email).auth_parameters("PASSWORD", password);
        let call = match self.proof(email) {
            Some(proof) => call.auth_parameters("SECRET_HASH", proof),
            None => call,
        };
        self.came_of(call.send().await.map_err(|error| Failure::of(&error))?)
    }

    /// Goes on with a session.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn refresh(&self, token: &str) -> Result<Tokens> {
        let (token, name) = match &self.secret {
            Some(_) => named(token).ok_or(Failure::NotAuthorized)?,
            None => (token, String::new()),
        };
        let call = self.client.initiate_auth().client_id(&self.app).auth_flow(AuthFlowType::RefreshTokenAuth);
        let call = call.auth_parameters("REFRESH_TOKEN", token);
        let call = match self.proof(&name) {
            Some(proof) => call.auth_parameters("SECRET_HASH", proof),
            None => call,
        };
        match self.came_of(call.send().await.map_err(|error| Failure::of(&error))?)? {
            SignedIn::Tokens(tokens) => Ok(tokens),
            SignedIn::Challenge { name, .. } => Err(Failure::Unavailable(format!("a refresh was answered by {name}"))),
        }
    }

    /// Ends every session of whoever an access token is of.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn sign_out(&self, access_token: &str) -> Result<()> {
        let call = self.client.global_sign_out().access_token(access_token);
        call.send().await.map(drop).map_err(|error| Failure::of(&error))
    }

    /// Sends a code to set another password with.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn forgot_password(&self, email: &str) -> Result<()> {
        let call = self.client.forgot_password().client_id(&self.app).set_secret_hash(self.proof(email));
        call.username(email).send().await.map(drop).map_err(|error| Failure::of(&error))
    }

    /// Sets another password with the code that was sent.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn reset_password(&self, email: &str, code: &str, password: &str) -> Result<()> {
        let call = self.client.confirm_forgot_password().client_id(&self.app).set_secret_hash(self.proof(email));
        let call = call.username(email).confirmation_code(code).password(password);
        call.send().await.map(drop).map_err(|error| Failure::of(&error))
    }

    /// The name of whoever an access token is of, and their address.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn user(&self, access_token: &str) -> Result<(String, Option<String>)> {
        let call = self.client.get_user().access_token(access_token);
        let user = call.send().await.map_err(|error| Failure::of(&error))?;
        let of =
            |name: &str| user.user_attributes.iter().find(|one| one.name == name).and_then(|one| one.value.clone());
        Ok((of("sub").unwrap_or_else(|| user.username.clone()), of("email")))
    }

    /// The code by which an app client with a secret proves itself in a call about a user.
    fn proof(&self, name: &str) -> Option<String> {
        let secret = self.secret.as_ref()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
        mac.update(name.as_bytes());
        mac.update(self.app.as_bytes());
        Some(STANDARD.encode(mac.finalize().into_bytes()))
    }

    fn came_of(&self, answer: InitiateAuthOutput) -> Result<SignedIn> {
        if let Some(held) = answer.authentication_result {
            return self.tokens(held).map(SignedIn::Tokens);
        }
        let name = answer.challenge_name.map(|name| name.as_str().to_owned());
        let name = name.ok_or_else(|| Failure::Unavailable("neither tokens nor a challenge".to_owned()))?;
        let mut parameters: Vec<_> = answer.challenge_parameters.unwrap_or_default().into_iter().collect();
        parameters.sort();
        Ok(SignedIn::Challenge { name, session: answer.session.map(Secret::new), parameters })
    }

    fn tokens(&self, held: AuthenticationResultType) -> Result<Tokens> {
        let access = held.access_token.ok_or_else(|| Failure::Unavailable("no access token".to_owned()))?;
        let refresh = match (held.refresh_token, &self.secret) {
            (Some(token), Some(_)) => Some(format!("{}{NAME_MARK}{token}", URL_SAFE_NO_PAD.encode(name_in(&access)))),
            (token, _) => token,
        };
        Ok(Tokens {
            access: Secret::new(access),
            id: held.id_token.map(Secret::new),
            refresh: refresh.map(Secret::new),
            expires_in_s: u64::try_from(held.expires_in).unwrap_or_default(),
        })
    }
}

/// A refresh token, and the name of its user that was put before it.
fn named(token: &str) -> Option<(&str, String)> {
    let (name, token) = token.split_once(NAME_MARK)?;
    Some((token, String::from_utf8(URL_SAFE_NO_PAD.decode(name).ok()?).ok()?))
}

/// The name that an access token is of, which Cognito gave us a moment ago; nobody else judges by it.
fn name_in(access_token: &str) -> String {
    let claims = access_token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|claims| String::from_utf8(claims).ok()).unwrap_or_default();
    let name = json::pick(&claims, "username").and_then(|name| json::text(name.get()));
    name.map(String::from).unwrap_or_default()
}
