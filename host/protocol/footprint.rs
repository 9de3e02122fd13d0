//! The report of a worker on all that a task has touched. The host names what was granted, and believes no list that is too
//! long.

use serde::{Deserialize, Serialize};

use crate::model::grants::Grants;
use crate::model::touched::{Denial, Touched, TouchedDir};

/// Most denials of a task that are listed. A guest can be denied things without end.
pub(crate) const MAX_DENIALS: usize = 64;
/// Most interfaces of a task that are listed: more than WASI has.
const MAX_INTERFACES: usize = 64;
/// Most bytes of a name, which a guest chooses. Real paths are shorter.
pub(crate) const MAX_NAME: usize = 1 << 10;

/// The things that a task has touched and was denied. A grant goes by its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Footprint {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Denial>,
    #[serde(default)]
    pub denied_more: u32,
    /// The number of a grant, and whether it was written to. The number behind the last is the scratch directory's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dirs: Vec<(usize, bool)>,
    #[serde(default)]
    pub env: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<String>,
}

impl Footprint {
    /// The footprint of a task with these grants; `None` if it cannot have left one like that.
    pub fn of(self, grants: &Grants) -> Option<Touched> {
        let names = self.denied.iter().map(|denial| &denial.name).chain(&self.interfaces);
        let scratch = grants.scratch.as_ref().map(|scratch| &scratch.guest);
        let guests: Vec<_> = grants.dirs.iter().map(|dir| &dir.guest).chain(scratch).collect();
        let is_bounded = self.denied.len() <= MAX_DENIALS
            && self.interfaces.len() <= MAX_INTERFACES
            && self.dirs.len() <= guests.len()
            && names.into_iter().all(|name| name.len() <= MAX_NAME);
        if !is_bounded {
            return None;
        }
        let dir =
            |(number, written): (usize, bool)| Some(TouchedDir { guest: guests.get(number)?.to_string(), written });
        Some(Touched {
            denied: self.denied,
            denied_more: self.denied_more,
            dirs: self.dirs.into_iter().map(dir).collect::<Option<_>>()?,
            env: self.env.then(|| grants.env.iter().map(|(name, _)| name.clone()).collect()),
            interfaces: self.interfaces,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::grants::{DirGrant, Scratch};
    use crate::model::touched::Access;

    fn grants() -> Grants {
        let dir = DirGrant { host: "/srv/in".into(), guest: "/in".into(), writable: false, row: None };
        let env = vec![("LANG".to_owned(), "C".to_owned())];
        Grants { dirs: vec![dir], scratch: Some(Scratch::new("/tmp")), env, ..Grants::default() }
    }

    fn denial(name: String) -> Denial {
        Denial { access: Access::Open, name }
    }

    #[test]
    fn what_a_worker_numbers_gets_the_names_of_its_grants() {
        let told = Footprint { dirs: vec![(0, false), (1, true)], env: true, ..Footprint::default() };
        let touched = told.of(&grants()).expect("it is possible");
        let dir = |guest: &str, written| TouchedDir { guest: guest.to_owned(), written };
        assert_eq!(touched.dirs, [dir("/in", false), dir("/tmp", true)]);
        assert_eq!(touched.env.expect("it asked"), ["LANG"]);
    }

    #[test]
    fn a_footprint_that_no_task_can_leave_is_refused() {
        let most = Footprint { denied: vec![denial("x".repeat(MAX_NAME)); MAX_DENIALS], ..Footprint::default() };
        assert!(most.clone().of(&grants()).is_some());
        let mut more = most;
        more.denied.push(denial("/x".into()));
        let long = Footprint { denied: vec![denial("x".repeat(MAX_NAME + 1))], ..Footprint::default() };
        let unknown = Footprint { dirs: vec![(2, false)], ..Footprint::default() };
        let many = Footprint { dirs: vec![(0, false); 3], ..Footprint::default() };
        let calls = Footprint { interfaces: vec!["x".into(); MAX_INTERFACES + 1], ..Footprint::default() };
        for impossible in [more, long, unknown, many, calls] {
            assert_eq!(impossible.clone().of(&grants()), None, "{impossible:?}");
        }
    }
}
