//! The counts in Workers KV, read from the local Worker's own: wrangler serves it beside the Worker, as the API of its
//! Local Explorer, which has the paths and answers of Cloudflare's REST API.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;

const API: &str = "/cdn-cgi/local/explorer/api/storage/kv/namespaces";
const PREFIX: &str = "attempts/";
const WITHIN: Duration = Duration::from_secs(5);

/// What the Worker keeps as the metadata of a run's key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Count {
    pub run_attempt: u32,
    pub reruns: u32,
    pub outcome: String,
    pub workflow: Option<String>,
}

/// By key: `attempts/octo/widgets/1`.
pub type Counts = BTreeMap<String, Count>;

#[derive(Debug, Clone)]
pub struct Reader {
    client: Client,
    api: String,
}

#[derive(Debug, Deserialize)]
struct Page<T> {
    result: Vec<T>,
    #[serde(default)]
    result_info: PageInfo,
}

#[derive(Debug, Default, Deserialize)]
struct PageInfo {
    #[serde(default)]
    cursor: String,
}

#[derive(Debug, Deserialize)]
struct Namespace {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Key {
    name: String,
    metadata: Option<Count>,
}

impl Reader {
    pub fn new(worker: &str) -> Self {
        Self { client: Client::new(), api: format!("{worker}{API}") }
    }

    /// Every count of now.
    pub async fn read(&self) -> Result<Counts, reqwest::Error> {
        let mut counts = Counts::new();
        // The Worker has one namespace.
        let namespaces: Page<Namespace> = self.get(&self.api, &[]).await?;
        for Namespace { id } in namespaces.result {
            let url = format!("{}/{id}/keys", self.api);
            let mut cursor = String::new();
            loop {
                let page: Page<Key> = self.get(&url, &[("prefix", PREFIX), ("cursor", &cursor)]).await?;
                counts.extend(page.result.into_iter().filter_map(|key| Some((key.name, key.metadata?))));
                cursor = page.result_info.cursor;
                if cursor.is_empty() {
                    break;
                }
            }
        }
        Ok(counts)
    }

    async fn get<T: DeserializeOwned>(&self, url: &str, query: &[(&str, &str)]) -> Result<Page<T>, reqwest::Error> {
        let request = self.client.get(url).query(query).timeout(WITHIN);
        request.send().await?.error_for_status()?.json().await
    }
}
