//! Reading a body no further than a limit.

use futures_util::StreamExt;
use worker::ByteStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    TooLarge,
    /// The connection was lost, or the other side stopped.
    Cut,
}

/// Reads all of `stream`, or stops as soon as more than `limit` bytes have come.
pub async fn read(stream: worker::Result<ByteStream>, limit: usize) -> Result<Vec<u8>, BodyError> {
    // A request without a body has no stream.
    let Ok(mut stream) = stream else { return Ok(Vec::new()) };
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::Cut)?;
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
