//! The durable engine: tasks, jobs, schedules, dead letters.
