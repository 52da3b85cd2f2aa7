mod access;
mod admin;
mod finding;
mod memory;
mod open;
mod requests;
