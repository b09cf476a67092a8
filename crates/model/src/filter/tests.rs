use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::family::{FamilyId, memory, process};
use crate::sample::RawSample;
use crate::snapshot::{Snapshot, derive};
use crate::stamp::{Stamp, Window};
use crate::table::{Key, RawTable};
use crate::text::Text;

fn parse(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The tree with every bracket, for tables of expectations.
fn sketch(filter: &Filter, part: &Expression) -> String {
    let join = |name: &str, parts: &[Expression]| {
        let parts: Vec<String> = parts.iter().map(|part| sketch(filter, part)).collect();
        format!("{name}({})", parts.join(" "))
    };
    let not = |inverted: bool| if inverted { "not " } else { "" };
    let one = |pattern: &Pattern| {
        let kind = match pattern.kind {
            PatternKind::Slashed { blind: true } => "blind",
            _ if pattern.is_literal() => "text",
            _ => "regex",
        };
        format!("{kind}<{}>", pattern.text)
    };
    match part {
        Expression::And(parts) => join("and", parts),
        Expression::Or(parts) => join("or", parts),
        Expression::Not(part) => format!("not({})", sketch(filter, part)),
        Expression::Has(field) => format!("has({})", field.name),
        Expression::Pattern(number) => one(&filter.patterns()[*number]),
        Expression::Compare(field, condition) => match condition {
            Condition::Order(order, number) => {
                format!("{}[{order:?} {}]", field.name, number.value)
            }
            Condition::Numbers(inverted, spans) => {
                let spans: Vec<String> = spans
                    .iter()
                    .map(|span| match span {
                        Span::One(number) => number.value.to_string(),
                        Span::Between(low, high) => format!("{}..{}", low.value, high.value),
                    })
                    .collect();
                format!("{}[{}{}]", field.name, not(*inverted), spans.join(" "))
            }
            Condition::Words(inverted, words) => {
                let words: Vec<&str> = words.iter().map(Word::text).collect();
                format!("{}[{}{}]", field.name, not(*inverted), words.join(" "))
            }
            Condition::Found(inverted, pattern) => {
                format!("{}[{}{}]", field.name, not(*inverted), one(pattern))
            }
        },
    }
}

#[test]
fn every_text_has_one_tree() {
    for (text, tree) in [
        ("", "and()"),
        ("   ", "and()"),
        ("python", "regex<python>"),
        ("python|ollama|vllm", "regex<python|ollama|vllm>"),
        ("cpu>10 && user=bob", "and(cpu[Above 0.1] user[bob])"),
        ("cpu>10 user=bob", "and(cpu[Above 0.1] user[bob])"),
        ("cpu > 10% and user = bob", "and(cpu[Above 0.1] user[bob])"),
        ("ctr=vllm or py(thon|2)", "or(ctr[vllm] regex<py(thon|2)>)"),
        ("state=D,Z", "state[D Z]"),
        ("state!=sleeping", "state[not sleeping]"),
        ("pid=1000..2000", "pid[1000..2000]"),
        ("pid=1,5..7,9", "pid[1 5..7 9]"),
        ("!user=root rss>1.5G", "and(not(user[root]) rss[Above 1610612736])"),
        ("vram>1G dvram>0", "and(vram[Above 1073741824] dvram[Above 0])"),
        ("oom<60s", "oom[Below 60]"),
        ("ipc<0.7 cpu>20", "and(ipc[Below 0.7] cpu[Above 0.2])"),
        ("a b || c d", "or(and(regex<a> regex<b>) and(regex<c> regex<d>))"),
        ("a && b || c && !d", "or(and(regex<a> regex<b>) and(regex<c> not(regex<d>)))"),
        ("a (b || c)", "and(regex<a> or(regex<b> regex<c>))"),
        ("(python|ollama)", "regex<python|ollama>"),
        ("not (a or b)", "not(or(regex<a> regex<b>))"),
        ("not(a or b)", "not(or(regex<a> regex<b>))"),
        ("!!a", "not(not(regex<a>))"),
        ("\"cpu\" \">10\"", "and(text<cpu> text<>10>)"),
        ("\"a \\\"b\\\" \\\\\"", "text<a \"b\" \\>"),
        ("python\\ -m", "regex<python -m>"),
        ("/Foo bar/", "and(regex</Foo> regex<bar/>)"),
        ("/Foo\\ b\\/r/i", "blind<Foo b/r>"),
        ("/usr/bin/python", "regex</usr/bin/python>"),
        ("cgroup=/system.slice/*", "cgroup[/system.slice/*]"),
        ("cgroup=/docker-.*/", "cgroup[regex<docker-.*>]"),
        ("cmd~--port[=\\ ]80", "cmd[regex<--port[= ]80>]"),
        ("cmd=~x", "cmd[regex<x>]"),
        ("cmd!~a,b", "cmd[not regex<a,b>]"),
        ("user!=root,daemon", "user[not root daemon]"),
        ("name=\"my app\",b*", "name[my app b*]"),
        ("has:ipc", "has(ipc)"),
        ("!has:io", "not(has(io))"),
        ("resident_bytes>1G", "resident_bytes[Above 1073741824]"),
        ("cpu_ratio>=0.5", "cpu_ratio[AtLeast 0.5]"),
        ("cpu_ratio>=50%", "cpu_ratio[AtLeast 0.5]"),
        ("rd>10M/s", "rd[Above 10485760]"),
        ("rss>=512mib", "rss[AtLeast 536870912]"),
        ("age<2h", "age[Below 7200]"),
        ("time>1.5m", "time[Above 90]"),
        ("pwr>250mW", "pwr[Above 0.25]"),
        ("nice=-5..0", "nice[-5..0]"),
        ("new=yes", "new[1]"),
        ("CPU>5", "cpu[Above 0.05]"),
        ("order android nothing", "and(regex<order> regex<android> regex<nothing>)"),
        ("a(b", "text<a(b>"),
        ("*", "text<*>"),
        ("a\\", "regex<a\\\\>"),
        ("日本 🦀", "and(regex<日本> regex<🦀>)"),
    ] {
        let filter = parse(text);
        assert_eq!(sketch(&filter, filter.expression()), tree, "{text:?}");
        let again = parse(&filter.to_string());
        assert_eq!(again, filter, "{text:?} came back as {filter}");
    }
}

#[test]
fn what_is_no_filter_is_refused_at_its_column() {
    for (text, column, message) in [
        ("cpu>", 5, "expected a value here"),
        ("user===", 7, "expected a value here, not another operator; quote it"),
        ("cpu>>5", 5, "expected a value here, not another operator; quote it"),
        ("cpu>x", 5, "expected a share such as 10 or 10%, not 'x'"),
        ("cpu>10 && rss>1X", 15, "no unit 'X' here; use B, K, M, G, T"),
        ("pid=5s", 5, "expected a number without a unit, not '5s'"),
        ("mem>1G", 5, "no unit 'G' here; use %"),
        ("pid=9..3", 5, "expected the lower number first"),
        ("pid=9..", 5, "expected a number, not ''"),
        ("pid=1,", 7, "expected a value here"),
        ("pid>1..2", 5, "expected a number, not '1..2'"),
        ("(a", 3, "expected ) here"),
        ("a)", 2, "this ) closes nothing"),
        ("()", 2, "expected a pattern or a field here"),
        ("a &&", 5, "expected a pattern or a field here"),
        ("|| a", 1, "expected a pattern or a field before ||"),
        ("a or", 5, "expected a pattern or a field here"),
        ("or a", 1, "expected a pattern or a field before or"),
        ("!", 2, "expected a pattern or a field here"),
        ("é \"abc", 3, "the quote is not closed; expected another \""),
        ("\"\"", 1, "expected a pattern or a field here"),
        ("user>5", 5, "user is a text: use =, != or ~ instead of >"),
        ("pid~5", 4, "pid is a number: use =, <, > or a range instead of ~"),
        ("state~D", 6, "state is a state: use = or != instead of ~"),
        ("resident>5", 1, "no field is called 'resident'; perhaps resident_bytes"),
        ("model=x", 1, "no field is called 'model'; quote it to look for text"),
        ("has:", 5, "expected the name of a field here"),
        (">10", 1, "expected a field before the operator; quote it as text"),
        ("name=/a/,b", 6, "expected one expression or a list of words"),
    ] {
        let error = FilterError { column, message: message.to_owned() };
        assert_eq!(Filter::parse(text), Err(error), "{text:?}");
    }
    let state = Filter::parse("state=Q").expect_err("no state");
    assert!(state.column == 7 && state.message.contains("RSDTtZXI"), "{state}");
    let regex = Filter::parse("cmd~a(").expect_err("no expression");
    assert!(regex.column == 5 && regex.message.starts_with("no regular expression"), "{regex}");
    for deep in ["(".repeat(100_000), "!".repeat(100_000), "a ".repeat(20) + &"(!".repeat(60)] {
        let error = Filter::parse(&deep).expect_err("deep");
        assert_eq!(error.message, "too many brackets in each other");
    }
}

#[test]
fn the_mark_beside_the_filter_tells_what_it_is() {
    for (text, kind, regex_only) in [
        ("python", FilterKind::Regex, true),
        ("/a/i", FilterKind::Regex, true),
        ("py(", FilterKind::Literal, true),
        ("\"x\"", FilterKind::Literal, true),
        ("a b", FilterKind::Expression, false),
        ("cpu>1", FilterKind::Expression, false),
        ("!a", FilterKind::Expression, false),
        ("", FilterKind::Expression, false),
    ] {
        let filter = parse(text);
        assert_eq!((filter.kind(), filter.is_regex_only()), (kind, regex_only), "{text:?}");
    }
    assert!(parse("").is_empty() && !parse("a").is_empty());
}

/// A table of processes at a second: pid, name, command, user, resident bytes.
type Rows<'a> = [(u64, &'a Text, Option<&'a Text>, &'a str, Option<i64>)];

