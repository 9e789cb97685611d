//! What many copies of a server share: store, queue, cache and limiter of the cloud.
//!
//! Read the modules in this order:
//!
//! 1. [`aws`]: which region, which endpoint, who we are.
//! 2. `patience`: trying again.
//! 3. [`dynamo`]: the store on DynamoDB.
//! 4. [`sqs`]: the queue on SQS.
//! 5. [`mod@redis`]: the cache and the limiter on Redis.
//! 6. [`cognito`]: a user pool that signs people in.

pub mod aws;
pub mod cognito;
pub mod dynamo;
mod patience;
pub mod redis;
pub mod sqs;

pub use aws::Aws;
pub use cognito::Cognito;
pub use dynamo::DynamoStore;
pub use redis::Redis;
pub use sqs::SqsQueue;
