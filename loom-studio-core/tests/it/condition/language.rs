//! What is a condition, what is not and where, and the one text of each.

use loom_studio_core::{CompletionKind, Condition, MAX_CONDITION_LENGTH, complete};
use proptest::prelude::*;

#[track_caller]
fn prints(text: &str, canonical: &str) {
    let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(condition.to_string(), canonical);
    let again = Condition::parse(canonical).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again, condition);
    assert_eq!(again.to_string(), canonical);
}

#[test]
fn every_form_has_one_canonical_text() {
    for (text, canonical) in [
        ("type=node.error", r#"type = "node.error""#),
        ("type == 'node.error'", r#"type = "node.error""#),
        ("type = agent.*", r#"type = "agent."*"#),
        (r#"type = "agent "*"#, r#"type = "agent "*"#),
        (r#"type = "agent.*""#, r#"type = "agent.*""#),
        ("node = *", r#"node = ""*"#),
        ("to != /node/crew/master", r#"to != "/node/crew/master""#),
        ("subject = 中文", r#"subject = "中文""#),
        ("id = 42", r#"id = "42""#),
        ("id = true", r#"id = "true""#),
        ("to = null", "to = null"),
        ("seq>=17", "seq >= 17"),
        ("data.tokens > 1000", "data.tokens > 1000"),
        ("data.t = -1.50e+3", "data.t = -1.50e+3"),
        ("data.t = true", "data.t = true"),
        ("data.t = 'true'", r#"data.t = "true""#),
        ("data.t = 2026-01-02", r#"data.t = "2026-01-02""#),
        ("data = null", "data = null"),
        ("data[0] = 1", "data[0] = 1"),
        ("data[ * ].x = 1", "data[*].x = 1"),
        ("data['a b'].c = 1", r#"data."a b".c = 1"#),
        (r#"data."a\"b\\" = 1"#, r#"data."a\"b\\" = 1"#),
        ("data.\"\" = 1", "data.\"\" = 1"),
        (
            "data.result.error.and.or = 1",
            "data.result.error.and.or = 1",
        ),
        ("data.名 = 1", "data.名 = 1"),
        ("ext.tenant = 1", "ext.tenant = 1"),
        ("ext.\"a b\" = 1", "ext.\"a b\" = 1"),
        ("EXISTS data.x", "exists data.x"),
        ("duration > 1.5h", "duration > 90m"),
        ("duration > 0.5s", "duration > 500ms"),
        ("duration >= 24h", "duration >= 1d"),
        ("duration = 0ns", "duration = 0s"),
        ("time >= 1767323045.5", "time >= 2026-01-02T03:04:05.5Z"),
        (
            "time < '2026-01-02T03:04:05+01:00'",
            "time < 2026-01-02T02:04:05Z",
        ),
        (
            "time != 2026-01-02T03:04:05.000000001Z",
            "time != 2026-01-02T03:04:05.000000001Z",
        ),
        ("type in (a, b.*, 'c d')", r#"type in ("a", "b."*, "c d")"#),
        ("data.x in (1, null, false)", "data.x in (1, null, false)"),
        ("text contains Time", r#"text contains "Time""#),
        (
            "text contains \"a\\n\\u4f60\\ud83d\\ude00\"",
            "text contains \"a\\n你😀\"",
        ),
        ("error matches /time.?out/i", "error matches /time.?out/i"),
        (r"error matches /a\/b\d/", r"error matches /a\/b\d/"),
        (r#"error matches "a/b\d""#, r"error matches /a\/b\d/"),
        (r"error matches /\\\//", r"error matches /\\\//"),
        ("phase = post", r#"phase = "post""#),
        (
            "id=1 AND id=2 && id=3",
            r#"id = "1" and id = "2" and id = "3""#,
        ),
        (
            "id=1 or id=2 and id=3",
            r#"id = "1" or (id = "2" and id = "3")"#,
        ),
        (
            "(id=1 || id=2) and id=3",
            r#"(id = "1" or id = "2") and id = "3""#,
        ),
        (
            "id=1 and (id=2 and id=3)",
            r#"id = "1" and (id = "2" and id = "3")"#,
        ),
        ("not id=1 and !(id=2)", r#"not id = "1" and not id = "2""#),
        (
            "not not (id=1 or id=2)",
            r#"not not (id = "1" or id = "2")"#,
        ),
        ("((id=1))", r#"id = "1""#),
    ] {
        prints(text, canonical);
    }
}

/// The error's text, with the wrong part between brackets.
#[track_caller]
fn fails(text: &str, marked: &str, message: &str) {
    let error = match Condition::parse(text) {
        Ok(condition) => panic!("{text} is {condition}"),
        Err(error) => error,
    };
    let span = error.span.clone();
    let found = format!(
        "{}[{}]{}",
        &text[..span.start],
        &text[span.clone()],
        &text[span.end..]
    );
    assert_eq!(found, marked, "{error}");
    assert!(error.message.contains(message), "{text}: {}", error.message);
}

#[test]
fn errors_point_at_the_character() {
    for (marked, message) in [
        ("[]", "expected a test"),
        ("type[]", "expected an operator"),
        ("type =[]", "expected a value"),
        ("type = [and] x = 1", "quote the word and"),
        ("type = x [y]", "expected and, or, or the end"),
        ("type = x and[]", "expected a test"),
        ("[(]type = x", "never closed"),
        ("type = x[)]", "expected and, or, or the end"),
        ("(type = x [,] y)", "expected and, or, or )"),
        ("[typ] = x", "there is no field typ"),
        ("[and] = x", "found the word and"),
        ("type [~] x", "'~' has no meaning here"),
        ("type [is] x", "expected an operator"),
        ("type[.x] = 1", "has no members"),
        ("seq [contains] 1", "contains doesn't fit seq"),
        ("text [=] x", "= doesn't fit text"),
        ("seq = [x]", "expected a number"),
        ("seq = ['1']", "without quotes"),
        ("duration > [5]", "expected a duration"),
        ("data.x > [5s]", "has no unit"),
        ("time > [now]", "expected a time"),
        ("type < [a*]", "< needs"),
        ("type < [null]", "< needs"),
        ("seq = [1*]", "only text has a beginning"),
        ("type = a[*]b", "a star can only end a word"),
        ("type contains [a*]", "leave the star out"),
        ("outcome = [eror]", "outcome is one of ok, error"),
        ("type in [x]", "expected ("),
        ("type in (x [y])", "expected , or )"),
        ("type in ([)]", "expected a value"),
        ("type = [\"x]", "the quote is never closed"),
        ("type = \"x[\\q]\"", "unknown escape"),
        ("type = \"x[\\u]12\"", "four hexadecimal digits"),
        ("type = \"[\\ud800]\"", "half a surrogate pair"),
        ("type matches [/x]", "never closed"),
        ("type matches [/(/]", "unclosed group"),
        ("type matches /x/[g]", "unknown flag"),
        ("type matches [x]", "expected a regular expression"),
        ("type matches [/(\\w{100}){100}/]", "too large"),
        ("data.[] ", "name of a member"),
        ("data[[]x] = 1", "expected a number, * or a name"),
        ("data[1[ ]", "expected ]"),
        ("ext[] = 1", "expected the name of an attribute"),
        ("[ext.a.b] = 1", "one name"),
        ("类型 = 1", ""),
    ] {
        if marked == "类型 = 1" {
            fails(marked, "[类型] = 1", "there is no field");
            continue;
        }
        // The brackets that mark are the outermost ones written here.
        let (text, expected) = match marked {
            "data[[]x] = 1" => ("data[x] = 1".to_owned(), "data[[x]] = 1".to_owned()),
            "data[1[ ]" => ("data[1 ".to_owned(), "data[1 []".to_owned()),
            "data.[] " => ("data. ".to_owned(), "data. []".to_owned()),
            marked => (
                marked.replacen('[', "", 1).replacen(']', "", 1),
                marked.to_owned(),
            ),
        };
        fails(&text, &expected, message);
    }
}

#[test]
fn an_error_draws_its_line() {
    let error = Condition::parse("type = x and\n名 ~ 1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no field 名; members of the event's data are data.名\n  名 ~ 1\n  ^"
    );
    let error = Condition::parse("type = x and\n subject ~ '名'").unwrap_err();
    assert_eq!(
        error.to_string(),
        "'~' has no meaning here\n   subject ~ '名'\n           ^"
    );
    assert_eq!(error.utf16_position("type = x and\n subject ~ '名'"), 22);
    let error = Condition::parse("outcome = 😀 x").unwrap_err();
    assert_eq!(error.expected, ["ok", "error"]);
}

#[test]
fn every_bound_is_kept() {
    let many = |part: &str, count: usize, join: &str| vec![part; count].join(join);
    for (good, bad, message) in [
        (
            many("id=1", 256, " or "),
            many("id=1", 257, " or "),
            "256 tests",
        ),
        (
            format!("id in ({})", many("1", 256, ",")),
            format!("id in ({})", many("1", 257, ",")),
            "256 tests",
        ),
        (
            format!("{}id=1{}", "(".repeat(64), ")".repeat(64)),
            format!("{}id=1{}", "(".repeat(65), ")".repeat(65)),
            "64 deep",
        ),
        (
            format!("{}id=1", "!".repeat(64)),
            format!("{}id=1", "!".repeat(65)),
            "64 deep",
        ),
        (
            many("id matches /x/", 16, " or "),
            many("id matches /x/", 17, " or "),
            "16 regular",
        ),
        (
            format!("id matches /{}/", "x".repeat(512)),
            format!("id matches /{}/", "x".repeat(513)),
            "512 bytes",
        ),
        (
            format!("data{} = 1", ".a".repeat(32)),
            format!("data{} = 1", ".a".repeat(33)),
            "32 steps",
        ),
        (
            format!("id = {}", "x".repeat(MAX_CONDITION_LENGTH - 5)),
            format!("id = {}", "x".repeat(MAX_CONDITION_LENGTH - 4)),
            "4096 bytes",
        ),
    ] {
        assert!(Condition::parse(&good).is_ok(), "{good}");
        let error = Condition::parse(&bad).unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
    }
}

#[track_caller]
fn offers(typed: &str, kind: CompletionKind, expected: &[&str]) {
    let found = complete(typed, typed.len());
    let texts: Vec<&str> = found.iter().map(|found| found.text.as_str()).collect();
    assert_eq!(texts, expected, "{typed}");
    assert!(found.iter().all(|found| found.kind == kind), "{typed}");
    let word = typed.len()
        - typed
            .trim_end_matches(|char: char| char.is_alphanumeric() || char == '.')
            .len();
    for found in found {
        assert_eq!(found.replace, typed.len() - word..typed.len(), "{typed}");
    }
}

#[test]
fn completion_offers_what_the_grammar_allows() {
    use CompletionKind::{Field, Keyword, Operator, Value};
    offers("ty", Field, &["type"]);
    offers("s", Field, &["source", "subject", "session", "span", "seq"]);
    offers("type = x and not d", Field, &["duration", "data"]);
    offers("exists t", Field, &["type", "to", "text", "time", "trace"]);
    offers("seq ", Operator, &["=", "!=", "<", "<=", ">", ">=", "in"]);
    offers("text ", Operator, &["contains", "matches"]);
    offers("type con", Operator, &["contains"]);
    offers("outcome = ", Value, &["ok", "error"]);
    offers("phase in (pre, p", Value, &["pre", "post"]);
    offers("type = llm.", Value, &["llm.request", "llm.response"]);
    offers("type = x ", Keyword, &["and", "or"]);
    offers("(type = x ", Keyword, &["and", "or", ")"]);
    offers("(type = x) ", Keyword, &["and", "or"]);
    offers("not type = x ", Keyword, &["and", "or"]);
    offers("type in (x ", Keyword, &[",", ")"]);
    offers("type = 'no", Keyword, &[]);
    offers("type ~ x ", Keyword, &[]);
    let all = complete("", 0);
    assert!(
        all.iter()
            .any(|found| found.text == "exists" && found.kind == Keyword)
    );
    assert!(
        all.iter()
            .filter(|found| found.kind == Field)
            .all(|found| !found.detail.is_empty())
    );
    // The text behind the cursor says nothing.
    assert_eq!(complete("ty = x", 2), complete("ty", 2));
    assert_eq!(complete("名", 1), complete("", 0));
}

/// Texts that are nearly conditions.
fn scraps() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        proptest::sample::select(vec![
            "type", "data", "ext", ".", "[", "]", "*", "0", "a", "'", "\"", "\\", "\\u12", "/",
            "(", ")", ",", "=", "!=", "<", ">=", "!", "and", "or", "not", "in", "contains",
            "matches", "exists", "null", "5s", "1e5", " ", "\n", "名", "😀", "duration", "time",
            "seq", "text", "node", "/x/i", "agent.*", "\u{0}",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in scraps(), cursor in 0_usize..64) {
        match Condition::parse(&text) {
            Ok(condition) => {
                let canonical = condition.to_string();
                prop_assert_eq!(Condition::parse(&canonical), Ok(condition));
            }
            Err(error) => {
                prop_assert!(text.get(error.span.clone()).is_some());
                prop_assert!(error.to_string().ends_with('^'));
            }
        }
        for found in complete(&text, cursor) {
            prop_assert!(text.get(found.replace).is_some());
        }
    }
}
