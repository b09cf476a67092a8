//! A property of the registry, copied out of CoreFoundation: nothing of it is borrowed.

/// What properties are made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    /// Numbers are 64 bits wide; unsigned ones beyond 2^63 come as their two's complement, which is
    /// how drivers write negative currents.
    Integer(i64),
    Real(f64),
    Text(String),
    Data(Vec<u8>),
    Array(Vec<Value>),
    Dictionary(Vec<(String, Value)>),
}

impl Value {
    /// A member of a dictionary.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Dictionary(members) = self else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// An integer; little-endian data of up to eight bytes counts as one, as the device tree has it.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(value) => Some(*value),
            Value::Bool(value) => Some(i64::from(*value)),
            Value::Data(bytes) if (1..=8).contains(&bytes.len()) => {
                let mut whole = [0; 8];
                whole[..bytes.len()].copy_from_slice(bytes);
                Some(i64::from_le_bytes(whole))
            }
            _ => None,
        }
    }

    /// A number that cannot be below 0.
    pub fn count(&self) -> Option<u64> {
        u64::try_from(self.integer()?).ok()
    }

    /// A text; data counts as one up to its first 0.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Data(bytes) => {
                let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
                Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
            }
            _ => None,
        }
    }

    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Value::Data(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements of an array, none for anything else.
    pub fn elements(&self) -> &[Value] {
        match self {
            Value::Array(values) => values,
            _ => &[],
        }
    }

    /// The members of a dictionary, none for anything else.
    pub fn members(&self) -> &[(String, Value)] {
        match self {
            Value::Dictionary(members) => members,
            _ => &[],
        }
    }

    /// A number below a key.
    pub fn integer_at(&self, key: &str) -> Option<i64> {
        self.get(key)?.integer()
    }

    /// A number below a key that cannot be below 0.
    pub fn count_at(&self, key: &str) -> Option<u64> {
        self.get(key)?.count()
    }

    /// A text below a key.
    pub fn text_at(&self, key: &str) -> Option<String> {
        self.get(key)?.text()
    }

    /// Yes or no below a key.
    pub fn flag_at(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(*value),
            other => Some(other.integer()? != 0),
        }
    }
}
