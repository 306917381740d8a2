//! Conditions against a naive reading: the same tests on a tree of `serde_json` values.

use loom_studio_core::{Condition, ConditionSet};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::events;

#[derive(Debug, Clone)]
enum Step {
    Member(&'static str),
    Index(usize),
    Any,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Compare(&'static str, Value),
    Prefix(&'static str),
    In(Vec<Value>),
    Contains(&'static str),
    Matches(&'static str),
}

#[derive(Debug, Clone)]
enum Tree {
    Term(Vec<Step>, Test),
    Type(&'static str, bool),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

const NAMES: [&str; 5] = ["a", "b", "a b", "名", "and"];
const TEXTS: [&str; 7] = ["", "x", "X y", "xyz", "\"q\" \\", "straße", "1"];

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3_i64..4).prop_map(Value::from),
        Just(json!(u64::MAX)),
        Just(json!(i64::MIN)),
        Just(json!(9_007_199_254_740_993_u64)),
        (-6_i32..7).prop_map(|quarters| json!(f64::from(quarters) / 4.0)),
    ]
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        numbers(),
        proptest::sample::select(TEXTS.to_vec()).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn documents() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(3, 24, 4, |inner| {
        let name = proptest::sample::select(NAMES.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name, inner), 0..5)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn paths() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => proptest::sample::select(NAMES.to_vec()).prop_map(Step::Member),
        1 => (0_usize..3).prop_map(Step::Index),
        1 => Just(Step::Any),
    ];
    prop::collection::vec(step, 0..4)
}

fn trees() -> impl Strategy<Value = Tree> {
    let ordered = (
        proptest::sample::select(vec!["<", "<=", ">", ">="]),
        scalars(),
    )
        .prop_filter("has an order", |(_, value)| {
            value.is_number() || value.is_string()
        })
        .prop_map(|(sign, value)| Test::Compare(sign, value));
    let test = prop_oneof![
        Just(Test::Exists),
        (proptest::sample::select(vec!["=", "!="]), scalars())
            .prop_map(|(sign, value)| Test::Compare(sign, value)),
        ordered,
        proptest::sample::select(TEXTS.to_vec()).prop_map(Test::Prefix),
        prop::collection::vec(scalars(), 1..4).prop_map(Test::In),
        proptest::sample::select(vec!["X", "STRASSE", "1", "a", "", "ru"]).prop_map(Test::Contains),
        proptest::sample::select(vec!["^x", "y$", "1", "^$"]).prop_map(Test::Matches),
    ];
    let kind = (proptest::sample::select(vec!["t.a", "t.b"]), any::<bool>());
    let leaf = prop_oneof![
        4 => (paths(), test).prop_map(|(path, test)| Tree::Term(path, test)),
        1 => kind.prop_map(|(kind, is_equal)| Tree::Type(kind, is_equal)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Tree::And),
            prop::collection::vec(inner, 2..4).prop_map(Tree::Or),
        ]
    })
}

impl Tree {
    fn text(&self) -> String {
        let join = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| format!("({})", part.text()))
                .collect();
            parts.join(word)
        };
        match self {
            Self::Term(path, test) => {
                let mut field = "data".to_owned();
                for step in path {
                    match step {
                        Step::Member(name) => field.extend([".", &json!(name).to_string()]),
                        Step::Index(index) => field.extend(["[", &index.to_string(), "]"]),
                        Step::Any => field.push_str("[*]"),
                    }
                }
                match test {
                    Test::Exists => format!("exists {field}"),
                    Test::Compare(sign, value) => format!("{field} {sign} {value}"),
                    Test::Prefix(prefix) => format!("{field} = {}*", json!(prefix)),
                    Test::In(values) => {
                        let values: Vec<String> = values.iter().map(Value::to_string).collect();
                        format!("{field} in ({})", values.join(", "))
                    }
                    Test::Contains(part) => format!("{field} contains {}", json!(part)),
                    Test::Matches(pattern) => format!("{field} matches /{pattern}/"),
                }
            }
            Self::Type(kind, true) => format!("type = {kind}"),
            Self::Type(kind, false) => format!("type != {kind}"),
            Self::Not(inner) => format!("not ({})", inner.text()),
            Self::And(parts) => join(parts, " and "),
            Self::Or(parts) => join(parts, " or "),
        }
    }

    fn holds(&self, kind: &str, data: &Value) -> bool {
        match self {
            Self::Type(wanted, is_equal) => (kind == *wanted) == *is_equal,
            Self::Not(inner) => !inner.holds(kind, data),
            Self::And(parts) => parts.iter().all(|part| part.holds(kind, data)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(kind, data)),
            Self::Term(path, test) => {
                let mut found = vec![data];
                for step in path {
                    found = found
                        .into_iter()
                        .flat_map(|value| values_at(value, step))
                        .collect();
                }
                found.retain(|value| !value.is_null());
                passes(&found, test)
            }
        }
    }
}

