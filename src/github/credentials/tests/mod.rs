//! Credentials against a GitHub that answers by a script.

mod refusals;
mod tokens;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::json;

use super::*;
use crate::github::support::{message, reply};

const NOW: Millis = Millis(1_795_446_245_000);

/// Answers what it is given, in order, and keeps what it was asked.
struct Scripted {
    now: Cell<Millis>,
    replies: RefCell<VecDeque<Reply>>,
    asked: RefCell<Vec<String>>,
    bodies: RefCell<Vec<Option<String>>>,
    /// How often a call is polled before it is answered.
    slow: u32,
}

impl Scripted {
    fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = RefCell::new(replies.into_iter().collect());
        Self { now: Cell::new(NOW), replies, asked: RefCell::default(), bodies: RefCell::default(), slow: 0 }
    }

    #[track_caller]
    fn was_asked(&self, expected: &[&str]) {
        assert_eq!(*self.asked.borrow(), expected);
        assert!(self.replies.borrow().is_empty(), "an answer is left over");
    }
}

impl Transport for Scripted {
    fn now(&self) -> Millis {
        self.now.get()
    }

    async fn sign(&self, _: &App, _: &str) -> Result<Vec<u8>, app::KeyError> {
        Ok(vec![1, 2, 3])
    }

    async fn exchange(&self, _: Method, path: &str, body: Option<&str>, _: &Secret) -> Result<Reply, Error> {
        self.asked.borrow_mut().push(path.to_owned());
        self.bodies.borrow_mut().push(body.map(str::to_owned));
        let reply = self.replies.borrow_mut().pop_front().expect("no further call");
        let mut left = self.slow;
        std::future::poll_fn(|cx| match left.checked_sub(1) {
            Some(less) => {
                left = less;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
        Ok(reply)
    }

    async fn wait(&self, _: Span) {
        std::future::pending().await
    }
}

fn token(token: &str, minutes: i64) -> Reply {
    reply(201, json!({ "token": token, "expires_at": (NOW + Span::minutes(minutes)).to_rfc3339() }))
}

fn installed(id: u64) -> Reply {
    reply(200, json!({ "id": id, "suspended_at": null }))
}

fn credentials(token: Option<&str>) -> Credentials {
    let mut settings = Settings::read(|_| None);
    settings.github_token = token.map(Secret::new);
    settings.github_app =
        Some(App { id: "1".to_owned(), key: Secret::new(""), needed: crate::settings::Needed::default() });
    Credentials::new(Rc::new(settings))
}

fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..100 {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
    panic!("it waits for something")
}

fn ask(credentials: &Credentials, github: &Scripted) -> Result<Authorization, Error> {
    now(credentials.authorization(github, &RepoName::parse("octo/widgets").unwrap()))
}

fn installation(token: &str) -> Result<Authorization, Error> {
    Ok(Authorization::Installation(Secret::new(token)))
}

const LOOKED_UP: &str = "/repos/octo/widgets/installation";
const TOKEN: &str = "/app/installations/7/access_tokens";
