mod access;
mod admin;
mod finding;
mod memory;
mod monitoring;
mod open;
mod requests;
