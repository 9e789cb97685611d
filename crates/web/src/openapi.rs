//! The OpenAPI document: what the handlers say, and what the registration knows besides.
//!
//! A handler documents its parameters and its successes. The registration adds the security
//! requirement from the handler's own signature, the headers that the gate reads, the path
//! parameters, and a problem for every status that the gate, the extractors or the mapping can
//! answer. Everything is in ordered maps, so the same program gives the same bytes.

use http::StatusCode;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, License, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Server,
};
use utoipa::{PartialSchema, ToSchema};

use crate::idempotency::KEY_CHARS_MAX;
use crate::problem::{Document, FieldProblem};
use crate::register::Spec;
use crate::scope::Access;
use crate::{App, Config};
use base::ErrorKind;

const PROBLEM: &str = "Problem";

/// Completes an operation with what its registration knows.
pub(crate) fn describe(operation: &mut Operation, spec: &Spec, writes: bool) {
    operation.security = security(spec.access);
    let known = operation.parameters.get_or_insert_default();
    for name in path_parameters(&spec.path) {
        if !known.iter().any(|one| is_parameter(one, &name, &ParameterIn::Path)) {
            known.push(parameter(&name, ParameterIn::Path, "Which one", None));
        }
    }
    if spec.heeds_keys() {
        let text = "Makes the request safe to send again: a repeat with the same key gets the same answer";
        known.push(parameter("Idempotency-Key", ParameterIn::Header, text, Some(KEY_CHARS_MAX)));
    }
    if known.is_empty() {
        operation.parameters = None;
    }
    let statuses = statuses(operation, spec, writes);
    let responses = &mut operation.responses.responses;
    for status in statuses {
        responses.entry(status.as_str().to_owned()).or_insert_with(problem_ref);
    }
    responses.entry("default".to_owned()).or_insert_with(problem_ref);
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            response.content.insert("application/problem+json".to_owned(), RefOr::T(problem_content()));
        }
    }
}

fn security(access: Access) -> Option<Vec<SecurityRequirement>> {
    let both = |scopes: &[&str]| {
        ["api_key", "bearer"].map(|scheme| SecurityRequirement::new(scheme, scopes.iter().copied())).to_vec()
    };
    match access {
        // An empty list, not an absent one: the absent one would inherit.
        Access::Anyone => Some(Vec::new()),
        Access::Optional => Some([vec![SecurityRequirement::default()], both(&[])].concat()),
        Access::AnyScope => Some(both(&[])),
        Access::Scope(scope) => Some(both(&[scope.as_str()])),
    }
}

/// Every status that is not the handler's own business.
fn statuses(operation: &Operation, spec: &Spec, writes: bool) -> Vec<StatusCode> {
    let mut kinds = vec![
        ErrorKind::Malformed,
        ErrorKind::Invalid,
        ErrorKind::RateLimited,
        ErrorKind::Internal,
        ErrorKind::Timeout,
        ErrorKind::Unavailable,
    ];
    let mut statuses =
        vec![StatusCode::URI_TOO_LONG, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, StatusCode::MISDIRECTED_REQUEST];
    if spec.access != Access::Anyone {
        kinds.extend([ErrorKind::Unauthenticated, ErrorKind::Forbidden, ErrorKind::TenantNotFound]);
    }
    if spec.path.contains('{') {
        kinds.push(ErrorKind::NotFound);
    }
    if operation.request_body.is_some() || spec.post {
        kinds.extend([ErrorKind::TooLarge, ErrorKind::UnsupportedMedia]);
        statuses.push(StatusCode::REQUEST_TIMEOUT);
    }
    if writes {
        kinds.extend([ErrorKind::Conflict, ErrorKind::Full]);
    }
    let if_match = |one: &RefOr<Parameter>| is_parameter(one, "If-Match", &ParameterIn::Header);
    if operation.parameters.iter().flatten().any(if_match) {
        kinds.push(ErrorKind::PreconditionFailed);
    }
    statuses.extend(kinds.into_iter().map(|kind| spec.mapping.status(kind)));
    statuses
}

fn is_parameter(parameter: &RefOr<Parameter>, name: &str, place: &ParameterIn) -> bool {
    matches!(parameter, RefOr::T(parameter)
        if parameter.parameter_in == *place && parameter.name.eq_ignore_ascii_case(name))
}

/// The names in braces; `{*rest}` is the parameter `rest`.
fn path_parameters(path: &str) -> Vec<String> {
    let segments = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    segments.map(|name| name.trim_start_matches('*').to_owned()).collect()
}

fn parameter(name: &str, place: ParameterIn, text: &str, length_max: Option<usize>) -> RefOr<Parameter> {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let schema = ObjectBuilder::new().schema_type(Type::String).max_length(length_max);
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    RefOr::T(parameter.description(Some(text)).schema(Some(schema)).build())
}

fn problem_ref() -> RefOr<Response> {
    RefOr::Ref(Ref::from_response_name(PROBLEM))
}

fn problem_content() -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build()
}

/// Completes the document of all operations.
pub(crate) fn complete(mut document: OpenApi, config: &Config) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Freight")
        .version(&config.version)
        .description(Some("Takes in records, keeps computed answers fresh, collects selections, moves data."))
        .license(Some(License::new("Apache-2.0")))
        .build();
    let servers: Vec<_> = config.public_urls.iter().map(Server::new).collect();
    document.servers = (!servers.is_empty()).then_some(servers);
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert(PROBLEM.to_owned(), Document::schema());
    components.schemas.insert(FieldProblem::name().into_owned(), FieldProblem::schema());
    let problem = ResponseBuilder::new().description("What went wrong");
    let problem = problem.content("application/problem+json", problem_content()).build();
    components.responses.insert(PROBLEM.to_owned(), RefOr::T(problem));
    let key = ApiKey::Header(ApiKeyValue::with_description("X-API-Key", "An API key, `frt_…`"));
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(key));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document
}

/// The document as JSON for people, for committing.
pub fn openapi(app: &App) -> String {
    app.document().to_pretty_json().unwrap_or_default()
}
