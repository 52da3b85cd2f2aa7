//! Which credentials a call to GitHub is made with: the App's, where it is installed, else the token.
//!
//! An installation token is kept in memory only, for the one repository that it is narrowed to: a secret is never in
//! storage, and after a restart it is got anew by one call or two. It is fetched once, however many calls wait for it,
//! renewed before it expires, and given up when GitHub refuses it.
//!
//! GitHub's servers do not all know of a new token at once: one that was never taken is tried again, for some seconds,
//! before a refusal is believed.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::{Either, select};
use futures_util::lock::Mutex;

use crate::names::{InstallationId, RepoName, RepositoryId};
use crate::settings::{App, Secret, Settings};
use crate::time::{Millis, Span};

use super::answer::{Problem, Reply, problem};
use super::app::{self, InstallationAnswer, InstallationToken, RENEW_BEFORE, TokenAnswer};
use super::comments::Author;
use super::redirect::Place;
use super::request::Method;

/// How long the App is taken for not installed, where there is a token to do without it.
const NOT_INSTALLED_FOR: Span = Span::minutes(10);
/// How long one call waits for another that fetches the token: as long as that can take.
const FETCHED_WITHIN: Span = Span::seconds(10);

/// How long a call waits before it is made again with a token that GitHub has only just made and does not know.
const NOT_KNOWN_YET: [Span; 3] = [Span::seconds(1), Span::seconds(2), Span::seconds(4)];
/// All of these waits together, and some time for the calls between.
pub const KNOWN_WITHIN: Span = Span::seconds(8);
/// A token is new for so long. GitHub has told it to all of its servers by then.
const NEW_FOR: Span = Span::seconds(30);

/// What fetching a token needs of the place it runs in.
#[expect(async_fn_in_trait, reason = "both places are in this project, and neither needs its futures to be Send")]
pub trait Way {
    fn now(&self) -> Millis;
    /// By RSASSA-PKCS1-v1_5 with SHA-256. An error says what is wrong with the key.
    async fn sign(&self, app: &App, claims: &str) -> Result<Vec<u8>, String>;
    async fn exchange(&self, method: Method, path: &str, body: Option<&str>, token: &Secret) -> Result<Reply, Problem>;
    async fn wait(&self, span: Span);
}

/// The credentials for one repository.
pub struct Credentials {
    settings: Rc<Settings>,
    known: RefCell<Known>,
    fetching: Mutex<()>,
}

/// For `Authorization: Bearer …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    Token(Secret),
    Installation(Secret),
}

/// What a refusal is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It stands.
    Believed,
    /// The token is new: the same call may be made again with it, after so long.
    PerhapsNotYet(Span),
    /// The token is good no longer: the same call may be made with another.
    Expired,
}

/// What is known of the App in the repository. All of it may be forgotten.
#[derive(Debug, Default)]
struct Known {
    repository: Option<RepositoryId>,
    /// Where redirects have led: calls go there at once from then on.
    place: Option<Place>,
    installation: Option<InstallationId>,
    token: Option<InstallationToken>,
    /// When that was made, until GitHub has taken it for the first time.
    new_since: Option<Millis>,
    not_installed_until: Option<Millis>,
    /// How far GitHub's clock is ahead of ours, in milliseconds.
    ahead: i64,
    /// Whether the App could not be used for want of an installation, when it was last tried.
    wanting: bool,
    /// Whose the token is, which does not change: another token comes with another deployment.
    user: Option<Author>,
}

impl Authorization {
    pub fn is_the_apps(&self) -> bool {
        matches!(self, Self::Installation(_))
    }

    pub fn secret(&self) -> &Secret {
        match self {
            Self::Token(secret) | Self::Installation(secret) => secret,
        }
    }
}

impl Credentials {
    pub fn new(settings: Rc<Settings>) -> Self {
        Self { settings, known: RefCell::default(), fetching: Mutex::new(()) }
    }

