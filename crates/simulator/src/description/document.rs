//! One description: its file, its operations, its schemas, compiled when first needed.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::schema;

/// What a description is kept for: most of it is of no use here.
pub(super) struct Document {
    /// `api.github.com`, `ghes-3.17`
    pub name: String,
    whole: Value,
    schemas: Mutex<HashMap<String, Arc<Schema>>>,
}

/// A schema, ready.
pub(super) struct Schema {
    pub description: String,
    pub validator: Validator,
}

/// A path of a description that a call's path fits, and what it has in the places of the names.
pub(super) struct Route<'a> {
    pub document: &'a Document,
    pub template: &'a str,
    methods: &'a Map<String, Value>,
    pub values: Vec<(&'a str, String)>,
}

/// A method of a route.
#[derive(Clone, Copy)]
pub(super) struct Operation<'a> {
    pub document: &'a Document,
    method: &'a str,
    path: &'a str,
    pub value: &'a Value,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn folder(package: &str) -> PathBuf {
    let packages = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules/@octokit"));
    packages.join(package).join("generated")
}

pub(super) fn must_be_installed(package: &str) {
    assert!(
        folder(package).is_dir(),
        "the npm package @octokit/{package} is not installed; run `npm run setup:tests` first"
    );
}

/// The three of a package: GitHub's own, the oldest and the newest Enterprise Server's.
pub(super) fn load(package: &str) -> Vec<Document> {
    let folder = folder(package);
    let missing = |error| panic!("{}: {error}", folder.display());
    let files = std::fs::read_dir(&folder).unwrap_or_else(missing).filter_map(Result::ok);
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let mut servers: Vec<(u32, u32)> = names.filter_map(|name| server_version(&name)).collect();
    servers.sort_unstable();
    let server = |version: &(u32, u32)| format!("ghes-{}.{}", version.0, version.1);
    let (oldest, newest) = (servers.first().map(server), servers.last().map(server));
    let names = [Some("api.github.com".to_owned()), oldest, newest];
    let names: Vec<String> = names.into_iter().map(|name| name.expect("an Enterprise Server's")).collect();
    std::thread::scope(|scope| {
        let reading: Vec<_> = names
            .into_iter()
            .map(|name| {
                let file = folder.join(format!("{name}.json"));
                scope.spawn(move || Document::read(name, &file))
            })
            .collect();
        reading.into_iter().map(|one| one.join().expect("a description")).collect()
    })
}

/// Of `ghes-3.17.json`, and not of `ghes-3.17.deref.json`.
fn server_version(file: &str) -> Option<(u32, u32)> {
    let (major, minor) = file.strip_prefix("ghes-")?.strip_suffix(".json")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

impl Document {
    fn read(name: String, file: &PathBuf) -> Document {
        let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let whole = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Document { name, whole, schemas: Mutex::default() }
    }

    pub fn is_of_server(&self) -> bool {
        server_version(&format!("{}.json", self.name)).is_some()
    }

    /// The path that fits best: words win over names.
    pub fn route(&self, path: &str) -> Option<Route<'_>> {
        let asked: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let paths = self.whole["paths"].as_object()?.iter();
        let fitting = paths.filter_map(|(template, methods)| {
            let methods = methods.as_object()?;
            let values = fit(template, methods, &asked)?;
            Some(Route { document: self, template, methods, values })
        });
        fitting.min_by_key(|route| route.template.split('/').map(|part| part.starts_with('{')).collect::<Vec<_>>())
    }

    /// `workflow-run-completed`, `ping`
    pub fn webhook(&self, name: &str) -> Option<Operation<'_>> {
        let (path, webhook) = self.whole["webhooks"].as_object()?.get_key_value(name)?;
        Some(Operation { document: self, method: "post", path, value: webhook.get("post")? })
    }

    /// What stands there, or where that refers to.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        reference.and_then(|pointer| self.whole.pointer(pointer)).unwrap_or(value)
    }

    /// The schema compiled, once for each name. `closed`: what it does not name is wrong.
    pub fn schema(&self, name: &str, value: &Value, closed: bool) -> Arc<Schema> {
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = schemas.get(name) {
            return known.clone();
        }
        let whole = schema::whole(value, &self.whole["components"]["schemas"], closed);
        let validator = jsonschema::options().should_validate_formats(true).build(&whole);
        let validator = validator.unwrap_or_else(|error| panic!("{}: the schema of {name}: {error}", self.name));
        let schema = Arc::new(Schema { description: self.name.clone(), validator });
        schemas.insert(name.to_owned(), schema.clone());
        schema
    }

    /// One that many operations share.
    pub fn component(&self, name: &str) -> Arc<Schema> {
        self.schema(name, &serde_json::json!({ "$ref": format!("#/components/schemas/{name}") }), false)
    }
}

/// What the path has in the places of the template's names, if it fits.
fn fit<'a>(template: &'a str, methods: &Map<String, Value>, asked: &[&str]) -> Option<Vec<(&'a str, String)>> {
    let parts: Vec<&str> = template.trim_start_matches('/').split('/').collect();
    let mut values = vec![];
    for (i, part) in parts.iter().enumerate() {
        let here = asked.get(i)?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if i + 1 == parts.len() && asked.len() > parts.len() => {
                // Only `{path}`, `{ref}` and the like go on over slashes; they say so.
                let mut all = methods.values().filter_map(|one| one["parameters"].as_array()).flatten();
                all.find(|one| one["name"] == name && one["x-multi-segment"] == true)?;
                values.push((name, asked[i..].join("/")));
                return Some(values);
            }
            Some(name) => values.push((name, (*here).to_owned())),
            None if part == here => {}
            None => return None,
        }
    }
    (parts.len() == asked.len()).then_some(values)
}

impl<'a> Route<'a> {
    pub fn operation(&self, method: &str) -> Option<Operation<'a>> {
        let (method, value) = self.methods.get_key_value(&method.to_ascii_lowercase())?;
        Some(Operation { document: self.document, method, path: self.template, value })
    }
}

impl<'a> Operation<'a> {
    pub fn parameters(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let document = self.document;
        let all = self.value["parameters"].as_array().into_iter().flatten();
        all.map(move |parameter| document.resolve(parameter))
    }

    /// What an answer of this status and media type is.
    pub fn answer(&self, status: &str, media: &str) -> Option<Arc<Schema>> {
        let described = self.document.resolve(self.value["responses"].get(status)?);
        let schema = &described["content"].get(media)?["schema"];
        Some(self.schema(&format!("{status} {media}"), schema, false))
    }

    /// A schema of this operation's.
    pub fn schema(&self, place: &str, value: &Value, closed: bool) -> Arc<Schema> {
        self.document.schema(&format!("{} {} {place}", self.method, self.path), value, closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_by_version() {
        assert_eq!(server_version("ghes-3.17.json"), Some((3, 17)));
        for other in ["ghes-3.17.deref.json", "api.github.com.json", "ghec.json", "README.md"] {
            assert_eq!(server_version(other), None, "{other}");
        }
    }
}
