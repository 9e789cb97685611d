//! Server-sent events, as far as our own server sends them.
//!
//! A stream may end at any byte; what was not yet closed by an empty line is no event. The id of
//! the last event is where the next connection goes on.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// What it is; `message` if the server did not say.
    pub(super) name: String,
    /// Where to go on after it.
    pub(super) id: Option<String>,
    /// What it says.
    pub(super) data: String,
}

/// Cuts a stream of bytes into events.
#[derive(Default)]
pub(super) struct Events {
    pending: Vec<u8>,
}

impl Events {
    /// Takes bytes as they arrive and returns the events that they close.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.pending.extend(bytes.iter().filter(|byte| **byte != b'\r'));
        let mut events = Vec::new();
        while let Some(end) = self.pending.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.pending.drain(..end + 2).collect();
            events.extend(event(&String::from_utf8_lossy(&block)));
        }
        events
    }
}

/// The event of a block of lines; `None` if it holds only comments, which keep a connection open.
fn event(block: &str) -> Option<Event> {
    let mut event = Event { name: "message".to_owned(), ..Event::default() };
    let mut data = Vec::new();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event.name = value.to_owned(),
            "id" => event.id = Some(value.to_owned()),
            "data" => data.push(value),
            _ => {}
        }
    }
    event.data = data.join("\n");
    (!data.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let stream = b": hello\n\nevent: progress\r\nid: 7\r\ndata: {\"a\":1}\r\n\r\ndata: x\ndata: y\n\nevent: end\n";
        let whole = Events::default().push(stream);
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[0], Event { name: "progress".into(), id: Some("7".into()), data: "{\"a\":1}".into() });
        assert_eq!(whole[1], Event { name: "message".into(), id: None, data: "x\ny".into() });
        for cut in 0..stream.len() {
            let mut events = Events::default();
            let mut cut_events = events.push(&stream[..cut]);
            cut_events.extend(events.push(&stream[cut..]));
            assert_eq!(cut_events, whole);
        }
    }
}
