//! `wasi:keyvalue@0.2.0-draft`.

use super::SharedState;
use super::exports::example::shared_state::first::Guest;
use super::wasi::keyvalue0_2_0_draft::{atomics, batch, store};
use store::{Bucket, Error};

fn words(error: Error) -> String {
    match error {
        Error::NoSuchStore => "no such store".into(),
        Error::AccessDenied => "access denied".into(),
        Error::Other(why) => why,
    }
}

fn bucket() -> Result<Bucket, String> {
    store::open("").map_err(words)
}

impl Guest for SharedState {
    fn open(name: String) -> Result<(), String> {
        store::open(&name).map(drop).map_err(words)
    }

    fn get(key: String) -> Result<Option<String>, String> {
        let value = bucket()?.get(&key).map_err(words)?;
        Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    fn set(key: String, value: String) -> Result<(), String> {
        bucket()?.set(&key, value.as_bytes()).map_err(words)
    }

    fn delete(key: String) -> Result<(), String> {
        bucket()?.delete(&key).map_err(words)
    }

    fn exists(key: String) -> Result<bool, String> {
        bucket()?.exists(&key).map_err(words)
    }

    fn increment(key: String, delta: u64) -> Result<u64, String> {
        atomics::increment(&bucket()?, &key, delta).map_err(words)
    }

    fn fill(key: String, bytes: u32) -> Result<(), String> {
        bucket()?.set(&key, &vec![0xff; bytes as usize]).map_err(words)
    }

    fn batch(keys: u32) -> Result<u32, String> {
        let bucket = bucket()?;
        let pairs: Vec<_> = (0..keys).map(|n| (format!("batch-{n:05}"), n.to_string().into_bytes())).collect();
        batch::set_many(&bucket, &pairs).map_err(words)?;
        let mut keys: Vec<_> = pairs.iter().map(|(key, _)| key.clone()).collect();
        keys.push("not there".into());
        let got = batch::get_many(&bucket, &keys).map_err(words)?;
        batch::delete_many(&bucket, &keys[1..]).map_err(words)?;
        let same = got.iter().zip(&pairs).filter(|(got, set)| got.as_ref() == Some(set)).count();
        if got.len() != keys.len() || got.last() != Some(&None) {
            return Err(format!("{} pairs for {} keys", got.len(), keys.len()));
        }
        Ok(same as u32)
    }

    fn list() -> Result<(Vec<String>, u32), String> {
        let bucket = bucket()?;
        let (mut all, mut pages, mut cursor) = (Vec::new(), 0, None);
        loop {
            let page = bucket.list_keys(cursor).map_err(words)?;
            all.extend(page.keys);
            pages += 1;
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok((all, pages));
            }
        }
    }

    fn after(cursor: u64) -> Result<Vec<String>, String> {
        Ok(bucket()?.list_keys(Some(cursor)).map_err(words)?.keys)
    }
}
