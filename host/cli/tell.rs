//! The messages about the events of a pool.

use wpool::Event;

use crate::cli::options::listed;
use crate::cli::say;
use crate::cli::terminal::warn;
use crate::cli::units::show_time;

/// Tells people of an event. Events of a pool's workers are told only when asked for.
pub fn tell(event: &Event, verbose: bool) {
    match event {
        Event::Warning(text) => warn(format_args!("{text}")),
        Event::Compiling { elapsed, again_for, ended: true } if verbose => {
            let again = listed(again_for);
            let again = if again.is_empty() { again } else { format!(" again, because of {again}") };
            say(format_args!("compiled{again} in {elapsed:.1?}"));
        }
        Event::Initialized { took, printed } if verbose => {
            say(format_args!("init took {took:.1?}"));
            printed.iter().flat_map(|printed| printed.lines()).for_each(|line| say(format_args!("init: {line}")));
        }
        Event::WorkerStarted { slot, generation, pid } if verbose => {
            say(format_args!("worker {slot}.{generation} started (pid {pid})"));
        }
        Event::WorkerDied { slot, generation, why, suspect } if verbose => match suspect {
            Some(task) => say(format_args!("worker {slot}.{generation} {why}, in task {}", task.0)),
            None => say(format_args!("worker {slot}.{generation} {why}")),
        },
        Event::WorkerRetired { slot, generation, why } if verbose => {
            say(format_args!("worker {slot}.{generation} is replaced: {why}"));
        }
        Event::TaskRetried { task, status, delay } if verbose => {
            say(format_args!("task {}: {status}, runs again in {}", task.0, show_time(*delay)));
        }
        _ => {}
    }
}
