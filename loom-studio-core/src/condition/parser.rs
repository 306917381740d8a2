//! From text to tree: recursive descent over the grammar of `docs/conditions.md`, one function per rule.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::ast::{Comparison, Expression, Term, Test, Value};
use super::error::ConditionError;
use super::field::{Attribute, Field, Kind, named, names};
use super::lexer::{Lexer, Mode, Token};
use super::literal::{is_keyword, read};
use super::path::Step;
use super::{MAX_DEPTH, MAX_LENGTH, MAX_PATTERN_LENGTH, MAX_PATTERNS, MAX_STEPS, MAX_TERMS};

/// Bytes the compiled form of one regular expression may take.
const REGEX_BYTES: usize = 1 << 18;
/// Bytes its cache may take while it runs.
const REGEX_CACHE_BYTES: usize = 1 << 18;
/// Deepest nesting inside one regular expression.
const REGEX_DEPTH: u32 = 32;

/// Builds a regular expression within the bounds. The engine has no backtracking: it takes time linear in the text.
pub(super) fn regex(pattern: &str, ignores_case: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignores_case)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_CACHE_BYTES)
        .nest_limit(REGEX_DEPTH)
        .build()
}

/// The pattern with slashes as they are, which between slashes were escaped.
fn plain_slashes(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match (char, char == '\\') {
            (_, true) => match chars.next() {
                Some('/') => plain.push('/'),
                Some(escaped) => plain.extend(['\\', escaped]),
                None => plain.push('\\'),
            },
            (char, false) => plain.push(char),
        }
    }
    plain
}

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

    /// field = NAME | "ext" "." member | "data" { step }
    fn field(&mut self, token: &Token<'a>, span: Range<usize>, place: &Place) -> Result<Field> {
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

    fn pattern(&mut self) -> Result<Test> {
        let (token, span) = self.lexer.next(Mode::Regex)?;
        let (pattern, ignores_case) = match token {
            Token::Regex {
                pattern,
                ignores_case,
            } => (pattern, ignores_case),
            Token::Text(pattern) => (plain_slashes(&pattern), false),
            _ => {
                let message = "expected a regular expression such as /time.?out/i";
                return Err(self.lexer.error(span, message).expecting(["/"]));
            }
        };
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            let message = format!("a condition has at most {MAX_PATTERNS} regular expressions");
            return Err(self.lexer.error(span, message));
        }
        if pattern.len() > MAX_PATTERN_LENGTH {
            let message = format!("a regular expression has at most {MAX_PATTERN_LENGTH} bytes");
            return Err(self.lexer.error(span, message));
        }
        match regex(&pattern, ignores_case) {
            Ok(_) => Ok(Test::Matches {
                pattern,
                ignores_case,
            }),
            Err(regex::Error::CompiledTooBig(_)) => Err(self
                .lexer
                .error(span, "the regular expression is too large when compiled")),
            Err(error) => {
                // The last line of the message says what is wrong; those before it draw the pattern again.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                Err(self
                    .lexer
                    .error(span, format!("no regular expression: {reason}")))
            }
        }
    }
}
