//! `wpool plan`: the scripts and manifests, compared with those in `golden/`. `WPOOL_GOLDEN=1` writes them anew, for a
//! look at the difference.

use super::*;
use crate::cli::{OK, USAGE, assert_refused};
use crate::support::root;

const COMMAND: &str = "run task.wasm rows.jsonl -o out/all.jsonl --failed failed.jsonl --timeout 10s";

fn plan(place: &Place, args: &str) -> Ran {
    run(&mut place.wpool(&format!("plan {args} -- {COMMAND}")), "")
}

#[test]
fn plans_are_those_that_were_looked_at() {
    let place = Place::new("echo", "", []);
    for (engine, name) in [
        ("slurm", "slurm.sh"),
        ("k8s", "k8s.yaml"),
        ("gitlab", "gitlab.yaml"),
        ("github", "github.yaml"),
        ("aws-batch", "aws-batch.sh"),
    ] {
        let ran = plan(&place, &format!("{engine} --shards 8 --image registry/wpool:1"));
        assert_eq!(ran.code, OK, "{engine}: {}", ran.stderr);
        let golden = root().join("tests/it/shards/golden").join(name);
        if std::env::var_os("WPOOL_GOLDEN").is_some() {
            fs::write(&golden, &ran.stdout).expect("it is written");
        }
        assert_eq!(ran.stdout, read(golden), "{engine}");
        if name.ends_with(".sh") {
            let ran = run(Command::new("sh").arg("-n"), &ran.stdout);
            assert_eq!(ran.code, OK, "{engine}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_word_of_the_command_is_that_word_in_every_plan() {
    let place = Place::new("echo", "", []);
    let odd = ["it's $HOME", "$(date)", "\"", "\\", "#"];
    for engine in ["slurm", "k8s", "gitlab", "github", "aws-batch"] {
        let mut command = place.wpool(&format!("plan {engine} --shards 2 -- {COMMAND} --"));
        let ran = run(command.args(odd), "");
        assert_eq!(ran.code, OK, "{engine}: {}", ran.stderr);
        if engine == "slurm" {
            // The part that a shard runs, with something else in the place of wpool.
            let line = ran.stdout.lines().find(|line| line.starts_with("exec wpool run")).expect("a command");
            let ran = run(Command::new("sh").args(["-c", &line.replacen("exec wpool", "printf '%s\\n'", 1)]), "");
            assert!(ran.stdout.ends_with(&(odd.join("\n") + "\n")), "{}", ran.stdout);
        }
        if engine == "k8s" {
            let line = ran.stdout.lines().find_map(|line| line.trim().strip_prefix("command: ")).expect("a command");
            let words: Vec<String> = serde_json::from_str(line).expect("a list");
            let filled = odd.map(|word| word.replace("$(", "$$("));
            assert!(words.ends_with(&filled), "{words:?}");
        }
    }
    let mut command = place.wpool(&format!("plan github --shards 2 -- {COMMAND} --"));
    assert_refused(&run(command.arg("${{ secrets.X }}"), ""), USAGE, &["${{"], "an expression");
}

#[test]
fn a_command_that_cannot_be_sharded_has_no_plan() {
    let place = Place::new("echo", "", []);
    for (args, needle) in [
        ("slurm --shards 2 -- run task.wasm rows", "-o FILE"),
        ("slurm --shards 2 -- run task.wasm -o out", "standard input"),
        ("slurm --shards 2 -- run task.wasm rows -o out --shard 1/2", "--shard is added"),
        ("slurm --shards 2 -- inspect task.wasm", "behind --"),
        ("slurm --shards 0 -- run task.wasm rows -o out", "--shards"),
        ("slurm --shards 2 --name Up! -- run task.wasm rows -o out", "--name"),
        ("aws-batch --shards 1 -- run task.wasm rows -o out", "2 to 10000"),
        ("github --shards 257 -- run task.wasm rows -o out", "256"),
    ] {
        assert_refused(&run(&mut place.wpool(&format!("plan {args}")), ""), USAGE, &[needle], args);
    }
}
