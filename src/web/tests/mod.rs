mod access;
mod admin;
mod memory;
mod monitoring;
mod open;
mod requests;