    /// A webhook came by way of this installation. Whether that is news that mends something: GitHub sends none where
    /// the App is not installed, or suspended.
    pub fn heard_of(&self, installation: InstallationId) -> bool {
        let mut known = self.known.borrow_mut();
        if known.installation != Some(installation) {
            known.token = None;
        }
        known.installation = Some(installation);
        known.not_installed_until = None;
        std::mem::take(&mut known.wanting)
    }

    /// Whether the App's is what is used for the repository, as far as is known.
    pub fn are_the_apps(&self) -> bool {
        self.settings.github_app.is_some() && self.known.borrow().not_installed_until.is_none()
    }

    /// What to make the next call with.
    pub async fn authorization(&self, way: &impl Way, repository: &RepoName) -> Result<Authorization, Problem> {
        let token = self.settings.github_token.clone().map(Authorization::Token);
        let Some(app) = &self.settings.github_app else {
            return token.ok_or_else(|| Problem::Credentials { message: "GITHUB_TOKEN is not set".to_owned() });
        };
        if let Some(known) = self.known.borrow().usable(way.now(), token.as_ref()) {
            return Ok(known);
        }
        // One that was cut off in the middle must not hold up the others for ever.
        let turn = select(self.fetching.lock(), Box::pin(way.wait(FETCHED_WITHIN))).await;
        let _turn = match turn {
            Either::Left((turn, _)) => Some(turn),
            Either::Right(_) => None,
        };
        if let Some(known) = self.known.borrow().usable(way.now(), token.as_ref()) {
            return Ok(known);
        }
        let fetched = self.fetch(way, app, repository).await;
        let mut known = self.known.borrow_mut();
        known.wanting = match &fetched {
            Ok(token) => token.is_none(),
            Err(problem) => *problem == app::suspended(),
        };
        match (fetched?, token) {
            (Some(fetched), _) => {
                let secret = fetched.token.clone();
                known.token = Some(fetched);
                known.new_since = Some(way.now());
                known.not_installed_until = None;
                Ok(Authorization::Installation(secret))
            }
            (None, Some(token)) => {
                known.not_installed_until = Some(way.now() + NOT_INSTALLED_FOR);
                Ok(token)
            }
            (None, None) => Err(app::not_installed(repository)),
        }
    }

    /// Who writes with what [`Credentials::authorization`] gives now.
    pub async fn author(&self, way: &impl Way, repository: &RepoName) -> Result<Author, Problem> {
        let authorization = self.authorization(way, repository).await?;
        if let (Authorization::Installation(_), Some(app)) = (&authorization, &self.settings.github_app) {
            return Ok(Author::App(app.id.clone()));
        }
        if let Some(user) = &self.known.borrow().user {
            return Ok(user.clone());
        }
        let reply = way.exchange(Method::Get, "/user", None, authorization.secret()).await?;
        let user = Author::of_token(&reply)?;
        self.known.borrow_mut().user = Some(user.clone());
        Ok(user)
    }

    /// Which repository it is, whatever it is called. Where another of that name was, and what lets into that, is of no use.
    pub fn of_repository(&self, id: RepositoryId) {
        let mut known = self.known.borrow_mut();
        if known.repository.is_some_and(|before| before != id) {
            (known.place, known.token, known.new_since, known.not_installed_until) = (None, None, None, None);
        }
        known.repository = Some(id);
    }

    /// Where GitHub says that the repository is to be found now, if not by its name.
    pub fn place(&self) -> Option<Place> {
        self.known.borrow().place.clone()
    }

    /// Where it is found whatever it is called: by the number that webhooks tell.
    pub fn place_by_id(&self) -> Option<Place> {
        let known = self.known.borrow();
        known.repository.map(Place::Id).or_else(|| known.place.clone())
    }

    pub fn moved_to(&self, place: Place) {
        self.known.borrow_mut().place = Some(place);
    }

    /// Whether a call with what there is may have to be made several times.
    pub fn are_new(&self) -> bool {
        let known = self.known.borrow();
        self.settings.github_app.is_some() && (known.token.is_none() || known.new_since.is_some())
    }

