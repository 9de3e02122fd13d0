//! Reports without machine code, and refusals that are remembered.

use super::Maker;
use crate::model::error::{Error, RefusalCode};
use crate::model::report::Draft;
use crate::protocol::setup::Goal;

impl Maker<'_> {
    /// The report on the program. The compiler process reads it whole, and compiles none of its code.
    pub(super) async fn look(&self) -> Result<Draft, Error> {
        if let Some((refusal, _)) = self.load(&self.refusal_key()) {
            return Err(self.refused(refusal));
        }
        let seen = self.in_compiler(Goal::Look, None).await;
        let (seen, _) = seen.inspect_err(|error| self.remember(error, Goal::Look))?;
        Ok(seen.draft)
    }

    /// Keeps a refusal in the cache, if it would be the same each time.
    pub(super) fn remember(&self, error: &Error, goal: Goal) {
        let Error::ProgramRefused { refusal, .. } = error else { return };
        // These depend on the machine. A refusal of `init` is none of the program.
        let passes = matches!(refusal.code, RefusalCode::CompileLimit | RefusalCode::SandboxViolation);
        if self.cache.is_some() && !passes && matches!(goal, Goal::Look | Goal::Run) {
            // A cache that cannot be written costs a warning, and the next run another look.
            let _ = self.put(&self.refusal_key(), refusal, &[]);
        }
    }

    /// The name of a refusal in the cache. It has everything in it that the name of an image has.
    fn refusal_key(&self) -> String {
        self.key_of("refusal", self.settings, None)
    }
}
