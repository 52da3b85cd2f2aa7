//! What people and programs see: a request in, a response out. Pure: what only the platform can do, a [`Backend`] does.
//!
//! [`handle`] is the way of every request. [`routes`] says what it asks for, [`access`] who may, [`parameters`] with which
//! parameters; then one module answers: [`home`] and [`health`] for everybody, [`badge`] where a setting says so, and for
//! whoever has `ADMIN_TOKEN` [`pages`], [`api`], [`metrics`] and [`setup`]. [`http`] has the headers that all responses
//! share, [`rejection`] what is said when there is none, [`html`](mod@html) what all pages share, [`chart`] what is drawn.
//!
//! To add a route: in [`routes`] a variant, its path and its row in `Route::spec`; an arm and a function in the module that
//! answers; and in docs/openapi.json, if it is of the API, its description, which tests compare.

pub mod access;
pub mod api;
pub mod backend;
pub mod badge;
pub mod chart;
mod handle;
pub mod health;
pub mod home;
pub mod html;
pub mod http;
pub mod metrics;
pub mod pages;
pub mod parameters;
pub mod rejection;
pub mod routes;
pub mod setup;
#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use handle::handle;
pub use http::{Request, Response};
