//! Shards and merges that are killed at any moment end as if nothing had happened, once they are run again.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use super::*;
use crate::cli::NOT_OK;
use crate::support::{Dice, signal_child};

/// Strikes a command after some time, unless it has ended.
fn strike(command: &mut Command, dice: &mut Dice, within: u64) {
    let child = command.stderr(Stdio::null()).stdout(Stdio::null()).stdin(Stdio::null()).spawn();
    let mut child = child.expect("it starts");
    std::thread::sleep(Duration::from_millis(dice.below(within)));
    let signal = if dice.below(2) == 0 { Signal::KILL } else { Signal::TERM };
    signal_child(child.id(), signal);
    child.wait().expect("it can be waited for");
}

/// `WPOOL_SHARD_KILLS` is the number of kills, and `WPOOL_SHARD_SEED` gives others.
#[test]
fn kills_over_shards_and_merges_change_nothing_in_the_end() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (kills, seed) = (number("WPOOL_SHARD_KILLS", 12), number("WPOOL_SHARD_SEED", 107));
    let mut dice = Dice(seed);
    let place = Place::new("trap-on-bang", "--chunksize 50", mixed(20_000));
    place.single();
    fs::create_dir(place.path("p")).expect("a folder");
    let shard = |number: u64| {
        let files = "-o p/{shard} --failed p/{shard}.failed --summary-json p/{shard}.summary --resume";
        place.command(&format!("{files} --shard {number}/4 --shard-by block"))
    };
    let merge = || place.wpool("merge -q -o all --failed all.failed p --overwrite");
    for kill in 0..kills {
        match dice.below(3) {
            0 if kill > kills / 2 => {
                (1..=4).for_each(|number| drop(run(&mut shard(number), "")));
                strike(&mut merge(), &mut dice, 40);
                // Whatever stands there is whole.
                if place.path("all").exists() {
                    place.assert_same("all", "one", &format!("seed {seed}, after kill {kill}"));
                }
            }
            _ => strike(&mut shard(1 + dice.below(4)), &mut dice, 250),
        }
    }
    for number in 1..=4 {
        let ran = run(&mut shard(number), "");
        assert_eq!(ran.code, NOT_OK, "seed {seed}: shard {number}: {}", ran.stderr);
    }
    let ran = run(&mut merge(), "");
    assert_eq!(ran.code, NOT_OK, "seed {seed}: {}", ran.stderr);
    place.assert_same("all", "one", &format!("seed {seed}"));
    place.assert_same("all.failed", "one.failed", &format!("seed {seed}"));
}