fn snapshot(previous: Option<&Snapshot>, second: u64, rows: &Rows<'_>) -> Snapshot {
    let monotonic_ns = second * 1_000_000_000;
    let stamp = Stamp { wall_ms: 0, monotonic_ns, boottime_ns: monotonic_ns };
    let window = Window { begin_ns: monotonic_ns, end_ns: monotonic_ns };
    let mut sample = RawSample::new(stamp);
    let mut all = RawTable::new(FamilyId::Memory);
    all.push(Key::ONE).set(memory::total_bytes, 8i64 << 30);
    all.finish(window);
    sample.put(Arc::new(all));
    let mut table = RawTable::new(FamilyId::Process);
    for &(pid, name, command, user, resident) in rows {
        table
            .push(Key(pid, 1))
            .text(process::name, name.clone())
            .text_if(process::command, command.cloned())
            .text(process::user, user)
            .set(process::pid, pid)
            .set(process::state, pid as i64 % 4)
            .set(process::user_seconds, second * pid * 1000)
            .set(process::system_seconds, 0)
            .set(process::resident_bytes, resident);
    }
    table.finish(window);
    sample.put(Arc::new(table));
    derive(previous, Arc::new(sample))
}

#[test]
fn rows_are_tested_with_three_values() {
    use Verdict::{No, Unknown, Yes};
    let (name, command) = (Text::from("python3"), Text::from("python3 /srv/App.py --port 80"));
    let rows = [(500, &name, Some(&command), "bob", Some(2i64 << 30))];
    let first = snapshot(None, 1, &rows);
    let second = snapshot(Some(&first), 2, &rows);
    let row = |snapshot: &Snapshot, text: &str| {
        let row = snapshot.row(FamilyId::Process, 0).expect("one row");
        parse(text).test(row)
    };
    for (text, verdict) in [
        ("", Yes),
        ("python", Yes),
        ("PYTHON", No),
        ("app", Yes),
        ("App", Yes),
        ("APP", No),
        ("/APP/i", Yes),
        ("^python3$", Yes),
        ("ruby|port", Yes),
        ("\"--port 80\"", Yes),
        ("port\\ 80", Yes),
        ("user=bob", Yes),
        ("user=b*", Yes),
        ("user=alice,bob", Yes),
        ("user!=bob", No),
        ("user~^b", Yes),
        ("cmd=app.py", Yes),
        ("cmd=app", No),
        ("cmd=App.py", Yes),
        ("pid=500", Yes),
        ("pid=499..500", Yes),
        ("pid!=500", No),
        ("rss>1.5G", Yes),
        ("rss=2G", Yes),
        ("rss=2.4G", No),
        ("mem=25", Yes),
        ("mem>25", No),
        ("cpu=50", Yes),
        ("cpu>50", No),
        ("cpu>=50%", Yes),
        ("cpu_ratio>0.4", Yes),
        ("state=R", Yes),
        ("state=running", Yes),
        ("state=t", No),
        ("state!=D,Z", Yes),
        ("new=no gone=no", Yes),
        ("has:rss !has:rd !has:gpu", Yes),
        ("rd>0", Unknown),
        ("!rd>0", Unknown),
        ("rd>0 user=alice", No),
        ("rd>0 user=bob", Unknown),
        ("rd>0 || user=bob", Yes),
        ("vram>0", Unknown),
        ("ipc>0", Unknown),
        ("tag=no", Yes),
        ("tag=yes", No),
        ("tty=pts/3", Unknown),
        ("ctr=vllm", Unknown),
        ("!has:ctr", Yes),
    ] {
        assert_eq!(row(&second, text), verdict, "{text:?}");
    }
    assert_eq!(row(&first, "cpu>0"), Unknown, "no rate before the second sample");
    assert_eq!(row(&first, "new=yes"), No, "nobody is new in the first sample");
}

