//! The Freight server: command line, configuration, composition.
//!
//! Read the modules in this order:
//!
//! 1. [`config`]: what is set, where it was said, and what is wrong with it.
//! 2. [`telemetry`]: what the process says about itself. [`signal`]: being told to stop.
//! 3. [`ground`]: what a server stands on. [`compose`]: what is made of what. [`seams`]:
//!    what services ask of each other. [`sign_in`]: who may call without a key. [`abroad`]: what they ask of
//!    AWS. [`checks`]: what `/health` asks the parts.
//! 4. [`serve`]: a server's life. [`first_start`]: what happens once. [`lambda`]: a life from call to call.
//! 5. [`upkeep`]: copying and verifying the store while it is in use.
//! 6. [`cloudformation`]: tables and queues, as a template.
//! 7. [`cli`]: the commands.

pub mod abroad;
pub mod checks;
pub mod cli;
pub mod cloudformation;
pub mod compose;
pub mod config;
pub mod first_start;
pub mod ground;
pub mod lambda;
pub mod seams;
pub mod serve;
pub mod sign_in;
pub mod signal;
pub mod telemetry;
pub mod upkeep;
