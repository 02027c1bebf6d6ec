//! The page around the window: workers, downloads in place of files, and images that the user gives it.

use std::{cell::RefCell, collections::VecDeque, io, rc::Rc};

use digit_pad::{
    Error,
    app::{
        host::{Folder, Host, Link, WorkerKind},
        message::ImageSource,
    },
    teaching::example_file::KeptExamples,
};
use js_sys::{Array, Function, Math, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Blob, BlobPropertyBag, Document, Event, File, HtmlAnchorElement, HtmlElement, HtmlInputElement, Url, Worker, window,
};

use crate::{kept::LocalExamples, link::WorkerLink};

/// The largest image that is read, in bytes.
const MAX_IMAGE: f64 = 100e6;

/// Images that the user has given to the page, by whatever way, and what is called when one has come.
#[derive(Clone)]
pub(crate) struct GivenImages {
    images: Rc<RefCell<VecDeque<Result<ImageSource, Error>>>>,
    wake: Rc<dyn Fn()>,
}

impl GivenImages {
    pub(crate) fn new(wake: Rc<dyn Fn()>) -> Self {
        GivenImages {
            images: Rc::default(),
            wake,
        }
    }

    fn push(&self, image: Result<ImageSource, Error>) {
        self.images.borrow_mut().push_back(image);
        (self.wake)();
    }

    /// Tells that what was given is no file.
    pub(crate) fn push_nothing(&self) {
        self.push(Err(Error::NotAFile));
    }

    /// Reads a file that was chosen, pasted or dropped.
    pub(crate) fn read(&self, file: File) {
        self.read_blob(file.name(), file.into());
    }

    fn read_blob(&self, name: String, blob: Blob) {
        let given = self.clone();
        spawn_local(async move {
            let refused = |reason: &str| Error::InvalidImage {
                path: name.clone().into(),
                reason: reason.to_owned(),
            };
            let image = if blob.size() > MAX_IMAGE {
                Err(refused("the file is larger than 100 MB; choose a smaller one"))
            } else {
                match JsFuture::from(blob.array_buffer()).await {
                    Ok(buffer) => Ok(ImageSource::Bytes(name.clone(), Uint8Array::new(&buffer).to_vec())),
                    Err(_) => Err(refused(
                        "the browser cannot read the file; save it elsewhere and try again",
                    )),
                }
            };
            given.push(image);
        });
    }
}

/// The page that has started this program.
pub(crate) struct PageHost {
    /// Starts a worker.
    start_worker: Function,
    given: GivenImages,
}

impl PageHost {
    pub(crate) fn new(start_worker: Function, given: GivenImages) -> Self {
        PageHost { start_worker, given }
    }
}

fn document() -> Result<Document, Error> {
    window().and_then(|window| window.document()).ok_or_else(no_page)
}

fn no_page() -> Error {
    Error::Worker("the page is closed".to_owned())
}

impl Host for PageHost {
    fn start_worker(&mut self, _: WorkerKind) -> Result<Box<dyn Link>, Error> {
        let started = self.start_worker.call0(&JsValue::NULL);
        let worker: Result<Worker, _> = started.and_then(JsCast::dyn_into);
        let worker = worker.map_err(|_| Error::Thread(io::Error::other("the browser starts no worker")))?;
        Ok(Box::new(WorkerLink::new(worker, Rc::clone(&self.given.wake))))
    }

    fn random(&mut self) -> u64 {
        (Math::random() * (1_u64 << 53) as f64) as u64
    }

    fn choose_image(&mut self) -> Result<(), Error> {
        let input = document()?.create_element("input").map_err(|_| no_page())?;
        let input: HtmlInputElement = input.unchecked_into();
        input.set_type("file");
        input.set_accept("image/*");
        let given = self.given.clone();
        let on_change = Closure::<dyn FnMut(Event)>::once_into_js(move |event: Event| {
            let input = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            let file = input.and_then(|input| input.files()?.get(0));
            file.into_iter().for_each(|file| given.read(file));
        });
        input.set_onchange(Some(on_change.unchecked_ref()));
        input.click();
        Ok(())
    }

    /// From the menu; the keys for it are an event of the page.
    fn paste_image(&mut self) -> Result<(), Error> {
        let given = self.given.clone();
        spawn_local(async move {
            match clipboard_image().await {
                Ok(Some(blob)) => given.read_blob("clipboard".to_owned(), blob),
                Ok(None) => given.push(Err(nothing_to_paste("the clipboard has no image"))),
                Err(_) => given.push(Err(nothing_to_paste(
                    "the browser does not give it to a button; press Ctrl V",
                ))),
            }
        });
        Ok(())
    }

    fn poll_image(&mut self) -> Option<Result<ImageSource, Error>> {
        self.given.images.borrow_mut().pop_front()
    }

    /// An image wakes the page when it comes.
    fn awaits_image(&self) -> bool {
        false
    }

    /// Downloads the first file: a browser asks before a page saves several.
    fn save(&mut self, _: Folder, stem: &str, files: &[(&str, Vec<u8>)]) -> Result<String, Error> {
        let Some((extension, content)) = files.first() else {
            return Err(no_page());
        };
        let name = format!("{stem}.{extension}");
        let downloaded = download(&name, content);
        downloaded.map_err(|_| Error::Write {
            path: name.clone().into(),
            cause: io::Error::other("the browser refuses the download"),
        })?;
        Ok(format!("{name} to your downloads"))
    }

    fn examples(&self) -> Option<Box<dyn KeptExamples>> {
        Some(Box::new(LocalExamples))
    }
}

fn nothing_to_paste(reason: &str) -> Error {
    Error::Clipboard {
        reason: reason.to_owned(),
    }
}

/// The first image in the clipboard, which the browser may ask the user for.
async fn clipboard_image() -> Result<Option<Blob>, JsValue> {
    let navigator = window().ok_or("no page")?.navigator();
    let clipboard = Reflect::get(&navigator, &"clipboard".into())?;
    let read: Function = Reflect::get(&clipboard, &"read".into())?.dyn_into()?;
    let items: Array = JsFuture::from(js_sys::Promise::resolve(&read.call0(&clipboard)?))
        .await?
        .dyn_into()?;
    for item in items.iter() {
        let types: Array = Reflect::get(&item, &"types".into())?.dyn_into()?;
        let Some(kind) = types
            .iter()
            .find(|kind| kind.as_string().is_some_and(|kind| kind.starts_with("image/")))
        else {
            continue;
        };
        let get: Function = Reflect::get(&item, &"getType".into())?.dyn_into()?;
        let blob = JsFuture::from(js_sys::Promise::resolve(&get.call1(&item, &kind)?)).await?;
        return blob.dyn_into().map(Some);
    }
    Ok(None)
}

fn download(name: &str, content: &[u8]) -> Result<(), JsValue> {
    let parts = Array::of1(&Uint8Array::from(content));
    let options = BlobPropertyBag::new();
    options.set_type("application/octet-stream");
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &options)?;
    let address = Url::create_object_url_with_blob(&blob)?;
    let document = document().map_err(|error| error.to_string())?;
    let link: HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
    link.set_href(&address);
    link.set_download(name);
    link.unchecked_ref::<HtmlElement>().click();
    // The download has begun, and keeps the content.
    Url::revoke_object_url(&address)
}

impl std::fmt::Debug for PageHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageHost").finish_non_exhaustive()
    }
}
