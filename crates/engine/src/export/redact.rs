//! Masks what looks like a secret in a command line.
//!
//! It is a net, not a wall: a password that stands where no name tells of it (`mysql -phunter2`)
//! passes through. Where arguments must not leave the machine at all, they are not asked for.

use std::fmt::{self, Display, Formatter, Write as _};

/// A command line as it may leave the machine. Masked as `***` are
/// - the value of a name that tells of a secret, whether it comes after `=`, after `:` or as the
///   next word (`--password x`, `DB_SECRET=x`, `X-Api-Key: x`);
/// - the user information of a URL (`https://user:x@host`);
/// - the word after `Bearer`, `Basic` and other schemes of an authorization header.
///
/// Words end at any white space: a script is one argument. Arguments stand here joined by spaces, so where an argument ends cannot be told: the value of a
/// flag is masked up to the next word that begins with a dash. Too much masked is the safe side.
#[derive(Clone, Copy, Debug)]
pub struct Redacted<'a>(pub &'a str);

const MASK: &str = "***";

/// Parts of names that tell of a secret.
const SECRET: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
];
/// Words of an authorization header after which the secret comes.
const SCHEMES: [&str; 4] = ["bearer", "basic", "digest", "negotiate"];

/// What is masked of the words to come.
#[derive(Clone, Copy, PartialEq)]
enum Hide {
    Nothing,
    /// The next word.
    Word,
    /// The next word, and all up to a word that begins with a dash.
    UntilFlag,
    /// As before, with one word masked already.
    MoreUntilFlag,
}

impl Display for Redacted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut hide = Hide::Nothing;
        let mut behind = None;
        for piece in self.0.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end_matches(char::is_whitespace);
            let before = std::mem::replace(&mut behind, piece[word.len()..].chars().next());
            if hide == Hide::MoreUntilFlag {
                if !word.starts_with('-') {
                    continue;
                }
                hide = Hide::Nothing;
            }
            if let Some(space) = before {
                f.write_char(space)?;
            }
            if word.is_empty() {
                continue;
            }
            hide = match hide {
                Hide::Nothing => write_word(f, word)?,
                Hide::Word if is_scheme(word) => f.write_str(word).map(|()| Hide::Word)?,
                masked => {
                    f.write_str(MASK)?;
                    // `--token --password x`: the second name still hides what follows it.
                    match masked {
                        _ if word.starts_with('-') && tells_of_secret(word) => Hide::UntilFlag,
                        Hide::Word => Hide::Nothing,
                        _ => Hide::MoreUntilFlag,
                    }
                }
            };
        }
        match behind.filter(|_| hide != Hide::MoreUntilFlag) {
            Some(space) => f.write_char(space),
            None => Ok(()),
        }
    }
}

/// Writes one word masked, and says what that means for the next ones.
fn write_word(f: &mut Formatter<'_>, word: &str) -> Result<Hide, fmt::Error> {
    if is_scheme(word) {
        f.write_str(word)?;
        return Ok(Hide::Word);
    }
    // A slash in a password that nobody encoded ends the authority for a parser; the last @ does
    // not care. A path with an @ in it loses its beginning, which is no loss.
    let url = word.find("://").map(|place| place + 3);
    if let Some((start, at)) =
        url.and_then(|start| Some((start, start + word[start..].rfind('@')?)))
    {
        let (head, tail) = (&word[..start], &word[at..]);
        if let Some(place) = secret_value(head) {
            return mask_from(f, word, place);
        }
        write!(f, "{head}{MASK}")?;
        return match secret_value(tail) {
            Some(place) => mask_from(f, tail, place),
            None => f.write_str(tail).map(|()| Hide::Nothing),
        };
    }
    if let Some(place) = secret_value(word) {
        return mask_from(f, word, place);
    }
    f.write_str(word)?;
    let flag = word.starts_with('-') && !word.contains(['=', ':']) && tells_of_secret(word);
    Ok(if flag { Hide::UntilFlag } else { Hide::Nothing })
}