    /// GitHub has answered a call that was made with these, and has not refused it.
    pub fn taken(&self, authorization: &Authorization) {
        let mut known = self.known.borrow_mut();
        if known.new_since.is_some() && known.is_of(authorization) {
            known.new_since = None;
        }
    }

    /// GitHub refused a call that was made with these, for the `tries`-th time.
    pub fn refused(&self, authorization: &Authorization, reply: &Reply, tries: usize, now: Millis) -> Refused {
        if !authorization.is_the_apps() {
            return Refused::Believed;
        }
        let suspended = app::says_suspended(reply);
        let mut known = self.known.borrow_mut();
        let current = known.is_of(authorization);
        let perhaps_not_known = current
            && !suspended
            && known.new_since.is_some_and(|since| now < since + NEW_FOR)
            && matches!(problem(reply), Problem::Credentials { .. } | Problem::NotFound);
        if perhaps_not_known && let Some(wait) = tries.checked_sub(1).and_then(|n| NOT_KNOWN_YET.get(n)) {
            return Refused::PerhapsNotYet(*wait);
        }
        if reply.status != 401 && !suspended {
            return Refused::Believed;
        }
        if current {
            known.token = None;
        }
        known.wanting |= suspended;
        // Another new one would be refused like this one.
        if suspended || perhaps_not_known { Refused::Believed } else { Refused::Expired }
    }

    /// `None`: the App is not installed there.
    async fn fetch(
        &self,
        way: &impl Way,
        app: &App,
        repository: &RepoName,
    ) -> Result<Option<InstallationToken>, Problem> {
        let known = self.known.borrow().installation;
        if let Some(installation) = known {
            match self.create_token(way, app, repository, installation).await? {
                TokenAnswer::Token(token) => return Ok(Some(token)),
                TokenAnswer::Problem(problem) => return Err(problem),
                // It was removed, and perhaps installed anew.
                TokenAnswer::NotInstalled => self.known.borrow_mut().installation = None,
            }
        }
        let reply = self.as_app(way, app, Method::Get, &app::installation_path(repository), None).await?;
        let installation = match InstallationAnswer::of(&reply) {
            InstallationAnswer::Installed(installation) => installation,
            InstallationAnswer::NotInstalled => return Ok(None),
            InstallationAnswer::Problem(problem) => return Err(problem),
        };
        self.known.borrow_mut().installation = Some(installation);
        match self.create_token(way, app, repository, installation).await? {
            TokenAnswer::Token(token) => Ok(Some(token)),
            TokenAnswer::Problem(problem) => Err(problem),
            TokenAnswer::NotInstalled => Ok(None),
        }
    }

    async fn create_token(
        &self,
        way: &impl Way,
        app: &App,
        repository: &RepoName,
        installation: InstallationId,
    ) -> Result<TokenAnswer, Problem> {
        let (id, path) = (self.known.borrow().repository, app::token_path(installation));
        let ask = async |permissions| {
            let body = app::token_body(repository, id, &permissions);
            let reply = self.as_app(way, app, Method::Post, &path, Some(&body)).await?;
            Ok((reply.status, TokenAnswer::of(&reply, app.needed)))
        };
        let (status, answer) = ask(app.needed.to_json()).await?;
        match app.needed.at_least() {
            Some(less) if status == 422 && matches!(answer, TokenAnswer::Problem(_)) => {
                let (_, with_less) = ask(less).await?;
                Ok(if matches!(with_less, TokenAnswer::Token(_)) { with_less } else { answer })
            }
            _ => Ok(answer),
        }
    }

