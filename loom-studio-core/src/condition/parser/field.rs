//! Fields and the paths behind them.

use std::ops::Range;

use super::{Parser, Place, Result};
use crate::condition::MAX_STEPS;
use crate::condition::field::{Attribute, Field, named};
use crate::condition::lexer::{Mode, Token};
use crate::condition::literal::is_keyword;
use crate::condition::path::Step;

impl<'a> Parser<'a> {
    /// field = NAME | "ext" "." member | "data" { step }
    pub(super) fn field(
        &mut self,
        token: &Token<'a>,
        span: Range<usize>,
        place: &Place,
    ) -> Result<Field> {
        let &Token::Word(name) = token else {
            let message = match token {
                Token::End => "expected a test such as type = node.error",
                _ => "expected the name of a field",
            };
            return Err(self.unexpected(span, message, place));
        };
        let steps = self.steps()?;
        let end =
            |last: &Option<(Vec<Step>, usize)>| last.as_ref().map_or(span.end, |(_, end)| *end);
        let whole = span.start..end(&steps);
        let steps = steps.map(|(steps, _)| steps);
        match (name, named(name), steps) {
            ("data", _, steps) => Ok(Field::Data(steps.unwrap_or_default())),
            ("ext", _, Some(steps)) => match <[Step; 1]>::try_from(steps) {
                Ok([Step::Member(name)]) => Ok(Field::Extension(name)),
                _ => Err(self
                    .lexer
                    .error(whole, "an attribute has one name: ext.NAME")),
            },
            ("ext", ..) => {
                let message = "expected the name of an attribute: ext.NAME";
                Err(self
                    .lexer
                    .error(span.end..span.end, message)
                    .expecting(["."]))
            }
            (_, Some(attribute), None) => {
                if attribute == Attribute::Duration && self.duration_at.is_none() {
                    self.duration_at = Some(span);
                }
                Ok(Field::Attribute(attribute))
            }
            (_, Some(_), Some(_)) => {
                let message = format!("{name} has no members: only data has paths");
                Err(self.lexer.error(span.end..whole.end, message))
            }
            (_, None, _) => {
                let message = if is_keyword(name) {
                    format!("expected a field, found the word {name}")
                } else {
                    format!("there is no field {name}; members of the event's data are data.{name}")
                };
                Err(self.unexpected(span, message, place))
            }
        }
    }

    /// step = `"." (NAME | STRING) | "[" (NUMBER | "*" | STRING) "]"`, without spaces before it
    fn steps(&mut self) -> Result<Option<(Vec<Step>, usize)>> {
        let mut steps = Vec::new();
        let mut end = None;
        while let Some('.' | '[') = self.lexer.peek_char() {
            let (token, at) = self.lexer.next(Mode::Name)?;
            let step = if token == Token::Dot {
                let (token, span) = self.lexer.next(Mode::Name)?;
                end = Some(span.end);
                match token {
                    Token::Word(name) => Step::Member(name.to_owned()),
                    Token::Text(name) => Step::Member(name),
                    _ => return Err(self.lexer.error(span, "expected the name of a member")),
                }
            } else {
                let (token, span) = self.lexer.next(Mode::Name)?;
                let step = match token {
                    Token::Star => Step::Any,
                    Token::Text(name) => Step::Member(name),
                    Token::Word(digits) => {
                        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                        let index = digits.parse().ok().filter(|_| is_number);
                        Step::Index(index.ok_or_else(|| {
                            let message = "expected a number, * or a name in quotes";
                            self.lexer.error(span, message).expecting(["*"])
                        })?)
                    }
                    _ => {
                        let message = "expected a number, * or a name in quotes";
                        return Err(self.lexer.error(span, message).expecting(["*"]));
                    }
                };
                let (token, span) = self.lexer.next(Mode::Name)?;
                if token != Token::EndBracket {
                    return Err(self.lexer.error(span, "expected ]").expecting(["]"]));
                }
                end = Some(span.end);
                step
            };
            steps.push(step);
            if steps.len() > MAX_STEPS {
                let message = format!("a path has at most {MAX_STEPS} steps");
                return Err(self.lexer.error(at, message));
            }
        }
        Ok(end.map(|end| (steps, end)))
    }
}
