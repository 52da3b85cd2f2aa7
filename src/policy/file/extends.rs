//! A file and what it begins with, by `extends`: their keys and rules, joined.

use crate::names::StringEnum as _;

use super::base::Base;
use super::format::{Policy, Rule};
use super::reader::{Field, FromField, Reader, meant};
use super::shapes;
use super::yaml::{self, Node, Value};

/// Whether the organization's file is needed to read this one.
pub fn extends_organization(text: &str) -> bool {
    let Ok(Some(root)) = yaml::read(text) else { return false };
    let Value::Map(entries) = root.value else { return false };
    let names = |value: &Value| matches!(value, Value::Scalar { text, .. } if text == Base::Organization.as_str());
    entries.iter().filter(|entry| entry.key == "extends").any(|entry| match &entry.value.value {
        Value::List(nodes) => nodes.iter().any(|node| names(&node.value)),
        value => names(value),
    })
}

impl Policy {
    /// With the base's keys for those that it does not have. Its rules come first, but for one with the name of a rule of
    /// the base's: that stands in its place.
    pub(super) fn extending(mut self, base: Self) -> Self {
        let own = std::mem::take(&mut self.stated);
        let most = self.max_reruns.filter(|_| own.has("max_reruns")).unwrap_or(u32::MAX);
        let mut rules = std::mem::take(&mut self.rules);
        let in_place = |rule: Rule| match rules.iter().position(|own| own.name == rule.name) {
            Some(at) => rules.remove(at),
            None => rule,
        };
        let inherited: Vec<Rule> = bounded(base.rules.clone(), most).map(in_place).collect();
        rules.extend(inherited);
        let stated = base.stated.clone().and(&own);
        let extends = std::mem::take(&mut self.extends);
        Self { rules, extends, stated, ..self.over(base, |key| own.has(key)) }
    }
}

/// Rules that one re-runs no more by than by any.
pub(super) fn bounded(rules: Vec<Rule>, most: u32) -> impl Iterator<Item = Rule> {
    let bound = move |max: u32| max.min(most);
    rules.into_iter().map(move |rule| Rule { max_reruns: rule.max_reruns.map(bound), ..rule })
}

impl FromField for Vec<Base> {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let expected = format!("one or more of {}", Base::TEXTS.join(", "));
        let mut bases = Self::new();
        for (node, path) in reader.items(field, &expected)? {
            let name = shapes::text(node);
            match name.and_then(Base::parse) {
                None => {
                    let near = name.and_then(|name| meant(name, Base::TEXTS));
                    reader.expected_at(node, &path, &expected, near);
                }
                Some(base) if bases.contains(&base) => reader.error(node.place, &path, "the same name twice"),
                Some(base) => {
                    if base == Base::Organization {
                        reader.extend_organization(node, &path);
                    }
                    bases.push(base);
                }
            }
        }
        Some(bases)
    }
}

impl Reader<'_> {
    /// The organization's regexes count as this file's. They were valid there, together.
    fn extend_organization(&mut self, node: &Node, path: &str) {
        match &self.organization {
            Ok(patterns) => {
                for (pattern, place) in patterns {
                    self.patterns += 1;
                    let _ = self.collected.push(pattern, *place);
                }
            }
            Err(why) => {
                let why = why.clone();
                self.error(node.place, path, why);
            }
        }
    }
}
