//! What GitHub shows beside a job: the runner's own words, and what tools say of the lines of files.

use std::sync::Arc;

/// One annotation of a job's check run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub level: AnnotationLevel,
    /// From the repository's root; `.github` for the runner's own words.
    pub path: Arc<str>,
    /// From 1.
    pub start_line: u32,
    pub title: String,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationLevel {
    Notice,
    Warning,
    Failure,
}

impl Annotation {
    /// The runner says that something failed; it names no file.
    pub fn by_runner(message: impl Into<String>) -> Annotation {
        Annotation::at(".github", 1, message)
    }

    /// A compiler or linter points at a line of a file, as an error. `::error file=…,line=…::` in a log makes such a one.
    pub fn at(path: &str, start_line: u32, message: impl Into<String>) -> Annotation {
        let (title, message) = (String::new(), message.into());
        Annotation { level: AnnotationLevel::Failure, path: path.into(), start_line, title, message }
    }

    pub fn level(mut self, level: AnnotationLevel) -> Annotation {
        self.level = level;
        self
    }

    pub fn title(mut self, title: &str) -> Annotation {
        title.clone_into(&mut self.title);
        self
    }
}

impl AnnotationLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            AnnotationLevel::Notice => "notice",
            AnnotationLevel::Warning => "warning",
            AnnotationLevel::Failure => "failure",
        }
    }
}
