//! What many copies of a server share: store, queue, cache and limiter of the cloud.
//!
//! Read the modules in this order:
//!
//! 1. [`aws`]: which region, which endpoint, who we are.
//! 2. `patience`: trying again. `breaker`: not trying for a while. `pulse`: whether it is there.
//! 3. [`dynamo`]: the store on DynamoDB.
//! 4. [`foreign`]: tables of other programs, to be read.
//! 5. [`sqs`]: the queue on SQS, and queues for other programs.
//! 6. [`logs`]: lines to CloudWatch Logs.
//! 7. [`mod@redis`]: the cache and the limiter on Redis.
//! 8. [`cognito`]: a user pool that signs people in.

pub mod aws;
mod breaker;
pub mod cognito;
pub mod dynamo;
pub mod foreign;
pub mod logs;
mod patience;
mod pulse;
pub mod redis;
pub mod sqs;

pub use aws::Aws;
pub use cognito::Cognito;
pub use dynamo::DynamoStore;
pub use foreign::ForeignTables;
pub use logs::LogGroup;
pub use redis::Redis;
pub use sqs::{Outlet, SqsQueue};
