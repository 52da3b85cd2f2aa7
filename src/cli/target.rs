//! Which deployed Worker a subcommand acts on, and what of it is known here.

use clap::Args;

use super::Failure;
use super::deployed::Deployed;
use super::dialogue::Dialogue;
use super::http::Address;
use super::wrangler::Wrangler;

#[derive(Debug, Args)]
pub struct Target {
    /// Don't ask
    #[arg(long, short)]
    pub yes: bool,
    /// The Worker's name at Cloudflare, if not rerunner
    #[arg(long)]
    name: Option<String>,
    /// The Worker's address (if not given, the one that setup deployed to)
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub struct Found {
    pub dialogue: Dialogue,
    pub deployed: Deployed,
    pub wrangler: Wrangler,
    /// `None`: neither given nor known.
    pub url: Option<Address>,
}

impl Target {
    /// An error if what is kept here is of another Worker.
    pub fn find(&self) -> Result<Found, Failure> {
        let deployed = Deployed::read()?;
        let wrangler = Wrangler::new(self.name.as_deref(), &deployed)?;
        let url = self.url.clone().or_else(|| deployed.url());
        let url = url.map(|url| Address::parse(&url)).transpose()?;
        if let Some(url) = &url {
            deployed.is_of(url)?;
        }
        Ok(Found { dialogue: Dialogue { is_silent: self.yes }, deployed, wrangler, url })
    }
}