    /// A call that the App itself makes. If GitHub's clock differs from ours, it is made again by GitHub's.
    pub async fn as_app(
        &self,
        way: &impl Way,
        app: &App,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> Result<Reply, Problem> {
        let by_clock = async |ahead: i64| {
            let claims = app.claims(Millis(way.now().0.saturating_add(ahead)));
            let signature = way.sign(app, &claims).await;
            let signature = signature.map_err(|what| Problem::Credentials {
                message: format!("GITHUB_APP_PRIVATE_KEY cannot be used: {what}"),
            })?;
            way.exchange(method, path, body, &app::signed(&claims, &signature)).await
        };
        let ahead = self.known.borrow().ahead;
        let reply = by_clock(ahead).await?;
        match app::clock_is_off(&reply, way.now()).filter(|off| off.abs_diff(ahead) > 5_000) {
            Some(off) => {
                self.known.borrow_mut().ahead = off;
                by_clock(off).await
            }
            None => Ok(reply),
        }
    }
}

impl Known {
    fn is_of(&self, authorization: &Authorization) -> bool {
        self.token.as_ref().is_some_and(|token| token.token == *authorization.secret())
    }

    fn usable(&self, now: Millis, token: Option<&Authorization>) -> Option<Authorization> {
        if self.not_installed_until.is_some_and(|until| now < until) {
            return token.cloned();
        }
        // It expires by GitHub's clock.
        let now = Millis(now.0.saturating_add(self.ahead));
        let fresh = self.token.as_ref().filter(|token| now + RENEW_BEFORE < token.expires)?;
        Some(Authorization::Installation(fresh.token.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use serde_json::json;

    use super::*;
    use crate::github::answer::ReplyHeaders;

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

    impl Way for Scripted {
        fn now(&self) -> Millis {
            self.now.get()
        }

        async fn sign(&self, _: &App, _: &str) -> Result<Vec<u8>, String> {
            Ok(vec![1, 2, 3])
        }

        async fn exchange(&self, _: Method, path: &str, body: Option<&str>, _: &Secret) -> Result<Reply, Problem> {
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

    fn reply(status: u16, body: serde_json::Value) -> Reply {
        Reply { status, headers: ReplyHeaders::default(), body: body.to_string().into_bytes() }
    }

    fn message(status: u16, message: &str) -> Reply {
        reply(status, json!({ "message": message }))
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
            Some(App { id: "1".to_owned(), key: Secret::new(""), needed: crate::settings::Needed { comments: false } });
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

    fn ask(credentials: &Credentials, way: &Scripted) -> Result<Authorization, Problem> {
        now(credentials.authorization(way, &RepoName::parse("octo/widgets").unwrap()))
    }

    fn installation(token: &str) -> Result<Authorization, Problem> {
        Ok(Authorization::Installation(Secret::new(token)))
    }

    const LOOKED_UP: &str = "/repos/octo/widgets/installation";
    const TOKEN: &str = "/app/installations/7/access_tokens";

    #[test]
    fn without_an_app_there_is_only_the_token() {
        let mut settings = Settings::read(|_| None);
        settings.github_token = Some(Secret::new("t"));
        let way = Scripted::new([]);
        let expected = Ok(Authorization::Token(Secret::new("t")));
        assert_eq!(ask(&Credentials::new(Rc::new(settings)), &way), expected);
        let none = ask(&Credentials::new(Rc::new(Settings::read(|_| None))), &way);
        assert!(matches!(none, Err(Problem::Credentials { .. })));
    }

    #[test]
    fn who_writes() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let author = |credentials: &Credentials, way: &Scripted| now(credentials.author(way, &repository));
        let mut settings = Settings::read(|_| None);
        settings.github_token = Some(Secret::new("t"));
        let of_token = Credentials::new(Rc::new(settings));
        let way = Scripted::new([message(502, ""), reply(200, json!({ "id": 7, "login": "me" }))]);
        assert!(matches!(author(&of_token, &way), Err(Problem::Lost { .. })));
        for _ in 0..2 {
            assert_eq!(author(&of_token, &way), Ok(Author::User(7)));
        }
        way.was_asked(&["/user", "/user"]);

        let credentials = credentials(Some("t"));
        let way =
            Scripted::new([message(404, "Not Found"), reply(200, json!({ "id": 7 })), installed(7), token("a", 60)]);
        assert_eq!(author(&credentials, &way), Ok(Author::User(7)), "where the App is not installed");
        way.now.set(NOW + NOT_INSTALLED_FOR);
        assert_eq!(author(&credentials, &way), Ok(Author::App("1".to_owned())));
        way.was_asked(&[LOOKED_UP, "/user", LOOKED_UP, TOKEN]);
    }

    #[test]
    fn a_token_is_kept_until_shortly_before_it_expires() {
        let credentials = credentials(None);
        let way = Scripted::new([installed(7), token("first", 60), token("second", 120)]);
        assert_eq!(ask(&credentials, &way), installation("first"));
        way.now.set(NOW + Span::minutes(54));
        assert_eq!(ask(&credentials, &way), installation("first"));
        way.now.set(NOW + Span::minutes(55));
        assert_eq!(ask(&credentials, &way), installation("second"));
        way.was_asked(&[LOOKED_UP, TOKEN, TOKEN]);
    }

    #[test]
    fn an_app_from_before_pull_requests_were_looked_at() {
        let not_granted = || message(422, "The permissions requested are not granted to this installation.");
        let credentials = credentials(None);
        let way = Scripted::new([installed(7), not_granted(), token("less", 60)]);
        assert_eq!(ask(&credentials, &way), installation("less"));
        way.was_asked(&[LOOKED_UP, TOKEN, TOKEN]);
        let bodies: Vec<bool> =
            way.bodies.borrow().iter().flatten().map(|body| body.contains("pull_requests")).collect();
        assert_eq!(bodies, [true, false]);
        // What it lacks besides is named in full.
        let credentials = self::credentials(None);
        let way = Scripted::new([installed(7), not_granted(), not_granted()]);
        let Err(Problem::Credentials { message }) = ask(&credentials, &way) else { panic!("a token") };
        assert!(message.contains("actions: write") && message.contains("pull_requests: read"), "{message}");
    }

    #[test]
    fn many_calls_at_once_fetch_it_once() {
        let credentials = credentials(None);
        let way = Scripted { slow: 3, ..Scripted::new([installed(7), token("one", 60)]) };
        let repository = RepoName::parse("octo/widgets").unwrap();
        let both = futures_util::future::join(
            credentials.authorization(&way, &repository),
            credentials.authorization(&way, &repository),
        );
        assert_eq!(now(both), (installation("one"), installation("one")));
        way.was_asked(&[LOOKED_UP, TOKEN]);
    }

    #[test]
    fn a_refused_token_is_fetched_again() {
        let credentials = credentials(None);
        let way = Scripted::new([installed(7), token("revoked", 60), token("new", 60)]);
        let revoked = ask(&credentials, &way).unwrap();
        credentials.taken(&revoked);
        let refusal = message(401, "Bad credentials");
        let refused = |with: &Authorization, reply: &Reply| credentials.refused(with, reply, 1, way.now());
        assert_eq!(refused(&revoked, &message(403, "Resource not accessible by integration")), Refused::Believed);
        assert_eq!(refused(&revoked, &message(404, "Not Found")), Refused::Believed);
        assert_eq!(ask(&credentials, &way).unwrap(), revoked);
        assert_eq!(refused(&revoked, &refusal), Refused::Expired);
        assert_eq!(ask(&credentials, &way), installation("new"));
        // A late word on the old one does the new one no harm.
        assert_eq!(refused(&revoked, &refusal), Refused::Expired);
        assert_eq!(ask(&credentials, &way), installation("new"));
        assert_eq!(refused(&Authorization::Token(Secret::new("t")), &refusal), Refused::Believed);
        way.was_asked(&[LOOKED_UP, TOKEN, TOKEN]);
    }

    #[test]
    fn a_new_token_is_tried_again_before_a_refusal_is_believed() {
        for refusal in [
            message(401, "Bad credentials"),
            message(403, "Resource not accessible by integration"),
            message(404, "Not Found"),
        ] {
            let credentials = credentials(None);
            let way = Scripted::new([installed(7), token("new", 60), token("another", 60)]);
            let new = ask(&credentials, &way).unwrap();
            assert!(credentials.are_new());
            let waits: Vec<Refused> = (1..=4).map(|n| credentials.refused(&new, &refusal, n, way.now())).collect();
            let after = |seconds| Refused::PerhapsNotYet(Span::seconds(seconds));
            assert_eq!(waits, [after(1), after(2), after(4), Refused::Believed], "{}", refusal.status);
            // One that GitHub does not know at all is not kept.
            let next = if refusal.status == 401 { "another" } else { "new" };
            assert_eq!(ask(&credentials, &way), installation(next));
        }
    }

    #[test]
    fn a_token_is_new_until_it_is_taken_or_some_time_has_passed() {
        let credentials = credentials(None);
        let way = Scripted::new([installed(7), token("new", 60)]);
        let new = ask(&credentials, &way).unwrap();
        let refusal = message(404, "Not Found");
        let refused = |reply: &Reply, at| credentials.refused(&new, reply, 1, at);
        assert_eq!(refused(&refusal, NOW + NEW_FOR), Refused::Believed);
        // What is no refusal of the token is not waited for.
        for other in [message(403, "This workflow run cannot be retried"), message(403, "API rate limit exceeded")] {
            assert_eq!(refused(&other, NOW), Refused::Believed);
        }
        assert_eq!(refused(&message(403, "This installation has been suspended"), NOW), Refused::Believed);
        let way = Scripted::new([token("newer", 60)]);
        let newer = ask(&credentials, &way).unwrap();
        assert!(credentials.are_new());
        credentials.taken(&new);
        assert!(credentials.are_new(), "that was the one before");
        credentials.taken(&newer);
        assert!(!credentials.are_new());
        assert_eq!(credentials.refused(&newer, &refusal, 1, NOW), Refused::Believed);
    }

    #[test]
    fn a_token_is_for_the_repository_whatever_it_is_called() {
        let credentials = credentials(None);
        credentials.of_repository(RepositoryId::new(5).unwrap());
        let way = Scripted::new([installed(7), token("t", 60)]);
        assert_eq!(ask(&credentials, &way), installation("t"));
        let body = way.bodies.borrow().last().cloned().flatten().unwrap();
        assert!(body.contains(r#""repository_ids":[5]"#), "{body}");
    }

    #[test]
    fn what_is_known_of_one_repository_is_not_used_for_another_of_its_name() {
        let credentials = credentials(None);
        let (five, six) = (RepositoryId::new(5).unwrap(), RepositoryId::new(6).unwrap());
        credentials.of_repository(five);
        credentials.heard_of(InstallationId::new(7).unwrap());
        let way = Scripted::new([token("of 5", 60), token("of 6", 60)]);
        assert_eq!(ask(&credentials, &way), installation("of 5"));
        credentials.moved_to(Place::Id(five));
        credentials.of_repository(five);
        assert_eq!((ask(&credentials, &way), credentials.place()), (installation("of 5"), Some(Place::Id(five))));
        credentials.of_repository(six);
        assert_eq!((ask(&credentials, &way), credentials.place()), (installation("of 6"), None));
    }

    #[test]
    fn the_installation_of_a_webhook_is_not_looked_up() {
        let credentials = credentials(None);
        credentials.heard_of(InstallationId::new(7).unwrap());
        let way = Scripted::new([token("t", 60)]);
        assert_eq!(ask(&credentials, &way), installation("t"));
        way.was_asked(&[TOKEN]);
    }

    #[test]
    fn an_installation_that_is_gone_is_looked_up_again() {
        let credentials = credentials(None);
        credentials.heard_of(InstallationId::new(6).unwrap());
        let way = Scripted::new([message(404, "Not Found"), installed(7), token("t", 60)]);
        assert_eq!(ask(&credentials, &way), installation("t"));
        way.was_asked(&["/app/installations/6/access_tokens", LOOKED_UP, TOKEN]);
    }

    #[test]
    fn where_it_is_not_installed_the_token_stands_in_for_a_while() {
        let credentials = credentials(Some("t"));
        let way = Scripted::new([message(404, "Not Found"), installed(7), token("app", 60)]);
        assert_eq!(ask(&credentials, &way), Ok(Authorization::Token(Secret::new("t"))));
        assert_eq!(ask(&credentials, &way), Ok(Authorization::Token(Secret::new("t"))));
        assert!(!credentials.are_the_apps());
        way.now.set(NOW + NOT_INSTALLED_FOR);
        assert_eq!(ask(&credentials, &way), installation("app"));
        assert!(credentials.are_the_apps());
        way.was_asked(&[LOOKED_UP, LOOKED_UP, TOKEN]);
    }

    #[test]
    fn a_webhook_of_the_app_is_news_where_it_was_wanting() {
        let credentials = credentials(None);
        let suspended = reply(200, json!({ "id": 7, "suspended_at": "2026-11-23T15:04:05Z" }));
        let way = Scripted::new([message(404, "Not Found"), suspended, token("t", 60)]);
        let id = InstallationId::new(7).unwrap();
        assert!(matches!(ask(&credentials, &way), Err(Problem::Repository { .. })));
        assert!(matches!(ask(&credentials, &way), Err(Problem::Credentials { .. })));
        assert!(credentials.heard_of(id));
        assert!(!credentials.heard_of(id));
        assert_eq!(ask(&credentials, &way), installation("t"));
        assert!(!credentials.heard_of(id));
    }

    #[test]
    fn a_suspension_is_noticed_by_a_token_that_was_good() {
        let credentials = credentials(None);
        let way = Scripted::new([installed(7), token("first", 60), token("second", 60)]);
        let first = ask(&credentials, &way).unwrap();
        let suspended = message(403, "This installation has been suspended");
        assert_eq!(credentials.refused(&first, &suspended, 1, NOW), Refused::Believed);
        assert!(credentials.heard_of(InstallationId::new(7).unwrap()));
        assert_eq!(ask(&credentials, &way), installation("second"));
        way.was_asked(&[LOOKED_UP, TOKEN, TOKEN]);
    }

    #[test]
    fn a_suspended_app_is_not_got_around_by_the_token() {
        let credentials = credentials(Some("t"));
        let suspended = message(403, "This installation has been suspended");
        credentials.heard_of(InstallationId::new(7).unwrap());
        let refused = ask(&credentials, &Scripted::new([suspended]));
        assert!(matches!(refused, Err(Problem::Credentials { message }) if message.contains("suspended")));
    }

    #[test]
    fn githubs_clock_is_believed() {
        let credentials = credentials(None);
        let mut refused = message(401, "'Expiration time' claim ('exp') is too far in the future");
        refused.headers.date = Some("Mon, 23 Nov 2026 14:44:05 GMT".to_owned());
        let way = Scripted::new([refused, installed(7), token("t", 40)]);
        assert_eq!(ask(&credentials, &way), installation("t"));
        assert_eq!(credentials.known.borrow().ahead, -20 * 60 * 1_000);
        // By GitHub's clock it has 60 minutes.
        way.now.set(NOW + Span::minutes(54));
        assert_eq!(ask(&credentials, &way), installation("t"));
        way.was_asked(&[LOOKED_UP, LOOKED_UP, TOKEN]);
    }

    #[test]
    fn a_wrong_key_is_not_tried_over_and_over() {
        let mut refused = message(401, "A JSON web token could not be decoded");
        refused.headers.date = Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned());
        let way = Scripted::new([refused]);
        assert!(matches!(ask(&credentials(None), &way), Err(Problem::Credentials { .. })));
        way.was_asked(&[LOOKED_UP]);
    }
}
