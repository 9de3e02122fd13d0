//! The beginnings of records, which tell the places of rows: a record that stays has that of its row now.

use std::fmt;

use wpool::Input;

/// The member behind the position.
const STATUS: &[u8] = b",\"status\":\"";

/// Appends what the record of a row tells of its place in a file.
type PushPlace = dyn Fn(&Input, &mut Vec<u8>) + Send;

/// How records begin.
#[derive(Default)]
pub struct Heads(Option<Box<PushPlace>>);

impl fmt::Debug for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Heads").field(&self.0.is_some()).finish()
    }
}

impl Heads {
    /// Of records that tell the places of their rows.
    pub fn with_places(push: impl Fn(&Input, &mut Vec<u8>) + Send + 'static) -> Heads {
        Heads(Some(Box::new(push)))
    }

    /// Whether a record has more of the place of its row than its position.
    pub fn have_places(&self) -> bool {
        self.0.is_some()
    }

    /// The beginning of the record of a row, up to a comma.
    pub fn of(&self, row: &Input, position: u64) -> Vec<u8> {
        let mut head = self.place(row, position);
        head.push(b',');
        head
    }

    /// The members in front of the status.
    fn place(&self, row: &Input, position: u64) -> Vec<u8> {
        let mut head = format!("{{\"id\":{position}").into_bytes();
        if let Some(push) = &self.0 {
            push(row, &mut head);
        }
        head
    }

    /// A record with the beginning that its row has now.
    pub fn renewed(&self, row: &Input, position: u64, line: Vec<u8>) -> Vec<u8> {
        let Some(rest) = line.strip_prefix(b"{\"id\":") else { return line };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let rest = match &self.0 {
            // A quote in the name of a file is an escape, so the first of these words is the member.
            Some(_) => memchr::memmem::find(rest, STATUS).map_or(rest, |at| &rest[at..]),
            None => &rest[digits..],
        };
        [&self.place(row, position)[..], rest].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gets_the_place_of_its_row() {
        let line = b"{\"id\":3,\"file\":\"a\",\"line\":9,\"status\":\"ok\",\"output\":1}\n";
        let row = Input::new("1").tagged(7);
        let heads =
            Heads::with_places(|row, line| line.extend(format!(",\"file\":\"b\",\"line\":{}", row.tag).bytes()));
        let expected = b"{\"id\":12,\"file\":\"b\",\"line\":7,\"status\":\"ok\",\"output\":1}\n";
        assert_eq!(heads.renewed(&row, 12, line.to_vec()), expected);
        assert!(expected.starts_with(&heads.of(&row, 12)));
        let plain = b"{\"id\":3,\"status\":\"ok\"}\n";
        assert_eq!(Heads::default().renewed(&row, 12, plain.to_vec()), b"{\"id\":12,\"status\":\"ok\"}\n");
        assert_eq!(Heads::default().of(&row, 12), b"{\"id\":12,");
    }
}
