//! x
pub fn of(_: &str) -> Option<String> {
    None
}
