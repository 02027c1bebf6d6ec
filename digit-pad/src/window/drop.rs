//! Files dropped on the window, by XDND, the protocol of X11 for dragging.
//!
//! Messages of the protocol go to the client that made the window, which is minifb and drops them. The window therefore
//! names another as its proxy, which this connection made.

use std::path::PathBuf;

use x11rb::{
    CURRENT_TIME, NONE, atom_manager,
    connection::Connection,
    protocol::{
        Event as XEvent,
        xproto::{
            Atom, AtomEnum, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode, Window,
            WindowClass,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

use crate::{error::Error, storage::file_uri};

/// The version of XDND.
const VERSION: u32 = 5;

/// Longest list of dropped files that is read, in units of four bytes.
const MAX_LIST: u32 = 1 << 16;

/// Most types of data that are looked through.
const MAX_TYPES: u32 = 1 << 10;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

atom_manager! {
    /// Names of the protocol.
    Atoms: AtomsCookie {
        XdndAware,
        XdndProxy,
        XdndEnter,
        XdndPosition,
        XdndStatus,
        XdndLeave,
        XdndDrop,
        XdndFinished,
        XdndSelection,
        XdndTypeList,
        XdndActionCopy,
        uri_list: b"text/uri-list",
        received: b"DIGIT_PAD_DROPPED",
    }
}

/// The window as a place to drop files.
#[derive(Debug)]
pub(super) struct DropTarget {
    window: Window,
    proxy: Window,
    atoms: Atoms,
    /// The window that drags something over this one, and whether it has a list of files.
    source: Option<(Window, bool)>,
}

impl DropTarget {
    /// Announces that files can be dropped on another client's window.
    pub(super) fn new(connection: &RustConnection, window: Window) -> Fallible<Self> {
        let atoms = Atoms::new(connection)?.reply()?;
        let root = connection.query_tree(window)?.reply()?.root;
        let proxy = connection.generate_id()?;
        let attributes = CreateWindowAux::new();
        connection.create_window(0, proxy, root, -1, -1, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &attributes)?;
        for announced in [window, proxy] {
            let (replace, kind) = (PropMode::REPLACE, AtomEnum::WINDOW);
            connection.change_property32(replace, announced, atoms.XdndProxy, kind, &[proxy])?;
            connection.change_property32(replace, announced, atoms.XdndAware, AtomEnum::ATOM, &[VERSION])?;
        }
        connection.flush()?;
        Ok(DropTarget {
            window,
            proxy,
            atoms,
            source: None,
        })
    }

    /// Answers an event of the protocol, and returns the file once it is known.
    pub(super) fn handle(&mut self, connection: &RustConnection, event: &XEvent) -> Option<Result<PathBuf, Error>> {
        let handled = match event {
            XEvent::ClientMessage(message) if message.format == 32 => self.handle_message(connection, message),
            XEvent::SelectionNotify(e) if e.requestor == self.proxy => self.finish(connection, e.property),
            _ => return None,
        };
        // If the source is gone, nothing was dropped.
        handled.ok().flatten()
    }

    fn handle_message(
        &mut self,
        connection: &RustConnection,
        message: &ClientMessageEvent,
    ) -> Fallible<Option<Result<PathBuf, Error>>> {
        let (atoms, data) = (self.atoms, message.data.as_data32());
        if message.type_ == atoms.XdndEnter {
            let types = if data[1] & 1 == 0 {
                data[2..].to_vec()
            } else {
                property(connection, data[0], atoms.XdndTypeList, MAX_TYPES)?
            };
            self.source = Some((data[0], types.contains(&atoms.uri_list)));
        } else if message.type_ == atoms.XdndPosition {
            let accepts = u32::from(self.has_files(data[0]));
            let answer = [self.window, accepts, 0, 0, accepts * atoms.XdndActionCopy];
            send(connection, data[0], atoms.XdndStatus, answer)?;
        } else if message.type_ == atoms.XdndLeave {
            self.source = None;
        } else if message.type_ == atoms.XdndDrop {
            if !self.has_files(data[0]) {
                return self.finish(connection, NONE);
            }
            let time = if data[2] == 0 { CURRENT_TIME } else { data[2] };
            connection.convert_selection(self.proxy, atoms.XdndSelection, atoms.uri_list, atoms.received, time)?;
            connection.flush()?;
        }
        Ok(None)
    }

    fn has_files(&self, source: Window) -> bool {
        self.source == Some((source, true))
    }

    /// Takes the list of files from a property, and tells the source that all is done.
    fn finish(&mut self, connection: &RustConnection, from: Atom) -> Fallible<Option<Result<PathBuf, Error>>> {
        let Some((source, _)) = self.source.take() else {
            return Ok(None);
        };
        let mut list = Vec::new();
        if from != NONE {
            let property = connection.get_property(true, self.proxy, from, AtomEnum::ANY, 0, MAX_LIST);
            list = property?.reply()?.value;
        }
        let file = file_uri::first_path(&list);
        let accepted = u32::from(file.is_some());
        let answer = [self.window, accepted, accepted * self.atoms.XdndActionCopy, 0, 0];
        // The file is known, even if the source has gone.
        let _ = send(connection, source, self.atoms.XdndFinished, answer);
        Ok(Some(file.ok_or(Error::NotAFile)))
    }
}

fn send(connection: &RustConnection, to: Window, type_: Atom, data: [u32; 5]) -> Fallible<()> {
    let message = ClientMessageEvent::new(32, to, type_, data);
    connection.send_event(false, to, EventMask::NO_EVENT, message)?;
    connection.flush()?;
    Ok(())
}

/// The numbers of a property of a window.
fn property(connection: &RustConnection, window: Window, name: Atom, most: u32) -> Fallible<Vec<u32>> {
    let reply = connection
        .get_property(false, window, name, AtomEnum::ANY, 0, most)?
        .reply()?;
    Ok(reply.value32().into_iter().flatten().collect())
}
