//! FIND as the rest of Postern asks it: INTERPOL's services themselves, or a hub that asks them.

use std::sync::Arc;

use postern_sdk::{Context, Reference};

use super::control::{Order, OrderError};
use super::relay::Relay;
use super::status::{LinkStatus, Probed, ServiceStatus};
use super::{Find, Profile, Settings, SetupError};
use crate::clock::Clock;
use crate::screening::Lookup;

/// Who is asked online.
#[derive(Clone)]
pub enum Online {
    /// INTERPOL's services.
    Interpol(Arc<Find>),
    /// A hub.
    Hub(Arc<Relay>),
}

impl Online {
    /// Whom the settings name. Nothing is connected before the first question.
    ///
    /// # Errors
    /// The key of the config that can't be used.
    pub fn new(settings: Settings, profile: Profile, clock: Clock) -> Result<Self, SetupError> {
        match &settings.options.relay {
            Some(_) => Relay::new(settings, clock).map(Self::Hub),
            None => Find::new(settings, Arc::new(profile), clock).map(Self::Interpol),
        }
    }

    /// INTERPOL's services, if they are asked from here.
    pub const fn interpol(&self) -> Option<&Arc<Find>> {
        match self {
            Self::Interpol(find) => Some(find),
            Self::Hub(_) => None,
        }
    }

    /// The source for questions of lanes.
    pub fn for_lanes(&self) -> Arc<dyn Lookup> {
        match self {
            Self::Interpol(find) => Arc::clone(find) as Arc<dyn Lookup>,
            Self::Hub(relay) => Arc::clone(relay) as Arc<dyn Lookup>,
        }
    }

    /// The source for questions that can wait.
    pub fn in_background(&self) -> Arc<dyn Lookup> {
        match self {
            Self::Interpol(find) => Arc::new(Arc::clone(find).in_background()),
            Self::Hub(relay) => Arc::new(Arc::clone(relay).in_background()),
        }
    }

    /// The state of each service, for the console.
    pub fn status(&self) -> Vec<ServiceStatus> {
        match self {
            Self::Interpol(find) => find.status(),
            Self::Hub(relay) => vec![relay.status()],
        }
    }

    /// The state of the link, for the console.
    pub fn link_status(&self) -> LinkStatus {
        match self {
            Self::Interpol(find) => find.link_status(),
            Self::Hub(relay) => relay.link_status(),
        }
    }

    /// Looks at the files of TLS and hands the figures to the metrics. It reads files.
    pub fn look_after(&self) {
        match self {
            Self::Interpol(find) => find.look_after(),
            Self::Hub(relay) => relay.look_after(),
        }
    }

    /// Asks each service something harmless, for the live check.
    pub async fn probe(&self, context: &Context, reference: Reference) -> Vec<Probed> {
        match self {
            Self::Interpol(find) => find.probe(context, reference).await,
            Self::Hub(relay) => vec![relay.probe().await],
        }
    }

    /// Whether an operator's order can be followed. It is recorded first, then followed.
    ///
    /// # Errors
    /// The service is not known, or the reason says nothing.
    pub fn check_order(&self, order: &Order) -> Result<(), OrderError> {
        match self {
            Self::Interpol(find) => find.check_order(order),
            Self::Hub(relay) => relay.check_order(order),
        }
    }

    /// Follows an operator's order, which the journal holds.
    ///
    /// # Errors
    /// The service is not known.
    pub fn follow(&self, order: Order) -> Result<(), OrderError> {
        match self {
            Self::Interpol(find) => find.follow(order),
            Self::Hub(relay) => relay.follow(order),
        }
    }
}
