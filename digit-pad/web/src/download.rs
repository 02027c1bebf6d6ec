//! Files beside the page, fetched with progress.

use digit_pad::{Error, app::mnist_parts::Part};
use js_sys::{Reflect, Uint8Array};
use mnist_io::{Dataset, Idx};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DedicatedWorkerGlobalScope, ReadableStreamDefaultReader, Response};

/// Fetches the images and the labels of a part of MNIST; `progress` is told what is there of the images, in words.
///
/// # Errors
/// [`Error::Worker`] if a file cannot be fetched, and the errors of reading it.
pub(crate) async fn part(part: Part, mut progress: impl FnMut(String)) -> Result<Dataset, Error> {
    let (name, stem) = match part {
        Part::Train => ("training images", "train"),
        Part::Test => ("test digits", "t10k"),
        Part::Replay => ("images to replay", "replay"),
    };
    let mut shown = 0.0;
    let address = format!("mnist/{stem}-images-idx3-ubyte.gz");
    let images = file(&address, |bytes, total| {
        let megabytes = |bytes: f64| bytes / 1e6;
        if megabytes(bytes) >= shown + 0.5 {
            shown = megabytes(bytes);
            let total = total.map_or(String::new(), |total| format!(" of {:.1}", megabytes(total)));
            progress(format!("Downloading {name}: {shown:.1}{total} MB"));
        }
    });
    let images = images.await?;
    let labels = file(&format!("mnist/{stem}-labels-idx1-ubyte.gz"), |_, _| ()).await?;
    Ok(Dataset::from_idx(Idx::from_bytes(&images)?, Idx::from_bytes(&labels)?)?)
}

/// Fetches a file; its address is relative to the worker's script. `progress` is told how many bytes are there, and how many
/// there will be if that is known.
async fn file(address: &str, progress: impl FnMut(f64, Option<f64>)) -> Result<Vec<u8>, Error> {
    let fetched = fetched(address, progress).await;
    fetched.map_err(|error| {
        let cause = error.as_string().or_else(|| {
            let message = Reflect::get(&error, &"message".into()).ok()?;
            message.as_string()
        });
        let cause = cause.unwrap_or_else(|| "the network failed".to_owned());
        Error::Worker(format!(
            "cannot fetch {address}: {cause}; check the connection and try again"
        ))
    })
}

async fn fetched(address: &str, mut progress: impl FnMut(f64, Option<f64>)) -> Result<Vec<u8>, JsValue> {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let response: Response = JsFuture::from(scope.fetch_with_str(address)).await?.dyn_into()?;
    if !response.ok() {
        return Err(format!("the server answers {}", response.status()).into());
    }
    let total = response.headers().get("content-length")?;
    let total = total.and_then(|total| total.parse().ok());
    let body = response.body().ok_or("the answer is empty")?;
    let reader: ReadableStreamDefaultReader = body.get_reader().dyn_into()?;
    let mut bytes = Vec::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await?;
        if Reflect::get(&chunk, &"done".into())?.is_truthy() {
            return Ok(bytes);
        }
        bytes.extend(Uint8Array::new(&Reflect::get(&chunk, &"value".into())?).to_vec());
        progress(bytes.len() as f64, total);
    }
}
