//! What is done for the services beside asking them: trying them after a rest, taking orders, looking at TLS.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use postern_sdk::{Context, Personal};
use tokio::time::{Instant, sleep_until};

use super::control::{self, Control, Order, OrderError};
use super::guard::Opened;
use super::status::{CertificateStatus, LinkStatus};
use super::{Connection, Find};
use crate::tls::{Expiring, Looked, WatchedClient};

/// Days before the end of a certificate at which it is told.
const WARN_DAYS: [i64; 5] = [30, 14, 7, 1, 0];

/// How often each kind of end was told.
#[derive(Default)]
pub(super) struct Told(Mutex<BTreeMap<&'static str, usize>>);

impl Told {
    /// Hands the ends to the metrics, and tells those that are near.
    pub(super) fn tell(&self, status: &LinkStatus) {
        let refused = if status.files_refused { 1.0 } else { 0.0 };
        metrics::gauge!("postern_find_certificate_files_refused").set(refused);
        for what in [Expiring::Certificate, Expiring::Authority, Expiring::RevocationList] {
            let of_kind = status.certificates.iter().filter(|certificate| certificate.what == what);
            let Some(days) = of_kind.map(|certificate| certificate.days).min() else { continue };
            metrics::gauge!("postern_find_certificate_days", "what" => what.code()).set(days as f64);
            self.warn_of_end(what, days);
        }
    }

    /// Tells an end that is near, once at each of the days.
    fn warn_of_end(&self, what: Expiring, days: i64) {
        let reached = WARN_DAYS.iter().filter(|day| days <= **day).count();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.insert(what.code(), reached).unwrap_or(0);
        if reached > before {
            tracing::warn!(what = what.code(), days, "A certificate for FIND ends soon, or has ended.");
        }
    }
}

/// Tells what a look at the files of TLS found.
pub(super) fn tell_looked(looked: &Looked) {
    match looked {
        Looked::Nothing => {}
        Looked::Replaced => tracing::info!("Certificates for FIND were replaced."),
        Looked::Refused(error) => {
            let code = error.kind().code();
            tracing::error!(code, %error, "New certificates for FIND can't be used; the ones before still are.");
        }
    }
}

/// The state of a link.
pub(super) fn link_status(tls: Option<&WatchedClient>, now: Timestamp) -> LinkStatus {
    let Some(tls) = tls else { return LinkStatus::default() };
    let certificates = tls.expiries().into_iter().map(|expiry| CertificateStatus {
        what: expiry.what,
        at: expiry.at,
        days: expiry.days(now).floor() as i64,
    });
    LinkStatus { certificates: certificates.collect(), files_refused: tls.is_refusing() }
}

impl Connection {
    /// The operator's order in force.
    pub(super) fn order(&self) -> Option<Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Find {
    /// Who asks where nobody does.
    pub(super) fn own_context(&self) -> Context {
        Context {
            environment: self.settings.environment,
            end_user: Some(Personal::from("postern")),
            ..Context::default()
        }
    }

    /// If a breaker opened, has its service tried after the rest, and again after each, until it answers.
    pub(super) fn opened(&self, connection: &Connection, opened: Option<Opened>) {
        let Some(Opened(epoch)) = opened else { return };
        let index = connection.index;
        let name = self.profile.service[index].name.clone();
        tracing::warn!(service = name, "A service of FIND rests after failures.");
        metrics::counter!("postern_find_breaker_openings_total", "service" => name).increment(1);
        self.tell_breaker(connection);
        let me = self.me.clone();
        tokio::spawn(async move {
            while let Some(rest) = me.upgrade().and_then(|find| find.by_index(index)?.guard.probe_at(epoch)) {
                sleep_until(rest).await;
                let Some(find) = me.upgrade() else { return };
                find.try_after_rest(index, epoch).await;
            }
        });
    }

    async fn try_after_rest(&self, index: usize, epoch: super::breaker::Epoch) {
        let Some(connection) = self.by_index(index) else { return };
        let deadline = Instant::now() + self.settings.probe_timeout();
        if let Some(pass) = connection.guard.probe(epoch, deadline).await {
            self.line(connection).try_after_rest(pass, deadline).await;
        }
        self.tell_breaker(connection);
    }

    fn by_index(&self, index: usize) -> Option<&Connection> {
        self.services.iter().find(|connection| connection.index == index)
    }

    /// The service of a name.
    fn by_name(&self, name: &str) -> Result<&Connection, OrderError> {
        let named = |connection: &&Connection| self.profile.service[connection.index].name == name;
        self.services.iter().find(named).ok_or(OrderError::UnknownService)
    }

    /// Whether an order can be followed. It is recorded first, then followed.
    ///
    /// # Errors
    /// The service is not known, or the reason says nothing.
    pub fn check_order(&self, order: &Order) -> Result<(), OrderError> {
        order.check_reason()?;
        self.by_name(&order.service).map(|_| ())
    }

    /// Follows an operator's order, which the journal holds.
    ///
    /// # Errors
    /// The service is not known.
    pub fn follow(&self, order: Order) -> Result<(), OrderError> {
        let connection = self.by_name(&order.service)?;
        let (control, service, uid) = (order.control, order.service.clone(), order.uid);
        let standing = (control != Control::Auto).then_some(order);
        *connection.order.lock().unwrap_or_else(PoisonError::into_inner) = standing;
        let opened = connection.guard.control(control);
        control::tell(&service, control, uid);
        self.opened(connection, opened);
        self.tell_breaker(connection);
        Ok(())
    }

    fn tell_breaker(&self, connection: &Connection) {
        let service = self.profile.service[connection.index].name.clone();
        let control = connection.order().map_or(Control::Auto, |order| order.control);
        metrics::gauge!("postern_find_breaker_state", "service" => service.clone())
            .set(connection.guard.state().gauge());
        metrics::gauge!("postern_find_breaker_control", "service" => service).set(control.gauge());
    }

    /// Looks at the files of TLS, closes connections that grew old, and hands the figures to the metrics. It reads
    /// files: it is not for a task that others wait for.
    pub fn look_after(&self) {
        tell_looked(&self.poster.look_after(self.clock.now()));
        self.services.iter().for_each(|connection| self.tell_breaker(connection));
        self.told.tell(&self.link_status());
    }

    /// The state of the link, for the console.
    pub fn link_status(&self) -> LinkStatus {
        link_status(self.poster.tls(), self.clock.now())
    }
}
