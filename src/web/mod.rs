//! What people and programs see, made of what a Keeper or Workers KV says. Pure.
//!
//! [`home`] and [`health`] are open to all; [`badge`] where a setting says so; [`pages`], [`api`] and [`metrics`] are
//! behind [`access`]. [`html`] is what all pages share, [`chart`] what is drawn.

pub mod access;
pub mod api;
pub mod badge;
pub mod chart;
pub mod health;
pub mod home;
pub mod html;
pub mod metrics;
pub mod pages;
pub mod routes;
pub mod setup;
