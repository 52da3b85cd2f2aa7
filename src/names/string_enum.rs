//! Enums that are written as words: in policy files, storage, JSON, pages and metrics.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};

/// Declares an enum in which each variant stands beside its word, and the conversions between the two: `as_str`, `parse`, and
/// serde's. The last variant may be one for every other word, which is then never in `ALL`: `Unknown = "unknown" for the rest`.
///
/// A macro of our own, because strum's derives and serde's each want the words for themselves, and could differ.
macro_rules! string_enum {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$about:meta])* $variant:ident = $text:literal,)+
            $(; $(#[$about_rest:meta])* $rest:ident = $rest_text:literal for the rest,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $name {
            $($(#[$about])* $variant,)+
            $($(#[$about_rest])* $rest,)?
        }

        impl $name {
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                    $(Self::$rest => $rest_text,)?
                }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.as_str() == text)
            }
        }

        impl $crate::names::StringEnum for $name {
            const TEXTS: &'static [&'static str] = &[$($text),+];
            const REST: Option<Self> = $crate::names::string_enum!(@rest $(Self::$rest)?);

            fn parse(text: &str) -> Option<Self> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::names::TextVisitor(std::marker::PhantomData))
            }
        }
    };
    (@rest) => { None };
    (@rest $rest:expr) => { Some($rest) };
}

pub(crate) use string_enum;

/// What [`string_enum!`] declares.
pub trait StringEnum: Sized {
    /// In the order of the variants.
    const TEXTS: &'static [&'static str];
    /// What any other text is read as.
    const REST: Option<Self>;

    fn parse(text: &str) -> Option<Self>;
}

/// Reads one without an allocation.
pub struct TextVisitor<T>(pub PhantomData<T>);

impl<T: StringEnum> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", T::TEXTS.join(", "))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::parse(text).or(T::REST).ok_or_else(|| E::unknown_variant(text, T::TEXTS))
    }
}

#[cfg(test)]
mod tests {
    use crate::names::Conclusion;

    string_enum! {
        enum Colour {
            Red = "red",
            DarkRed = "dark_red",
        }
    }

    #[test]
    fn a_word_is_written_and_read_in_one_way() {
        for (colour, text) in [(Colour::Red, "red"), (Colour::DarkRed, "dark_red")] {
            assert_eq!((colour.as_str(), Colour::parse(text)), (text, Some(colour)));
            let json = format!("\"{text}\"");
            assert_eq!(serde_json::to_string(&colour).unwrap(), json);
            assert_eq!(serde_json::from_str::<Colour>(&json).unwrap(), colour);
        }
        let error = serde_json::from_str::<Colour>("\"blue\"").unwrap_err();
        assert!(error.to_string().starts_with("unknown variant `blue`, expected `red` or `dark_red`"), "{error}");
        assert!(serde_json::from_str::<Colour>("1").unwrap_err().to_string().contains("expected one of red, dark_red"));
        // With an escape in it, and as a key.
        assert_eq!(serde_json::from_str::<Colour>(r#""r\u0065d""#).unwrap(), Colour::Red);
    }

    #[test]
    fn an_unknown_conclusion_stays_unknown() {
        assert_eq!(serde_json::from_str::<Conclusion>("\"exploded\"").unwrap(), Conclusion::Unknown);
        assert_eq!(serde_json::to_string(&Conclusion::Unknown).unwrap(), "\"unknown\"");
        assert_eq!((Conclusion::parse("exploded"), Conclusion::parse("unknown")), (None, None));
        assert_eq!(serde_json::from_str::<Conclusion>("\"timed_out\"").unwrap(), Conclusion::TimedOut);
    }
}