fn values_at<'a>(value: &'a Value, step: &Step) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Member(name), Value::Object(members)) => members.get(*name).into_iter().collect(),
        (Step::Index(index), Value::Array(elements)) => elements.get(*index).into_iter().collect(),
        (Step::Any, Value::Array(elements)) => elements.iter().collect(),
        _ => Vec::new(),
    }
}

fn passes(found: &[&Value], test: &Test) -> bool {
    let equal = |wanted: &Value| match wanted {
        Value::Null => found.is_empty(),
        wanted => found
            .iter()
            .any(|value| compare(value, wanted) == Some(std::cmp::Ordering::Equal)),
    };
    let any_order = |wanted: &Value, fits: fn(std::cmp::Ordering) -> bool| {
        found
            .iter()
            .any(|value| compare(value, wanted).is_some_and(fits))
    };
    match test {
        Test::Exists => !found.is_empty(),
        Test::Compare("=", wanted) => equal(wanted),
        Test::Compare("!=", wanted) => !found.is_empty() && !equal(wanted),
        Test::Compare("<", wanted) => any_order(wanted, std::cmp::Ordering::is_lt),
        Test::Compare("<=", wanted) => any_order(wanted, std::cmp::Ordering::is_le),
        Test::Compare(">", wanted) => any_order(wanted, std::cmp::Ordering::is_gt),
        Test::Compare(_, wanted) => any_order(wanted, std::cmp::Ordering::is_ge),
        Test::Prefix(prefix) => {
            let begins =
                |value: &&Value| value.as_str().is_some_and(|text| text.starts_with(prefix));
            found.iter().any(begins)
        }
        Test::In(values) => values.iter().any(equal),
        Test::Contains(part) => {
            let part = part.to_uppercase();
            found
                .iter()
                .flat_map(|value| texts(value))
                .any(|text| text.to_uppercase().contains(&part))
        }
        Test::Matches(pattern) => {
            let pattern = *pattern;
            let fits = |text: &String| match pattern {
                "^x" => text.starts_with('x'),
                "y$" => text.ends_with('y'),
                "^$" => text.is_empty(),
                part => text.contains(part),
            };
            found
                .iter()
                .flat_map(|value| texts(value))
                .any(|text| fits(&text))
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| std::iter::once(name.clone()).chain(texts(value)))
            .collect(),
        scalar => vec![scalar.to_string()],
    }
}

/// `None` when the two have no order; equal booleans are equal.
fn compare(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => {
            (left == right).then_some(std::cmp::Ordering::Equal)
        }
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => {
            // Every number here is a whole number of quarters.
            let quarters = |number: &serde_json::Number| {
                number.as_i128().map_or_else(
                    || (number.as_f64().unwrap() * 4.0) as i128,
                    |whole| whole * 4,
                )
            };
            Some(quarters(left).cmp(&quarters(right)))
        }
        _ => None,
    }
}

/// Every UTF-16 unit as an escape.
fn escaped(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    units.collect::<Vec<_>>().concat()
}

/// JSON text of the same value, written another way: spaces, escapes, and members that a later one of the same name replaces.
fn written_oddly(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(written_oddly).collect();
            format!("[ {} ]", elements.join(" ,"))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let escaped = escaped(name);
                format!(
                    "{} : null ,\n\"{escaped}\":\t{}",
                    json!(name),
                    written_oddly(value)
                )
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::String(text) => {
            let escaped = escaped(text);
            format!("\"{escaped}\"")
        }
        scalar => scalar.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn conditions_mean_what_a_tree_walk_says(
        documents in prop::collection::vec(documents(), 1..6),
        trees in prop::collection::vec(trees(), 1..6),
    ) {
        let kind = |index: usize| ["t.a", "t.b"][index % 2];
        let texts: Vec<String> = documents.iter().enumerate().flat_map(|(index, data)| {
            [data.to_string(), written_oddly(data)].map(|data| (index, data))
        }).enumerate().map(|(id, (index, data))| {
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"{}","data":{data}}}"#, kind(index))
        }).collect();
        let conditions: Vec<Condition> = trees
            .iter()
            .map(|tree| Condition::parse(&tree.text()).unwrap_or_else(|error| panic!("{error}")))
            .collect();
        let set = ConditionSet::new(conditions.clone());
        for (number, event) in events(&texts).iter().enumerate() {
            let index = number / 2;
            let mut holding = Vec::new();
            for (place, (tree, condition)) in trees.iter().zip(&conditions).enumerate() {
                let expected = tree.holds(kind(index), &documents[index]);
                prop_assert_eq!(condition.matches(event, &()), expected, "{} on {}", condition, texts[number]);
                if expected {
                    holding.push(place);
                }
                let canonical = condition.to_string();
                prop_assert_eq!(&Condition::parse(&canonical), &Ok(condition.clone()));
            }
            prop_assert_eq!(set.matches(event, &()), holding);
        }
    }
}
