//! How a table of keys is declared.

/// Declares a struct and, as a table of the same lines, the keys that fill it in:
///
/// `field as "key": Type = default, shape, "the default as docs/policy.md shows it", "what it means";`
///
/// A key has its field's name, unless `as` gives it another; `and fields` lists what no key fills in. This makes the struct with
/// its `Default`, the `&[Key]` that the JSON Schema, docs/policy.md's tables and the errors go by, and `from_fields`, by
/// which the reader fills it in.
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
                name: $crate::policy::file::tables::keys!(@name $field $($key)?),
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
                    $($field: if states($crate::policy::file::tables::keys!(@name $field $($key)?)) {
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
                        .get($crate::policy::file::tables::keys!(@name $field $($key)?))
                        .and_then(|field| $crate::policy::file::reader::FromField::read(reader, field))
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
