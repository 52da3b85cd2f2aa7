mod access;
mod admin;
mod memory;
mod open;
mod requests;
