//! The keys of a scenario.

use toml_edit::{Item, Table, Value};

/// A table of which every key must have been asked for.
#[derive(Debug)]
pub struct Keys<'a> {
    table: &'a Table,
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    /// The keys of a table; `what` names it where one is wrong.
    #[must_use]
    pub fn new(table: &'a Table, what: &'static str) -> Keys<'a> {
        Keys { table, what, asked: Vec::new() }
    }

    /// Whatever has that name.
    pub fn item(&mut self, key: &'static str) -> Option<&'a Item> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// A text.
    pub fn text(&mut self, key: &'static str, otherwise: &str) -> String {
        self.item(key).and_then(Item::as_str).unwrap_or(otherwise).to_owned()
    }

    /// A number.
    pub fn number(&mut self, key: &'static str, otherwise: f64) -> f64 {
        self.number_if(key).unwrap_or(otherwise)
    }

    /// A number, if there is one.
    pub fn number_if(&mut self, key: &'static str) -> Option<f64> {
        number(self.item(key)?.as_value()?)
    }

    /// Yes or no; no if nothing is said.
    pub fn flag(&mut self, key: &'static str) -> bool {
        self.item(key).and_then(Item::as_bool).unwrap_or(false)
    }

    /// Texts of an array.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        self.array(key).filter_map(|value| Some(value.as_str()?.to_owned())).collect()
    }

    /// Numbers of an array.
    pub fn numbers(&mut self, key: &'static str) -> Vec<f64> {
        self.array(key).filter_map(number).collect()
    }

    fn array(&mut self, key: &'static str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.item(key).and_then(Item::as_array).into_iter().flatten()
    }

    /// The tables of an array, or the one table of that name.
    pub fn tables(&mut self, key: &'static str) -> impl Iterator<Item = Keys<'a>> + use<'a> {
        let item = self.item(key);
        let many = item.and_then(Item::as_array_of_tables).into_iter().flatten();
        let one = item.and_then(Item::as_table);
        many.chain(one).map(move |table| Keys::new(table, key))
    }

    /// All that was wanted has been asked for.
    ///
    /// # Errors
    ///
    /// A key that nothing is called by.
    pub fn end(self) -> Result<(), String> {
        let unknown = self.table.iter().map(|(key, _)| key).find(|key| !self.asked.contains(key));
        unknown.map_or(Ok(()), |key| Err(format!("{}: there is no '{key}'", self.what)))
    }
}

/// A number as scenarios may write it: 1 is also `true`.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|number| number as f64))
        .or_else(|| value.as_bool().map(f64::from))
}
