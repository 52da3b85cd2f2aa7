//! Where job logs are read from: another place than the API, as with GitHub.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::{Closed, Reply, status};
use crate::history::{Happening, LogRead};
use crate::model::{JobId, Millis};
use crate::world::World;

/// `GET /job-logs/{job}?se={expiry}`. GitHub's blob store refuses a second kind of authorization beside the address's
/// own, so `Authorization` is a 401; an address that has expired is a 403.
pub(crate) async fn logs(world: Arc<World>, request: Request<Incoming>) -> Result<Reply, Closed> {
    let job = request.uri().path().strip_prefix("/job-logs/").and_then(|job| job.parse().ok()).map(JobId);
    let expires = request.uri().query().and_then(|query| query.strip_prefix("se=")?.parse::<Millis>().ok());
    let authorization = request.headers().contains_key("authorization");
    let now = world.clock.now();
    let log = job.and_then(|job| world.model().read_log(job));
    let (code, body) = match (log, expires) {
        (Some(_), Some(_)) if authorization => (401, "InvalidAuthenticationInfo".to_owned()),
        (Some(_), Some(expires)) if now > expires => (403, "AuthenticationFailed".to_owned()),
        (Some(log), Some(_)) => (200, log),
        _ => (404, "BlobNotFound".to_owned()),
    };
    if let Some(job) = job {
        world.history.add(Happening::LogRead(LogRead { at: now, job, authorization, status: code }));
    }
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status(code);
    Ok(reply)
}
