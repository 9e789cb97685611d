//! The words of the engine in the OpenAPI document.
//!
//! The engine's enums write themselves as the words that are documented here, so the document
//! lists what they list and cannot fall behind.

use jobs::{BatchState, JobStatus, Priority, Stream};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($($name:ident = $words:ty, $doc:literal;)+) => {$(
        #[doc = $doc]
        pub(super) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = <$words>::ALL.iter().map(|word| word.as_str());
                let words = Object::builder()
                    .schema_type(Type::String)
                    .description(Some($doc))
                    .enum_values(Some(words));
                RefOr::T(words.build().into())
            }
        }

        impl ToSchema for $name {}
    )+};
}

words! {
    JobStatusName = JobStatus, "Where a job stands";
    BatchStateName = BatchState, "Where a batch stands";
    StreamName = Stream, "A stream of a log";
    PriorityName = Priority, "Which work goes first";
}