#[test]
fn threads_of_the_kernel_have_no_command_and_that_is_known() {
    let name = Text::from("kworker/0:1");
    let only = snapshot(None, 1, &[(4, &name, None, "root", None)]);
    let row = only.row(FamilyId::Process, 0).expect("one row");
    assert_eq!(parse("kworker").test(row), Verdict::Yes);
    assert_eq!(parse("!python").test(row), Verdict::Yes);
    assert_eq!(parse("cmd~python").test(row), Verdict::Unknown);
}

#[test]
fn the_cache_agrees_notices_new_names_and_forgets_the_gone() {
    let (python, other) = (Text::from("python3"), Text::from("ruby"));
    let (copy, none) = (Text::from("python3"), Text::from("x"));
    let filter = parse("python || ^ru");
    let mut cache = Matches::new();
    assert!(cache.is_empty());
    for (second, name, verdict) in [
        (1, &python, Verdict::Yes),
        (2, &python, Verdict::Yes),
        (3, &none, Verdict::No),
        (4, &other, Verdict::Yes),
        (5, &copy, Verdict::Yes),
    ] {
        let now = snapshot(None, second, &[(7, name, None, "bob", None)]);
        let row = now.row(FamilyId::Process, 0).expect("one row");
        assert_eq!(cache.test(&filter, row, PLAIN), verdict, "second {second}");
        assert_eq!(cache.test(&filter, row, PLAIN), filter.test(row), "second {second}");
        // The same words parsed again are another filter, and the answer is the same.
        assert_eq!(cache.test(&parse("!python"), row, PLAIN), parse("!python").test(row));
        assert_eq!(cache.len(), 1);
    }
    for pid in 0..20_000u64 {
        let now = snapshot(None, 10 + pid, &[(pid, &python, None, "bob", None)]);
        cache.test(&filter, now.row(FamilyId::Process, 0).expect("one row"), PLAIN);
        assert!(cache.len() <= 3, "{} known after {pid}", cache.len());
    }
}

