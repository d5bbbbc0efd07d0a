//! Virtual time, and everything that waits for it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use chrono::{DateTime, Duration, Utc};

/// One that waits.
#[derive(Default)]
struct Wait {
    is_over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// The present, and who is to be woken when.
pub struct Timeline {
    now: Cell<DateTime<Utc>>,
    waits: RefCell<Vec<(DateTime<Utc>, Rc<Wait>)>>,
}

/// Ends when its time has come.
pub struct Pause(Rc<Wait>);

impl Future for Pause {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.is_over.get() {
            return Poll::Ready(());
        }
        *self.0.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Timeline {
    pub fn at(start: DateTime<Utc>) -> Self {
        Self { now: Cell::new(start), waits: RefCell::default() }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.now.get()
    }

    /// Waits for a while.
    pub fn pause(&self, length: Duration) -> Pause {
        let wait = Rc::new(Wait::default());
        self.waits.borrow_mut().push((self.now() + length, Rc::clone(&wait)));
        Pause(wait)
    }

    /// When the next one that waits has waited long enough.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.waits.borrow().iter().map(|(at, _)| *at).min()
    }

    /// Time passes, never backwards; who waited until then is woken.
    pub fn advance(&self, now: DateTime<Utc>) {
        self.now.set(now.max(self.now()));
        let mut waits = self.waits.borrow_mut();
        for (_, wait) in waits.extract_if(.., |(at, _)| *at <= now) {
            wait.is_over.set(true);
            if let Some(waker) = wait.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    /// Nobody waits any more.
    pub fn forget(&self) {
        self.waits.borrow_mut().clear();
    }
}
