//! Command lines of older tools, where they mean something else than the same words here.

use std::ffi::OsString;

use retop_model::Filter;

use crate::value::Parsed;

/// What other tools call it, and how it is said here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("--count", "retop --json --samples N"),
    ("--delay", "--interval TIME"),
    ("--dump-debug", "retop doctor"),
    ("--dump-ioreport", "retop doctor"),
    ("--dump-temps", "retop --once"),
    ("--fan-control", "nothing: retop changes no settings"),
    ("--headless", "--json"),
    ("--menubar", "nothing: retop has a terminal alone"),
    ("--overlay", "nothing: retop has a terminal alone"),
    ("--pretty", "retop --json | jq ."),
    ("--prometheus", "--serve [ADDR:]PORT"),
    ("--show-gpu-process", "page 4, or the set of columns behind Tab"),
    ("--soc-info", "retop doctor"),
    ("--sudo", "nothing: retop needs no root"),
    ("debug", "retop doctor"),
    ("pipe", "retop --json --names macmon --samples N --interval TIME"),
    ("serve", "retop --serve [ADDR:]PORT --names macmon"),
    ("stress", "nothing: retop only looks"),
];

/// How retop says what another tool calls so.
#[must_use]
pub fn elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

/// The words as retop means them:
///
/// - `--proc-filter` of actop is one regular expression, blind to case, blanks and all.
/// - `--show_cores` of asitop has a value.
/// - `--max_count` of asitop says how often it begins powermetrics anew; nothing is begun here.
///
/// # Errors
///
/// What is wrong with a value, behind its option.
pub fn translate(words: impl IntoIterator<Item = OsString>) -> Parsed<Vec<OsString>> {
    let mut words = words.into_iter().peekable();
    let mut out: Vec<OsString> = words.next().into_iter().collect();
    while let Some(word) = words.next() {
        // Behind these stand the words of another program.
        if word == "--" || word == "run" || word == "wait" {
            out.push(word);
            out.extend(words);
            return Ok(out);
        }
        let text = word.to_str().unwrap_or_default();
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let value = value.map(OsString::from);
        match name {
            "--proc-filter" => match value.or_else(|| words.next()) {
                Some(value) => {
                    let expression = value.to_str().ok_or("--proc-filter: not valid UTF-8")?;
                    let filter = filter(expression).map_err(|why| format!("{name}: {why}"))?;
                    out.extend(["--filter".into(), filter.into()]);
                }
                None => return Err("--proc-filter needs a value: --proc-filter <REGEX>".to_owned()),
            },
            "--max_count" | "--max-count" => match value.or_else(|| words.next()) {
                Some(count) if count.to_str().is_some_and(|n| n.parse::<u64>().is_ok()) => {}
                Some(count) => {
                    return Err(format!("{name}: '{}' is no whole number", count.display()));
                }
                None => return Err(format!("{name} needs a value: {name} <N>")),
            },
            "--show_cores" => {
                let given = value.or_else(|| words.next_if(|next| switch(next).is_some()));
                let on = given.as_ref().is_none_or(|given| switch(given) != Some(false));
                out.push(if on { "--show-cores" } else { "--no-show-cores" }.into());
            }
            _ => out.push(word),
        }
    }
    Ok(out)
}

fn switch(word: &OsString) -> Option<bool> {
    let word = word.to_str()?.to_ascii_lowercase();
    crate::value::switch(&word).ok()
}

/// The filter that means an expression of actop's. What is written in retop's own language stays so.
fn filter(expression: &str) -> Parsed<String> {
    let own = ["<", ">", "=", "~", "&&", "||", "\"", "has:"];
    if expression.is_empty() || own.iter().any(|part| expression.contains(part)) {
        return Ok(expression.to_owned());
    }
    let mut slashed = String::from("/");
    let mut escaped = false;
    for c in expression.chars() {
        if !escaped && (c == '/' || c.is_whitespace()) {
            slashed.push('\\');
        }
        escaped = !escaped && c == '\\';
        slashed.push(c);
    }
    slashed.push_str("/i");
    Filter::parse(&slashed).map_err(|error| format!("'{expression}': {}", error.message))?;
    // Where a word means the same, the screen shows it as it was written.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "|._-+*?^$".contains(c);
    Ok(if expression.chars().all(plain) { expression.to_owned() } else { slashed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &[&str]) -> Parsed<Vec<String>> {
        let words = std::iter::once("retop").chain(line.iter().copied()).map(OsString::from);
        let words = translate(words)?;
        Ok(words[1..].iter().map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn words_of_older_tools_mean_what_they_meant() {
        let cases: [(&[&str], &[&str]); 14] = [
            (&["--proc-filter", "python|ollama"], &["--filter", "python|ollama"]),
            (&["--proc-filter", "Python"], &["--filter", "/Python/i"]),
            (&["--proc-filter=a b/c"], &["--filter", "/a\\ b\\/c/i"]),
            (&["--proc-filter", "a\\/b\\ c"], &["--filter", "/a\\/b\\ c/i"]),
            (&["--proc-filter", "py(thon|2)"], &["--filter", "/py(thon|2)/i"]),
            (&["--proc-filter", "cpu>10 && user=bob"], &["--filter", "cpu>10 && user=bob"]),
            (&["--proc-filter", ""], &["--filter", ""]),
            (&["--show_cores", "true", "doctor"], &["--show-cores", "doctor"]),
            (&["--show_cores", "False"], &["--no-show-cores"]),
            (&["--show_cores", "doctor"], &["--show-cores", "doctor"]),
            (&["--max_count", "3", "--once"], &["--once"]),
            (&["--max-count=0"], &[]),
            (&["run", "x", "--proc-filter", "A"], &["run", "x", "--proc-filter", "A"]),
            (&["wait", "--", "--max_count", "x"], &["wait", "--", "--max_count", "x"]),
        ];
        for (line, wanted) in cases {
            let wanted: Vec<String> = wanted.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(translated(line), Ok(wanted), "{line:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let cases: [(&[&str], &str); 5] = [
            (&["--proc-filter"], "--proc-filter needs a value: --proc-filter <REGEX>"),
            (&["--proc-filter", "oll["], "--proc-filter: 'oll[': no regular expression"),
            (&["--proc-filter", "(?P<"], "--proc-filter: '(?P<': "),
            (&["--max_count", "x"], "--max_count: 'x' is no whole number"),
            (&["--max_count"], "--max_count needs a value: --max_count <N>"),
        ];
        for (line, wanted) in cases {
            // What looks like retop's own language is left to it.
            let told = translated(line);
            let is_own = line.get(1).is_some_and(|value| value.contains('<'));
            assert_eq!(told.is_ok(), is_own, "{told:?}");
            assert!(is_own || told.is_err_and(|why| why.starts_with(wanted)), "{line:?}");
        }
    }

    #[test]
    fn nothing_here_is_an_option_or_a_command_of_retop() {
        for (theirs, _) in ELSEWHERE {
            let option = theirs.strip_prefix("--").and_then(crate::options::find);
            assert!(option.is_none(), "{theirs}");
            assert!(crate::command::command().find_subcommand(theirs).is_none(), "{theirs}");
        }
    }
}
