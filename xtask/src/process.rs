//! Running other programs, in the open: what runs is printed before it does.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The root of the workspace: commands run there, whatever directory the caller was in.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// `program` with words as arguments, to be run in the root of the workspace.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, words: &str) -> Command {
    let mut command = Command::new(program);
    command.args(words.split_whitespace()).current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs us, with words as arguments.
pub(crate) fn cargo(words: &str) -> Command {
    command(option_env!("CARGO").unwrap_or("cargo"), words)
}

/// Runs a command with our own output as its output.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    eprintln!("$ {shown}");
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if status.success() { Ok(()) } else { bail!("`{shown}` failed: {status}") }
}

/// Runs a command whose lines, of both streams, are passed on as they come and shown to `line`.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub(crate) fn watch(mut command: Command, mut line: impl FnMut(&str)) -> Result<()> {
    let shown = shown(&command);
    eprintln!("$ {shown}");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot start `{shown}`"))?;
    let (lines, said) = mpsc::channel();
    follow(child.stdout.take(), lines.clone());
    follow(child.stderr.take(), lines);
    for text in said {
        println!("{text}");
        line(&text);
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { bail!("`{shown}` failed: {status}") }
}

/// Sends each line of a stream on. The thread ends with the stream; a line that nobody waits for
/// any more is only drained, so that the program never blocks on a full pipe.
pub(crate) fn follow(stream: Option<impl Read + Send + 'static>, lines: mpsc::Sender<String>) {
    if let Some(stream) = stream {
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                drop(lines.send(line));
            }
        });
    }
}

/// Runs a command and returns what it wrote to stdout; its stderr is ours.
///
/// # Errors
/// When it cannot be started, does not exit with 0, or did not write UTF-8.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let shown = shown(&command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not write UTF-8"))
}

/// Builds a program and returns where it is; `words` are those of `cargo build`.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn built(words: &str) -> Result<PathBuf> {
    let messages = output(cargo(&format!("build --quiet --message-format json {words}")))?;
    let executable = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    executable.with_context(|| format!("`cargo build {words}` named no executable"))
}

/// Builds an example as the tests do, so that after them there is nothing left to build.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn example(name: &str) -> Result<PathBuf> {
    built(&format!("--locked --workspace --example {name}"))
}

/// Builds the program as the tests do: with an example beside it, since who builds none leaves out what
/// only tests ask of a dependency, and would compile that again.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn program() -> Result<PathBuf> {
    run(cargo("build --quiet --locked --workspace --example drill --bin freight"))?;
    Ok(root().join("target/debug/freight"))
}

/// Lets time pass: nothing tells a bystander that a process has come to rest, or when to disturb it.
#[expect(clippy::disallowed_methods, reason = "what goes on in another process cannot be waited for")]
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}

/// The wall time in microseconds since 1970, for data that has to lie near the server's own now: what
/// the system said once, and what has passed since.
///
/// # Errors
/// When the system does not say.
pub(crate) fn now_us() -> Result<u64> {
    static SAID: OnceLock<(u64, Instant)> = OnceLock::new();
    let (said, at) = match SAID.get() {
        Some(said) => *said,
        None => {
            let now = output(command("date", "+%s%6N"))?.trim().parse().context("`date` said no number")?;
            *SAID.get_or_init(|| (now, Instant::now()))
        }
    };
    Ok(said + u64::try_from(at.elapsed().as_micros())?)
}

/// Waits for a line that contains `mark` and returns it.
///
/// # Errors
/// When the program ended or `max` passed before; the error holds what it said.
pub(crate) fn await_line(said: &mpsc::Receiver<String>, mark: &str, max: Duration) -> Result<String> {
    let deadline = Instant::now() + max;
    let mut heard = Vec::new();
    loop {
        match said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains(mark) => return Ok(line),
            Ok(line) => heard.push(line),
            Err(RecvTimeoutError::Timeout) => bail!("not {mark:?} after {max:?}:\n{}", heard.join("\n")),
            Err(RecvTimeoutError::Disconnected) => bail!("it ended at start:\n{}", heard.join("\n")),
        }
    }
}

/// Whether a program can be started and exits with 0. Says nothing when it cannot.
pub(crate) fn works(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A command as one would type it, with the program's name instead of its path.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    std::iter::once(name).chain(command.get_args()).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