#[test]
fn more_patterns_than_bits_are_answered_all_the_same() {
    let name = Text::from("needle");
    let now = snapshot(None, 1, &[(7, &name, None, "bob", None)]);
    let row = now.row(FamilyId::Process, 0).expect("one row");
    let filter = parse(&("hay || ".repeat(80) + "needle"));
    let mut cache = Matches::new();
    assert_eq!(cache.test(&filter, row, PLAIN), Verdict::Yes);
    let all = parse(&("needle && ".repeat(80) + "hay"));
    assert_eq!(cache.test(&all, row, PLAIN), Verdict::No);
}

#[test]
fn patterns_say_where_they_are() {
    let find = |pattern: &str, text: &str| parse(pattern).patterns()[0].find(text);
    assert_eq!(find("o+", "foo"), Some(1..3));
    assert_eq!(find("\"OO\"", "fOO"), Some(1..3));
    assert_eq!(find("\"oo\"", "fOO"), Some(1..3));
    assert_eq!(find("\"o\"", "ñoo"), None, "lower case may have another length");
    assert_eq!(find("x", "foo"), None);
}

#[test]
fn every_name_is_found_and_has_its_declaration() {
    let all: Vec<&str> = names().collect();
    let declared = FamilyId::Process.get().fields().count() + process::FAMILY.texts.len();
    assert!(all.len() > declared);
    for (place, name) in all.iter().enumerate() {
        let filter = parse(&format!("has:{name}"));
        assert_eq!(filter.to_string(), format!("has:{name}"));
        assert!(!all[..place].contains(name), "{name} twice");
    }
}

