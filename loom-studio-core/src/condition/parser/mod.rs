//! From text to tree: recursive descent over the grammar of `docs/conditions.md`, one function per rule.

mod field;
mod pattern;

use std::ops::Range;

use super::ast::{Comparison, Expression, Term, Test, Value};
use super::error::ConditionError;
use super::field::{Attribute, Field, Kind, names};
use super::lexer::{Lexer, Mode, Token};
use super::literal::{is_keyword, read};
use super::{MAX_DEPTH, MAX_LENGTH, MAX_TERMS};

pub(super) use pattern::regex;

/// Where in the grammar the parser stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Before a test.
    Operand,
    /// After `exists`.
    Field,
    /// After a field.
    Operator(Kind),
    /// Before a value of the field.
    Value(Field),
    /// Behind a value of a list.
    List,
    /// After a test, inside parentheses or not.
    Connective { in_parentheses: bool },
}

impl Place {
    /// The words and signs that can stand here.
    pub(super) fn words(&self) -> Vec<&'static str> {
        match self {
            Self::Operand => names().chain(["not", "exists", "("]).collect(),
            Self::Field => names().collect(),
            Self::Operator(kind) => kind.operators().to_vec(),
            Self::Value(field) => field.values().to_vec(),
            Self::List => vec![",", ")"],
            Self::Connective {
                in_parentheses: true,
            } => vec!["and", "or", ")"],
            Self::Connective {
                in_parentheses: false,
            } => vec!["and", "or"],
        }
    }
}

/// What parsing found.
pub(super) struct Parsed {
    pub(super) expression: Expression,
    /// Where `duration` is asked for first.
    pub(super) duration_at: Option<Range<usize>>,
    /// Regular expressions in it.
    pub(super) patterns: usize,
}

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    terms: usize,
    patterns: usize,
    duration_at: Option<Range<usize>>,
    /// Parentheses that are open.
    open: usize,
    /// The place at the end of the text, and the unfinished word there.
    pub(super) end: Option<(Place, Range<usize>)>,
}

