//! Files of the page's host: fetched in parts, checked by their hash, kept on this machine.
//!
//! Invariant: bytes are handed on only if they have the hash that was asked for; what came before a
//! loading stopped is given back, so that the next one goes on from there.

use crate::thrown::message_of;
use crate::weights::Sha256;
use crate::weights::manifest::FileFacts;
use futures_lite::future;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Cache, Headers, ReadableStreamDefaultReader, RequestInit, Response,
    WorkerGlobalScope,
};

/// The name of the browser's cache that files are kept in.
const CACHE: &str = "basin-files";

/// Longest wait for a small file: everything else waits with it.
const DEADLINE_MS: u32 = 30_000;

/// What a fetch ended with.
pub enum Fetched {
    /// All of the file, with the right hash.
    Whole(Vec<u8>),
    /// It was stopped, or failed for the reason given; `bytes` are its beginning.
    Part {
        bytes: Vec<u8>,
        reason: Option<String>,
    },
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Fetches a file under `base`, going on behind `part`. `tell` is given the bytes that have come.
pub async fn fetch(
    base: &str,
    file: &FileFacts,
    part: Vec<u8>,
    signal: &AbortSignal,
    tell: impl Fn(u64),
) -> Fetched {
    let mut bytes = part;
    match stream(base, file, &mut bytes, signal, tell).await {
        Ok(()) => {}
        Err(_) if signal.aborted() => {
            return Fetched::Part {
                bytes,
                reason: None,
            };
        }
        Err(error) => {
            let reason = Some(message_of(&error));
            return Fetched::Part { bytes, reason };
        }
    }
    let failed = |reason: String| Fetched::Part {
        bytes: Vec::new(),
        reason: Some(reason),
    };
    if bytes.len() as u64 != file.bytes {
        let (came, right) = (bytes.len(), file.bytes);
        return failed(format!("the file has {came} bytes instead of {right}"));
    }
    match hash_of(&bytes) == file.sha256 {
        true => Fetched::Whole(bytes),
        false => failed("the file does not have the hash that it should; it was damaged on the way or on the host".into()),
    }
}

fn hash_of(bytes: &[u8]) -> String {
    let mut hash = Sha256::default();
    hash.update(bytes);
    hash.finish()
}

async fn stream(
    base: &str,
    file: &FileFacts,
    bytes: &mut Vec<u8>,
    signal: &AbortSignal,
    tell: impl Fn(u64),
) -> Result<(), JsValue> {
    if bytes.len() as u64 >= file.bytes {
        bytes.clear();
    }
    let init = RequestInit::new();
    init.set_signal(Some(signal));
    if !bytes.is_empty() {
        let headers = Headers::new()?;
        headers.set("Range", &format!("bytes={}-", bytes.len()))?;
        init.set_headers_headers(&headers);
    }
    let url = format!("{base}{}", file.address());
    let response: Response = JsFuture::from(scope().fetch_with_str_and_init(&url, &init))
        .await?
        .unchecked_into();
    match response.status() {
        206 => {}
        200 => bytes.clear(),
        status => return Err(format!("the host answered {status} for {}", file.path).into()),
    }
    let body = response.body().ok_or("the host sent nothing")?;
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    loop {
        let part = JsFuture::from(reader.read()).await?;
        if Reflect::get(&part, &"done".into())?.is_truthy() {
            return Ok(());
        }
        let part: Uint8Array = Reflect::get(&part, &"value".into())?.unchecked_into();
        let before = bytes.len();
        bytes.resize(before + part.length() as usize, 0);
        part.copy_to(&mut bytes[before..]);
        tell(bytes.len() as u64);
        if bytes.len() as u64 > file.bytes {
            // Not the file of the manifest: no need for the rest of it, nor to wait until it ends.
            let _ = reader.cancel();
            return Ok(());
        }
    }
}

/// A small text of the page's own host.
///
/// # Errors
/// What the browser or the host said.
pub async fn text(base: &str, path: &str) -> Result<String, String> {
    let get = async {
        let url = format!("{base}{path}");
        let response: Response = JsFuture::from(scope().fetch_with_str(&url))
            .await?
            .unchecked_into();
        if !response.ok() {
            return Err(format!("the host answered {} for {path}", response.status()).into());
        }
        JsFuture::from(response.text()?).await
    };
    let deadline = async {
        TimeoutFuture::new(DEADLINE_MS).await;
        Err("the host does not answer".into())
    };
    let text: Result<JsValue, JsValue> = future::or(get, deadline).await;
    text.map_err(|error| message_of(&error))
        .map(|text| text.as_string().unwrap_or_default())
}

/// The bytes of a URL of the page's own, such as of a dropped file.
///
/// # Errors
/// What the browser said.
pub async fn blob(url: &str) -> Result<web_sys::Blob, String> {
    let get = async {
        let response: Response = JsFuture::from(scope().fetch_with_str(url))
            .await?
            .unchecked_into();
        JsFuture::from(response.blob()?).await
    };
    let blob: Result<JsValue, JsValue> = get.await;
    blob.map(JsCast::unchecked_into)
        .map_err(|error| message_of(&error))
}

async fn cache() -> Result<Cache, JsValue> {
    // Missing where the page is no secure context.
    let has = Reflect::has(&js_sys::global(), &"caches".into())?;
    if !has {
        return Err(
            "this page was not loaded over https, so the browser keeps nothing for it".into(),
        );
    }
    let opened = JsFuture::from(scope().caches()?.open(CACHE)).await?;
    Ok(opened.unchecked_into())
}

fn key(base: &str, name: &str) -> String {
    format!("{base}kept/{name}")
}

/// Keeps bytes under a name.
///
/// # Errors
/// Why the browser does not, in words: most often for want of room.
pub async fn keep(base: &str, name: &str, bytes: &[u8]) -> Result<(), String> {
    let put = async {
        let body = Uint8Array::from(bytes);
        let response = Response::new_with_opt_buffer_source(Some(&body))?;
        let cache = cache().await?;
        JsFuture::from(cache.put_with_str(&key(base, name), &response)).await
    };
    let done: Result<JsValue, JsValue> = put.await;
    done.map(drop).map_err(|error| {
        let name = Reflect::get(&error, &"name".into())
            .ok()
            .and_then(|name| name.as_string());
        match name.as_deref() {
            Some("QuotaExceededError") => format!(
                "there is no room for its {:.1} MB; delete kept models or other sites' data in the browser's settings",
                bytes.len() as f64 / 1e6
            ),
            _ => message_of(&error),
        }
    })
}

/// What [`keep`] kept, if it is there.
pub async fn kept(base: &str, name: &str) -> Option<Vec<u8>> {
    let cache = cache().await.ok()?;
    let found = JsFuture::from(cache.match_with_str(&key(base, name)))
        .await
        .ok()?;
    let response: Response = found.dyn_into().ok()?;
    let buffer = JsFuture::from(response.array_buffer().ok()?).await.ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}

/// Deletes what is kept under a name.
pub async fn forget(base: &str, name: &str) {
    if let Ok(cache) = cache().await {
        // Nothing to delete is as good as deleted.
        let _ = JsFuture::from(cache.delete_with_str(&key(base, name))).await;
    }
}

/// The names of files kept under this base.
pub async fn names(base: &str) -> Vec<String> {
    let Ok(cache) = cache().await else {
        return Vec::new();
    };
    let Ok(keys) = JsFuture::from(cache.keys()).await else {
        return Vec::new();
    };
    let prefix = key(base, "");
    let url = |request: JsValue| Reflect::get(&request, &"url".into()).ok()?.as_string();
    let urls = keys.unchecked_into::<Array>();
    urls.iter()
        .filter_map(url)
        .filter_map(|url| Some(url.strip_prefix(&prefix)?.to_owned()))
        .collect()
}
