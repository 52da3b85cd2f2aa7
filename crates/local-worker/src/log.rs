//! What the Worker and wrangler write, line by line.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::{broadcast, watch};

/// All that was written so far.
#[derive(Clone)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    sender: broadcast::Sender<String>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { lines: Arc::default(), sender: broadcast::channel(4_096).0 }
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    /// Lines as they are written.
    pub fn subscribe(&self) -> broadcast::Receiver<String> {
        self.sender.subscribe()
    }

    /// The structured lines so far.
    pub fn events(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| event(line)).collect()
    }

    /// Waits for a structured line.
    pub async fn wait_for(&self, within: Duration, matches: impl Fn(&Value) -> bool) -> Option<Value> {
        self.find(within, |line| event(line).filter(&matches)).await
    }

    /// Waits for a line of any kind that contains the text; whether it came.
    pub async fn wait_for_line(&self, within: Duration, text: &str) -> bool {
        self.find(within, |line| line.contains(text).then_some(())).await.is_some()
    }

    /// The first line that is found, of those that are there and those to come. Each is looked at once.
    async fn find<T>(&self, within: Duration, found: impl Fn(&str) -> Option<T>) -> Option<T> {
        let end = Instant::now() + within;
        let mut seen = 0;
        loop {
            let new = self.lines.lock().map(|lines| lines.iter().skip(seen).cloned().collect::<Vec<_>>()).ok()?;
            seen += new.len();
            if let Some(found) = new.iter().find_map(|line| found(line)) {
                return Some(found);
            }
            if Instant::now() > end {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn follow(&self, output: impl AsyncRead + Send + Unpin + 'static, ready: Option<watch::Sender<bool>>) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("Ready on http")
                    && let Some(ready) = &ready
                {
                    let _ = ready.send(true);
                }
                if let Ok(mut kept) = log.lines.lock() {
                    kept.push(line.clone());
                }
                let _ = log.sender.send(line);
            }
        });
    }
}

/// A line that the Worker wrote, as JSON. Around an error, wrangler puts colours.
pub fn event(line: &str) -> Option<Value> {
    let (start, end) = (line.find("{\"event\":")?, line.rfind('}')?);
    serde_json::from_str(line.get(start..=end)?).ok()
}
