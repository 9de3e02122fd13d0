//! Reports without machine code, and refusals that are remembered.

use super::Maker;
use crate::model::error::{Error, Refusal, RefusalCode};
use crate::model::report::Draft;
use crate::protocol::setup::Goal;

impl Maker<'_> {
    /// The report on the program. The compiler process reads it whole, and compiles none of its code.
    pub(super) async fn look(&self) -> Result<Draft, Error> {
        let (seen, _) = self.in_compiler(Goal::Look, None).await?;
        Ok(seen.draft)
    }

    /// The refusal of the program, if the cache has one.
    pub(super) fn remembered(&self) -> Option<Refusal> {
        self.load(&self.refusal_key()).map(|(refusal, _)| refusal)
    }

    /// Keeps a refusal in the cache, if it would be the same each time.
    pub(super) fn remember(&self, error: &Error) {
        let Error::ProgramRefused { refusal, .. } = error else { return };
        // The first two depend on the machine, the others on whether `init` is wanted.
        let passes = matches!(
            refusal.code,
            RefusalCode::CompileLimit | RefusalCode::SandboxViolation | RefusalCode::Init | RefusalCode::Snapshot
        );
        if self.cache.is_some() && !passes {
            // A cache that cannot be written costs a warning, and the next run another look.
            let _ = self.put(&self.refusal_key(), refusal, &[]);
        }
    }

    /// The name of a refusal in the cache. It has everything in it that the name of an image has.
    fn refusal_key(&self) -> String {
        self.key_of("refusal", self.settings, None)
    }
}
