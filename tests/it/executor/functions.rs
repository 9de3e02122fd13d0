//! Several functions in one pool.

use serde_json::json;

use super::*;

#[test]
fn one_pool_calls_several_functions() {
    block_on(async {
        let program = Program::read(guest("typed")).unwrap();
        let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
        let pool = Pool::builder(program).worker(worker).workers(2).json_rows().call("shapes.area").build();
        let pool = pool.await.unwrap();
        let area = pool.submit_to("shapes.area", Input::json(&json!({"circle": 0.0}))).await.unwrap();
        let points = (json!({"x": 0, "y": 0}), json!({"x": 2, "y": 4}), ());
        let middle = pool.submit_to("between", Input::json(&points)).await.unwrap();
        let entry = pool.submit(r#""empty""#).await.unwrap();
        assert_eq!(area.await.outcome, Outcome::Ok("0.0".into()));
        let middle: serde_json::Value = serde_json::from_slice(middle.await.outcome.output().unwrap()).unwrap();
        assert_eq!(middle, json!({"x": 1.0, "y": 2.0}));
        assert_eq!(entry.await.outcome.status(), Status::Ok);

        assert!(pool.check_function("between").is_ok());
        let unknown = pool.check_function("no-such").unwrap_err();
        let error = pool.submit_to("no-such", "1").await.unwrap_err();
        assert_eq!(unknown.to_string(), error.to_string());
        assert!(
            matches!(&error, Error::ProgramRefused { refusal, .. } if refusal.code.as_str() == "no-function"),
            "{error}"
        );
        let misfit = pool.submit_to("between", "1").await.unwrap().await;
        assert_eq!(misfit.outcome.status(), Status::InvalidInput);

        let rows = std::iter::zip([0.0, 1.0], [3.0, 5.0]).map(|(a, b)| Input::json(&(point(a), point(b), Some(0.5))));
        let mut middles = pool.map_to("between", rows).unwrap();
        for expected in ["1.5", "3.0"] {
            let result = middles.next().await.unwrap().unwrap();
            let text = String::from_utf8(result.outcome.output().unwrap().to_vec()).unwrap();
            assert!(text.contains(expected), "{text}");
        }
    });
}

#[test]
fn a_function_of_values_cannot_be_called_with_text() {
    block_on(async {
        let program = Program::read(guest("typed")).unwrap();
        let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
        let pool = Pool::builder(program).worker(worker).call("echo.text").build().await.unwrap();
        let error = pool.submit_to("shapes.area", "1").await.unwrap_err();
        assert!(matches!(&error, Error::Setting(why) if why.to_string().contains("not text")), "{error}");
    });
}

fn point(at: f64) -> serde_json::Value {
    json!({"x": at, "y": at})
}
