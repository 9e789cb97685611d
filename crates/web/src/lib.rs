//! The HTTP kit: authorization, problems, limits, idempotency, paging, OpenAPI, serving.
