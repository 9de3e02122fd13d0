//! `wasi:keyvalue@0.2.0-draft2`.

use super::SharedState;
use super::exports::example::shared_state::second::Guest;
use super::wasi::keyvalue0_2_0_draft2::{atomics, batch, store};
use atomics::{Cas, CasError};
use store::{Bucket, Error};

pub fn words(error: Error) -> String {
    match error {
        Error::NoSuchStore => "no such store".into(),
        Error::AccessDenied => "access denied".into(),
        Error::Other(why) => why,
    }
}

fn bucket() -> Result<Bucket, String> {
    store::open("").map_err(words)
}

fn text(value: Vec<u8>) -> String {
    String::from_utf8_lossy(&value).into_owned()
}

impl Guest for SharedState {
    fn open(name: String) -> Result<(), String> {
        store::open(&name).map(drop).map_err(words)
    }

    fn get(key: String) -> Result<Option<String>, String> {
        Ok(bucket()?.get(&key).map_err(words)?.map(text))
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

    fn increment(key: String, delta: i64) -> Result<i64, String> {
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
            let page = bucket.list_keys(cursor.as_deref()).map_err(words)?;
            all.extend(page.keys);
            pages += 1;
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok((all, pages));
            }
        }
    }

    fn late(key: String) -> Result<(Option<String>, Option<String>), String> {
        let bucket = bucket()?;
        let handle = Cas::new(&bucket, &key).map_err(words)?;
        let before = handle.current().map_err(words)?.map(text);
        bucket.set(&key, b"somebody else's").map_err(words)?;
        match atomics::swap(handle, b"lost") {
            Err(CasError::CasFailed(anew)) => {
                let found = anew.current().map_err(words)?.map(text);
                match atomics::swap(anew, b"won") {
                    Ok(()) => Ok((before, found)),
                    Err(_) => Err("the second swap failed".into()),
                }
            }
            Err(CasError::StoreError(error)) => Err(words(error)),
            Ok(()) => Err("a late swap went through".into()),
        }
    }

    fn watch(key: String, times: u32) -> Result<(), String> {
        let bucket = bucket()?;
        bucket.set(&key, &vec![b'x'; 1 << 20]).map_err(words)?;
        let mut handles = Vec::new();
        for _ in 0..times {
            handles.push(Cas::new(&bucket, &key).map_err(words)?);
        }
        Ok(())
    }
}