/// Writes `word` up to `place` and masks the rest; with no rest, the next word is the value.
fn mask_from(f: &mut Formatter<'_>, word: &str, place: usize) -> Result<Hide, fmt::Error> {
    f.write_str(&word[..place])?;
    if place == word.len() {
        return Ok(Hide::Word);
    }
    let value = word[place..].trim_matches(is_quote);
    if is_scheme(value) {
        f.write_str(&word[place..])?;
        return Ok(Hide::Word);
    }
    f.write_str(MASK)?;
    Ok(if word.starts_with('-') { Hide::MoreUntilFlag } else { Hide::Nothing })
}

/// Where the value of a secret's name begins in a word: after the `=` or `:`.
fn secret_value(word: &str) -> Option<usize> {
    let mut name_start = 0;
    for (place, c) in word.char_indices() {
        match c {
            '=' | ':' => {
                let name = &word[name_start..place];
                if tells_of_secret(name) || (c == '=' && contains(name, "key")) {
                    return Some(place + 1);
                }
                name_start = place + 1;
            }
            '?' | '&' | ';' | ',' | '{' | '/' => name_start = place + c.len_utf8(),
            _ => {}
        }
    }
    None
}

fn tells_of_secret(name: &str) -> bool {
    SECRET.iter().any(|part| contains(name, part))
}

fn is_scheme(word: &str) -> bool {
    let word = word.trim_matches(is_quote);
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        for (command, shown) in [
            ("", ""),
            ("cargo build --release", "cargo build --release"),
            ("ls  -l", "ls  -l"),
            ("x --password hunter2", "x --password ***"),
            ("x --password=hunter2 --user bob", "x --password=*** --user bob"),
            // Scripts are one argument, whatever stands between their words.
            ("sh -c x --password\thunter2", "sh -c x --password\t***"),
            ("sh -c x --password\nhunter2\nls -l", "sh -c x --password\n*** -l"),
            ("sh -c a\n\tDB_SECRET=abc\r\n b \t", "sh -c a\n\tDB_SECRET=***\r\n b \t"),
            ("x Authorization:\u{2003}Bearer\nabc", "x Authorization:\u{2003}Bearer\n***"),
            ("x --password two words --user bob", "x --password *** --user bob"),
            ("x --passphrase=two words --user bob", "x --passphrase=*** --user bob"),
            ("x --password -dash- --user bob", "x --password *** --user bob"),
            ("x --token --password hunter2", "x --token *** ***"),
            ("env DB_SECRET=abc run", "env DB_SECRET=*** run"),
            ("env --env=PGPASSWORD=abc run", "env --env=PGPASSWORD=***"),
            ("x AWS_ACCESS_KEY_ID=AKIA run", "x AWS_ACCESS_KEY_ID=*** run"),
            ("openssl -key file.pem", "openssl -key file.pem"),
            ("curl https://u:p@host/a", "curl https://***@host/a"),
            ("psql postgres://u:p/w@h/db?x=1", "psql postgres://***@h/db?x=1"),
            ("curl https://h/a?page=2&token=abc&b=c", "curl https://h/a?page=2&token=***"),
            ("curl https://u:p@h/?token=abc", "curl https://***@h/?token=***"),
            (
                "curl -H Authorization: Bearer abc https://h",
                "curl -H Authorization: Bearer *** https://h",
            ),
            ("curl -H Authorization:Bearer abc url", "curl -H Authorization:Bearer *** url"),
            ("curl -H X-Api-Key: abc url", "curl -H X-Api-Key: *** url"),
            ("run {\"password\":\"abc\"}", "run {\"password\":***"),
            ("dsn host=h password=abc,def", "dsn host=h password=***"),
            ("x --PassWord hunter2", "x --PassWord ***"),
            ("--größe=3 —token", "--größe=3 —token"),
        ] {
            assert_eq!(Redacted(command).to_string(), shown, "{command}");
        }
    }

    proptest! {
        #[test]
        fn a_named_secret_never_passes(
            before in "[a-z /=:@.-]{0,20}",
            name in "(--password|--db-secret|API_TOKEN|--Passphrase)",
            link in "[ =\t\n]",
            after in "[a-z -]{0,20}",
        ) {
            let flag = name.starts_with('-');
            let link = if flag { link.as_str() } else { "=" };
            let command = format!("{before} {name}{link}QZX42 {after}");
            prop_assert!(!Redacted(&command).to_string().contains("QZX42"), "{}", command);
        }

        #[test]
        fn any_text_comes_through_without_a_panic(text: String) {
            let _ = Redacted(&text).to_string();
        }
    }
}
