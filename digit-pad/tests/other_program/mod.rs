//! Another program on an X11 display: it owns the clipboard, and drags files over the window.

use std::time::{Duration, Instant};

use x11rb::{
    connection::Connection,
    protocol::{
        Event,
        xproto::{
            Atom, AtomEnum, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode,
            SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the display with a window, and the data that it offers.
pub(crate) struct OtherProgram {
    connection: RustConnection,
    window: Window,
    /// Pairs of a type and the data in it.
    offers: Vec<(Atom, Vec<u8>)>,
}

impl OtherProgram {
    pub(crate) fn connect(display: &str) -> Self {
        let (connection, screen) = x11rb::connect(Some(display)).expect("a display");
        let root = connection.setup().roots[screen].root;
        let window = connection.generate_id().expect("an id");
        let attributes = CreateWindowAux::new();
        connection
            .create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &attributes)
            .expect("a window");
        OtherProgram {
            connection,
            window,
            offers: Vec::new(),
        }
    }

    fn atom(&self, name: &str) -> Atom {
        let cookie = self.connection.intern_atom(false, name.as_bytes());
        cookie.expect("a request").reply().expect("an atom").atom
    }

    /// Owns a selection, and offers data in these types.
    pub(crate) fn offer(&mut self, selection: &str, offers: &[(&str, &[u8])]) {
        self.offers = offers
            .iter()
            .map(|&(kind, data)| (self.atom(kind), data.to_vec()))
            .collect();
        let selection = self.atom(selection);
        let owned = self
            .connection
            .set_selection_owner(self.window, selection, x11rb::CURRENT_TIME);
        owned.expect("a request").check().expect("the selection is owned");
    }

    /// Answers requests until one other event is what is waited for, or until the time is over.
    pub(crate) fn serve_until(&self, is_last: impl Fn(&Event) -> bool, time: Duration) -> Option<Event> {
        let start = Instant::now();
        while start.elapsed() < time {
            match self.connection.poll_for_event().expect("a connection") {
                Some(Event::SelectionRequest(request)) => self.answer(&request),
                Some(event) if is_last(&event) => return Some(event),
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        None
    }

    fn answer(&self, request: &SelectionRequestEvent) {
        let (requestor, property) = (request.requestor, request.property);
        let offer = self.offers.iter().find(|(kind, _)| *kind == request.target);
        let replace = PropMode::REPLACE;
        if request.target == self.atom("TARGETS") {
            let kinds: Vec<Atom> = self.offers.iter().map(|&(kind, _)| kind).collect();
            let written = self
                .connection
                .change_property32(replace, requestor, property, AtomEnum::ATOM, &kinds);
            written.expect("a request");
        } else if let Some((kind, data)) = offer {
            let written = self
                .connection
                .change_property8(replace, requestor, property, *kind, data);
            written.expect("a request");
        }
        let is_known = offer.is_some() || request.target == self.atom("TARGETS");
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor,
            selection: request.selection,
            target: request.target,
            property: if is_known { property } else { x11rb::NONE },
        };
        let sent = self
            .connection
            .send_event(false, requestor, EventMask::NO_EVENT, answer);
        sent.expect("a request");
        self.connection.flush().expect("a connection");
    }

    /// Drags a list of files over a window and drops it, as a file manager does; returns whether the window took it.
    pub(crate) fn drop_on(&mut self, target: Window, list: &[u8]) -> bool {
        self.offer("XdndSelection", &[("text/uri-list", list)]);
        let proxy = self.window_property(target, "XdndProxy").expect("a proxy");
        assert_eq!(
            self.window_property(proxy, "XdndProxy"),
            Some(proxy),
            "the proxy names itself"
        );
        for announced in [target, proxy] {
            assert!(self.window_property(announced, "XdndAware") >= Some(3));
        }
        let (list, copy) = (self.atom("text/uri-list"), self.atom("XdndActionCopy"));
        self.send(proxy, target, "XdndEnter", [5 << 24, list, 0, 0]);
        self.send(proxy, target, "XdndPosition", [0, 100 << 16 | 100, 0, copy]);
        let status = self.wait_for_message("XdndStatus");
        assert_eq!(status[0], target);
        if status[1] & 1 == 0 {
            self.send(proxy, target, "XdndLeave", [0; 4]);
            return false;
        }
        self.send(proxy, target, "XdndDrop", [0; 4]);
        self.wait_for_message("XdndFinished")[1] & 1 == 1
    }

    fn window_property(&self, window: Window, name: &str) -> Option<u32> {
        let name = self.atom(name);
        let reply = self.connection.get_property(false, window, name, AtomEnum::ANY, 0, 1);
        reply.ok()?.reply().ok()?.value32()?.next()
    }

    fn send(&self, to: Window, target: Window, kind: &str, [a, b, c, d]: [u32; 4]) {
        let message = ClientMessageEvent::new(32, target, self.atom(kind), [self.window, a, b, c, d]);
        let sent = self.connection.send_event(false, to, EventMask::NO_EVENT, message);
        sent.expect("a request");
        self.connection.flush().expect("a connection");
    }

    fn wait_for_message(&self, kind: &str) -> [u32; 5] {
        let kind_atom = self.atom(kind);
        let is_it = |event: &Event| matches!(event, Event::ClientMessage(message) if message.type_ == kind_atom);
        match self.serve_until(is_it, PATIENCE) {
            Some(Event::ClientMessage(message)) => message.data.as_data32(),
            _ => panic!("no {kind} comes"),
        }
    }
}
