//! How a table of keys is declared, and what the values of keys look like.

use crate::policy::patterns::Where;

/// One key of a map.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    /// As docs/policy.md shows it; empty for a key that is required.
    pub default: &'static str,
    pub meaning: &'static str,
}

/// What a key's value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// The number 1.
    Version,
    Whole {
        least: u32,
        most: u32,
    },
    /// A whole number from `least` up to what the Worker's settings allow.
    Reruns {
        least: u32,
    },
    /// `90s`, `5m`, `2h`, up to a day.
    Duration,
    /// `1d` to `30d`.
    Days,
    /// 1 to 10, with decimals.
    Factor,
    Boolean,
    /// Free text in one line.
    Name,
    /// Of an issue on GitHub.
    Label,
    Choice(&'static [&'static str]),
    /// One or a list.
    Choices(&'static [&'static str]),
    /// A glob or a list of them.
    Globs {
        may_be_empty: bool,
    },
    /// A regex or a list of them.
    Patterns(Where),
    /// A whole number, a comparison such as `">= 2"`, or a list of them.
    Numbers,
    /// `infrastructure`, a class or an entry of the catalogue, or a list of them.
    Causes,
    /// The names of what a file begins with: one or a list.
    Bases,
    Map(&'static [Key]),
    /// As [`Shape::Map`], with at least one key.
    OneOf(&'static [Key]),
    List(&'static [Key]),
}

/// More than anybody needs.
pub const MANY: u32 = 1_000_000;

/// Declares a struct and, as a table of the same lines, the keys that fill it in:
///
/// `field as "key": Type = default, shape, "the default as docs/policy.md shows it", "what it means";`
///
/// A key has its field's name, unless `as` gives it another; `and fields` lists what no key fills in. This makes the struct with
/// its `Default`, the `&[Key]` that the JSON Schema, docs/policy.md's tables and the errors go by, and `read`.
macro_rules! keys {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident, keys $KEYS:ident {
            $($(#[$about:meta])* $field:ident $(as $key:literal)?: $type:ty = $default:expr, $shape:expr, $shown:expr, $meaning:expr;)+
        }
        $(and fields { $($(#[$about_other:meta])* $seen:vis $other:ident: $other_type:ty = $other_default:expr;)+ })?
    ) => {
        $(#[$attribute])*
        pub struct $name {
            $($(#[$about])* pub $field: $type,)+
            $($($(#[$about_other])* $seen $other: $other_type,)+)?
        }

        pub const $KEYS: &[$crate::policy::file::Key] = &[$(
            $crate::policy::file::Key {
                name: $crate::policy::file::keys::keys!(@name $field $($key)?),
                shape: $shape,
                default: $shown,
                meaning: $meaning,
            },
        )+];

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ $($($other: $other_default,)+)? }
            }
        }

        impl $name {
            /// Where it does not state a key, the base's value.
            pub fn over(self, base: Self, states: impl Fn(&'static str) -> bool) -> Self {
                Self {
                    $($field: if states($crate::policy::file::keys::keys!(@name $field $($key)?)) {
                        self.$field
                    } else {
                        base.$field
                    },)+
                    $($($other: self.$other,)+)?
                }
            }

            /// What is wrong is an error of the reader's, and takes the default.
            pub(in crate::policy::file) fn from_fields(
                reader: &mut $crate::policy::file::reader::Reader,
                fields: &$crate::policy::file::reader::Fields,
            ) -> Self {
                Self {
                    $($field: fields
                        .get($crate::policy::file::keys::keys!(@name $field $($key)?))
                        .and_then(|field| $crate::policy::file::shapes::FromField::read(reader, field))
                        .unwrap_or_else(|| $default),)+
                    $($($other: $other_default,)+)?
                }
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $key:literal) => { $key };
}

pub(super) use keys;