/// Texts made of the pieces of the language, which random letters would seldom meet.
fn expressions() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "py(thon|2)",
        "a(b",
        "b)",
        "(",
        ")",
        " ",
        " ",
        " ",
        "&&",
        "||",
        "|",
        "!",
        "not ",
        "and ",
        "or ",
        "cpu",
        "rss",
        "user",
        "name",
        "state",
        "pid",
        "ipc",
        "=",
        "==",
        "!=",
        ">",
        "<=",
        "~",
        "!~",
        "10",
        "1.5G",
        "..",
        ",",
        "D",
        "bob*",
        "\"",
        "\"x y\"",
        "\\",
        "\\ ",
        "/",
        "/i ",
        "/a b/",
        "has:",
        "*",
        "[",
        "é",
        "🦀",
        "\t",
        "x\\",
        "=/a/",
        "/a)/",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..14)
        .prop_map(|pieces| pieces.concat())
}

fn comes_back(text: &str) -> Result<(), TestCaseError> {
    match Filter::parse(text) {
        Ok(filter) => {
            let printed = filter.to_string();
            let again = Filter::parse(&printed);
            prop_assert_eq!(again.as_ref(), Ok(&filter), "{} came back as {}", text, printed);
        }
        Err(error) => {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
            prop_assert!(!error.message.is_empty());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_text_is_too_much(text in "\\PC*") {
        comes_back(&text)?;
    }

    #[test]
    fn what_is_printed_parses_to_the_same_tree(text in expressions()) {
        comes_back(&text)?;
    }

    #[test]
    fn testing_never_panics_and_the_cache_agrees(
        text in expressions(),
        names in prop::collection::vec(any::<Vec<u8>>(), 1..4),
        resident: i64,
    ) {
        let Ok(filter) = Filter::parse(&text) else { return Ok(()) };
        let texts: Vec<Text> = names.iter().map(|name| Text::new(name)).collect();
        let rows: Vec<_> = texts.iter().zip(1..)
            .map(|(text, pid)| {
                let command = Some(text).filter(|_| pid % 2 == 0);
                (pid, text, command, "bob", Some(resident))
            })
            .collect();
        let now = snapshot(None, 1, &rows);
        let mut cache = Matches::new();
        for row in now.rows(FamilyId::Process).chain(now.rows(FamilyId::Process)) {
            prop_assert_eq!(cache.test(&filter, row, PLAIN), filter.test(row));
        }
    }
}

const PLAIN: Standing = Standing { tagged: false, gone: false };

#[test]
fn terminals_tags_and_the_gone_are_asked_for_by_name() {
    let mut table = RawTable::new(FamilyId::Process);
    for (pid, terminal) in [(1, 0), (2, 34819), (3, 0x401)] {
        table.push(Key(pid, 0)).set(process::terminal, terminal).text(process::name, "x");
    }
    table.finish(Window { begin_ns: 0, end_ns: 1 });
    let mut sample = RawSample::new(Stamp::default());
    sample.put(Arc::new(table));
    let now = derive(None, Arc::new(sample));
    let pids = |text: &str, tagged: u64, gone: u64| -> Vec<u64> {
        let (filter, mut cache) = (parse(text), Matches::new());
        let rows = now.rows(FamilyId::Process).filter(|row| {
            let pid = row.key().0;
            let standing = Standing { tagged: pid == tagged, gone: pid == gone };
            cache.test(&filter, *row, standing) == Verdict::Yes
        });
        rows.map(|row| row.key().0).collect()
    };
    for (text, wanted) in [
        ("tty=pts/3", &[2][..]),
        ("tty=pts/*,tty1", &[2, 3]),
        ("tty~^pts", &[2]),
        ("tty!=pts/3", &[1, 3]),
        ("tty=-", &[1]),
        ("has:tty", &[2, 3]),
        ("tag=yes", &[2]),
        ("x tag=no", &[1, 3]),
        ("x gone=yes", &[3]),
        ("!gone=1 tag=0", &[1]),
    ] {
        assert_eq!(pids(text, 2, 3), wanted, "{text}");
    }
    assert!(parse("x (a or !tag=yes)").asks_for_tags() && !parse("tagged").asks_for_tags());
    for text in ["tty>1", "tag=maybe", "tag~x"] {
        assert!(Filter::parse(text).is_err(), "{text}");
    }
}
