//! What people see: the page at `/`, and `/healthz`.

pub mod health;
pub mod home;
