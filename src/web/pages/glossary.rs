//! What the words of the pages mean.

use maud::html;

use crate::web::html::{Frame, OVERVIEW, page};
use crate::web::words::WORDS;

pub fn glossary() -> String {
    let body = html! {
        h1 { "Glossary" }
        p.lead { "What the words on these pages mean." }
        section {
            dl.words { @for word in &WORDS { dt id=(word.id) { (word.word) } dd { (word.meaning) } } }
        }
    };
    page(&Frame { title: "Glossary", above: &[(OVERVIEW, "Overview")], alerts: &[], at: None }, &body)
}
