//! Questions to a person. Without a terminal, answers are read from standard input all the same: a script can give them.

use std::io::{BufRead, IsTerminal, Write};

use rerunner::settings::Secret;

use super::Failure;

/// Who answers.
pub struct Asker {
    /// `--yes`: nobody; each question takes its default.
    pub nobody: bool,
}

impl Asker {
    pub fn confirm(&self, question: &str, default: bool) -> Result<bool, Failure> {
        let choices = if default { "Y/n" } else { "y/N" };
        let answer = self.line(&format!("{question} [{choices}]"))?;
        Ok(match answer.to_ascii_lowercase().as_str() {
            "" => default,
            answer => answer.starts_with('y'),
        })
    }

    /// One of these, by its first letter; the first is the default.
    pub fn choose<'a>(&self, question: &str, choices: &[&'a str]) -> Result<&'a str, Failure> {
        let answer = self.line(&format!("{question} [{}]", choices.join("/")))?.to_ascii_lowercase();
        let chosen = choices.iter().find(|choice| !answer.is_empty() && choice.starts_with(&answer));
        chosen.or(choices.first()).copied().ok_or_else(|| Failure("there is nothing to choose from".to_owned()))
    }

    pub fn wait(&self, what: &str) -> Result<(), Failure> {
        self.line(what).map(drop)
    }

    /// What is typed is not shown.
    pub fn secret(&self, question: &str) -> Result<Secret, Failure> {
        if self.nobody {
            return Err(Failure(format!("{question}: there is nobody to ask, because of --yes")));
        }
        let typed = if std::io::stdin().is_terminal() {
            rpassword::prompt_password(format!("  {question}: ")).map_err(|error| Failure(error.to_string()))?
        } else {
            self.line(question)?
        };
        Ok(Secret::new(typed.trim()))
    }

    fn line(&self, question: &str) -> Result<String, Failure> {
        if self.nobody {
            return Ok(String::new());
        }
        print!("  {question} ");
        let _ = std::io::stdout().flush();
        let mut line = String::new();
        match std::io::stdin().lock().read_line(&mut line) {
            Ok(0) => Err(Failure("no answer; run it in a terminal, or with --yes".to_owned())),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(Failure(format!("the answer cannot be read: {error}"))),
        }
    }
}
