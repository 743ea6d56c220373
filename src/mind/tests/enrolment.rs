//! Enrolment at a hub: who is admitted, who is not any more, and what of the keys follows.

use super::super::hub::{EnrolError, Sites, Status, current_generations, is_site_name};
use super::super::keyring::{GenerationName, KeyFile, SiteKey, Vault};
use super::*;

/// A hub's copy whose generation is wrapped to the hub itself.
struct Hub {
    site: Site,
    own: Vault,
    sites: Sites,
}

impl Hub {
    fn new() -> Self {
        let site = Site::new();
        site.build(1, &csv(&[ROW, TDAWN])).unwrap();
        let own = SiteKey::generate().unwrap();
        let mut file = KeyFile::new(&name(&site));
        file.add(site.generation.key(), own.public()).unwrap();
        file.write(&site.folder).unwrap();
        let sites = Sites::of(&site.folder);
        Self { site, own: Vault::holding(own), sites }
    }

    fn approve(&self, site: &str, id: &str) -> Result<Status, EnrolError> {
        let generations = current_generations(&self.site.folder, &self.site.root, &self.own).unwrap();
        self.sites.approve(site, id, &generations, NOW).map(|site| site.status())
    }

    fn opens(&self, key: &SiteKey) -> bool {
        KeyFile::read(&self.site.folder, &name(&self.site)).unwrap().unwrap(key).is_ok()
    }
}

fn name(site: &Site) -> GenerationName {
    GenerationName::new("documents", site.generation.name()).unwrap()
}

// Proves that a site is admitted from its approval to its revocation and never else, that its key opens the copy just as
// long, that another site notices nothing, and that each step can be taken twice.
#[test]
fn from_request_to_revocation() {
    let hub = Hub::new();
    let [airport, port] = [SiteKey::generate().unwrap(), SiteKey::generate().unwrap()];
    assert_eq!(hub.sites.admitted("airport"), Err(Status::Unknown));
    assert!(matches!(hub.approve("airport", "x"), Err(EnrolError::Unknown(_))));
    for _ in 0..2 {
        let site = hub.sites.request("airport", airport.public(), NOW).unwrap();
        assert_eq!(
            (site.status(), hub.sites.admitted("airport")),
            (Status::Requested, Err(Status::Requested))
        );
    }
    assert!(matches!(hub.approve("airport", &port.public().id()), Err(EnrolError::OtherKey(_))));
    assert!(!hub.opens(&airport));
    for _ in 0..2 {
        assert_eq!(hub.approve("airport", &airport.public().id()).unwrap(), Status::Enrolled);
        assert_eq!(hub.sites.admitted("airport"), Ok(airport.public().id()));
        assert!(hub.opens(&airport));
    }
    hub.sites.request("port", port.public(), NOW).unwrap();
    hub.approve("port", &port.public().id()).unwrap();
    assert_eq!(hub.sites.enrolled().unwrap().len(), 2);
    for _ in 0..2 {
        assert_eq!(hub.sites.revoke("airport", NOW).unwrap().status(), Status::Revoked);
        assert_eq!(hub.sites.admitted("airport"), Err(Status::Revoked));
        assert!(!hub.opens(&airport) && hub.opens(&port));
    }
    assert_eq!(hub.sites.enrolled().unwrap(), [port.public().clone()]);
    assert!(hub.sites.check_never_revoked(port.public()).is_ok());
    assert!(matches!(hub.sites.check_never_revoked(airport.public()), Err(EnrolError::KeyRevoked(_))));
    let generation = hub.site.generation.name();
    assert_eq!(hub.sites.could_open("documents", generation).unwrap(), ["airport"]);
    assert!(matches!(hub.sites.request("airport", airport.public(), NOW), Err(EnrolError::KeyRevoked(_))));
    assert!(matches!(hub.sites.request("other", airport.public(), NOW), Err(EnrolError::KeyRevoked(_))));
}

// Proves that a revoked site that asks anew with a new pair stays revoked until somebody approves it, that an enrolled one
// that changes its pair keeps the old one until then, and that no site can take another's key.
#[test]
fn new_pairs() {
    let hub = Hub::new();
    let keys = [(); 3].map(|()| SiteKey::generate().unwrap());
    let ids = [0, 1, 2].map(|n: usize| keys[n].public().id());
    hub.sites.request("airport", keys[0].public(), NOW).unwrap();
    hub.approve("airport", &ids[0]).unwrap();
    assert!(matches!(hub.sites.request("port", keys[0].public(), NOW), Err(EnrolError::KeyTaken(_))));
    hub.sites.request("airport", keys[1].public(), NOW).unwrap();
    assert_eq!(hub.sites.admitted("airport").as_ref(), Ok(&ids[0]));
    hub.approve("airport", &ids[1]).unwrap();
    assert!(hub.opens(&keys[1]) && !hub.opens(&keys[0]));
    hub.sites.revoke("airport", NOW).unwrap();
    hub.sites.request("airport", keys[2].public(), NOW).unwrap();
    assert_eq!(hub.sites.admitted("airport"), Err(Status::Revoked));
    hub.approve("airport", &ids[2]).unwrap();
    assert_eq!(hub.sites.admitted("airport").as_ref(), Ok(&ids[2]));
    assert!(hub.opens(&keys[2]));
}

// Proves that a name which could be a path is none, and that a site whose file is damaged, or another's, is not admitted
// and is not forgotten in silence when keys are wrapped.
#[test]
fn odd_names_and_files() {
    for name in ["", "..", "a/b", ".lock", "A", "é", "a b", &"n".repeat(65)] {
        assert!(!is_site_name(name), "{name}");
    }
    let hub = Hub::new();
    let key = SiteKey::generate().unwrap();
    assert!(matches!(hub.sites.request("../x", key.public(), NOW), Err(EnrolError::Name(_))));
    hub.sites.request("airport", key.public(), NOW).unwrap();
    hub.approve("airport", &key.public().id()).unwrap();
    let path = |name: &str| hub.site.folder.join("sites").join(format!("{name}.json"));
    std::fs::copy(path("airport"), path("port")).unwrap();
    assert_eq!(hub.sites.admitted("port"), Err(Status::Unknown));
    assert!(matches!(hub.sites.enrolled(), Err(EnrolError::Damaged(_))));
}

// Proves that a key which is not that of the state is not wrapped to anybody.
#[test]
fn a_wrong_key_is_not_wrapped() {
    let hub = Hub::new();
    let own = hub.own.site_key().unwrap();
    let mut file = KeyFile::new(&name(&hub.site));
    file.add(Generation::random().unwrap().key(), own.public()).unwrap();
    file.write(&hub.site.folder).unwrap();
    let opened = current_generations(&hub.site.folder, &hub.site.root, &hub.own);
    assert!(matches!(opened, Err(Refusal::KeyWrong)));
}
