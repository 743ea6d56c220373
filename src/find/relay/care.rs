//! What is done for the hub beside asking it: trying it after a rest, taking orders, looking at TLS.

use std::sync::PoisonError;

use tokio::time::{Instant, sleep_until};

use super::{Asked, Class, Relay, SERVICE};
use crate::find::breaker::Epoch;
use crate::find::control::{Control, Order, OrderError};
use crate::find::guard::Opened;
use crate::find::status::LinkStatus;
use crate::find::{care, control};

impl Relay {
    /// The operator's order in force.
    pub(super) fn order(&self) -> Option<Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// If the breaker opened, has the hub tried after the rest, and again after each, until it answers.
    pub(super) fn opened(&self, opened: Option<Opened>) {
        let Some(Opened(epoch)) = opened else { return };
        tracing::warn!(service = SERVICE, "The hub rests after failures.");
        metrics::counter!("postern_find_breaker_openings_total", "service" => SERVICE).increment(1);
        self.tell_breaker();
        let me = self.me.clone();
        tokio::spawn(async move {
            while let Some(rest) = me.upgrade().and_then(|relay| relay.guard.probe_at(epoch)) {
                sleep_until(rest).await;
                let Some(relay) = me.upgrade() else { return };
                relay.try_after_rest(epoch).await;
            }
        });
    }

    /// Asks the hub whether it serves this edge: no traveller's question is the trial.
    async fn try_after_rest(&self, epoch: Epoch) {
        let deadline = Instant::now() + self.settings.probe_timeout();
        let asked = Asked { environment: self.settings.environment, question: None };
        let body = serde_json::to_vec(&asked).unwrap_or_default();
        if let Some(pass) = self.guard.probe(epoch, deadline).await {
            let (told, _) = self.send(pass, body, Class::Lane, deadline).await;
            self.count(&told);
        }
        self.tell_breaker();
    }

    /// Whether an order can be followed. It is recorded first, then followed.
    ///
    /// # Errors
    /// It is of another service, or the reason says nothing.
    pub fn check_order(&self, order: &Order) -> Result<(), OrderError> {
        order.check_reason()?;
        if order.service == SERVICE { Ok(()) } else { Err(OrderError::UnknownService) }
    }

    /// Follows an operator's order, which the journal holds.
    ///
    /// # Errors
    /// It is of another service.
    pub fn follow(&self, order: Order) -> Result<(), OrderError> {
        if order.service != SERVICE {
            return Err(OrderError::UnknownService);
        }
        let (control, uid) = (order.control, order.uid);
        let standing = (control != Control::Auto).then_some(order);
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = standing;
        let opened = self.guard.control(control);
        control::tell(SERVICE, control, uid);
        self.opened(opened);
        self.tell_breaker();
        Ok(())
    }

    pub(super) fn tell_breaker(&self) {
        let control = self.order().map_or(Control::Auto, |order| order.control);
        metrics::gauge!("postern_find_breaker_state", "service" => SERVICE).set(self.guard.state().gauge());
        metrics::gauge!("postern_find_breaker_control", "service" => SERVICE).set(control.gauge());
    }

    /// Looks at the files of TLS, closes connections that grew old, and hands the figures to the metrics. It reads
    /// files: it is not for a task that others wait for.
    pub fn look_after(&self) {
        care::tell_looked(&self.poster.link.look_after(self.clock.now()));
        self.tell_breaker();
        self.warned.tell(&self.link_status());
    }

    /// The state of the link, for the console.
    pub fn link_status(&self) -> LinkStatus {
        care::link_status(self.poster.link.tls(), self.clock.now())
    }
}
