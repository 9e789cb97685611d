//! The tables and queues that there have to be, as resources of CloudFormation.
//!
//! What crates declare is said once, in [`ground`]: `freight tables create` makes it, and
//! this writes it down for who makes everything by templates. `deploy/freight.yaml` holds the text of
//! [`parameterized`], and `cargo xtask lint` fails when it is no longer that.
//!
//! Tables are kept when their stack is removed: whoever removes it has not said that the data are to go
//! with it. Rings that were delivered and never answered are put aside in a queue `unheard`, where they
//! can be looked at and thrown away: the tasks are in the store, and a sweep has found them.

use base::queue::DELAY_MAX;
use cloud::dynamo::{PARTITION, SORT, TTL};

use crate::ground;

const TABLE: &str = include_str!("table.yaml");
const QUEUE: &str = include_str!("queue.yaml");
const UNHEARD: &str = include_str!("unheard.yaml");

/// How long a delivery is hidden, in seconds: six times as long as the function of `deploy/freight.yaml`
/// may run, which is what Lambda asks for. A worker answers a ring as soon as it has heard it.
const VISIBILITY_S: u64 = 6 * 300;

/// How often a ring is delivered before it is put aside: an invocation or two may fail.
const RECEIVES_MAX: u64 = 3;

/// How long a ring is kept, in seconds: as late as it may be sent for, hidden after each delivery, and an hour
/// in which it waits for the next one. What expires before that is never put aside.
const RETENTION_S: u64 = DELAY_MAX.as_secs() + RECEIVES_MAX * VISIBILITY_S + 3_600;

/// How tables are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    /// By request.
    OnDemand,
    /// By capacity: so many reads and writes a second of each table, at least 1.
    Provisioned(u32, u32),
    /// As the parameters `ReadCapacity` and `WriteCapacity` say; 0 means by request.
    Parameters,
}

/// A template of the tables and queues alone, whose names begin with these prefixes.
pub fn template(tables: &str, queues: &str, billing: Billing) -> String {
    let head = "AWSTemplateFormatVersion: \"2010-09-09\"\nDescription: The tables and queues of Freight\nResources:\n";
    let named = |prefix: &str, name: &str| format!("\"{prefix}{name}\"");
    format!("{head}{}", resources(&|name| named(tables, name), &|name| named(queues, name), billing))
}

/// The same resources for a template whose parameter `Environment` tells one installation from another.
pub fn parameterized() -> String {
    let named = |name: &str| format!("!Sub \"freight-${{Environment}}-{name}\"");
    resources(&named, &named, Billing::Parameters)
}

fn resources(table: &dyn Fn(&str) -> String, queue: &dyn Fn(&str) -> String, billing: Billing) -> String {
    let billing = billing.yaml();
    let tables = ground::tables().into_iter().map(|it| {
        let filled = TABLE.replace("<Name>", &logical(it.0)).replace("<name>", &table(it.0));
        filled.replace("<billing>", &billing).replace("<pk>", PARTITION).replace("<sk>", SORT).replace("<ttl>", TTL)
    });
    let queues = ground::topics().into_iter().map(|it| {
        let filled = QUEUE.replace("<Name>", &logical(&it)).replace("<name>", &queue(&it));
        filled
            .replace("<visibility>", &VISIBILITY_S.to_string())
            .replace("<retention>", &RETENTION_S.to_string())
            .replace("<receives>", &RECEIVES_MAX.to_string())
    });
    let unheard = UNHEARD.replace("<name>", &queue("unheard"));
    tables.chain([unheard]).chain(queues).collect()
}

/// The name of a resource, from that of a table or topic: `job_logs` is `JobLogs`.
fn logical(name: &str) -> String {
    let words = name.split(['_', '-']);
    words.filter_map(|word| Some(word.get(..1)?.to_uppercase() + word.get(1..)?)).collect()
}

impl Billing {
    fn yaml(self) -> String {
        match self {
            Self::OnDemand => "      BillingMode: PAY_PER_REQUEST".to_owned(),
            Self::Provisioned(reads, writes) => format!(
                "      BillingMode: PROVISIONED\n      \
                 ProvisionedThroughput: {{ ReadCapacityUnits: {reads}, WriteCapacityUnits: {writes} }}"
            ),
            Self::Parameters => "      BillingMode: !If [IsProvisioned, PROVISIONED, PAY_PER_REQUEST]\n      \
                 ProvisionedThroughput: !If\n        - IsProvisioned\n        \
                 - { ReadCapacityUnits: !Ref ReadCapacity, WriteCapacityUnits: !Ref WriteCapacity }\n        \
                 - !Ref AWS::NoValue"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_declared_is_in_the_template_under_a_name_of_its_own() {
        let text = template("t-", "q-", Billing::Provisioned(3, 4));
        assert!(!text.contains('<'), "{text}");
        let count = |line: String| text.matches(&line).count();
        for table in ground::tables() {
            assert_eq!(count(format!("      TableName: \"t-{}\"\n", table.0)), 1, "{}", table.0);
        }
        for topic in ground::topics() {
            assert_eq!(count(format!("      QueueName: \"q-{topic}\"\n")), 1, "{topic}");
        }
        assert_eq!(count("ReadCapacityUnits: 3, WriteCapacityUnits: 4".to_owned()), ground::tables().len());
        let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
        let names: std::collections::BTreeSet<&str> = text.lines().filter(is_name).collect();
        assert_eq!(names.len(), ground::tables().len() + ground::topics().len() + 1, "{names:?}");
    }

    #[test]
    fn a_ring_that_nobody_answers_is_put_aside_before_it_expires() {
        let text = parameterized();
        let said = |name: &str| -> Vec<u64> {
            let values = text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
            values.map(|value| value.parse().unwrap()).collect()
        };
        let (hidden, receives) = (said("VisibilityTimeout"), said("maxReceiveCount"));
        // The first is that of the queue where they are put aside.
        let kept = said("MessageRetentionPeriod").split_off(1);
        assert_eq!([hidden.len(), receives.len(), kept.len()], [ground::topics().len(); 3]);
        for ((hidden, receives), kept) in hidden.into_iter().zip(receives).zip(kept) {
            assert!(DELAY_MAX.as_secs() + receives * hidden < kept, "{receives} times {hidden} s, of {kept} s");
        }
    }
}
