mod admin;
mod memory;
mod open;
mod requests;
