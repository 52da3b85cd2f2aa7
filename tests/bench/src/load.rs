//! The load: kept-alive connections, each with one request on its way, raw HTTP/1.1.
//!
//! Requests are bytes that were made beforehand; what differs from one to the next is written over in place, so that
//! this side costs a tenth of what is measured and never holds it up.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::requests::Template;

/// What a burst of requests came to.
#[derive(Default)]
pub struct Burst {
    pub seconds: f64,
    /// Of each request, in microseconds.
    pub latencies: Vec<u32>,
}

impl Burst {
    pub fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.latencies.extend(other.latencies);
    }
}

/// Sends requests for some time over so many connections. `number` counts them, across bursts.
pub async fn burst(
    port: u16,
    template: &Template,
    expected: u16,
    connections: usize,
    time: Duration,
    number: &Cell<u64>,
) -> io::Result<Burst> {
    let began = Instant::now();
    let end = began + time;
    let each = (0..connections).map(|_| async move {
        let mut connection = Connection::open(port).await?;
        let mut request = template.clone();
        let mut latencies = Vec::with_capacity(16 * 1024);
        while Instant::now() < end {
            number.set(number.get() + 1);
            request.number(number.get());
            let sent = Instant::now();
            connection.ask(&request, expected).await?;
            latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        io::Result::Ok(latencies)
    });
    let latencies = try_join_all(each).await?.concat();
    Ok(Burst { seconds: began.elapsed().as_secs_f64(), latencies })
}

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8 * 1024) })
    }

    /// Sends a request and reads its answer, whose status must be the one expected.
    pub async fn ask(&mut self, request: &Template, expected: u16) -> io::Result<()> {
        self.stream.write_all(request.bytes()).await?;
        self.buffer.clear();
        loop {
            if let Some((status, length)) = answer(&self.buffer)?
                && self.buffer.len() >= length
            {
                if status == expected && self.buffer.len() == length {
                    return Ok(());
                }
                let text = String::from_utf8_lossy(&self.buffer);
                return Err(io::Error::other(format!("expected {expected}, and was answered {text}")));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::other("the connection was closed"));
            }
        }
    }
}

impl Connection {
    /// What was answered last, head and body.
    pub fn answer(&self) -> &[u8] {
        &self.buffer
    }
}

/// The status of an answer and its length with its head, once the head is there.
fn answer(bytes: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    match (response.code, length) {
        (Some(status), Some(length)) => Ok(Some((status, head + length))),
        _ => Err(io::Error::other("an answer without a status or a length")),
    }
}