type Result<T, E = ConditionError> = std::result::Result<T, E>;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            lexer: Lexer::new(text),
            terms: 0,
            patterns: 0,
            duration_at: None,
            open: 0,
            end: None,
        }
    }

    /// condition = or END
    pub(super) fn condition(&mut self) -> Result<Parsed> {
        let text = self.lexer.text();
        if text.len() > MAX_LENGTH {
            let message = format!("a condition has at most {MAX_LENGTH} bytes");
            return Err(self.lexer.error(MAX_LENGTH..text.len(), message));
        }
        let expression = self.or(0)?;
        let place = Place::Connective {
            in_parentheses: false,
        };
        match self.next(Mode::Name, &place)? {
            (Token::End, _) => Ok(Parsed {
                expression,
                duration_at: self.duration_at.take(),
                patterns: self.patterns,
            }),
            (_, span) => Err(self.unexpected(span, "expected and, or, or the end", &place)),
        }
    }

    /// The next token, noting what could stand at the end of the text.
    fn next(&mut self, mode: Mode, place: &Place) -> Result<(Token<'a>, Range<usize>)> {
        let (token, span) = self.lexer.next(mode)?;
        let is_word = matches!(token, Token::Word(_)) && span.end == self.lexer.text().len();
        // A word that touches the end may go on, so it is what a completion replaces.
        let is_new = token == Token::End && self.end.is_none();
        if is_word || is_new {
            self.end = Some((place.clone(), span.clone()));
        }
        Ok((token, span))
    }

    /// The next token if it is one of these words or signs, else nothing is read.
    fn take(&mut self, wanted: &[&str], place: &Place) -> Result<Option<Range<usize>>> {
        let (token, span) = self.next(Mode::Name, place)?;
        let found = match token {
            Token::Word(word) => wanted
                .iter()
                .any(|wanted| word.eq_ignore_ascii_case(wanted)),
            Token::Sign(sign) => wanted.contains(&sign),
            _ => false,
        };
        if found {
            return Ok(Some(span));
        }
        self.lexer.rewind(span.start);
        Ok(None)
    }

    fn unexpected(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        place: &Place,
    ) -> ConditionError {
        self.lexer.error(span, message).expecting(place.words())
    }

    /// or = and { ("or" | "||") and }
    fn or(&mut self, depth: usize) -> Result<Expression> {
        self.list(depth, &["or", "||"], Self::and, Expression::Or)
    }

    /// and = unary { ("and" | "&&") unary }
    fn and(&mut self, depth: usize) -> Result<Expression> {
        self.list(depth, &["and", "&&"], Self::unary, Expression::And)
    }

    fn list(
        &mut self,
        depth: usize,
        words: &[&str],
        part: fn(&mut Self, usize) -> Result<Expression>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression> {
        let place = Place::Connective {
            in_parentheses: self.open > 0,
        };
        let first = part(self, depth)?;
        let mut parts = vec![first];
        while self.take(words, &place)?.is_some() {
            parts.push(part(self, depth)?);
        }
        Ok(match parts.len() {
            1 => parts.swap_remove(0),
            _ => join(parts),
        })
    }

    /// unary = ("not" | "!") unary | "(" or ")" | "exists" field | field test
    fn unary(&mut self, depth: usize) -> Result<Expression> {
        let place = Place::Operand;
        let (token, span) = self.next(Mode::Name, &place)?;
        if depth > MAX_DEPTH {
            let message = format!("a condition is at most {MAX_DEPTH} deep");
            return Err(self.lexer.error(span, message));
        }
        match token {
            Token::Sign("!") => Ok(Expression::Not(Box::new(self.unary(depth + 1)?))),
            Token::Word(word) if word.eq_ignore_ascii_case("not") => {
                Ok(Expression::Not(Box::new(self.unary(depth + 1)?)))
            }
            Token::Open => {
                self.open += 1;
                let inner = self.or(depth + 1)?;
                let place = Place::Connective {
                    in_parentheses: true,
                };
                match self.next(Mode::Name, &place)? {
                    (Token::Close, _) => {
                        self.open -= 1;
                        Ok(inner)
                    }
                    (Token::End, _) => {
                        Err(self.unexpected(span, "the parenthesis is never closed", &place))
                    }
                    (_, span) => Err(self.unexpected(span, "expected and, or, or )", &place)),
                }
            }
            Token::Word(word) if word.eq_ignore_ascii_case("exists") => {
                let place = Place::Field;
                let (token, span) = self.next(Mode::Name, &place)?;
                let field = self.field(&token, span.clone(), &place)?;
                self.count(&span)?;
                let test = Test::Exists;
                Ok(Expression::Term(Term { field, test }))
            }
            token => {
                let field = self.field(&token, span.clone(), &place)?;
                self.count(&span)?;
                let test = self.test(&field)?;
                Ok(Expression::Term(Term { field, test }))
            }
        }
    }

    fn count(&mut self, span: &Range<usize>) -> Result<()> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            let message = format!("a condition has at most {MAX_TERMS} tests and listed values");
            return Err(self.lexer.error(span.clone(), message));
        }
        Ok(())
    }

    /// test = COMPARISON value | "contains" value | "matches" REGEX | "in" "(" value { "," value } ")"
    fn test(&mut self, field: &Field) -> Result<Test> {
        let kind = field.kind();
        let place = Place::Operator(kind);
        let (token, span) = self.next(Mode::Name, &place)?;
        let operator = match token {
            Token::Sign(sign) => sign.to_owned(),
            Token::Word(word) => word.to_ascii_lowercase(),
            _ => return Err(self.unexpected(span, "expected an operator", &place)),
        };
        if !kind.operators().contains(&operator.as_str()) {
            let is_known = Kind::Json.operators().contains(&operator.as_str());
            let message = if is_known {
                format!("{operator} doesn't fit {field}")
            } else {
                "expected an operator".to_owned()
            };
            return Err(self.unexpected(span, message, &place));
        }
        match operator.as_str() {
            "contains" => match self.next(Mode::Value, &Place::Value(field.clone()))? {
                (Token::Word(word), _) if !is_keyword(word) => Ok(Test::Contains(word.to_owned())),
                (Token::Text(text), _) => Ok(Test::Contains(text)),
                (Token::Prefix(_), span) => {
                    let message = "contains finds the text anywhere: leave the star out";
                    Err(self.lexer.error(span, message))
                }
                (_, span) => Err(self.lexer.error(span, "expected a text")),
            },
            "matches" => self.pattern(),
            "in" => self.values(field),
            operator => {
                let comparison = [
                    Comparison::Equal,
                    Comparison::NotEqual,
                    Comparison::Less,
                    Comparison::LessOrEqual,
                    Comparison::Greater,
                ]
                .into_iter()
                .find(|comparison| comparison.as_str() == operator)
                .unwrap_or(Comparison::GreaterOrEqual);
                let value = self.value(field, comparison)?;
                Ok(Test::Compare(comparison, value))
            }
        }
    }

    fn values(&mut self, field: &Field) -> Result<Test> {
        let place = Place::List;
        match self.next(Mode::Name, &place)? {
            (Token::Open, _) => {}
            (_, span) => return Err(self.lexer.error(span, "expected (").expecting(["("])),
        }
        let mut values = vec![self.value(field, Comparison::Equal)?];
        loop {
            match self.next(Mode::Name, &place)? {
                (Token::Close, _) => return Ok(Test::In(values)),
                (Token::Comma, span) => {
                    self.count(&span)?;
                    values.push(self.value(field, Comparison::Equal)?);
                }
                (_, span) => return Err(self.unexpected(span, "expected , or )", &place)),
            }
        }
    }

    fn value(&mut self, field: &Field, comparison: Comparison) -> Result<Value> {
        let place = Place::Value(field.clone());
        let (token, span) = self.next(Mode::Value, &place)?;
        if let Token::Word(word) = token
            && is_keyword(word)
        {
            let message = format!("expected a value: quote the word {word} to mean the text");
            return Err(self.unexpected(span, message, &place));
        }
        let value = read(field.kind(), comparison, token)
            .map_err(|message| self.unexpected(span.clone(), message, &place))?;
        let is_enumeration = matches!(
            field,
            Field::Attribute(Attribute::Phase | Attribute::Outcome)
        );
        if let Value::Text(text) = &value
            && is_enumeration
            && !field.values().contains(&text.as_str())
        {
            let message = format!("{field} is one of {}", field.values().join(", "));
            return Err(self.unexpected(span, message, &place));
        }
        Ok(value)
    }
}
