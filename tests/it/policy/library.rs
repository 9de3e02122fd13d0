//! Policies for programs that embed a pool.

use std::time::Duration;

use wpool::{
    DirGrant, Error, Input, Isolation, Outcome, Policy, PolicyError, Pool, PoolConfig, Program, Retry, Setting, Status,
    WorkerCommand,
};

use super::*;

fn config() -> PoolConfig {
    PoolConfig { workers: 1, worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))), ..PoolConfig::default() }
}

fn policy(text: &str) -> Policy {
    Policy::parse("mine", text).expect("a policy")
}

async fn build(guest: &str, config: PoolConfig, policy: &Policy) -> Result<Pool, Error> {
    // The order of both makes no difference.
    Pool::builder(Program::read(wat(guest)).expect("a program")).policy(policy).config(config).build().await
}

async fn refused(config: PoolConfig, policy: &Policy) -> (Vec<Setting>, String) {
    let error = build("echo", config, policy).await.expect_err("it is not allowed");
    assert!(matches!(error, Error::Policy(PolicyError::Refused(_))), "{error}");
    (error.settings(), error.to_string())
}

#[test]
fn a_pool_is_not_built_with_what_its_policy_refuses() {
    let bound = policy("[max]\nmemory = '64MiB'\nretries = 0\n[allow]\ndirs = []\n[require]\nisolation = 'fresh'\n");
    block_on(async {
        let mut large = config();
        large.task.limits.memory = 65 << 20;
        let (settings, said) = refused(large, &bound).await;
        assert_eq!(settings, [Setting::Memory]);
        assert_eq!(said, "refused by the policy: the memory limit 65MiB is over 64MiB (mine:2)");
        let retry = Retry { times: 1, ..Retry::default() };
        assert_eq!(refused(PoolConfig { retry, ..config() }, &bound).await.0, [Setting::Retries]);
        let mut again = config();
        again.task.isolation = Isolation::Reuse(None);
        assert_eq!(refused(again, &bound).await.0, [Setting::Isolation]);
        let mut granted = config();
        let dir = DirGrant { host: "/tmp".into(), guest: "/".into(), writable: false, row: None };
        granted.task.grants.dirs = vec![dir];
        assert_eq!(refused(granted, &bound).await.0, [Setting::Directory]);
        let none = policy("[allow]\nprograms = []\n");
        assert_eq!(refused(config(), &none).await.0, [Setting::Program]);
        // Of the config, and of the builder.
        let both = PoolConfig { policy: none, ..config() };
        assert_eq!(refused(both, &policy("")).await.0, [Setting::Program]);
        assert!(build("echo", config(), &bound).await.is_ok());
    });
}

#[test]
fn an_input_with_a_longer_deadline_than_the_policy_has_the_policys() {
    let bound = policy("[max]\ntimeout = '300ms'\n");
    block_on(async {
        let pool = build("spin", config(), &bound).await.expect("a pool");
        let own = Input::new("1").timeout(Duration::from_secs(3600));
        let result = pool.submit(own.clone()).await.expect("it is open").await;
        assert_eq!(result.outcome.status(), Status::Timeout);
        let result = pool.map([own]).next().await.expect("it is open").expect("a result");
        assert_eq!(result.outcome.status(), Status::Timeout);
    });
}

#[test]
fn a_pool_ends_when_its_time_is_over() {
    let bound = policy("[max]\ndeadline = '500ms'\n");
    block_on(async {
        let brief = PoolConfig { grace: Duration::from_millis(100), ..config() };
        let pool = build("spin", brief, &bound).await.expect("a pool");
        let result = pool.submit("1").await.expect("it is open").await;
        assert_eq!(result.outcome.status(), Status::Cancelled);
        assert!(matches!(pool.submit("2").await, Err(Error::Ended)));
    });
}

#[test]
fn with_cap_the_observer_hears_of_what_is_cut() {
    let bound = policy("on-excess = 'cap'\n[max]\nmemory = '64MiB'\n");
    let events = Events::default();
    block_on(async {
        let mut large = PoolConfig { observer: events.observer(), ..config() };
        large.task.limits.memory = 1 << 30;
        let pool = build("echo", large, &bound).await.expect("a pool");
        let result = pool.submit("1").await.expect("it is open").await;
        assert_eq!(result.outcome, Outcome::Ok("1".into()));
    });
    let said = format!("{:?}", events.all());
    assert!(said.contains("the memory limit is 64MiB and not 1GiB, by the policy mine:3"), "{said}");
}

#[test]
fn settings_that_are_bound_once_do_not_change_the_second_time() {
    let text = "on-excess = 'cap'\n[max]\nmemory = '64MiB'\ntimeout = '5s'\nworkers = 1\nfuel = 100\n[require]\nisolation = 'reset'\n";
    let mut config = PoolConfig { workers: 1000, policy: policy(text), ..config() };
    config.task.limits.memory = 1 << 30;
    let bounds = config.bind().expect("it is cut");
    assert_eq!(bounds.len(), 5, "{bounds:?}");
    assert_eq!(config.bind().expect("nothing is left to cut"), []);
    assert_eq!((config.workers, config.task.limits.fuel), (1, Some(100)));
}
